/* SPDX-License-Identifier: MIT */
/* The time to wait for another CPU before an event counts as lost, in that CPU's own timer ticks.
 *
 * An emulator's CPUs share few real ones, and each may be held up for seconds. But a CPU that has
 * taken so many timer interrupts since, and still not the event, has lost it. The watch finds a CPU
 * that does not tick at all, and then no one waits for it. Any context. */
#ifndef ISTSTORM_CPU_PATIENCE_H
#define ISTSTORM_CPU_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/features.h"
#include "cpu/percpu.h"

/* An emulator's host runs all CPUs alike. A hypervisor's may hold up one while the others run. */
#define PATIENCE_TICKS 1500
#define PATIENCE_TICKS_EMULATED 500

static inline uint64_t patience_ticks(void)
{
    return cpu_features.emulated ? PATIENCE_TICKS_EMULATED : PATIENCE_TICKS;
}

struct patience {
    uint32_t cpu;
    uint64_t last_tick;
};

static inline uint64_t cpu_ticks(uint32_t cpu)
{
    return __atomic_load_n(&cpu_at(cpu)->events[EVENT_TICK], __ATOMIC_RELAXED);
}

static inline uint64_t ticks_of_all(void)
{
    uint64_t ticks = 0;

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        ticks += cpu_ticks(cpu);
    return ticks;
}

static inline struct patience patience_with(uint32_t cpu)
{
    return (struct patience){cpu, cpu_ticks(cpu) + patience_ticks()};
}

static inline bool patience_is_over(const struct patience *patience)
{
    return cpu_ticks(patience->cpu) > patience->last_tick || cpu_is_lost(patience->cpu);
}

#endif
