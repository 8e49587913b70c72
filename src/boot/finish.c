/* SPDX-License-Identifier: MIT */
/* Leaves the machine: QEMU docs (isa-debug-exit), ACPI 4.8.3.2 (S5) and 4.8.3.6 (reset
 * register). */
#include "boot/finish.h"

#include <stdarg.h>

#include "boot/bochs.h"
#include "lib/console.h"
#include "lib/format.h"
#include "lib/port.h"
#include "lib/report.h"
#include "lib/screen.h"

#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_PULSE_RESET 0xfe
#define PM1_SCI_ENABLE (1u << 0)
#define ACPI_PATIENCE 1000000       /* reads of a port, of a microsecond or so */

enum end finish_how = END_HALT;
bool finish_in_bochs;
struct finish_registers finish_registers;

/* Firmware that is asked for ACPI mode while it is on may hang; where it is not, firmware takes its
 * time (ACPI 4.8.2.5, 16.3.1). */
static void enter_acpi_mode(const struct finish_registers *r)
{
    if (!r->acpi_enable_port || port_in16(r->poweroff_ports[0]) & PM1_SCI_ENABLE)
        return;
    port_out8(r->acpi_enable_port, r->acpi_enable_value);
    for (unsigned i = 0; i < ACPI_PATIENCE; i++)
        if (port_in16(r->poweroff_ports[0]) & PM1_SCI_ENABLE)
            return;
}

static void power_off(void)
{
    const struct finish_registers *r = &finish_registers;

    enter_acpi_mode(r);
    for (unsigned i = 0; i < 2; i++)
        if (r->poweroff_ports[i])
            port_out16(r->poweroff_ports[i], r->poweroff_values[i]);
}

static void reboot(void)
{
    if (finish_registers.reset_port)
        port_out8(finish_registers.reset_port, finish_registers.reset_value);
    port_out8(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
}

_Noreturn void finish(uint8_t status)
{
    console_seize();
    if (finish_how == END_EXIT && finish_in_bochs)
        bochs_shut_down();
    else if (finish_how == END_EXIT)
        port_out8(DEBUG_EXIT_PORT, status);
    if (finish_how == END_POWEROFF)
        power_off();
    if (finish_how == END_REBOOT)
        reboot();
    __asm__ volatile("cli");
    while (console_unfinished()) { /* a serial port is stuck: its reader may come yet */
        console_drain();
        __builtin_ia32_pause();
    }
    for (;;)
        __asm__ volatile("hlt");
}

/* Large, and beside nothing else: that the machine does not run must be seen from the door. */
static void show_refusal(void)
{
    uint32_t columns, rows;

    if (!console_take_page(&columns, &rows))
        return;
    screen_set_page(SCREEN_BIG_ROWS + 1);
    screen_put_big(0, 2, SCREEN_COLOURS(SCREEN_YELLOW, SCREEN_BLACK), "REFUSED");
    console_give_page();
}

_Noreturn void refuse(const char *fmt, ...)
{
    char reason[1024];
    va_list args;

    va_start(args, fmt);
    format_v(reason, sizeof(reason), fmt, args);
    va_end(args);
    console_seize();
    show_refusal();
    report_verdict_line("REFUSED", reason);
    finish(FINISH_REFUSED);
}
