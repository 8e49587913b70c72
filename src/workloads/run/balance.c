/* SPDX-License-Identifier: MIT */
/* Compares what the CPUs and the workloads had: see balance.h.
 *
 * A host that gives an emulated CPU no time takes its ticks, too: so a CPU is measured by its own
 * ticks, and kinds are compared only where no CPU lacked many. */
#include "workloads/run/balance.h"

#include "cpu/late.h"
#include "cpu/patience.h"
#include "cpu/percpu.h"
#include "cpu/verdict.h"
#include "sched/schedule.h"
#include "workloads/run/target.h"

/* A CPU has at least a tenth of the mean, and a kind a thousandth of all events, where these are so
 * many that it is neither chance nor the few slices of time that a host gives hundreds of CPUs. */
#define LEAST_OF_MEAN 10
#define MEAN_TO_COMPARE 200
#define LEAST_OF_ALL 1000
#define ALL_TO_COMPARE 200000
#define TICKS_TO_COMPARE 300

static uint64_t CPU_TABLE(ticks_before);

static uint64_t ticks_of(uint32_t cpu)
{
    return cpu_ticks(cpu) - ticks_before[cpu];
}

void balance_begin(void)
{
    for (uint32_t i = 0; i < target_count; i++)
        ticks_before[target_cpus[i]] = cpu_ticks(target_cpus[i]);
}

static uint64_t ticks_in_all(void)
{
    uint64_t ticks = 0;

    for (uint32_t i = 0; i < target_count; i++)
        ticks += ticks_of(target_cpus[i]);
    return ticks;
}

static uint64_t received_in_all(const struct workload *w)
{
    uint64_t received = 0;

    for (uint32_t i = 0; i < target_count; i++)
        received += w->tallies[target_cpus[i]].received;
    return received;
}

static void compare_cpu(const struct workload *w, uint32_t cpu, uint64_t all, uint64_t ticks)
{
    uint64_t share = all / ticks * ticks_of(cpu) + all % ticks * ticks_of(cpu) / ticks;

    if (w->tallies[cpu].received < share / LEAST_OF_MEAN)
        check_failed_on(CHECK_BALANCE, cpu, NO_STACK, 0, w->name,
                        "%lu of %lu events came here, less than a tenth of its share: by its "
                        "ticks, it had time for %lu",
                        w->tallies[cpu].received, all, share);
}

void balance_look_at(const struct workload *w)
{
    uint64_t all = received_in_all(w), ticks = ticks_in_all();

    if (all < (uint64_t)MEAN_TO_COMPARE * target_count)
        return;
    for (uint32_t i = 0; i < target_count; i++)
        if (!cpu_is_lost(target_cpus[i]) && ticks_of(target_cpus[i]) >= TICKS_TO_COMPARE)
            compare_cpu(w, target_cpus[i], all, ticks);
}

static bool each_had_time(uint64_t ms)
{
    for (uint32_t i = 0; i < target_count; i++)
        if (ticks_of(target_cpus[i]) < TICKS_TO_COMPARE ||
            ticks_of(target_cpus[i]) < ms * schedule_tick_hz() / 1000 / 2)
            return false;
    return true;
}

void balance_look_between(const struct workload *w, uint64_t all, uint64_t ms)
{
    uint64_t received = received_in_all(w);

    if (all < ALL_TO_COMPARE || received >= all / LEAST_OF_ALL || !each_had_time(ms))
        return;
    check_failed_on(CHECK_BALANCE, target_cpus[0], NO_STACK, 0, w->name,
                    "%lu of %lu events are of this kind, less than a thousandth", received, all);
}
