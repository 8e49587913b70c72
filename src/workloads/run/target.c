/* SPDX-License-Identifier: MIT */
/* Picks and claims targets. All-but-self comes so rarely that it costs no more than the others
 * together. */
#include "workloads/run/target.h"

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

uint32_t target_next(void)
{
    return cpu_from((own_place() + 1) % target_count);
}

static void send_claimed(struct target_claims *claims, uint32_t cpu, struct random *random,
                         void (*send)(uint32_t cpu, struct random *random))
{
    if (__atomic_exchange_n(&claims->taken[cpu], true, __ATOMIC_ACQUIRE))
        return;                         /* somebody else is at it; the next turn comes */
    send(cpu, random);
    __atomic_store_n(&claims->taken[cpu], false, __ATOMIC_RELEASE);
}

static enum target choose(struct random *random)
{
    uint32_t dice = random_below(random, 8);

    if (target_kind != TARGET_MIXED)
        return target_kind;
    if (dice < 4)
        return TARGET_SELF;
    if (dice < 6)
        return TARGET_NEIGHBOUR;
    return dice < 7 || random_below(random, target_count) ? TARGET_RANDOM : TARGET_OTHERS;
}

void target_turn(struct target_claims *claims, struct random *random,
                 void (*send)(uint32_t cpu, struct random *random))
{
    uint32_t place = own_place(), cpu = cpu_index();

    switch (choose(random)) {
    case TARGET_NEIGHBOUR:
        cpu = target_next();
        break;
    case TARGET_RANDOM:
        cpu = target_any(random);
        break;
    case TARGET_OTHERS:
        for (uint32_t i = 1; i < target_count; i++)
            send_claimed(claims, cpu_from((place + i) % target_count), random, send);
        return;
    default:
        break;
    }
    send_claimed(claims, cpu, random, send);
}
