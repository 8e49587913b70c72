/* SPDX-License-Identifier: MIT */
/* Time, from the time-stamp counter: SDM volume 3, 17.17. How fast it counts is measured in
 * smp/calibrate.c.
 *
 * Any context. Nanoseconds since clock_start; 0 before it. On one CPU time never runs backwards,
 * whatever its counter does: a step back is taken out of all that is read from then on, or who
 * sleeps would sleep for as long. */
#ifndef ISTSTORM_CPU_CLOCK_H
#define ISTSTORM_CPU_CLOCK_H

#include <stdint.h>

#include "cpu/percpu.h"
#include "cpu/x86.h"

extern uint64_t clock_tsc_hz;
extern uint64_t clock_epoch;        /* the TSC at clock_start */

/* From here on there is time. What came before (firmware, a disk) took as long as it liked, and
 * must not show in a run that is to repeat to the byte. Once, on the BSP. */
void clock_start(uint64_t tsc_hz);

/* From here on there is time on this CPU; each, once there is some at all. Interrupts off. */
void clock_join(void);

/* What the time is, when the counter says less than before; see clock.c. */
uint64_t clock_step_over(void);

/* Whole seconds apart, so that neither product overflows in a run of weeks. */
static inline uint64_t clock_tsc_to_ns(uint64_t tsc)
{
    uint64_t hz = clock_tsc_hz;
    return hz ? tsc / hz * 1000000000 + tsc % hz * 1000000000 / hz : 0;
}

/* On this CPU never less than before. */
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

/* From a time that another CPU may have read, whose counter is ahead of this one's. */
static inline uint64_t clock_ms_since(uint64_t start_ms)
{
    uint64_t now = clock_ms();

    return now > start_ms ? now - start_ms : 0;
}

#endif
