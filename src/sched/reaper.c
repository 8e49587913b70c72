/* SPDX-License-Identifier: MIT */
/* Frees zombies in batches: all that have gathered wait for one round of TLB flushes. */
#include "sched/reaper.h"

#include <stddef.h>

#include "cpu/late.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"

static struct thread *zombies;      /* any CPU pushes one; the reaper takes the whole list */
static struct thread *reaper;

void reaper_take(struct thread *zombie)
{
    zombie->next = __atomic_load_n(&zombies, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&zombies, &zombie->next, zombie, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    thread_wake(reaper);
}

/* Every CPU reloads CR3 at its next tick when the round has changed. A tick is soon enough, and
 * costs no interrupt to each CPU for every batch. */
static uint64_t flush_round;
static uint64_t CPU_TABLE(flushed);

void reaper_tick(void)
{
    uint64_t round = __atomic_load_n(&flush_round, __ATOMIC_ACQUIRE);

    if (flushed[cpu_index()] == round)
        return;
    write_cr3(paging_root);
    __atomic_store_n(&flushed[cpu_index()], round, __ATOMIC_RELEASE);
}

static void wait_until_forgotten(void)
{
    uint64_t round = __atomic_add_fetch(&flush_round, 1, __ATOMIC_RELEASE);

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        while (cpu_at(cpu)->online && __atomic_load_n(&flushed[cpu], __ATOMIC_ACQUIRE) != round)
            thread_block_ms(1);     /* the watch finds a CPU that hangs here */
}

static void bury(struct thread *batch)
{
    for (struct thread *t = batch; t; t = t->next)
        thread_hide(t);
    wait_until_forgotten();
    for (struct thread *t = batch, *next; t; t = next) {
        next = t->next;
        thread_release(t);
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
