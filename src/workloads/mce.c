/* SPDX-License-Identifier: MIT */
/* The workload `mce`: INT 18 on the #MC stack, nested through its levels. SDM volume 3, 6.15,
 * interrupt 18.
 *
 * INT 18 raises the vector alone: no bank and no MCIP, so it may nest. A true machine check is
 * cpu/mce.c's. */
#include <stddef.h>

#include "cpu/entries.h"
#include "cpu/fault.h"
#include "cpu/hooks.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "sched/thread.h"
#include "workloads/workload.h"

static struct tally tallies[MAX_CPUS];

static struct {
    bool asked;
    uint32_t nest;                  /* still to be raised inside handlers */
    uint64_t count;
} states[MAX_CPUS];

static void raise_machine_check(void)
{
    __asm__ volatile("int %0" : : "i"(VECTOR_MC) : "memory");
}

static bool take(struct trap_frame *frame)
{
    uint32_t cpu = cpu_index();

    if (!states[cpu].asked || frame_from_user(frame))
        return false;
    states[cpu].count++;
    if (inject_planted(INJECT_EXHAUST_MCE) && cpu == inject_cpu())
        states[cpu].nest = IST_LEVELS;
    if (states[cpu].nest) {
        states[cpu].nest--;
        raise_machine_check();
    }
    return true;
}

/* One level is left for a true machine check, which may come at the deepest; where there is but one
 * level, none is. */
static uint32_t most_nested(void)
{
    return entry_chosen->levels > 2 ? entry_chosen->levels - 2 : 0;
}

static void prepare(void)
{
    hook_add(VECTOR_MC, take);
}

static void turn(uint32_t nested)
{
    uint32_t cpu = cpu_index();

    states[cpu].count = 0;
    states[cpu].nest = nested;
    states[cpu].asked = true;
    raise_machine_check();
    states[cpu].asked = false;
    tallies[cpu].sent += 1 + nested;
    tallies[cpu].received += states[cpu].count;
    if (states[cpu].count == 1 + nested)
        return;
    struct fault_place place = {cpu, MCE_STACK, 0, "INT 18"};
    fault_report(CHECK_ACCOUNT, &place, "%lu came of %u", states[cpu].count, 1 + nested);
    tallies[cpu].failed++;
}

static void probe(struct random *random)
{
    (void)random;
    turn(0);
    turn(most_nested());
}

static void run(void *random)
{
    while (!thread_stopping())
        turn(random_below(random, most_nested() + 1));
}

WORKLOAD(mce) = {
    .name = "mce",
    .about = "INT 18 on the #MC stack, nested",
    .prepare = prepare,
    .probe = probe,
    .thread = run,
    .tallies = tallies,
};
