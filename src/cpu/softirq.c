/* SPDX-License-Identifier: MIT */
/* Softirqs: raised, run, handed over. The rules stand in softirq.h, the rounds in entry.asm. */
#include "cpu/softirq.h"

#include <stddef.h>

#include "cpu/inject.h"
#include "cpu/x86.h"

/* For entry.asm alone. */
extern void (*softirq_handlers[SOFTIRQ_COUNT])(unsigned softirq);
extern void (*const softirq_count)(void);
void softirq_hand_over(void);
void softirq_run_pending(void);

void (*softirq_handlers[SOFTIRQ_COUNT])(unsigned softirq);
void (*softirq_defer)(void);

/* The planted loss: who is to run it does not. */
static void (*robbed)(unsigned softirq);

static void lose(unsigned softirq)
{
    if (this_cpu->index != inject_cpu())
        robbed(softirq);
}

void softirq_set_handler(unsigned softirq, void (*handler)(unsigned softirq))
{
    softirq_handlers[softirq] = handler;
    if (inject_planted(INJECT_LOST_SOFTIRQ) && softirq == SOFTIRQ_STORM) {
        robbed = handler;
        softirq_handlers[softirq] = lose;
    }
}

/* Where events are traced, entry.asm counts by this. */
static void count(void)
{
    count_event(EVENT_SOFTIRQ);
}

void (*const softirq_count)(void) = count;

/* Past the restart limit, interrupts off: until the thread takes its turn, an interrupt's exit
 * finds the mask negative. */
void softirq_hand_over(void)
{
    this_cpu->softirq_pending |= SOFTIRQ_DEFERRED;
    if (!(inject_planted(INJECT_LOST_DEFERRAL) && this_cpu->index == inject_cpu()))
        softirq_defer();
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
