/* SPDX-License-Identifier: MIT */
/* Softirqs: work that an interrupt puts off until its CPU's outermost interrupt exit. It runs on
 * the IRQ stack with interrupts on. Linux's kernel-stacks document, "Interrupt stack": "also used
 * when processing a softirq".
 *
 * Raising the same softirq twice before it runs runs it once. After SOFTIRQ_RESTARTS rounds in a
 * row the rest is handed to the CPU's softirq thread. Otherwise softirqs that raise themselves
 * would keep the CPU from its threads. */
#ifndef ISTSTORM_CPU_SOFTIRQ_H
#define ISTSTORM_CPU_SOFTIRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/percpu.h"

#define SOFTIRQ_RESTARTS 10

#define SOFTIRQ_COUNT 8             /* claim_softirq gives out the numbers */
_Static_assert(SOFTIRQ_COUNT < 32, "the mask's sign says that the softirq thread has them");
#define SOFTIRQ_DEFERRED INT32_MIN

/* By number; NULL where there is no claim. For claim.c and entry.asm alone. */
extern void (*softirq_handlers[SOFTIRQ_COUNT])(unsigned softirq);

/* Raises a softirq on this CPU. Thread, IRQ and softirq context, not NMI, whose bit could be
 * cleared unseen. From thread context it waits for the next interrupt, or for softirq_flush(). One
 * instruction, so no interrupt of this CPU comes in between. */
static inline void softirq_raise(unsigned softirq)
{
    /* clang writes a memory operand without its segment: GS and the offset stand here. */
    __asm__ volatile("orl %1, %%gs:%c2"
                     : "+m"(this_cpu->softirq_pending)
                     : "ri"(1 << softirq), "i"(offsetof(struct percpu, softirq_pending)));
}

/* From thread context, interrupts on: switches to the IRQ stack and runs what is pending. */
void softirq_flush(void);

/* The same, with interrupts off before and after: entry.asm. */
void softirq_run_pending(void);

/* For the softirq thread: runs the deferred softirqs, and takes back the deferral. Thread
 * context. */
void softirq_run_deferred(void);

/* True: a CPU's mask says that its softirqs are the softirq thread's. */
static inline bool softirq_is_deferred(int32_t pending)
{
    return pending < 0;
}

#endif
