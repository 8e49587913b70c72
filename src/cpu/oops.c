/* SPDX-License-Identifier: MIT */
/* The oops: registers, control registers, the chain of stacks and calls. */
#include "cpu/oops.h"

#include <stdarg.h>

#include "cpu/backtrace.h"
#include "cpu/verdict.h"
#include "cpu/percpu.h"
#include "cpu/claim.h"
#include "cpu/x86.h"
#include "lib/format.h"
#include "lib/report.h"

void oops_report_frame(const struct trap_frame *frame)
{
    static const char *const names[FRAME_REGISTERS] = {FRAME_REGISTER_NAMES};

    report_note("CPU %u %s: rip %04lx:0x%lx rsp %04lx:0x%lx rflags 0x%lx error 0x%lx", cpu_index(),
                vector_name(frame->vector), frame->cs, frame->rip, frame->ss, frame->rsp,
                frame->rflags, frame->error_code);
    for (unsigned i = FRAME_REGISTERS; i >= 3; i -= 3)
        report_note("  %-3s %016lx  %-3s %016lx  %-3s %016lx", names[i - 1],
                    frame->registers[i - 1], names[i - 2], frame->registers[i - 2], names[i - 3],
                    frame->registers[i - 3]);
    report_note("  cr0 0x%lx cr2 0x%lx cr3 0x%lx cr4 0x%lx nest %d", read_cr0(), read_cr2(),
                read_cr3(), read_cr4(), this_cpu->irq_nest);
    backtrace_report(frame);
}

_Noreturn void oops(struct trap_frame *frame, const char *fmt, ...)
{
    static bool under_way[MAX_CPUS];
    struct stack_place on = stack_find((uintptr_t)frame);
    char what[160];
    va_list args;

    interrupts_off();
    va_start(args, fmt);
    format_v(what, sizeof(what), fmt, args);
    va_end(args);
    check_failed_on(CHECK_UNEXPECTED, cpu_index(), on.kind, on.level, vector_name(frame->vector),
                    "%s at 0x%lx", what, frame->rip);
    if (!under_way[cpu_index()]) {
        under_way[cpu_index()] = true;
        oops_report_frame(frame);
    }
    verdict_fatal();
}
