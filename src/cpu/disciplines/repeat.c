/* SPDX-License-Identifier: MIT */
/* entry=repeat: what its entries call, and the area at the top of the NMI stack. The theory stands
 * in repeat.asm. SDM volume 3, 6.7.1. */
#include "cpu/disciplines/repeat.h"

#include "cpu/discipline.h"
#include "cpu/ist_handlers.h"

extern const char stubs_repeat[]; /* repeat.asm */

static struct nmi_area *area_of(uint32_t cpu)
{
    return (struct nmi_area *)stack_top(cpu, NMI_STACK, 0) - 1;
}

static void prepare(uint32_t cpu)
{
    area_of(cpu)->owed = 0;
}

static uint64_t nmis_owed(uint32_t cpu)
{
    return area_of(cpu)->owed;
}

static void abandon_nmi(void)
{
    write_dr7(this_cpu->dr7_in_nmi);
    prepare(cpu_index());
}

static void set_dr7(uint64_t dr7)
{
    this_cpu->dr7_in_debug = dr7;
}

const struct discipline discipline_repeat = {
    .stubs = stubs_repeat,
    .levels = 1,
    .nested_nmi = NMI_WAITS,
    .breakpoint_has_ist = false,
    .prepare = prepare,
    .nmis_owed = nmis_owed,
    .abandon_nmi = abandon_nmi,
    .set_dr7 = set_dr7,
    .about = "an NMI's frame is copied, and one that comes inside it makes its handler run again; "
             "#BP has no IST code",
    .gives_up = "breakpoints in NMIs and #DB; #BP where RSP is no stack; #DB, #MC, #SS and #DF "
                "inside themselves",
};

/* A #DB's IRET in an NMI would unblock NMIs, and one inside a #DB would overwrite its frame: so DR7
 * is off in both, and they meet no breakpoint that they do not set themselves. */
void nmi_handler_repeat(struct trap_frame *frame);
void nmi_handler_repeat(struct trap_frame *frame)
{
    this_cpu->dr7_in_nmi = read_dr7();
    write_dr7(DR7_IDLE);
    take_nmi((struct arrival){.above = sizeof(struct nmi_area)}, frame);
    write_dr7(this_cpu->dr7_in_nmi);
}

void debug_handler_repeat(struct trap_frame *frame);
void debug_handler_repeat(struct trap_frame *frame)
{
    this_cpu->dr7_in_debug = read_dr7();
    write_dr7(DR7_IDLE);
    take_debug((struct arrival){.lowered = false}, frame);
    write_dr7(this_cpu->dr7_in_debug);
}

IST_HANDLER(machine_check_handler_repeat, take_machine_check, .lowered = false)
IST_HANDLER(stack_fault_handler_repeat, take_stack_fault, .lowered = false)
IST_HANDLER(double_fault_handler_repeat, take_double_fault, .lowered = false)

/* Without an IST code: on the interrupted stack, whichever that is. */
void breakpoint_handler_repeat(struct trap_frame *frame);
void breakpoint_handler_repeat(struct trap_frame *frame)
{
    if (frame_from_user(frame)) {
        trap_check_user_entry(frame);
        frame = FRAME_OF_HANDLER();
    }
    if (!exception_hooks[VECTOR_BP][0](frame))
        ist_ask_other_hooks(FRAME_OF_HANDLER());
    count_event(EVENT_BREAKPOINT);
}
