/* SPDX-License-Identifier: MIT */
/* The workload `switch`: a storm of context switches, by yielding and by wake-ups to and from
 * another CPU.
 *
 * Each CPU's thread has a partner on the next CPU. A round is: wake the partner, sleep until it
 * answers. Between rounds it yields, so that the switches of this CPU's own threads are stormed
 * too. */
#include <stddef.h>

#include "cpu/fault.h"
#include "cpu/patience.h"
#include "sched/thread.h"
#include "workloads/target.h"
#include "workloads/workload.h"

#define GLANCE_MS 100

static struct tally tallies[MAX_CPUS];

/* By the asking CPU. */
static struct round {
    struct thread *asker, *partner;
    uint64_t asked, answered;
    uint32_t partner_cpu;
} rounds[MAX_CPUS];

static void answer(void *argument)
{
    struct round *round = argument;

    while (!thread_stopping()) {
        uint64_t asked = __atomic_load_n(&round->asked, __ATOMIC_ACQUIRE);
        if (round->answered == asked) {
            thread_block();
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
    thread_wake(round->partner);
    while (__atomic_load_n(&round->answered, __ATOMIC_ACQUIRE) != round->asked) {
        if (cpu_is_lost(round->partner_cpu))
            return;
        if (patience_is_over(&patience)) {
            struct fault_place place = {round->partner_cpu, THREAD_STACK, 0, "wake-up"};
            fault_report(CHECK_ACCOUNT, &place, "lost: CPU %u woke a thread that does not run",
                         cpu_index());
            tallies[cpu_index()].failed++;
            return;
        }
        thread_block_ms(GLANCE_MS);     /* the answer's wake-up ends it early */
    }
}

static void run(void *random)
{
    struct round *round = &rounds[cpu_index()];

    round->asker = thread_current();
    round->partner_cpu = target_next();
    round->partner = thread_create("answer", round->partner_cpu, answer, round);
    if (!round->partner) {
        struct fault_place place = fault_here("start");
        fault_report(CHECK_LEAK, &place, "no memory for a partner thread");
        return;
    }
    uint64_t generation = round->partner->generation;
    while (!thread_stopping()) {
        ask(round);
        for (uint32_t yields = random_below(random, 8); yields > 0; yields--)
            thread_yield();
    }
    thread_stop(round->partner);
    if (!thread_join(round->partner, generation)) {
        struct fault_place place = {round->partner_cpu, THREAD_STACK, 0, "end"};
        fault_report(CHECK_ACCOUNT, &place, "the partner of CPU %u does not end", cpu_index());
    }
}

WORKLOAD(switch_storm) = {
    .name = "switch",
    .about = "context switches by yielding and by wake-ups across CPUs",
    .thread = run,
    .tallies = tallies,
};
