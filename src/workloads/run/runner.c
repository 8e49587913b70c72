/* SPDX-License-Identifier: MIT */
/* Runs workloads: a probe of each CPU in peace, the storm, and the account. */
#include "workloads/run/collisions.h"
#include "workloads/run/coverage.h"
#include "workloads/run/runner.h"

#include <stddef.h>

#include "cpu/claim.h"
#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/late.h"
#include "cpu/nmi_owner.h"
#include "cpu/patience.h"
#include "cpu/tables.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/report.h"
#include "lib/string.h"
#include "sched/schedule.h"
#include "workloads/run/balance.h"
#include "workloads/run/check.h"
#include "workloads/run/events.h"
#include "workloads/run/heartbeat.h"
#include "workloads/run/known.h"
#include "workloads/run/target.h"
#include "workloads/run/victim.h"
#include "workloads/run/watch.h"
#include "workloads/workload.h"

/* clang-format off */
#define WORKLOAD_FIELDS(FIELD) \
    FIELD(text, workload, "its name, as in run=") \
    FIELD(number, cpus, "CPUs it ran on") \
    FIELD(number, time_ms, "milliseconds it ran") \
    FIELD(number, sent, "events sent") \
    FIELD(number, received, "events received") \
    FIELD(number, coalesced, "events merged with another, as the manual allows") \
    FIELD(number, failed, "checks that failed") \
    FIELD(number, events_per_s, "events received a second, all CPUs, to compare runs") \
    FIELD(number, cpu_min_per_s, "events a second of the slowest CPU; shows starvation") \
    FIELD(number, cpu_max_per_s, "events a second of the fastest CPU")
REPORT_RECORD(workload, "one workload's events, at its end", WORKLOAD_FIELDS)
/* clang-format on */

#define MOST_WORKLOADS 64           /* bits of a mask */
#define MEMBERS_A_CPU 16
/* Each with another one for a moment, beside the idle thread, the softirq thread, the main thread
 * and the reaper. */
_Static_assert(2 * MEMBERS_A_CPU + 4 <= THREADS_A_CPU, "a storm's threads have room");
#define GLANCE_MS 50
#define LOOKS_TO_YIELD 16
#define STORM_MS 10000              /* of a pass, where time= is not given */

/* Every thread of a storm, with the life that is waited for. */
static struct member {
    const struct workload *workload;
    struct thread_life life;
    struct random random;
} CPU_TABLE_FLAT(members, MEMBERS_A_CPU);
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

static bool is_among(const char *const *keys, const char *key)
{
    for (; keys && *keys; keys++)
        if (!strcmp(*keys, key))
            return true;
    return false;
}

bool runner_uses(unsigned workload, const char *key)
{
    static const char *const of_storms[] = {"time", "passes", "stop", NULL};
    const struct workload *w = &workloads_start[workload];

    return is_among(w->keys, key) || (!w->conduct && is_among(of_storms, key));
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
    known_prepare();
    events_prepare();
    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        if (selected(run, w) && w->prepare)
            w->prepare();
}

#define FIRST_NMI_PATIENCE 100000   /* rounds of PAUSE: the APIC delivers one's own at once */

static bool first_nmi_came;

static bool take_first_nmi(struct trap_frame *frame)
{
    (void)frame;
    first_nmi_came = true;
    return nmi_is_expected();
}

static void look_at_nmi(void)
{
    claim_exception(VECTOR_NMI, "first look", take_first_nmi);
    nmi_expect(cpu_index(), 1);
    known_nmi("NMI");
    for (unsigned i = 0; !__atomic_load_n(&first_nmi_came, __ATOMIC_RELAXED) &&
                         i < FIRST_NMI_PATIENCE; i++)
        cpu_relax();
    release_exception(VECTOR_NMI, take_first_nmi);
}

