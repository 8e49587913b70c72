/* SPDX-License-Identifier: MIT */
/* The softirq threads, one a CPU. Each runs the softirqs that were restarted too often in
 * interrupts (cpu/softirq.h). */
#ifndef ISTSTORM_SCHED_SOFTIRQD_H
#define ISTSTORM_SCHED_SOFTIRQD_H

#include <stdbool.h>
#include <stdint.h>

/* Makes a CPU's softirq thread. False: out of memory. */
bool softirqd_create(uint32_t cpu);

/* How often a CPU's thread had something to run. Any context. */
uint64_t softirqd_runs(uint32_t cpu);

#endif
