/* SPDX-License-Identifier: MIT */
/* Heat: how often the processor throttled itself, and why. SDM volume 3, 14.8 (thermal monitoring
 * and protection).
 *
 * Throttling costs time and breaks nothing: it is counted and told. A temperature that the
 * processor calls critical is a fault of the check `hardware`. */
#ifndef ISTSTORM_CPU_THERMAL_H
#define ISTSTORM_CPU_THERMAL_H

#include <stdbool.h>
#include <stdint.h>

/* Whether these CPUs tell it at all. AMD's do not by registers of their own. */
bool thermal_is_there(void);

/* This CPU: forgets what it logged before this run, and has the thermal interrupt come if
 * `interrupts`. */
void thermal_enable(bool interrupts);

/* Now and then, on each CPU, and in the thermal interrupt: takes what was logged since. Thread or
 * IRQ context. */
void thermal_poll(void);

/* Writes a record for each CPU that has logged something new; of all, or of some, the rest to
 * follow. Thread context. */
void thermal_report(bool all);

/* Times that a CPU was seen to have throttled. */
uint64_t thermal_throttles(uint32_t cpu);

/* Degrees Celsius below where a CPU throttles, at its last look; negative: not known. Any CPU's,
 * from any other. */
int64_t thermal_below_limit(uint32_t cpu);

#endif
