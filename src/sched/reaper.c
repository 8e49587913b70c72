/* SPDX-License-Identifier: MIT */
/* Buries zombies in batches: one TLB shootdown for all that have gathered. */
#include "sched/reaper.h"

#include <stddef.h>

#include "cpu/fault.h"
#include "smp/ipi.h"

static struct thread *zombies;      /* pushed by any CPU, taken whole by the reaper */
static struct thread *reaper;

void reaper_take(struct thread *zombie)
{
    zombie->next = __atomic_load_n(&zombies, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&zombies, &zombie->next, zombie, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    thread_wake(reaper);
}

static void bury(struct thread *batch)
{
    for (struct thread *t = batch; t; t = t->next)
        thread_release_stack(t);
    if (!tlb_flush_others(thread_yield)) {
        struct fault_place place = fault_here("TLB shootdown");
        fault_report(CHECK_ALIVE, &place, "a CPU ticks but does not answer");
    }
    for (struct thread *t = batch, *next; t; t = next) {
        next = t->next;
        thread_release_slot(t);
    }
}

static void reap(void *argument)
{
    (void)argument;
    for (;;) {
        struct thread *batch = __atomic_exchange_n(&zombies, NULL, __ATOMIC_ACQUIRE);
        if (batch)
            bury(batch);
        else
            thread_block();
    }
}

bool reaper_create(void)
{
    reaper = thread_create("reaper", 0, reap, NULL);
    return reaper != NULL;
}
