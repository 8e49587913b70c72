/* SPDX-License-Identifier: MIT */
/* Whether the time-stamp counters run backwards, from CPU to CPU or on one: SDM volume 3, 17.17
 * (each is monotonic; reset together, they agree).
 *
 * First all CPUs look at once, at bring-up: that says how far apart they are. Then each looks at
 * every tick, for weeks: a clock that steps back later is a fault of the check `clock`. */
#ifndef ISTSTORM_SMP_WARP_H
#define ISTSTORM_SMP_WARP_H

#include <stdint.h>

/* At bring-up: `cpus` of them call tsc_check_warp, and each waits a little until all are there, so
 * that they look at the same time. */
void tsc_warp_expect(uint32_t cpus);
void tsc_check_warp(void);

/* A step back of more than this is more than the cost of looking. */
#define TSC_WARP_NOTABLE 1000

/* The largest step back that any of them saw, in cycles. */
uint64_t tsc_warp(void);

/* In each tick, from bring-up's end on: whether this CPU's clock has had to step over something
 * (cpu/clock.h), and whether it is behind the latest of all CPUs', where they were seen to agree. A
 * CPU tells its first fault alone. */
void tsc_check_tick(void);

#endif
