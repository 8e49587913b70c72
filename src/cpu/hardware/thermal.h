/* SPDX-License-Identifier: MIT */
/* Heat: how often the processor throttled itself, and why. SDM volume 3, 14.8 (thermal monitoring
 * and protection).
 *
 * Throttling costs time and breaks nothing, so it is counted and reported. A temperature that the
 * processor calls critical is a failure of the check `hardware`. */
#ifndef ISTSTORM_CPU_HARDWARE_THERMAL_H
#define ISTSTORM_CPU_HARDWARE_THERMAL_H

#include <stdbool.h>
#include <stdint.h>

/* True: these CPUs have registers for it. AMD's have none of their own. */
bool thermal_is_there(void);

/* Drops the logs of this CPU from before this run, and enables the thermal interrupt if
 * `interrupts`. */
void thermal_enable(bool interrupts);

/* Takes the logs. On each CPU, now and then and in the thermal interrupt. Thread or IRQ context. */
void thermal_poll(void);

/* Writes a record for each CPU with new logs: all of them, or a few, and the rest at later calls.
 * Thread context. */
void thermal_report(bool all);

/* The number of times that a CPU was seen to have throttled. */
uint64_t thermal_throttles(uint32_t cpu);

/* Degrees Celsius below a CPU's throttling point, at its last look; negative: not known. Any CPU
 * may ask. */
int64_t thermal_below_limit(uint32_t cpu);

#endif
