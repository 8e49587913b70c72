/* SPDX-License-Identifier: MIT */
/* The TSC's rate, the start of time, and steps back: see clock.h. */
#include "cpu/clock.h"

#define CLOCK_STEP_LEAST 1000       /* a smaller step is RDTSC executed early, which nothing
                                       orders */

uint64_t clock_tsc_hz, clock_epoch;

void clock_start(uint64_t tsc_hz)
{
    clock_tsc_hz = tsc_hz;
    clock_epoch = read_tsc();
}

void clock_join(void)
{
    this_cpu->clock_epoch = clock_epoch;
    this_cpu->clock_last = read_tsc() - clock_epoch;
}

void clock_move(int64_t cycles)
{
    this_cpu->clock_epoch -= cycles;
    this_cpu->clock_last += cycles;
}

/* An interrupt between the reading and the comparison may have read a later time, so the counter is
 * read again with interrupts off. An NMI may still come and do the same. Only one of the two moves
 * the epoch. */
uint64_t clock_step_over(void)
{
    uint64_t flags = interrupts_save(), epoch = this_cpu->clock_epoch;
    uint64_t last = this_cpu->clock_last, now = read_tsc_in_order() - epoch, back = last - now;
    struct percpu *self = this_cpu->self;

    if ((int64_t)back > CLOCK_STEP_LEAST &&
        __atomic_compare_exchange_n(&self->clock_epoch, &epoch, epoch - back, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        self->clock_stepped += back;
    interrupts_restore(flags);
    return (int64_t)back > 0 ? last : now;
}
