/* SPDX-License-Identifier: MIT */
/* The heat that a CPU and its package have logged, by their registers alone: SDM volume 3, 14.8.5.2
 * (IA32_THERM_STATUS), 14.9.1 (IA32_PACKAGE_THERM_STATUS).
 *
 * A log bit stays until it is written 0. Taking a log counts it, and clears no other bit along with
 * it. Machine-free; one struct heat is one CPU's; no two calls for it at a time. */
#ifndef ISTSTORM_CPU_HARDWARE_HEAT_H
#define ISTSTORM_CPU_HARDWARE_HEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/msr.h"

#define MSR_THERM_STATUS 0x19c
#define MSR_PACKAGE_THERM_STATUS 0x1b1
#define THERM_LOG_CRITICAL (1ull << 5)

/* CPUID leaf 6, EAX. */
struct heat_cpu {
    bool core;                      /* bit 0, and leaf 1 EDX bits 22 and 29 */
    bool package;                   /* bit 6 */
    bool power_limit;               /* bit 4 */
    bool limits;                    /* bit 7: logs of the current's and of other domains' limits */
};

struct heat {
    const struct msr_access *registers;
    struct heat_cpu cpu;
    uint64_t hot, prochot, critical, power_limit;
    uint64_t current_limit, other_limit;
    uint64_t package, package_critical;
    uint64_t status;                /* IA32_THERM_STATUS at the last look */
};

/* Forgets what was logged before. `registers` is set by the caller before. */
void heat_start(struct heat *heat, const struct heat_cpu *cpu);

/* Counts what was logged since, and clears it. Returns the status that says that the temperature
 * was critical, the CPU's own or its package's; 0 where none does. */
uint64_t heat_take(struct heat *heat);

/* The sum of all counts. */
uint64_t heat_sum(const struct heat *heat);

/* Degrees Celsius below the throttling point, at the last look; negative: not known. */
int64_t heat_below_limit(const struct heat *heat);

#endif
