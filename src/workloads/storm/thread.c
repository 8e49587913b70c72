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
#include "workloads/run/flight.h"
#include "workloads/run/target.h"
#include "workloads/workload.h"

#define SHALLOW 64                  /* bytes that an overflow from above meets first */

static struct tally CPU_TABLE(tallies);

#define TURN_ONE_IN 12
#define LIVES 8 /* of one maker at a time */

/* By maker. */
static struct life {
    struct life_flight flight;
    uint64_t ran;
} CPU_TABLE(lives, [LIVES]);

/* Its stack must be the one of its slot, and hold nothing but itself. */
static void live_and_die(void *argument)
{
    struct life *life = argument;

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
    __atomic_fetch_add(&life->ran, 1, __ATOMIC_RELEASE);
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
    static bool lingers;

    if (inject_planted(INJECT_LINGERING_THREAD) && cpu_index() == inject_cpu() && !lingers)
        lingers = thread_create("lingering", cpu_index(), linger, NULL);
    return inject_planted(INJECT_IDLE_WORKLOAD);
}

static void fail(uint32_t cpu, const char *how)
{
    check_failed_on(CHECK_ACCOUNT, cpu, THREAD_STACK, 0, "thread", "a thread made by CPU %u %s",
                    cpu_index(), how);
    tallies[cpu_index()].failed++;
}

/* True: it is free for another. One on a CPU that hangs never is: that CPU may still write to it.
 */
static bool look(struct life *life)
{
    uint32_t cpu = life->flight.patience.cpu;
    enum flight_state state = life_look(&life->flight);

    if (state == FLIGHT_OVER && life->ran != 1)
        fail(cpu, "did not come to its end");
    if (state == FLIGHT_LOST && !cpu_is_lost(cpu)) {
        fail(cpu, "was not reaped");
        verdict_fatal(); /* its slot and its stack are lost */
    }
    return state == FLIGHT_NONE || state == FLIGHT_OVER;
}

static bool flying(void)
{
    bool any = false;

    for (unsigned i = 0; i < LIVES; i++) {
        struct life *life = &lives[cpu_index()][i];
        any |= !look(life) && !cpu_is_lost(life->flight.patience.cpu);
    }
    return any;
}

static void make(struct life *life, struct random *random)
{
    life->ran = 0;
    if (life_begin(&life->flight, thread_run("short", target_any(random), live_and_die, life)))
        tallies[cpu_index()].sent++;
}

static void turn(struct random *random)
{
    if (go_wrong() || random_below(random, TURN_ONE_IN))
        return;
    for (unsigned i = 0; i < LIVES; i++)
        if (look(&lives[cpu_index()][i]))
            make(&lives[cpu_index()][i], random);
}

WORKLOAD(thread_storm) = {
    .name = "thread",
    .about = "threads made, run, ended and reaped",
    .turn = turn,
    .flying = flying,
    .tallies = tallies,
};
