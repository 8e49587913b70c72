/* SPDX-License-Identifier: MIT */
/* One performance counter a CPU, which sends the CPU an NMI after a time: SDM volume 3, 18.2
 * (architectural performance monitoring), 10.5.1 (the local vector table); AMD's manual, volume 2,
 * 13.2 (counters).
 *
 * It counts the cycles in which the CPU is not halted, so in HLT its time stands still. */
#ifndef ISTSTORM_SMP_PMU_H
#define ISTSTORM_SMP_PMU_H

#include <stdbool.h>
#include <stdint.h>

/* Whether CPUID says that each CPU has such a counter. Thread context, once, before the others. */
bool pmu_find(void);

/* The longest time that it can count, in milliseconds of the TSC's rate. The time is approximate,
 * since the CPU's own rate may differ. */
uint32_t pmu_most_ms(void);

/* Starts the counter, or starts it anew: this CPU gets an NMI after so many milliseconds. Any
 * context. */
void pmu_arm(uint32_t ms);

/* Stops this CPU's counter. Any context. */
void pmu_stop(void);

/* Whether this CPU's time is over. Any context. */
bool pmu_is_over(void);

#endif