void runner_first_look(void)
{
    uint64_t flags = interrupts_save();

    event_int_irq();
    event_switch();
    look_at_nmi();
    interrupts_restore(flags);
    if (failure_count())
        verdict_fatal();
}

/* Waits, asleep, for the events that are still on their way: all other CPUs of an emulator may have
 * to run on this one's. */
static void wait_for_flying(const struct workload *w)
{
    while (w->flying && w->flying())
        thread_sleep_ms(1);
}

static void take_turns(void *member)
{
    struct member *m = member;
    const struct workload *w = m->workload;

    do {
        for (unsigned i = 0; i <= w->more_turns; i++)
            w->turn(&m->random);
        thread_yield();
    } while (!thread_stopping());
    wait_for_flying(w);
}

/* A thread with a struct random as its argument, or with itself where it has a workload. */
static void add_member(const struct workload *w, const char *name, uint32_t cpu,
                       void (*entry)(void *argument), uint64_t seed)
{
    struct member *member = &members[member_count];

    if (member_count == MEMBERS_A_CPU * target_count) {
        check_failed_on(CHECK_LEAK, cpu, THREAD_STACK, 0, "start",
                        "no room for the thread %s: a storm has %u threads a CPU at most", name,
                        MEMBERS_A_CPU);
        return;
    }
    random_seed(&member->random, seed + member_count);
    member->workload = w;
    struct thread *thread =
        thread_create(name, cpu, entry, w ? (void *)member : (void *)&member->random);
    if (!thread) {
        check_failed_on(CHECK_LEAK, cpu, THREAD_STACK, 0, "start", "no memory for the thread %s",
                        name);
        return;
    }
    member->life = thread_life_of(thread);
    member_count++;
}

static void wake_members(void)
{
    for (uint32_t i = 0; i < member_count; i++)
        thread_wake(members[i].life.thread);
}

/* Waits for all of them, which takes an emulator of many CPUs longer than between two heartbeats.
 * One that does not end still uses what is shared with it: the run cannot go on. */
static void join_members(void)
{
    for (uint32_t i = 0; i < member_count; i++) {
        struct thread *thread = members[i].life.thread;
        if (thread_join_glancing(members[i].life, heartbeat_if_due) || cpu_is_lost(thread->cpu))
            continue;
        check_failed_on(CHECK_ACCOUNT, thread->cpu, THREAD_STACK, 0, "end",
                        "thread %s does not end (state %u): a wake-up was lost, or it hangs",
                        thread->name, thread->state);
        verdict_fatal();
    }
    member_count = 0;
}

/* The probe of a CPU: every selected workload's events once, to itself, before anything else goes
 * on there. */
static const struct run *probing;

static void probe_cpu(void *random)
{
    for (const struct workload *w = workloads_start; w < workloads_end; w++) {
        if (!selected(probing, w) || !w->probe)
            continue;
        w->probe(random);
        wait_for_flying(w);
    }
}

/* The first CPU alone, then the others: had one of them the first one's stacks, it would be caught
 * here. */
static void probe_all(const struct run *run)
{
    uint64_t faults = failure_count();

    probing = run;
    add_member(NULL, "probe", target_cpus[0], probe_cpu, run->seed);
    wake_members();
    join_members();
    for (uint32_t i = 1; i < target_count; i++)
        add_member(NULL, "probe", target_cpus[i], probe_cpu, run->seed);
    wake_members();
    join_members();
    report_test(failure_count() == faults, "probe",
                "%lu checks failed while each CPU took each event once", failure_count() - faults);
}

/* Each pass has seeds of its own. */
static void start(const struct run *run, uint64_t pass)
{
    uint64_t seed = run->seed + pass * (sizeof(members) / sizeof(members[0]));

    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        if (cpu_is_lost(cpu))
            continue;
        add_member(NULL, "victim 0", cpu, victim_ring0, seed);
        add_member(NULL, "victim 3", cpu, victim_ring3, seed);
        add_member(NULL, "check", cpu, check_thread, seed);
        for (const struct workload *w = workloads_start; w < workloads_end; w++)
            if (selected(run, w))
                add_member(w, w->name, cpu, take_turns, seed);
    }
    wake_members();
}

