/* SPDX-License-Identifier: MIT */
/* The workload `mce`: INT 18 on the #MC stack, nested through its levels. SDM volume 3, 6.15,
 * interrupt 18.
 *
 * INT 18 raises the vector alone: no bank and no MCIP, so it may nest. A true machine check is
 * cpu/hardware/mce.c's. */
#include <stddef.h>

#include "cpu/discipline.h"
#include "cpu/verdict.h"
#include "cpu/claim.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "sched/thread.h"
#include "workloads/run/collisions.h"
#include "workloads/run/events.h"
#include "workloads/workload.h"

static struct tally CPU_TABLE(tallies);

static struct {
    bool asked;
    uint32_t nest;                  /* still to be raised inside handlers */
    uint64_t count;
} CPU_TABLE(states);

static bool take(struct trap_frame *frame)
{
    uint32_t cpu = cpu_index();

    if (!states[cpu].asked || frame_from_user(frame))
        return false;
    enum collision before = collision_enter(COLLISION_MC, frame);
    states[cpu].count++;
    if (inject_planted(INJECT_EXHAUST_MCE) && cpu == inject_cpu())
        states[cpu].nest = IST_LEVELS;
    if (states[cpu].nest) {
        states[cpu].nest--;
        known_raise(&event_machine_check);
    }
    collision_leave(before);
    return true;
}

/* One level is left for a true machine check, which may come at the deepest; where there is but one
 * level, none is. */
static uint32_t most_nested(void)
{
    return discipline->levels > 2 ? discipline->levels - 2 : 0;
}

static void prepare(void)
{
    claim_exception(VECTOR_MC, "mce", take);
}

static void raise(uint32_t nested)
{
    uint32_t cpu = cpu_index();

    states[cpu].count = 0;
    states[cpu].nest = nested;
    states[cpu].asked = true;
    known_raise(&event_machine_check);
    states[cpu].asked = false;
    tallies[cpu].sent += 1 + nested;
    tallies[cpu].received += states[cpu].count;
    if (states[cpu].count == 1 + nested)
        return;
    check_failed_on(CHECK_ACCOUNT, cpu, MCE_STACK, 0, event_machine_check.name,
                    "%u INT 18s raised #MC %lu times", 1 + nested, states[cpu].count);
    tallies[cpu].failed++;
}

static void probe(struct random *random)
{
    (void)random;
    raise(0);
    raise(most_nested());
}

static void turn(struct random *random)
{
    raise(random_below(random, most_nested() + 1));
}

WORKLOAD(mce) = {
    .name = "mce",
    .about = "INT 18 on the #MC stack, nested",
    .prepare = prepare,
    .probe = probe,
    .turn = turn,
    .more_turns = 5,
    .tallies = tallies,
};
