/* SPDX-License-Identifier: MIT */
/* Leaves the machine: QEMU docs (isa-debug-exit), and power.h. */
#include "lib/finish.h"

#include <stdarg.h>

#include "lib/above.h"
#include "lib/power.h"
#include "lib/console.h"
#include "lib/format.h"
#include "lib/port.h"
#include "lib/report.h"
#include "lib/screen.h"

enum end finish_how = END_HALT;
bool finish_in_bochs;

/* The device reads as 0 (QEMU, hw/misc/debugexit.c), a port that nothing answers as all ones. */
void finish_say_how(void)
{
    if (finish_how == END_EXIT && !finish_in_bochs && port_in8(DEBUG_EXIT_PORT) != 0)
        report_note("end=exit: nothing answers at port 0x%x, where QEMU's isa-debug-exit should be:"
                    " the machine will switch off by ACPI S5, or halt where that has no effect",
                    DEBUG_EXIT_PORT);
}

/* The verdict stands; who waits for the machine must learn why nothing comes of it. */
static void switch_off(const char *asked)
{
    power_off();
    report_note("end=%s: the machine is still on; it halts", asked);
}

static void exit_qemu(uint8_t status)
{
    port_out8(DEBUG_EXIT_PORT, status);
    switch_off("exit");
}

static void reset(void)
{
    power_reset();
    lib_above.shut_down();
}

_Noreturn void finish(uint8_t status)
{
    console_seize();
    if (finish_how == END_EXIT && finish_in_bochs)
        power_off_bochs();
    else if (finish_how == END_EXIT)
        exit_qemu(status);
    else if (finish_how == END_POWEROFF)
        switch_off("poweroff");
    else if (finish_how == END_REBOOT)
        reset();
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