static uint64_t storm_ms, passes_over;

static uint64_t pass_ms(const struct run *run)
{
    return run->time_ms ? run->time_ms : STORM_MS;
}

static bool is_over(const struct run *run)
{
    return run->stop_at_first && failure_count();
}

/* Until the time of this pass is up, or a fault ends it. Also writes out what handlers have left in
 * the console's queue. */
static void supervise(const struct run *run, uint64_t start_ms)
{
    for (uint64_t now = start_ms, end_ms = start_ms + pass_ms(run); now < end_ms && !is_over(run);
         now = clock_ms()) {
        uint64_t left = end_ms - now;
        workload_breathe();
        thread_sleep_ms(left < GLANCE_MS ? left : GLANCE_MS);
    }
}

static void end_storm(void)
{
    for (uint32_t i = 0; i < member_count; i++)
        thread_stop(members[i].life.thread);
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
    uint64_t faults = failure_count_of(CHECK_ACCOUNT);

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
    if (record.received == 0)
        check_failed(CHECK_ACCOUNT, "end", "the workload %s received nothing", w->name);
    else if (!w->conduct)
        balance_look_at(w);
    report_test(record.failed == 0 && failure_count_of(CHECK_ACCOUNT) == faults, w->name,
                "%lu failed, %lu received of %lu sent", record.failed, record.received,
                record.sent);
}

/* Of the storm that mixes them. */
static void compare_kinds(const struct run *run, uint64_t ms)
{
    uint64_t all = 0;

    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        for (uint32_t i = 0; selected(run, w) && i < target_count; i++)
            all += w->tallies[target_cpus[i]].received;
    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        if (selected(run, w) && !w->alone)
            balance_look_between(w, all, ms);
}

/* The one that needs no storm around it, if it is selected. */
static const struct workload *find_conductor(const struct run *run)
{
    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        if (w->conduct && selected(run, w))
            return w;
    return NULL;
}

static void storm(const struct run *run)
{
    do {
        uint64_t start_ms = clock_ms();
        start(run, passes_over);
        supervise(run, start_ms);
        storm_ms += clock_ms() - start_ms;
        end_storm();
        heartbeat_pass_over();
    } while (++passes_over < run->passes && !is_over(run));
    report_note("%lu of %lu passes", passes_over, run->passes);
}

static void conduct(const struct workload *conductor, const struct run *run)
{
    watch_with_position(conductor->position);
    conductor->conduct(run);
    watch_with_position(NULL);
}

void runner_run(const struct run *run)
{
    const struct workload *conductor = find_conductor(run);

    target_kind = run->target;
    tables_watch(!conductor);
    heartbeat_prepare(conductor ? 0 : pass_ms(run), conductor ? 1 : run->passes);
    probe_all(run);
    if (is_over(run))
        verdict_fatal();
    check_count_resources();
    check_first_look();
    balance_begin();
    uint64_t start_ms = heartbeat_begin();
    if (conductor)
        conduct(conductor, run);
    else
        storm(run);
    uint64_t ms = conductor ? clock_ms() - start_ms : storm_ms;
    for (const struct workload *w = workloads_start; w < workloads_end; w++)
        if (selected(run, w))
            account(w, ms);
    if (!conductor)
        compare_kinds(run, ms);
    collisions_report();
    coverage_report();
    check_last_look();
    check_resources_are_back();
    failure_check_consoles();
    heartbeat_report_cost(ms);
    report_note("the victims' registers and stacks were compared %lu times", victim_rounds());
    for (unsigned check = 0; check < CHECK_COUNT; check++)
        report_test(failure_count_of(check) == 0, check_names[check], "it failed %lu times",
                    failure_count_of(check));
}
