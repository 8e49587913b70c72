/* SPDX-License-Identifier: MIT */
/* The workload `thread`: threads made on any CPU, which run, exit, and are reaped; nothing may be
 * left of them. */
#include "sched/thread.h"

#include <stddef.h>

#include "cpu/fault.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "lib/string.h"
#include "workloads/events.h"
#include "workloads/target.h"
#include "workloads/workload.h"

#define SHALLOW 64                  /* bytes that an overflow from above meets first */

static struct tally tallies[MAX_CPUS];
static uint64_t lives[MAX_CPUS];    /* by maker; what a lost CPU may write to later must stay */

/* Its stack must be the one of its slot, and hold nothing but itself. */
static void live_and_die(void *argument)
{
    uint64_t *life = argument;
    struct fault_place place = fault_here("thread");

    if (thread_stack(thread_current()) + THREAD_SIZE - read_rsp() > THREAD_SIZE)
        fault_report(CHECK_STACK, &place, "a new thread runs on a stack that is not its own");
    if (inject_planted(INJECT_EXHAUST_THREAD) && cpu_index() == inject_cpu())
        fault_overflow();
    if (inject_planted(INJECT_SHALLOW_OVERFLOW) && cpu_index() == inject_cpu())
        memset((struct thread_info *)thread_stack(thread_current()) + 1, 0, SHALLOW);
    tallies[cpu_index()].received++;
    __atomic_fetch_add(life, 1, __ATOMIC_RELEASE);
}

static void run(void *random)
{
    uint64_t *mine = &lives[cpu_index()];

    while (!thread_stopping()) {
        uint32_t cpu = target_any(random);
        uint64_t before = *mine;
        struct thread *thread = thread_create("short", cpu, live_and_die, mine);
        if (!thread) {
            thread_sleep_ms(10);        /* the reaper is behind */
            continue;
        }
        uint64_t generation = thread->generation;
        tallies[cpu_index()].sent++;
        thread_wake(thread);
        bool joined = thread_join(thread, generation);
        if ((joined && *mine == before + 1) || cpu_is_lost(cpu))
            continue;
        struct fault_place place = {cpu, THREAD_STACK, 0, "thread"};
        fault_report(CHECK_ACCOUNT, &place, "a thread made by CPU %u %s", cpu_index(),
                     joined ? "did not come to its end" : "was not reaped");
        tallies[cpu_index()].failed++;
        if (!joined)
            fault_fatal();              /* its slot and its stack are lost */
    }
}

WORKLOAD(thread_storm) = {
    .name = "thread",
    .about = "threads made, run, ended and reaped",
    .thread = run,
    .tallies = tallies,
};
