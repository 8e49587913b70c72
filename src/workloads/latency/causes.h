/* SPDX-License-Identifier: MIT */
/* The measured events: the ways to cause each one once, and the CPU or thread that takes it. SDM
 * volume 3, 6.12, 6.14, 10.6. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_CAUSES_H
#define ISTSTORM_WORKLOADS_LATENCY_CAUSES_H

#include "cpu/frame.h"
#include "sched/thread.h"
#include "workloads/latency/measure.h"

#define LATENCY_SOFTIRQ 1           /* the timer has the first */

bool latency_hook(struct trap_frame *frame);    /* of every exception and NMI: latency.asm */

struct cause {
    const char *name;
    enum stack_kind stack; /* that the handler is on */
    bool gate;             /* it comes through a gate, whose stub can stamp */
    bool switches;         /* then from the thread's stack to the IRQ stack, by software */
    /* Causes it once, on the CPU m->from, interrupts off; when it returns the marks are there, or
     * never will be. NULL: latency.c has a way of its own. */
    void (*shoot)(const struct cause *event, const struct measure *m);
    void (*cause)(void);     /* an exception's: latency.asm */
    uint32_t command;        /* of the ICR, where it is sent */
    struct taken own;        /* of a wake-up by another CPU, an interrupt more */
    bool step;               /* POPFQ sets it up: no part of the event */
    void (*partner)(void *); /* the other thread that it takes, on the CPU m->to */
    bool wakes;              /* that thread, which must sleep before */
    const char *ring_3;      /* the code there that causes it over and over; or NULL */
};

extern const struct cause cause_null, cause_trap, cause_user, cause_syscall, cause_irq,
    cause_nested, cause_softirq, cause_irq_softirq, cause_nmi, cause_debug, cause_breakpoint,
    cause_machine_check, cause_stack_fault, cause_double_fault, cause_wake, cause_switch;

/* The two threads of a wake-up or a switch. */
void cause_set_threads(struct thread *asker, struct thread *partner);

/* Until the thread to be woken sleeps. On the CPU m->from, interrupts on. */
void cause_await_sleep(const struct measure *m);

/* Makes the handlers those that leave marks. Before any event comes. */
void cause_take_over_handlers(void);

#endif
