/* SPDX-License-Identifier: MIT */
/* Runs workloads: a probe of each CPU in peace, the storm, and the account. */
#include "workloads/runner.h"

#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/fault.h"
#include "cpu/mce.h"
#include "cpu/patience.h"
#include "cpu/thermal.h"
#include "lib/console.h"
#include "lib/report.h"
#include "sched/schedule.h"
#include "workloads/check.h"
#include "workloads/status.h"
#include "workloads/target.h"
#include "workloads/victim.h"
#include "workloads/workload.h"

#define MOST_WORKLOADS 64           /* bits of a mask */
#define THREADS_A_CPU 16
#define HEARTBEAT_MS 5000
#define GLANCE_MS 50
#define LOOKS_TO_YIELD 16

/* Every thread of a storm, with the life that is waited for. */
static struct member {
    struct thread *thread;
    uint64_t generation;
    struct random random;
} members[MAX_CPUS * THREADS_A_CPU];
static uint32_t member_count;

static bool changes_soon(const uint64_t *counter, uint64_t before)
{
    for (unsigned looks = 0; looks < LOOKS_TO_YIELD; looks++) {
        if (__atomic_load_n(counter, __ATOMIC_ACQUIRE) != before)
            return true;
        cpu_relax_rarely();
    }
    return false;
}

bool workload_wait_change(const uint64_t *counter, uint64_t before, uint32_t cpu)
{
    struct patience patience = patience_with(cpu);

    while (!changes_soon(counter, before)) {
        if (patience_is_over(&patience))
            return cpu_is_lost(cpu);
        thread_yield();
    }
    return true;
}

const char *const *runner_names(unsigned *count, uint64_t *together)
{
    static const char *names[MOST_WORKLOADS];

    *count = workload_count();
    *together = 0;
    for (unsigned i = 0; i < *count; i++) {
        names[i] = workloads_start[i].name;
        if (!workloads_start[i].alone)
            *together |= 1ull << i;
    }
    return names;
}

static bool selected(const struct run *run, const struct workload *w)
{
    return run->workloads >> (w - workloads_start) & 1;
}

/* Each workload has a thread, and may have another one for a moment; then there are victims and the
 * checker. A thread has two pages, and a third in ring 3. */
uint64_t runner_pages(uint32_t cpus)
{
    return (uint64_t)cpus * (2 * workload_count() + 3) * 3;
}

unsigned runner_tests(const struct run *run)
{
    unsigned tests = 1 + CHECK_COUNT;

    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        if (selected(run, w))
            tests += 1 + (w->tests ? w->tests(run) : 0);
    return tests;
}

void runner_prepare(const struct run *run)
{
    target_count = 0;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        if (cpu_at(cpu)->online)
            target_cpus[target_count++] = cpu;
    victim_prepare();
    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        if (selected(run, w) && w->prepare)
            w->prepare();
}

static void add_member(const char *name, uint32_t cpu, void (*entry)(void *argument), uint64_t seed)
{
    struct member *member = &members[member_count];
    struct fault_place place = {cpu, THREAD_STACK, 0, "start"};

    random_seed(&member->random, seed + member_count);
    member->thread = thread_create(name, cpu, entry, &member->random);
    if (!member->thread) {
        fault_report(CHECK_LEAK, &place, "no memory for the thread %s", name);
        return;
    }
    member->generation = member->thread->generation;
    member_count++;
}

static void wake_members(void)
{
    for (uint32_t i = 0; i < member_count; i++)
        thread_wake(members[i].thread);
}

/* Waits for all of them, which takes an emulator of many CPUs longer than between two heartbeats.
 * One that does not end still uses what is shared with it: the run cannot go on. */
