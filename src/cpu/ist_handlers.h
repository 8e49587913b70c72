/* SPDX-License-Identifier: MIT */
/* The work of each IST event's handler, and the check that it makes first. SDM volume
 * 3, 6.14.5, 6.15.
 *
 * The processor pushes at TSS.ist[code], so the frame ends exactly where a level of this CPU's
 * stack begins. The handlers count the expected level themselves, apart from the TSS. A missing
 * adjustment, another CPU's stack, or a lost exit each make the two differ.
 *
 * Each is written once, and compiled for each way in which an entry leaves things (discipline.h): a
 * discipline's handler is one call of these. */
#ifndef ISTSTORM_CPU_IST_HANDLERS_H
#define ISTSTORM_CPU_IST_HANDLERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/claim.h"
#include "cpu/frame.h"
#include "cpu/hardware/mce.h"
#include "cpu/ist.h"
#include "cpu/percpu.h"
#include "cpu/stacks.h"
#include "cpu/trap.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"

/* How a discipline's entry hands an event over. */
struct arrival {
    bool lowered;           /* TSS.ist[] is a level lower */
    size_t above;           /* bytes between the frame's end and the level's */
};

/* The slow paths, in ist.c. */
_Noreturn void ist_wrong_stack(enum stack_kind kind, const struct trap_frame *frame,
                               const char *event);
void ist_take_rare_nmi(struct trap_frame *frame);
void ist_ask_other_hooks(struct trap_frame *frame);

/* Constants to the compiler, so that the check below loads no address from a table. */
static const uint32_t ist_level_sizes[] = {
#define STACK(symbol, name, ist, size, levels) [symbol##_STACK] = size,
#include "cpu/stacks.def"
#undef STACK
};
static const uint32_t ist_codes[] = {
#define STACK(symbol, name, ist, size, levels) [symbol##_STACK] = ist,
#include "cpu/stacks.def"
#undef STACK
};

#define INLINE static inline __attribute__((always_inline))

INLINE void ist_enter(const struct arrival how, enum stack_kind kind,
                      const struct trap_frame *frame, const char *event)
{
    uintptr_t end = (uintptr_t)(frame + 1) + how.above;
    uintptr_t below = end - ist_level_sizes[kind];
    uintptr_t next = how.lowered ? below : end;

    if (__builtin_expect(end != this_cpu->ist_next[kind], 0) ||
        __builtin_expect(this_cpu->tss.ist[ist_codes[kind] - 1] != next, 0))
        ist_wrong_stack(kind, frame, event);
    this_cpu->ist_next[kind] = below;
}

INLINE void ist_leave(enum stack_kind kind)
{
    uintptr_t below = this_cpu->ist_next[kind];

    if (__builtin_expect(below < this_cpu->ist_lowest[kind], 0))
        this_cpu->ist_lowest[kind] = below;
    this_cpu->ist_next[kind] = below + ist_level_sizes[kind];
}

/* Rare NMIs are a tail call, so the usual way saves no register across a call. */
INLINE void take_nmi(const struct arrival how, struct trap_frame *frame)
{
    ist_enter(how, NMI_STACK, frame, "NMI");
    if (__builtin_expect(this_cpu->nmi_rare, 0)) {
        ist_take_rare_nmi(frame);
        return;
    }
    nmi_hook(frame);
    count_event(EVENT_NMI);
    ist_leave(NMI_STACK);
}

/* DR6 is sticky: bits left set here would be read as part of the next #DB (SDM volume 3,
 * 17.2.3). It is kept for the hooks, until the next #DB. */
INLINE void take_debug(const struct arrival how, struct trap_frame *frame)
{
    this_cpu->dr6 = read_dr6();
    write_dr6(DR6_IDLE);
    ist_enter(how, DEBUG_STACK, frame, "#DB");
    if (!exception_hooks[VECTOR_DB][0](frame))
        ist_ask_other_hooks(FRAME_OF_HANDLER());
    count_event(EVENT_DEBUG);
    ist_leave(DEBUG_STACK);
}

INLINE void take_breakpoint(const struct arrival how, struct trap_frame *frame)
{
    ist_enter(how, DEBUG_STACK, frame, "#BP");
    if (!exception_hooks[VECTOR_BP][0](frame))
        ist_ask_other_hooks(FRAME_OF_HANDLER());
    count_event(EVENT_BREAKPOINT);
    ist_leave(DEBUG_STACK);
}

INLINE void take_machine_check(const struct arrival how, struct trap_frame *frame)
{
    ist_enter(how, MCE_STACK, frame, "#MC");
    if (__builtin_expect(machine_check_in_progress(), 0))
        machine_check_take();
    else if (!exception_hooks[VECTOR_MC][0](frame))
        ist_ask_other_hooks(FRAME_OF_HANDLER());
    count_event(EVENT_MACHINE_CHECK);
    ist_leave(MCE_STACK);
}

INLINE void take_stack_fault(const struct arrival how, struct trap_frame *frame)
{
    ist_enter(how, STACKFAULT_STACK, frame, "#SS");
    count_event(EVENT_STACK_FAULT); /* first, so a run that dies of it tells how many */
    if (!exception_hooks[VECTOR_SS][0](FRAME_OF_HANDLER()))
        ist_ask_other_hooks(FRAME_OF_HANDLER());
    ist_leave(STACKFAULT_STACK);
}

/* Not resumable by the manual; what is known about the cause (a planted fault, a thread that
 * overran its stack) makes it so. */
INLINE void take_double_fault(const struct arrival how, struct trap_frame *frame)
{
    ist_enter(how, DOUBLEFAULT_STACK, frame, "#DF");
    count_event(EVENT_DOUBLE_FAULT); /* first, so a run that dies of it tells how many */
    if (!exception_hooks[VECTOR_DF][0](FRAME_OF_HANDLER()))
        ist_ask_other_hooks(FRAME_OF_HANDLER());
    ist_leave(DOUBLEFAULT_STACK);
}

/* The function that an entry calls. */
#define IST_HANDLER(name, take, ...)           \
    void name(struct trap_frame *frame);       \
    void name(struct trap_frame *frame)        \
    {                                          \
        take((struct arrival){__VA_ARGS__}, frame); \
    }

#endif
