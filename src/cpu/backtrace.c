/* SPDX-License-Identifier: MIT */
/* Walks frame pointers: an even RBP points at a caller's RBP, an odd one at a trap frame (entry.asm
 * marks it). */
#include "cpu/backtrace.h"

#include "boot/symbols.h"
#include "cpu/paging.h"
#include "cpu/stacks.h"
#include "lib/format.h"
#include "lib/report.h"

#define MOST_LINES 40

static void format_stack(char *out, size_t size, const struct stack_place *place)
{
    if (place->level > 0)
        format(out, size, "<%s[%u]>", stack_name(place->kind), place->level);
    else
        format(out, size, "<%s>", stack_name(place->kind));
}

static void report_line(uint64_t rip, uintptr_t at)
{
    struct stack_place place = stack_find(at);
    char stack[16];
    uint64_t offset;
    const char *symbol = symbol_find(rip, &offset);

    format_stack(stack, sizeof(stack), &place);
    if (symbol)
        report_note("  %-8s 0x%012lx %s+0x%lx", stack, rip, symbol, offset);
    else
        report_note("  %-8s 0x%012lx", stack, rip);
}

static void walk(uint64_t rip, uint64_t rbp, uint64_t rsp)
{
    for (unsigned line = 0; line < MOST_LINES; line++) {
        report_line(rip, rsp);
        if (rbp & 1) {
            const struct trap_frame *frame = (const struct trap_frame *)(rbp - 1);
            if (!paging_readable((uintptr_t)frame, sizeof(*frame)) || frame_from_user(frame))
                return;
            rip = frame->rip;
            rsp = frame->rsp;
            rbp = frame->rbp;
        } else {
            const uint64_t *link = (const uint64_t *)rbp;
            if (rbp == 0 || rbp & 7 || !paging_readable(rbp, 2 * sizeof(*link)) || link[1] == 0)
                return;
            rip = link[1];
            rsp = rbp + 2 * sizeof(*link);
            rbp = link[0];
        }
    }
    report_note("  ... longer than %u lines", MOST_LINES);
}

void backtrace_report(const struct trap_frame *frame)
{
    walk(frame->rip, frame->rbp, frame->rsp);
}

void backtrace_report_here(void)
{
    walk((uint64_t)__builtin_return_address(0), *(uint64_t *)__builtin_frame_address(0),
         read_rsp());
}
