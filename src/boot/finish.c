/* SPDX-License-Identifier: MIT */
/* Leaves the machine: QEMU docs (isa-debug-exit), and power.h. */
#include "boot/finish.h"

#include <stdarg.h>

#include "boot/bochs.h"
#include "boot/power.h"
#include "lib/console.h"
#include "lib/format.h"
#include "lib/port.h"
#include "lib/report.h"
#include "lib/screen.h"

enum end finish_how = END_HALT;
bool finish_in_bochs;
void (*finish_shut_down)(void);

/* The verdict stands; who waits for the machine must learn why nothing comes of it. */
static void switch_off(void)
{
    power_off();
    report_note("end=poweroff: the machine is still on; it halts");
}

static void reset(void)
{
    power_reset();
    if (finish_shut_down)
        finish_shut_down();
}

_Noreturn void finish(uint8_t status)
{
    console_seize();
    if (finish_how == END_EXIT && finish_in_bochs)
        bochs_shut_down();
    else if (finish_how == END_EXIT)
        port_out8(DEBUG_EXIT_PORT, status);
    if (finish_how == END_POWEROFF)
        switch_off();
    if (finish_how == END_REBOOT)
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
