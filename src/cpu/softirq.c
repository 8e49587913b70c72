/* SPDX-License-Identifier: MIT */
/* Softirqs: pending bits, rounds, the restart limit. The rules stand in softirq.h. */
#include "cpu/softirq.h"

#include <stddef.h>

#include "cpu/inject.h"
#include "cpu/irq.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"

static void (*handlers[SOFTIRQ_COUNT])(unsigned softirq);
void (*softirq_defer)(void);

void softirq_set_handler(unsigned softirq, void (*handler)(unsigned softirq))
{
    handlers[softirq] = handler;
}

void softirq_raise(unsigned softirq)
{
    this_cpu->softirq_pending |=
        1u << softirq; /* one instruction: whole against this CPU's interrupts */
}

static void run_round(uint32_t pending)
{
    if (inject_planted(INJECT_LOST_SOFTIRQ) && this_cpu->index == inject_cpu())
        pending &= ~(1u << SOFTIRQ_STORM);
    while (pending) {
        unsigned softirq = __builtin_ctz(pending);
        pending &= pending - 1;
        count_event(EVENT_SOFTIRQ);
        handlers[softirq](softirq);
    }
}

void softirq_run(void)
{

    for (unsigned round = 0; this_cpu->softirq_pending; round++) {
        if (round == SOFTIRQ_RESTARTS) {
            this_cpu->softirq_deferred = true;
            if (!(inject_planted(INJECT_LOST_DEFERRAL) && this_cpu->index == inject_cpu()))
                softirq_defer();
            return;
        }
        uint32_t pending = this_cpu->softirq_pending;
        this_cpu->softirq_pending = 0;
        interrupts_on();
        run_round(pending);
        interrupts_off();
    }
}

void softirq_flush(void)
{
    interrupts_off();
    if (this_cpu->softirq_pending && !this_cpu->softirq_deferred)
        irq_stack_call(softirq_run);
    interrupts_on();
}

void softirq_run_deferred(void)
{
    interrupts_off();
    this_cpu->softirq_deferred = false;
    if (this_cpu->softirq_pending)
        irq_stack_call(softirq_run);
    interrupts_on();
}
