/* SPDX-License-Identifier: MIT */
/* The workload `switch`: a storm of context switches, by yielding and by wake-ups to and from
 * another CPU.
 *
 * Each CPU's thread has partners on the CPUs after it, and on its own. A round is: wake the
 * partner, sleep until it answers. A turn wakes all partners that have answered, and sleeps once;
 * sometimes it yields, so that the switches of this CPU's own threads are stormed too. All of these
 * are called with known values in the registers that they keep (known.h), and so is the switch
 * alone: inside the scheduler these registers are the scheduler's. */
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

#define PARTNERS 4

/* By the asking CPU. */
static struct round {
    struct thread *asker;
    struct life_flight flight;          /* of the partner */
    struct patience patience;           /* with its answer */
    uint64_t asked, answered;
} CPU_TABLE(rounds, [PARTNERS]);

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

static bool is_answered(const struct round *round)
{
    return __atomic_load_n(&round->answered, __ATOMIC_ACQUIRE) == round->asked;
}

static void ask(struct round *round)
{
    round->patience = patience_with(round->flight.patience.cpu);
    __atomic_store_n(&round->asked, round->asked + 1, __ATOMIC_RELEASE);
    tallies[cpu_index()].sent++;
    thread_wake(round->flight.life.thread);
}

/* Told once: the round begins anew. */
static void look(struct round *round)
{
    uint32_t cpu = round->patience.cpu;

    if (cpu_is_lost(cpu) || !patience_is_over(&round->patience))
        return;
    check_failed_on(CHECK_ACCOUNT, cpu, THREAD_STACK, 0, "wake-up",
                    "lost: CPU %u woke a thread that does not run", cpu_index());
    tallies[cpu_index()].failed++;
    ask(round);
}

static bool has_partner(struct round *round, unsigned steps)
{
    if (round->flight.life.thread)
        return true;
    round->asker = thread_current();
    return life_begin(&round->flight, thread_run("answer", target_after(steps), answer, round));
}

/* An answer's wake-up ends the sleep early; it is none where one has come meanwhile. */
static void turn(struct random *random)
{
    for (unsigned i = 0; i < PARTNERS; i++) {
        struct round *round = &rounds[cpu_index()][i];
        if (!has_partner(round, i + 1))
            return;                     /* the reaper is behind: another turn */
        if (is_answered(round))
            ask(round);
        else
            look(round);
    }
    known_call("wake-up", (const void *)thread_block_ms, GLANCE_MS, 0);
    event_switch();
    if (random_below(random, YIELD_ONE_IN) == 0)
        known_call("yield", (const void *)thread_yield, 0, 0);
}

/* The partner ends with the turns, when it has answered. */
static bool is_flying(struct round *round)
{
    uint32_t cpu = round->flight.patience.cpu;

    if (!is_answered(round) && !cpu_is_lost(cpu)) {
        look(round);
        return true;
    }
    life_stop(&round->flight);
    enum flight_state state = life_look(&round->flight);
    if (state == FLIGHT_LOST && !cpu_is_lost(cpu))
        check_failed_on(CHECK_ACCOUNT, cpu, THREAD_STACK, 0, "end",
                        "a partner of CPU %u does not end", cpu_index());
    return state == FLIGHT_ON_ITS_WAY;
}

static bool flying(void)
{
    bool any = false;

    for (unsigned i = 0; i < PARTNERS; i++)
        any |= is_flying(&rounds[cpu_index()][i]);
    return any;
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
    .flying = flying,
    .tallies = tallies,
};