static void join_members(void)
{
    for (uint32_t i = 0; i < member_count; i++) {
        struct thread *thread = members[i].thread;
        if (thread_join_glancing(thread, members[i].generation, runner_beat) ||
            cpu_is_lost(thread->cpu))
            continue;
        struct fault_place place = {thread->cpu, THREAD_STACK, 0, "end"};
        fault_report(CHECK_ACCOUNT, &place,
                     "thread %s does not end (state %u): a wake-up was lost, or it hangs",
                     thread->name, thread->state);
        fault_fatal();
    }
    member_count = 0;
}

/* The probe of a CPU: every selected workload's events once, to itself, before anything else goes
 * on there. */
static const struct run *probing;

static void probe_cpu(void *random)
{
    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        if (selected(probing, w) && w->probe)
            w->probe(random);
}

/* The first CPU alone, then the others: had one of them the first one's stacks, it would be caught
 * here. */
static void probe_all(const struct run *run)
{
    uint64_t faults = fault_count();

    probing = run;
    add_member("probe", target_cpus[0], probe_cpu, run->seed);
    wake_members();
    join_members();
    for (uint32_t i = 1; i < target_count; i++)
        add_member("probe", target_cpus[i], probe_cpu, run->seed);
    wake_members();
    join_members();
    report_test(fault_count() == faults, "probe", "%lu faults when each CPU took each event once",
                fault_count() - faults);
}

/* Each pass has seeds of its own. */
static void start(const struct run *run, uint64_t pass)
{
    uint64_t seed = run->seed + pass * (sizeof(members) / sizeof(members[0]));

    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        if (cpu_is_lost(cpu))
            continue;
        add_member("victim 0", cpu, victim_ring0, seed);
        add_member("victim 3", cpu, victim_ring3, seed);
        add_member("check", cpu, check_thread, seed);
        for (const struct workload *w = workloads_start; w < workloads_end; w++)
            if (selected(run, w))
                add_member(w->name, cpu, w->thread, seed);
    }
    wake_members();
}

static void heartbeat(uint64_t start_ms, uint64_t pass)
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
        .faults = fault_count(),
        .passes = pass,
        .cpus = target_count,
        .cpus_alive = alive,
        .corrected_errors = mce_corrected(),
    });
    mce_report(false);
    thermal_report(false);
}

static uint64_t next_heartbeat_ms, run_start_ms, storm_ms, passes_over;
static uint64_t total_ms, passes_wanted;

static bool show_status(const char *phase)
{
    return status_refresh(&(struct status_progress){
        .phase = phase,
        .time_ms = clock_ms_since(run_start_ms),
        .total_ms = total_ms,
        .pass = passes_over,
        .passes = passes_wanted,
    });
}

/* What status pages and heartbeats cost: the mean of those during which no other thread had the
 * CPU, or the least of all where there is none. Any CPU counts. */
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

static void report_cost(uint64_t ms)
{
    uint64_t mean = cost.clean_times ? cost.clean_cycles / cost.clean_times : cost.least_cycles;
    uint64_t us = cost.times ? clock_tsc_to_ns(mean) / 1000 * cost.times : 0;

    report_note("%lu status pages and heartbeats took %lu us, %lu ppm of the time of %u CPUs",
                cost.times, us, ms ? us * 1000 / ms / target_count : 0, target_count);
}

