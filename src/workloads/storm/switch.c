/* SPDX-License-Identifier: MIT */
/* The workload `switch`: a storm of context switches, by yielding and by wake-ups to and from
 * another CPU.
 *
 * Each CPU's thread has a partner on the next CPU. A round is: wake the partner, sleep until it
 * answers. Between rounds it sometimes yields, so that the switches of this CPU's own threads are
 * stormed too. All of these are called with known values in the registers that they keep (known.h),
 * and so is the switch alone: inside the scheduler these registers are the scheduler's. */
#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/late.h"
#include "cpu/patience.h"
#include "sched/thread.h"
#include "workloads/run/events.h"
#include "workloads/run/flight.h"
#include "workloads/run/target.h"
#include "workloads/workload.h"

#define GLANCE_MS 100
#define YIELD_ONE_IN 4

static struct tally CPU_TABLE(tallies);

/* By the asking CPU. */
static struct round {
    struct thread *asker;
    struct life_flight flight; /* of the partner */
    uint64_t asked, answered;
    uint32_t partner_cpu;
} CPU_TABLE(rounds);

static void answer(void *argument)
{
    struct round *round = argument;

    while (!thread_stopping()) {
        uint64_t asked = __atomic_load_n(&round->asked, __ATOMIC_ACQUIRE);
        if (round->answered == asked) {
            known_call("wake-up", (const void *)thread_block, 0, 0);
            continue;
        }
        __atomic_store_n(&round->answered, asked, __ATOMIC_RELEASE);
        tallies[cpu_index()].received++;
        thread_wake(round->asker);
    }
}

static void ask(struct round *round)
{
    struct patience patience = patience_with(round->partner_cpu);

    __atomic_store_n(&round->asked, round->asked + 1, __ATOMIC_RELEASE);
    tallies[cpu_index()].sent++;
    thread_wake(round->flight.life.thread);
    while (__atomic_load_n(&round->answered, __ATOMIC_ACQUIRE) != round->asked) {
        if (cpu_is_lost(round->partner_cpu))
            return;
        if (patience_is_over(&patience)) {
            check_failed_on(CHECK_ACCOUNT, round->partner_cpu, THREAD_STACK, 0, "wake-up",
                            "lost: CPU %u woke a thread that does not run", cpu_index());
            tallies[cpu_index()].failed++;
            return;
        }
        /* The answer's wake-up ends it early. */
        known_call("wake-up", (const void *)thread_block_ms, GLANCE_MS, 0);
    }
}

static bool has_partner(struct round *round)
{
    if (round->flight.life.thread)
        return true;
    round->asker = thread_current();
    round->partner_cpu = target_next();
    return life_begin(&round->flight, thread_run("answer", round->partner_cpu, answer, round));
}

static void turn(struct random *random)
{
    struct round *round = &rounds[cpu_index()];

    if (!has_partner(round))
        return; /* the reaper is behind: another turn */
    ask(round);
    event_switch();
    if (random_below(random, YIELD_ONE_IN) == 0)
        known_call("yield", (const void *)thread_yield, 0, 0);
}

/* The partner ends with the turns. */
static bool flying(void)
{
    struct round *round = &rounds[cpu_index()];

    if (round->flight.life.thread)
        thread_stop(round->flight.life.thread);
    enum flight_state state = life_look(&round->flight);
    if (state == FLIGHT_LOST && !cpu_is_lost(round->partner_cpu))
        check_failed_on(CHECK_ACCOUNT, round->partner_cpu, THREAD_STACK, 0, "end",
                        "the partner of CPU %u does not end", cpu_index());
    return state == FLIGHT_ON_ITS_WAY;
}

static void probe(struct random *random)
{
    (void)random;
    event_switch();
    known_call("yield", (const void *)thread_yield, 0, 0);
}

WORKLOAD(switch_storm) = {
    .name = "switch",
    .about = "context switches by yielding and by wake-ups across CPUs",
    .probe = probe,
    .turn = turn,
    .more_turns = 1,
    .flying = flying,
    .tallies = tallies,
};
