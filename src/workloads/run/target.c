/* SPDX-License-Identifier: MIT */
/* Picks targets. */
#include "workloads/run/target.h"

#include "cpu/late.h"
#include "cpu/percpu.h"

uint32_t target_cpus[MAX_CPUS];
uint32_t target_count;
enum target target_kind;

static uint32_t own_place(void)
{
    uint32_t place = 0;

    while (place + 1 < target_count && target_cpus[place] != cpu_index())
        place++;
    return place;
}

/* This one, or the next that is not lost: at the latest this CPU itself. */
static uint32_t cpu_from(uint32_t place)
{
    while (cpu_is_lost(target_cpus[place]))
        place = (place + 1) % target_count;
    return target_cpus[place];
}

uint32_t target_any(struct random *random)
{
    return cpu_from(random_below(random, target_count));
}

uint32_t target_after(uint32_t steps)
{
    return cpu_from((own_place() + steps) % target_count);
}

bool target_includes_self(void)
{
    return target_kind == TARGET_MIXED || target_kind == TARGET_SELF;
}

static uint32_t CPU_TABLE(others); /* how many targets each CPU has had one after another */

uint32_t target_other(struct random *random)
{
    if (target_count == 1 || target_kind == TARGET_SELF)
        return cpu_index();
    if (target_kind == TARGET_NEIGHBOUR)
        return target_after(1);
    if (target_kind == TARGET_RANDOM)
        return target_any(random);
    return target_after(1 + others[cpu_index()]++ % (target_count - 1));
}
