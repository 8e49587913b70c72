/* SPDX-License-Identifier: MIT */
/* Time, from the time-stamp counter: SDM volume 3, 17.17. How fast it counts is measured in
 * smp/clock.c.
 *
 * Any context. Nanoseconds since clock_start; 0 before it. */
#ifndef ISTSTORM_CPU_CLOCK_H
#define ISTSTORM_CPU_CLOCK_H

#include <stdint.h>

#include "cpu/x86.h"

extern uint64_t clock_tsc_hz;
extern uint64_t clock_epoch;        /* the TSC at clock_start */

/* From here on there is time. What came before (firmware, a disk) took as long as it liked, and
 * must not show in a run that is to repeat to the byte. Once, on the BSP. */
void clock_start(uint64_t tsc_hz);

/* Whole seconds apart, so that neither product overflows in a run of weeks. */
static inline uint64_t clock_tsc_to_ns(uint64_t tsc)
{
    uint64_t hz = clock_tsc_hz;
    return hz ? tsc / hz * 1000000000 + tsc % hz * 1000000000 / hz : 0;
}

static inline uint64_t clock_ns(void)
{
    return clock_tsc_to_ns(read_tsc() - clock_epoch);
}

static inline uint64_t clock_ms(void)
{
    return clock_ns() / 1000000;
}

#endif
