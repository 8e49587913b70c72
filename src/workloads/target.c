/* SPDX-License-Identifier: MIT */
/* Picks and claims targets. All-but-self comes so rarely that it costs no more than the others
 * together. */
#include "workloads/target.h"

#include "cpu/percpu.h"

uint32_t target_cpus[MAX_CPUS];
uint32_t target_count;

static uint32_t own_place(void)
{
    uint32_t place = 0;

    while (place + 1 < target_count && target_cpus[place] != cpu_index())
        place++;
    return place;
}

static void send_claimed(struct target_claims *claims, uint32_t cpu, struct random *random,
                         void (*send)(uint32_t cpu, struct random *random))
{
    if (__atomic_exchange_n(&claims->taken[cpu], true, __ATOMIC_ACQUIRE))
        return;                         /* somebody else is at it; the next turn comes */
    send(cpu, random);
    __atomic_store_n(&claims->taken[cpu], false, __ATOMIC_RELEASE);
}

void target_turn(struct target_claims *claims, struct random *random,
                 void (*send)(uint32_t cpu, struct random *random))
{
    uint32_t dice = random_below(random, 8);

    if (dice < 4) {
        send_claimed(claims, cpu_index(), random, send);
    } else if (dice < 6) {
        send_claimed(claims, target_cpus[(own_place() + 1) % target_count], random, send);
    } else if (dice < 7 || random_below(random, target_count) != 0) {
        send_claimed(claims, target_cpus[random_below(random, target_count)], random, send);
    } else {
        for (uint32_t i = 0; i < target_count; i++)
            if (target_cpus[i] != cpu_index())
                send_claimed(claims, target_cpus[i], random, send);
    }
}
