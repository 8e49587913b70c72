/* SPDX-License-Identifier: MIT */
/* How far apart the CPUs' time-stamp counters are at bring-up, and their clocks brought together.
 * SDM volume 3, 17.17 (each is monotonic; reset together, they agree), 17.17.1 (invariant TSC).
 *
 * A difference at bring-up is a note, no failure, also where CPUID promises an invariant TSC: the
 * promise is about the rate. Firmware may have written the start, or a CPU may have started later.
 * The clock (cpu/clock.h) of such a CPU is moved. clock_watch.h checks for differences that change
 * later. */
#ifndef ISTSTORM_SMP_WARP_H
#define ISTSTORM_SMP_WARP_H

#include <stdint.h>

/* Compares all `cpus` that are online, and moves clocks where they differ. On CPU 0, before time
 * matters to any other. Thread context; `pause` is thread_yield. */
void warp_measure(uint32_t cpus, void (*pause)(void));

/* The largest difference that was seen before any clock was moved, in cycles. */
uint64_t warp_tsc_spread(void);

/* By how many cycles one CPU's clock may be behind another's from then on; INT64_MAX, where that is
 * not known. */
int64_t warp_tolerance(void);

#endif