/* Whoever finds it due first gives it: the main thread may have to wait for its CPU. */
void runner_beat(void)
{
    uint64_t now = clock_ms(), due = __atomic_load_n(&next_heartbeat_ms, __ATOMIC_RELAXED);
    struct stopwatch watch = start_watch();

    if (due && now >= due &&
        __atomic_compare_exchange_n(&next_heartbeat_ms, &due, now + HEARTBEAT_MS, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        heartbeat(run_start_ms, passes_over);
        count_cost(&watch);
    }
}

void workload_breathe(void)
{
    struct stopwatch watch;

    runner_beat();
    watch = start_watch();
    if (show_status("storm"))
        count_cost(&watch);
    console_drain();
}

static bool is_over(const struct run *run)
{
    return run->stop_at_first && fault_count();
}

/* Until the time of this pass is up, or a fault ends it. Also writes out what handlers have left in
 * the console's queue. */
static void supervise(const struct run *run, uint64_t start_ms)
{
    for (uint64_t now = start_ms; now - start_ms < run->time_ms && !is_over(run);
         now = clock_ms()) {
        uint64_t left = run->time_ms - (now - start_ms);
        workload_breathe();
        thread_sleep_ms(left < GLANCE_MS ? left : GLANCE_MS);
    }
}

static void end_storm(void)
{
    for (uint32_t i = 0; i < member_count; i++)
        thread_stop(members[i].thread);
    join_members();
}

/* Without a product that overflows when a thousand CPUs have stormed for weeks. */
static uint64_t per_second(uint64_t events, uint64_t ms)
{
    return ms ? events / ms * 1000 + events % ms * 1000 / ms : 0;
}

static void account(const struct workload *w, uint64_t ms)
{
    struct report_workload record = {.workload = w->name, .cpus = target_count, .time_ms = ms};
    uint64_t faults = fault_count_of(CHECK_ACCOUNT);

    if (w->account)
        w->account();
    for (uint32_t i = 0; i < target_count; i++) {
        const struct tally *tally = &w->tallies[target_cpus[i]];
        uint64_t rate = per_second(tally->received, ms);
        record.sent += tally->sent;
        record.received += tally->received;
        record.coalesced += tally->coalesced;
        record.failed += tally->failed;
        if (i == 0 || rate < record.cpu_min_per_s)
            record.cpu_min_per_s = rate;
        if (rate > record.cpu_max_per_s)
            record.cpu_max_per_s = rate;
    }
    record.events_per_s = per_second(record.received, ms);
    report_workload(&record);
    report_test(record.failed == 0 && fault_count_of(CHECK_ACCOUNT) == faults &&
                    record.received > 0,
                w->name, "%lu failed, %lu received of %lu sent", record.failed, record.received,
                record.sent);
}

/* The one that needs no storm around it, if it is selected. */
static const struct workload *find_conductor(const struct run *run)
{
    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        if (w->conduct && selected(run, w))
            return w;
    return NULL;
}

bool runner_storms(const struct run *run)
{
    return !find_conductor(run);
}

static void storm(const struct run *run)
{
    do {
        uint64_t start_ms = clock_ms();
        start(run, passes_over);
        supervise(run, start_ms);
        storm_ms += clock_ms() - start_ms;
        end_storm();
    } while (++passes_over < run->passes && !is_over(run));
    report_note("%lu of %lu passes", passes_over, run->passes);
}

void runner_run(const struct run *run)
{
    const struct workload *conductor = find_conductor(run);

    target_kind = run->target;
    run_start_ms = clock_ms();
    total_ms = conductor ? 0 : run->time_ms;
    passes_wanted = conductor ? 1 : run->passes;
    show_status("probe");
    probe_all(run);
    if (is_over(run))
        fault_fatal();
    check_count_resources();
    check_first_look();
    run_start_ms = clock_ms();
    next_heartbeat_ms = run_start_ms + HEARTBEAT_MS;
    if (conductor && (run->time_given || run->passes > 1))
        report_note("%s ends by itself, once: time= and passes= do not matter", conductor->name);
    if (conductor)
        conductor->conduct(run);
    else
        storm(run);
    uint64_t ms = conductor ? clock_ms() - run_start_ms : storm_ms;
    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        if (selected(run, w))
            account(w, ms);
    check_last_look();
    check_resources_are_back();
    fault_check_consoles();
    report_cost(ms);
    report_note("victims were looked at %lu times", victim_rounds());
    for (unsigned check = 0; check < CHECK_COUNT; check++)
        report_test(fault_count_of(check) == 0, check_names[check], "%lu faults",
                    fault_count_of(check));
}
