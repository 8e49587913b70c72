/* SPDX-License-Identifier: MIT */
/* Softirqs: raised, run, handed over. The rules stand in softirq.h, the rounds in entry.asm. */
#include "cpu/softirq.h"

#include <stddef.h>

#include "cpu/above.h"
#include "cpu/inject.h"
#include "cpu/x86.h"

/* For entry.asm alone. */
void softirq_hand_over(void);

/* Past the restart limit, interrupts off. An interrupt's exit runs no softirqs while the mask is
 * negative, until the thread has taken its turn. */
void softirq_hand_over(void)
{
    this_cpu->softirq_pending |= SOFTIRQ_DEFERRED;
    if (!(inject_planted(INJECT_LOST_DEFERRAL) && this_cpu->index == inject_cpu()))
        cpu_above.wake_softirqd();
}

void softirq_flush(void)
{
    interrupts_off();
    softirq_run_pending();
    interrupts_on();
}

void softirq_run_deferred(void)
{
    interrupts_off();
    this_cpu->softirq_pending &= ~SOFTIRQ_DEFERRED;
    softirq_run_pending();
    interrupts_on();
}
