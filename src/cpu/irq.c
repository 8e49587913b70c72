/* SPDX-License-Identifier: MIT */
/* External interrupts: the stack check, the dispatch, softirqs at the outermost exit. The rules
 * stand in irq.h. */
#include "cpu/irq.h"

#include <stddef.h>

#include "cpu/fault.h"
#include "cpu/oops.h"
#include "cpu/percpu.h"
#include "cpu/softirq.h"
#include "cpu/trap.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"

void irq_handler(struct trap_frame *frame); /* called by entry.asm alone */

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

/* What entry.asm has pushed on the IRQ stack when irq_handler is called: the back-link, the way
 * back, the return address; then irq_handler's RBP. So where RBP points, exactly, says that RSP has
 * moved to this CPU's IRQ stack, or has stayed on it. */
#define ENTRY_WORDS 4

static inline bool stack_is_right(const struct trap_frame *frame)
{
    const uintptr_t *here = __builtin_frame_address(0);
    uintptr_t top = (uintptr_t)(here + ENTRY_WORDS);

    if (__builtin_expect(this_cpu->irq_nest != 0, 0))
        return top == (uintptr_t)frame && this_cpu->irq_stack_top - top <= IRQSTACKSIZE;
    return top == this_cpu->irq_stack_top && here[ENTRY_WORDS - 1] == (uintptr_t)frame &&
           top - (uintptr_t)frame > IRQSTACKSIZE;
}

void irq_handler(struct trap_frame *frame)
{
    if (__builtin_expect(!stack_is_right(frame), 0))
        wrong_stack(frame);
    handlers[frame->vector](frame);
    count_event(EVENT_IRQ);
    if (this_cpu->softirq_pending && this_cpu->irq_nest == 0 && !this_cpu->softirq_deferred)
        softirq_run();
}
