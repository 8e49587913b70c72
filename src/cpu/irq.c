/* SPDX-License-Identifier: MIT */
/* External interrupts: the stack check and the dispatch. The rules stand in irq.h. */
#include "cpu/irq.h"

#include <stddef.h>

#include "cpu/fault.h"
#include "cpu/oops.h"
#include "cpu/percpu.h"
#include "cpu/trap.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"

/* Called by entry.asm alone. */
void irq_handler(struct trap_frame *frame);
void irq_nested_handler(struct trap_frame *frame);

static void unexpected(struct trap_frame *frame)
{
    oops(frame, "interrupt %lu that nobody asked for", frame->vector);
}

static void (*handlers[])(struct trap_frame *frame) = {[0 ... VECTOR_COUNT - 1] = unexpected};
void (*irq_preempt)(struct trap_frame *frame);

void irq_set_handler(unsigned vector, void (*handler)(struct trap_frame *frame))
{
    handlers[vector] = handler;
}

/* A counter that says "nested" where a thread was interrupted did not come back from an interrupt
 * before; anything else is a switch that went wrong now. */
static __attribute__((cold, noinline)) void wrong_stack(const struct trap_frame *frame)
{
    struct stack_place interrupted = stack_find((uintptr_t)frame);
    struct fault_place place = fault_here(vector_name(frame->vector));
    bool left_over = this_cpu->irq_nest > 0 && interrupted.kind == THREAD_STACK;

    fault_report(left_over ? CHECK_REST : CHECK_STACK, &place,
                 "nest counter %d, but the interrupted stack is %s of owner %u and this is %s: %s",
                 this_cpu->irq_nest, stack_name(interrupted.kind), interrupted.owner,
                 stack_name(place.stack),
                 left_over ? "the counter did not come back" : "no switch to the IRQ stack");
    fault_fatal();
}

static inline void dispatch(struct trap_frame *frame)
{
    handlers[frame->vector](frame);
    count_event(EVENT_IRQ);
}

/* What entry.asm has pushed on the IRQ stack when irq_handler is called: the back-link, the way
 * back, the return address; then irq_handler's RBP. So where RBP points, exactly, says that RSP has
 * moved to this CPU's IRQ stack; that the frame is not on it, that nobody was there before. */
#define ENTRY_WORDS 4

/* The outermost interrupt: the nest counter was -1. */
void irq_handler(struct trap_frame *frame)
{
    const uintptr_t *here = __builtin_frame_address(0);
    uintptr_t top = (uintptr_t)(here + ENTRY_WORDS);

    if (__builtin_expect(top != this_cpu->irq_stack_top, 0) ||
        __builtin_expect(here[ENTRY_WORDS - 1] != (uintptr_t)frame, 0) ||
        __builtin_expect(top - (uintptr_t)frame <= IRQSTACKSIZE, 0))
        wrong_stack(frame);
    dispatch(frame);
}

/* Return address and RBP: the frame is right above them, on this CPU's IRQ stack. */
#define NESTED_WORDS 2

void irq_nested_handler(struct trap_frame *frame)
{
    uintptr_t top = (uintptr_t)__builtin_frame_address(0) + NESTED_WORDS * sizeof(uintptr_t);

    if (__builtin_expect(top != (uintptr_t)frame, 0) ||
        __builtin_expect(this_cpu->irq_stack_top - top > IRQSTACKSIZE, 0))
        wrong_stack(frame);
    dispatch(frame);
}
