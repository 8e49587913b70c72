/* SPDX-License-Identifier: MIT */
/* Gives a run's signs of life, and counts what they cost. */
#include "workloads/run/heartbeat.h"

#include "cpu/clock.h"
#include "cpu/hardware/mce.h"
#include "cpu/hardware/thermal.h"
#include "cpu/patience.h"
#include "cpu/percpu.h"
#include "cpu/verdict.h"
#include "lib/console.h"
#include "lib/report.h"
#include "workloads/run/status.h"
#include "workloads/run/target.h"
#include "workloads/workload.h"

#define HEARTBEAT_MS 5000

/* clang-format off */
#define HEARTBEAT_FIELDS(FIELD) \
    FIELD(number, time_ms, "milliseconds since the storm's start") \
    FIELD(number, events, "events so far, all CPUs") \
    FIELD(number, faults, "failed checks so far") \
    FIELD(number, passes, "passes that are over") \
    FIELD(number, cpus, "CPUs that take part") \
    FIELD(number, cpus_alive, "CPUs that moved since the last heartbeat") \
    FIELD(number, corrected_errors, "corrected hardware errors so far, all CPUs")
REPORT_RECORD(heartbeat, "a sign of life, at least every 10 s", HEARTBEAT_FIELDS)
/* clang-format on */

static uint64_t next_ms;                /* of a heartbeat; 0: the run has not begun */
static uint64_t start_ms, total_ms, passes_over, passes_wanted;

static void give_heartbeat(void)
{
    static uint64_t ticks_before[MAX_CPUS];
    uint32_t alive = 0;

    for (uint32_t i = 0; i < target_count; i++) {
        uint64_t ticks = cpu_ticks(target_cpus[i]);
        alive += ticks != ticks_before[i];
        ticks_before[i] = ticks;
    }
    report_heartbeat(&(struct report_heartbeat){
        .time_ms = clock_ms_since(start_ms),
        .events = events_total(),
        .faults = failure_count(),
        .passes = passes_over,
        .cpus = target_count,
        .cpus_alive = alive,
        .corrected_errors = mce_corrected(),
    });
    mce_report(false);
    thermal_report(false);
}

static bool show_status(const char *phase)
{
    return status_refresh(&(struct status_progress){
        .phase = phase,
        .time_ms = clock_ms_since(start_ms),
        .total_ms = total_ms,
        .pass = passes_over,
        .passes = passes_wanted,
    });
}

/* The cost: the mean of those pages and heartbeats during which no other thread had the CPU, or the
 * least of all where there is none. Any CPU counts. */
static struct {
    uint64_t times, clean_times, clean_cycles, least_cycles;
} cost = {.least_cycles = UINT64_MAX};

struct stopwatch {
    uint64_t start, switches;
};

static struct stopwatch start_watch(void)
{
    return (struct stopwatch){clock_cycles(), this_cpu->events[EVENT_SWITCH]};
}

static void count_cost(const struct stopwatch *watch)
{
    uint64_t cycles = clock_cycles() - watch->start;

    __atomic_fetch_add(&cost.times, 1, __ATOMIC_RELAXED);
    if (this_cpu->events[EVENT_SWITCH] == watch->switches) {
        __atomic_fetch_add(&cost.clean_times, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&cost.clean_cycles, cycles, __ATOMIC_RELAXED);
    }
    if (cycles < cost.least_cycles)
        cost.least_cycles = cycles;
}

void heartbeat_report_cost(uint64_t ms)
{
    uint64_t mean = cost.clean_times ? cost.clean_cycles / cost.clean_times : cost.least_cycles;
    uint64_t us = cost.times ? clock_tsc_to_ns(mean) / 1000 * cost.times : 0;

    report_note("%lu status pages and heartbeats took %lu us, %lu ppm of the time of %u CPUs",
                cost.times, us, ms ? us * 1000 / ms / target_count : 0, target_count);
}

/* The first thread that finds it due gives it: the main thread may have to wait for its CPU. */
void heartbeat_if_due(void)
{
    uint64_t now = clock_ms(), due = __atomic_load_n(&next_ms, __ATOMIC_RELAXED);
    struct stopwatch watch = start_watch();

    if (due && now >= due &&
        __atomic_compare_exchange_n(&next_ms, &due, now + HEARTBEAT_MS, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
        give_heartbeat();
        count_cost(&watch);
    }
}

void workload_breathe(void)
{
    struct stopwatch watch;

    heartbeat_if_due();
    watch = start_watch();
    if (show_status("storm"))
        count_cost(&watch);
    console_drain();
}

void heartbeat_prepare(uint64_t pass_ms, uint64_t passes)
{
    start_ms = clock_ms();
    total_ms = pass_ms;
    passes_wanted = passes;
    show_status("probe");
}

uint64_t heartbeat_begin(void)
{
    start_ms = clock_ms();
    next_ms = start_ms + HEARTBEAT_MS;
    return start_ms;
}

void heartbeat_pass_over(void)
{
    passes_over++;
}
