/* SPDX-License-Identifier: MIT */
/* The second CPU of a check: a thread there that enters a sandbox of its own, says so, and runs its
 * part until it is released. */
#include "workloads/conform/partner.h"

#include "cpu/x86.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "workloads/run/target.h"
#include "workloads/workload.h"

#define MOST_ROUNDS 50000000ull         /* of PAUSE: the first CPU may have died */

static struct {
    struct thread_life life;
    void (*part)(struct sandbox *box);
    struct sandbox *box;
    uint64_t ready;
    bool released;
    uint64_t rounds;
} partner;

bool conform_released(void)
{
    return __atomic_load_n(&partner.released, __ATOMIC_ACQUIRE) ||
           ++partner.rounds > MOST_ROUNDS;
}

static void run(void *unused)
{
    (void)unused;
    partner.box = sandbox_enter();
    __atomic_add_fetch(&partner.ready, 1, __ATOMIC_RELEASE);
    partner.part(partner.box);
    sandbox_leave(partner.box);
}

const char partner_late[] = "the second CPU does not come";

const char *partner_start(struct conform *c, void (*part)(struct sandbox *box))
{
    uint64_t before = partner.ready;
    uint32_t cpu;

    if (target_count < 2)
        return "there is no second CPU";
    cpu = target_cpus[1];
    partner.part = part;
    partner.released = false;
    partner.rounds = 0;
    partner.life = thread_run("conform", cpu, run, NULL);
    if (!partner.life.thread)
        return "no memory for a thread";
    if (!workload_wait_change(&partner.ready, before, cpu))
        return partner_late;
    c->other = partner.box;
    c->other_apic_id = cpu_at(cpu)->apic_id;
    return NULL;
}

void partner_release(void)
{
    __atomic_store_n(&partner.released, true, __ATOMIC_RELEASE);
}

bool partner_end(void)
{
    return thread_join(partner.life);
}
