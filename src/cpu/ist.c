/* SPDX-License-Identifier: MIT */
/* The IST events' handlers under the discipline `shift`, their counts, and the rare ways: SDM
 * volume 3, 6.14.5, 6.15. The usual way stands in ist_handlers.h. */
#include "cpu/ist.h"

#include "cpu/above.h"
#include "cpu/discipline.h"
#include "cpu/verdict.h"
#include "cpu/ist_handlers.h"
#include "cpu/nmi.h"
#include "cpu/oops.h"


uint32_t ist_events(enum stack_kind kind)
{
    return (stack_top(cpu_index(), kind, 0) - this_cpu->ist_next[kind]) /
           stack_shapes[kind].level_size;
}

uint32_t ist_events_all(void)
{
    uint32_t events = 0;

    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++)
        events += ist_events(kind);
    return events;
}

uint32_t ist_deepest(uint32_t cpu, enum stack_kind kind)
{
    uint32_t levels =
        (stack_top(cpu, kind, 0) - cpu_at(cpu)->ist_lowest[kind]) / stack_shapes[kind].level_size;

    return levels ? levels - 1 : 0;
}

__attribute__((cold, noinline)) _Noreturn void
ist_wrong_stack(enum stack_kind kind, const struct trap_frame *frame, const char *event)
{
    struct stack_place on = stack_find((uintptr_t)frame);
    uint32_t level = ist_events(kind), ist = stack_shapes[kind].ist;

    if (on.kind == kind && on.owner == cpu_index() && level >= discipline->levels)
        check_failed_on(CHECK_STACK, cpu_index(), on.kind, on.level, event, "%u event of this "
                        "stack is not over, and entry=%s has %u level: its frame is overwritten",
                        level, discipline_name(), discipline->levels);
    else if (on.kind != kind || on.owner != cpu_index())
        check_failed_on(CHECK_STACK, cpu_index(), on.kind, on.level, event,
                        "on the %s stack of CPU %u, not on its own %s stack", stack_name(on.kind),
                        on.owner, stack_name(kind));
    else if (on.level != level)
        check_failed_on(CHECK_STACK, cpu_index(), on.kind, on.level, event,
                        "at level %u, but %u events are below it: the IST value was not adjusted",
                        on.level, level);
    else
        check_failed_on(CHECK_STACK, cpu_index(), on.kind, on.level, event,
                        "TSS.ist[%u] is 0x%lx at level %u: the IST value was not adjusted", ist - 1,
                        this_cpu->tss.ist[ist - 1], level);
    verdict_fatal();
}

/* Ends the NMI that nmi_block has sent: gives its level back, and returns without an IRET. */
static void leave_blocked(void)
{
    ist_leave(NMI_STACK);
    if (discipline->abandon_nmi)
        discipline->abandon_nmi();
    nmi_resume();
}

/* An NMI that answers another CPU, or that nmi_block has sent. */
__attribute__((noinline)) void ist_take_rare_nmi(struct trap_frame *frame)
{
    count_event(EVENT_NMI);
    if (this_cpu->nmi_resume)
        leave_blocked();
    if (this_cpu->nmi_asked)
        cpu_above.answer_nmi(frame);
    nmi_hook(frame);
    ist_leave(NMI_STACK);
}

__attribute__((noinline)) void ist_ask_other_hooks(struct trap_frame *frame)
{
    if (hooks_take_rest(frame))
        return;
    if (frame->vector == VECTOR_SS) {
        if (fixup_apply(frame) || cpu_above.end_thread(frame))
            return;
        oops(frame, "no hook expects #SS (error code 0x%lx): " KERNEL_OR_MACHINE,
             frame->error_code);
    }
    if (frame->vector == VECTOR_DF) {
        if (cpu_above.end_thread(frame))
            return;
        oops(frame, "#DF, CR2 0x%lx (%s)", read_cr2(), stack_describe(read_cr2()));
    }
    if (frame->vector == VECTOR_BP)
        oops(frame, "no hook expects #BP: " KERNEL_OR_MACHINE);
    if (frame->vector == VECTOR_MC)
        oops(frame, "no hook expects #MC, and no bank holds its cause: " KERNEL_OR_MACHINE);
    oops(frame, "no hook expects #DB (DR6 0x%lx): " KERNEL_OR_MACHINE, this_cpu->dr6);
}

extern const char stubs_shift[]; /* idt.asm */

void shift_abandon_nmi(void)
{
    this_cpu->tss.ist[NMI_STACK_IST - 1] += EXCEPTION_STKSZ;
}

const struct discipline discipline_shift = {
    .stubs = stubs_shift,
    .levels = IST_LEVELS,
    .nested_nmi = NMI_NESTS,
    .breakpoint_has_ist = true,
    .abandon_nmi = shift_abandon_nmi,
    .about = "TSS.ist[] is lowered by a level on entry, and raised on exit",
    .gives_up = "frames, to an event of the same code before the one or after the other",
};

void ist_set_dr7(uint64_t dr7)
{
    if (discipline->set_dr7)
        discipline->set_dr7(dr7);
    else
        write_dr7(dr7);
}

IST_HANDLER(nmi_handler, take_nmi, .lowered = true)
IST_HANDLER(debug_handler, take_debug, .lowered = true)
IST_HANDLER(breakpoint_handler, take_breakpoint, .lowered = true)
IST_HANDLER(machine_check_handler, take_machine_check, .lowered = true)
IST_HANDLER(stack_fault_handler, take_stack_fault, .lowered = true)
IST_HANDLER(double_fault_handler, take_double_fault, .lowered = true)
