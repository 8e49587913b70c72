/* SPDX-License-Identifier: MIT */
/* Softirqs: work that an interrupt puts off until its CPU's outermost interrupt exit, run on the
 * IRQ stack with interrupts on. The seed's "Interrupt stack": "also used when processing a
 * softirq".
 *
 * Raising the same softirq twice before it runs runs it once. After SOFTIRQ_RESTARTS rounds in a
 * row the rest is handed to the CPU's softirq thread, so that a storm of softirqs cannot keep a CPU
 * from its threads. */
#ifndef ISTSTORM_CPU_SOFTIRQ_H
#define ISTSTORM_CPU_SOFTIRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/percpu.h"

#define SOFTIRQ_RESTARTS 10

enum softirq {
    SOFTIRQ_TIMER,                  /* sleepers that are due */
    SOFTIRQ_NEST,                   /* raised at every depth of nested interrupts */
    SOFTIRQ_STORM,                  /* the first of the workload's */
    SOFTIRQ_STORM_COUNT = 4,
    SOFTIRQ_COUNT = SOFTIRQ_STORM + SOFTIRQ_STORM_COUNT
};
_Static_assert(SOFTIRQ_COUNT < 32, "the mask's sign says that the softirq thread has them");
#define SOFTIRQ_DEFERRED INT32_MIN

/* Set before it can be raised. The handler runs on the CPU that raised it, in softirq context: no
 * sleeping. */
void softirq_set_handler(unsigned softirq, void (*handler)(unsigned softirq));

/* On this CPU. Thread, IRQ and softirq context (not NMI, whose bit could be cleared unseen); from
 * thread context it waits for the next interrupt, or for softirq_flush(). One instruction: whole
 * against this CPU's interrupts. */
static inline void softirq_raise(unsigned softirq)
{
    __asm__ volatile("orl %1, %0" : "+m"(this_cpu->softirq_pending) : "ri"(1 << softirq));
}

/* From thread context, interrupts on: switches to the IRQ stack and runs what is pending. */
void softirq_flush(void);

/* The softirq thread's turn: runs what was handed to it, and takes back the deferral. Thread
 * context. */
void softirq_run_deferred(void);

/* Whether a CPU's mask says that the softirq thread has them. */
static inline bool softirq_is_deferred(int32_t pending)
{
    return pending < 0;
}

/* Wakes this CPU's softirq thread. Set by the scheduler; called on the IRQ stack, interrupts
 * off. */
extern void (*softirq_defer)(void);

#endif
