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

void irq_handler(struct trap_frame *frame);      /* called by entry.asm alone */

static void (*handlers[VECTOR_COUNT])(struct trap_frame *frame);
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

/* The outermost interrupt's back-link is the topmost word; a nested one's frame lies on the IRQ
 * stack itself. */
static inline void check_stack(const struct trap_frame *frame)
{
    uintptr_t top = this_cpu->irq_stack_top;
    bool nested = top - (uintptr_t)frame <= IRQSTACKSIZE;
    bool here = top - read_rsp() <= IRQSTACKSIZE;

    if (__builtin_expect(!here || nested != (this_cpu->irq_nest > 0), 0) ||
        __builtin_expect(!nested && ((const uintptr_t *)top)[-1] != (uintptr_t)frame, 0))
        wrong_stack(frame);
}

void irq_handler(struct trap_frame *frame)
{
    check_stack(frame);
    count_event(EVENT_IRQ);
    if (!handlers[frame->vector])
        oops(frame, "interrupt %lu that nobody asked for", frame->vector);
    handlers[frame->vector](frame);
    if (this_cpu->irq_nest == 0 && this_cpu->softirq_pending && !this_cpu->softirq_deferred)
        softirq_run();
}
