/* SPDX-License-Identifier: MIT */
/* The five IST events' handlers, and the check that each makes before anything else: SDM volume 3,
 * 6.14.5, 6.15.
 *
 * The hardware pushes at TSS.ist[code], so the frame ends exactly where a level of this CPU's stack
 * begins. Which level that must be is counted here, apart from the TSS: a missing adjustment,
 * another CPU's stack, or a lost exit each make the two differ.
 *
 * How a frame lies, and whether TSS.ist[] was lowered, is the entry discipline's (entries.h): each
 * handler is written once, and compiled for each way that there is. */
#include "cpu/ist.h"

#include <stddef.h>

#include "cpu/entries.h"
#include "cpu/fault.h"
#include "cpu/hooks.h"
#include "cpu/inject.h"
#include "cpu/mce.h"
#include "cpu/nmi.h"
#include "cpu/oops.h"
#include "cpu/percpu.h"
#include "cpu/trap.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"

bool (*ist_end_thread)(struct trap_frame *frame);

enum adjustment {
    LOWERED,                /* TSS.ist[] is a level lower: entry.asm */
    PLAIN,                  /* TSS.ist[] is as it was: entry_none.asm */
    COPIED                  /* likewise, and the frame is a copy below the area: entry_repeat.asm */
};

uint64_t nmis_unexplained[MAX_CPUS];

static void no_hook(struct trap_frame *frame)
{
    (void)frame;
}

static void no_nmi_hook(struct trap_frame *frame)
{
    (void)frame;
    nmis_unexplained[this_cpu->index]++;
}

void (*nmi_hook)(struct trap_frame *frame) = no_nmi_hook;
void (*nmi_asked_hook)(struct trap_frame *frame) = no_hook;

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

static __attribute__((cold, noinline)) void
wrong_stack(enum stack_kind kind, const struct trap_frame *frame, const char *event)
{
    struct stack_place on = stack_find((uintptr_t)frame);
    struct fault_place place = {cpu_index(), on.kind, on.level, event};
    uint32_t level = ist_events(kind), ist = stack_shapes[kind].ist;

    if (on.kind == kind && on.owner == cpu_index() && level >= entry_chosen->levels)
        fault_report(CHECK_STACK, &place,
                     "%u event of this stack is not over, and entry=%s has %u level: its frame is "
                     "overwritten", level, entry_chosen->name, entry_chosen->levels);
    else if (on.kind != kind || on.owner != cpu_index())
        fault_report(CHECK_STACK, &place, "on the %s stack of CPU %u, not on its own %s stack",
                     stack_name(on.kind), on.owner, stack_name(kind));
    else if (on.level != level)
        fault_report(CHECK_STACK, &place,
                     "at level %u, but %u events are below it: the IST value was not adjusted",
                     on.level, level);
    else
        fault_report(CHECK_STACK, &place,
                     "TSS.ist[%u] is 0x%lx at level %u: the IST value was not adjusted", ist - 1,
                     this_cpu->tss.ist[ist - 1], level);
    fault_fatal();
}

/* Known to the compiler, so that the check below is seven instructions. */
#define LEVEL_SIZE(symbol, name, ist, size, levels) [symbol##_STACK] = size,
#define IST_CODE(symbol, name, ist, size, levels) [symbol##_STACK] = ist,
static const uint32_t level_sizes[] = {CPU_STACKS(LEVEL_SIZE)};
static const uint32_t ist_codes[] = {CPU_STACKS(IST_CODE)};

#define INLINE static inline __attribute__((always_inline))

INLINE void ist_enter(const enum adjustment how, enum stack_kind kind,
                      const struct trap_frame *frame, const char *event)
{
    uintptr_t end = (uintptr_t)(frame + 1) + (how == COPIED ? sizeof(struct nmi_area) : 0);
    uintptr_t below = end - level_sizes[kind];
    uintptr_t next = how == LOWERED ? below : end;

    if (__builtin_expect(end != this_cpu->ist_next[kind], 0) ||
        __builtin_expect(this_cpu->tss.ist[ist_codes[kind] - 1] != next, 0))
        wrong_stack(kind, frame, event);
    this_cpu->ist_next[kind] = below;
}

INLINE void ist_leave(enum stack_kind kind)
{
    uintptr_t below = this_cpu->ist_next[kind];

    if (__builtin_expect(below < this_cpu->ist_lowest[kind], 0))
        this_cpu->ist_lowest[kind] = below;
    this_cpu->ist_next[kind] = below + level_sizes[kind];
}

