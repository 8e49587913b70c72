/* SPDX-License-Identifier: MIT */
/* External interrupts: the stack check and the dispatch. The rules stand in irq.h. */
#include "cpu/irq.h"

#include <stddef.h>

#include "cpu/claim.h"
#include "cpu/verdict.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"

/* Called by entry.asm alone. */
void irq_handler(struct trap_frame *frame);
void irq_nested_handler(struct trap_frame *frame);


/* A counter above 0 where a thread was interrupted was not lowered by an earlier interrupt. In all
 * other cases this switch of stacks went wrong. */
static __attribute__((cold, noinline)) void wrong_stack(const struct trap_frame *frame)
{
    struct stack_place interrupted = stack_find((uintptr_t)frame);
    struct stack_place here = stack_find(read_rsp());
    bool left_over = this_cpu->irq_nest > 0 && interrupted.kind == THREAD_STACK;

    check_failed(left_over ? CHECK_REST : CHECK_STACK, vector_name(frame->vector),
                 "nest counter %d, but the interrupted stack is %s of owner %u and this is %s: %s",
                 this_cpu->irq_nest, stack_name(interrupted.kind), interrupted.owner,
                 stack_name(here.kind),
                 left_over ? "an earlier exit did not lower the counter"
                           : "no switch to the IRQ stack");
    verdict_fatal();
}

static inline void dispatch(struct trap_frame *frame)
{
    vector_handlers[frame->vector](frame);
    count_event(EVENT_IRQ);
}

/* The words on the IRQ stack when irq_handler runs: the back-link, the saved RSP, the return
 * address, and irq_handler's RBP. So an RBP exactly below this CPU's top proves that RSP has moved
 * to its IRQ stack. A frame that is not on that stack proves that the stack was empty. */
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

/* The return address and RBP. The frame is right above them, on this CPU's IRQ stack. */
#define NESTED_WORDS 2

void irq_nested_handler(struct trap_frame *frame)
{
    uintptr_t top = (uintptr_t)__builtin_frame_address(0) + NESTED_WORDS * sizeof(uintptr_t);

    if (__builtin_expect(top != (uintptr_t)frame, 0) ||
        __builtin_expect(this_cpu->irq_stack_top - top > IRQSTACKSIZE, 0))
        wrong_stack(frame);
    dispatch(frame);
}
