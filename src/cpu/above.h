/* SPDX-License-Identifier: MIT */
/* The questions of this room to the rooms above it, which fill them in at boot. A question that no
 * room answers yet does nothing. */
#ifndef ISTSTORM_CPU_ABOVE_H
#define ISTSTORM_CPU_ABOVE_H

#include <stdbool.h>

#include "cpu/frame.h"

struct cpu_above {
    /* Called by entry.asm on the thread's stack after the outermost interrupt, when a reschedule is
     * due. Interrupts off. */
    void (*preempt)(struct trap_frame *frame);

    /* Wakes the thread that runs this CPU's deferred softirqs (cpu/softirq.h). On the IRQ stack,
     * interrupts off. */
    void (*wake_softirqd)(void);

    /* Ends the guilty thread of a #DF or #SS by changing the frame, and reports it. False: the
     * frame's owner is not a thread that can be ended. On the event's IST stack. */
    bool (*end_thread)(struct trap_frame *frame);

    /* Ends the thread whose exception in ring 3 no hook took. Does not return where there are
     * threads. On the thread's stack, interrupts off. */
    void (*end_user_thread)(struct trap_frame *frame);

    /* Has the first look at an NMI while this_cpu->nmi_asked is set, and clears that. May not
     * return. */
    void (*answer_nmi)(struct trap_frame *frame);

    /* Stops all other CPUs, within a bound. Any context. */
    void (*stop_others)(void);

    /* Shows the verdict to the person before the machine. The reason is NULL for PASS. */
    void (*show_verdict)(const char *reason);
};
extern struct cpu_above cpu_above;

#endif