static __attribute__((noinline)) void use_nearly_all(void)
{
    volatile uint8_t room[EXCEPTION_STKSZ - STACK_MARGIN];

    room[0] = 0;
    (void)room[0];
}

extern char user_text_start[], user_text_end[];

/* Planted where an entry path would do it: in what is about to be restored. Only a victim's code is
 * struck, since any other would be lost before it could tell. */
static __attribute__((noinline)) void plant_damage(struct trap_frame *frame)
{
    bool here = this_cpu->index == inject_cpu();
    bool victim =
        here && frame->rip >= (uint64_t)user_text_start && frame->rip < (uint64_t)user_text_end;

    if (inject_planted(INJECT_CLOBBER_REGISTER) && victim)
        frame->r12 ^= 1;
    if (inject_planted(INJECT_CLOBBER_STACK) && victim)
        ((uint64_t *)frame->rsp)[20] ^= 1;
    if (inject_planted(INJECT_STACK_FILL) && here)
        *(uint64_t *)stack_top(this_cpu->index, NMI_STACK, 1) = 0;
    if (inject_planted(INJECT_DEEP_STACK) && here)
        use_nearly_all();
}

/* The NMI that nmi_block asked for: its level is given back, and the way back is no IRET. */
static void leave_blocked(void)
{
    ist_leave(NMI_STACK);
    if (entry_chosen == &entries[ENTRY_REPEAT])
        write_dr7(this_cpu->dr7_in_nmi);
    entry_prepare(cpu_index());
    if (entry_chosen->levels > 1)
        this_cpu->tss.ist[stack_shapes[NMI_STACK].ist - 1] += stack_shapes[NMI_STACK].level_size;
    nmi_resume();
}

/* An NMI that somebody has asked something by, or after which damage is planted. */
static __attribute__((noinline)) void handle_rare_nmi(struct trap_frame *frame)
{
    count_event(EVENT_NMI);
    if (this_cpu->nmi_resume)
        leave_blocked();
    if (this_cpu->nmi_asked)
        nmi_asked_hook(frame);
    plant_damage(frame);
    nmi_hook(frame);
    ist_leave(NMI_STACK);
}

/* What is rare is called last, so that nothing must be kept across a call on the way to the hook.
 */
INLINE void take_nmi(const enum adjustment how, struct trap_frame *frame)
{
    ist_enter(how, NMI_STACK, frame, "NMI");
    if (__builtin_expect(this_cpu->nmi_rare, 0)) {
        handle_rare_nmi(frame);
        return;
    }
    nmi_hook(frame);
    count_event(EVENT_NMI);
    ist_leave(NMI_STACK);
}

static bool end_thread(struct trap_frame *frame)
{
    return ist_end_thread && ist_end_thread(frame);
}

static __attribute__((noinline)) void ask_other_hooks(struct trap_frame *frame)
{
    if (hooks_take_rest(frame))
        return;
    if (frame->vector == VECTOR_SS) {
        if (fixup_apply(frame) || end_thread(frame))
            return;
        oops(frame, "#SS that nobody asked for, error code 0x%lx", frame->error_code);
    }
    if (frame->vector == VECTOR_DF) {
        if (end_thread(frame))
            return;
        oops(frame, "#DF, CR2 0x%lx (%s)", read_cr2(), stack_describe(read_cr2()));
    }
    if (frame->vector == VECTOR_BP)
        oops(frame, "#BP that nobody asked for");
    if (frame->vector == VECTOR_MC)
        oops(frame, "#MC that nobody asked for, and no bank says why");
    oops(frame, "#DB that nobody asked for, DR6 0x%lx", this_cpu->dr6);
}

/* DR6 is sticky: what is not cleared here would be read as part of the next #DB (SDM volume 3,
 * 17.2.3). It is kept for the hooks, until the next #DB. */
INLINE void take_debug(const enum adjustment how, struct trap_frame *frame)
{
    this_cpu->dr6 = read_dr6();
    write_dr6(DR6_IDLE);
    ist_enter(how, DEBUG_STACK, frame, "#DB");
    if (!hooks[VECTOR_DB][0](frame))
        ask_other_hooks(FRAME_OF_HANDLER());
    count_event(EVENT_DEBUG);
    ist_leave(DEBUG_STACK);
}

