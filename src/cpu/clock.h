/* SPDX-License-Identifier: MIT */
/* Time, from the time-stamp counter: SDM volume 3, 17.17. smp/calibrate.c measures its rate.
 *
 * Any context. Nanoseconds since clock_start; 0 before it. On one CPU time never runs backwards,
 * whatever its counter does: all later readings are corrected by a step back. Otherwise a thread
 * that sleeps would sleep longer by the step. */
#ifndef ISTSTORM_CPU_CLOCK_H
#define ISTSTORM_CPU_CLOCK_H

#include <stdint.h>

#include "cpu/percpu.h"
#include "cpu/x86.h"

extern uint64_t clock_tsc_hz;
extern uint64_t clock_epoch;        /* the TSC at clock_start */

/* Starts time. The time that firmware and disks took before must not show in a run that is to
 * repeat to the byte. Once, on the BSP. */
void clock_start(uint64_t tsc_hz);

/* Starts time on this CPU, after clock_start. It equals the boot CPU's time where the TSCs began
 * together; elsewhere it may be any time until it is moved. Once on each CPU, interrupts off. */
void clock_join(void);

/* Moves this CPU's time by so many cycles, forward or back, to correct how it began. Interrupts
 * off. */
void clock_move(int64_t cycles);

/* Corrects the time when the counter reads less than before, and returns it. */
uint64_t clock_step_over(void);

/* Whole seconds apart, so that neither product overflows in a run of weeks. */
static inline uint64_t clock_tsc_to_ns(uint64_t tsc)
{
    uint64_t hz = clock_tsc_hz;
    return hz ? tsc / hz * 1000000000 + tsc % hz * 1000000000 / hz : 0;
}

/* Never less than this CPU read before. */
static inline uint64_t clock_cycles(void)
{
    uint64_t now = read_tsc() - this_cpu->clock_epoch;

    if (__builtin_expect((int64_t)(now - this_cpu->clock_last) < 0, 0))
        now = clock_step_over();
    this_cpu->clock_last = now;
    return now;
}

static inline uint64_t clock_ns(void)
{
    return clock_tsc_to_ns(clock_cycles());
}

static inline uint64_t clock_ms(void)
{
    return clock_ns() / 1000000;
}

/* The time since a moment that another CPU may have read, whose counter may be ahead of this
 * one's. */
static inline uint64_t clock_ms_since(uint64_t start_ms)
{
    uint64_t now = clock_ms();

    return now > start_ms ? now - start_ms : 0;
}

#endif
