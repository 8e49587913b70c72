/* SPDX-License-Identifier: MIT */
/* The workload `thread`: threads made on any CPU, which run, exit, and are reaped; nothing may be
 * left of them. */
#include "sched/thread.h"

#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "lib/string.h"
#include "workloads/run/events.h"
#include "workloads/run/target.h"
#include "workloads/workload.h"

#define SHALLOW 64                  /* bytes that an overflow from above meets first */

static struct tally CPU_TABLE(tallies);
static uint64_t CPU_TABLE(lives);    /* by maker; what a lost CPU may write to later must stay */

/* Its stack must be the one of its slot, and hold nothing but itself. */
static void live_and_die(void *argument)
{
    uint64_t *life = argument;

    if (thread_stack(thread_current()) + THREAD_SIZE - read_rsp() > THREAD_SIZE)
        check_failed(CHECK_STACK, "thread", "a new thread runs on a stack that is not its own");
    if (inject_planted(INJECT_EXHAUST_THREAD) && cpu_index() == inject_cpu())
        fault_overflow();
    if (inject_planted(INJECT_SHALLOW_OVERFLOW) && cpu_index() == inject_cpu())
        memset((struct thread_info *)thread_stack(thread_current()) + 1, 0, SHALLOW);
    if (inject_planted(INJECT_INFO_CPU) && cpu_index() == inject_cpu())
        ((struct thread_info *)thread_stack(thread_current()))->cpu ^= 1;
    if (inject_planted(INJECT_INFO_THREAD) && cpu_index() == inject_cpu())
        ((struct thread_info *)thread_stack(thread_current()))->thread = NULL;
    tallies[cpu_index()].received++;
    __atomic_fetch_add(life, 1, __ATOMIC_RELEASE);
}

static void linger(void *unused)
{
    (void)unused;
    for (;;)
        thread_block();
}

/* inject=lingering-thread, and inject=idle-workload: true where there is nothing else to do. */
static bool go_wrong(void)
{
    if (inject_planted(INJECT_LINGERING_THREAD) && cpu_index() == inject_cpu())
        thread_create("lingering", cpu_index(), linger, NULL);
    return inject_planted(INJECT_IDLE_WORKLOAD);
}

static void run(void *random)
{
    uint64_t *mine = &lives[cpu_index()];

    if (go_wrong())
        return;
    while (!thread_stopping()) {
        uint32_t cpu = target_any(random);
        uint64_t before = *mine;
        struct thread_life life = thread_run("short", cpu, live_and_die, mine);
        if (!life.thread) {
            thread_sleep_ms(10);        /* the reaper is behind */
            continue;
        }
        tallies[cpu_index()].sent++;
        bool joined = thread_join(life);
        if ((joined && *mine == before + 1) || cpu_is_lost(cpu))
            continue;
        check_failed_on(CHECK_ACCOUNT, cpu, THREAD_STACK, 0, "thread", "a thread made by CPU %u %s",
                        cpu_index(), joined ? "did not come to its end" : "was not reaped");
        tallies[cpu_index()].failed++;
        if (!joined)
            verdict_fatal();              /* its slot and its stack are lost */
    }
}

WORKLOAD(thread_storm) = {
    .name = "thread",
    .about = "threads made, run, ended and reaped",
    .thread = run,
    .tallies = tallies,
};