INLINE void take_breakpoint(const enum adjustment how, struct trap_frame *frame)
{
    ist_enter(how, DEBUG_STACK, frame, "#BP");
    if (!hooks[VECTOR_BP][0](frame))
        ask_other_hooks(FRAME_OF_HANDLER());
    count_event(EVENT_BREAKPOINT);
    ist_leave(DEBUG_STACK);
}

INLINE void take_machine_check(const enum adjustment how, struct trap_frame *frame)
{
    ist_enter(how, MCE_STACK, frame, "#MC");
    if (__builtin_expect(machine_check_in_progress(), 0))
        machine_check_take();
    else if (!hooks[VECTOR_MC][0](frame))
        ask_other_hooks(FRAME_OF_HANDLER());
    count_event(EVENT_MACHINE_CHECK);
    ist_leave(MCE_STACK);
}

INLINE void take_stack_fault(const enum adjustment how, struct trap_frame *frame)
{
    ist_enter(how, STACKFAULT_STACK, frame, "#SS");
    count_event(EVENT_STACK_FAULT); /* first: what dies of it tells how many there were */
    if (!hooks[VECTOR_SS][0](FRAME_OF_HANDLER()))
        ask_other_hooks(FRAME_OF_HANDLER());
    ist_leave(STACKFAULT_STACK);
}

/* Not resumable by the manual; what is known about the cause (a planted fault, a thread that
 * overran its stack) makes it so. */
INLINE void take_double_fault(const enum adjustment how, struct trap_frame *frame)
{
    ist_enter(how, DOUBLEFAULT_STACK, frame, "#DF");
    count_event(EVENT_DOUBLE_FAULT); /* first: what dies of it tells how many there were */
    if (!hooks[VECTOR_DF][0](FRAME_OF_HANDLER()))
        ask_other_hooks(FRAME_OF_HANDLER());
    ist_leave(DOUBLEFAULT_STACK);
}

/* What the entries call. */
#define IST_HANDLER(name, take, how)           \
    void name(struct trap_frame *frame);       \
    void name(struct trap_frame *frame)        \
    {                                          \
        take(how, frame);                      \
    }

IST_HANDLER(nmi_handler, take_nmi, LOWERED)
IST_HANDLER(debug_handler, take_debug, LOWERED)
IST_HANDLER(breakpoint_handler, take_breakpoint, LOWERED)
IST_HANDLER(machine_check_handler, take_machine_check, LOWERED)
IST_HANDLER(stack_fault_handler, take_stack_fault, LOWERED)
IST_HANDLER(double_fault_handler, take_double_fault, LOWERED)

IST_HANDLER(nmi_handler_plain, take_nmi, PLAIN)
IST_HANDLER(debug_handler_plain, take_debug, PLAIN)
IST_HANDLER(breakpoint_handler_plain, take_breakpoint, PLAIN)
IST_HANDLER(machine_check_handler_plain, take_machine_check, PLAIN)
IST_HANDLER(stack_fault_handler_plain, take_stack_fault, PLAIN)
IST_HANDLER(double_fault_handler_plain, take_double_fault, PLAIN)

/* entry=repeat. A #DB's IRET in an NMI would unblock NMIs, and one inside a #DB would overwrite its
 * frame: so neither meets a breakpoint that it does not set itself. */
void nmi_handler_repeat(struct trap_frame *frame);
void nmi_handler_repeat(struct trap_frame *frame)
{
    this_cpu->dr7_in_nmi = read_dr7();
    write_dr7(DR7_IDLE);
    take_nmi(COPIED, frame);
    write_dr7(this_cpu->dr7_in_nmi);
}

void debug_handler_repeat(struct trap_frame *frame);
void debug_handler_repeat(struct trap_frame *frame)
{
    this_cpu->dr7_in_debug = read_dr7();
    write_dr7(DR7_IDLE);
    take_debug(PLAIN, frame);
    write_dr7(this_cpu->dr7_in_debug);
}

void ist_set_dr7(uint64_t dr7)
{
    if (entry_chosen == &entries[ENTRY_REPEAT])
        this_cpu->dr7_in_debug = dr7;
    else
        write_dr7(dr7);
}

/* Without an IST code: on the interrupted stack, whichever that is. */
void breakpoint_handler_repeat(struct trap_frame *frame);
void breakpoint_handler_repeat(struct trap_frame *frame)
{
    if (frame_from_user(frame)) {
        trap_check_user_entry(frame);
        frame = FRAME_OF_HANDLER();
    }
    if (!hooks[VECTOR_BP][0](frame))
        ask_other_hooks(FRAME_OF_HANDLER());
    count_event(EVENT_BREAKPOINT);
}
