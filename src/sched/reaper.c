/* SPDX-License-Identifier: MIT */
/* Frees zombies in batches: all that have gathered wait for one round of TLB flushes. */
#include "sched/reaper.h"

#include <stddef.h>

#include "cpu/late.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "sched/schedule.h"

#define GLANCE_MS 100

static struct thread *zombies;      /* any CPU pushes one; the reaper takes the whole list */
static uint32_t waiting;            /* of them */
static struct thread *reaper;

/* A round costs every CPU its TLB: it is worth it for so many, or when a tick finds any. */
#define GATHERED 8

void reaper_take(struct thread *zombie)
{
    zombie->next = __atomic_load_n(&zombies, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&zombies, &zombie->next, zombie, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    if (__atomic_add_fetch(&waiting, 1, __ATOMIC_RELAXED) == GATHERED)
        thread_wake(reaper);
}

void reaper_tick(void)
{
    reaper_flush();
    if (__atomic_load_n(&waiting, __ATOMIC_RELAXED))
        thread_wake(reaper);
}

/* A CPU reloads CR3 when the round has changed: at its next switch, or at a tick where it does not
 * switch. That costs no interrupt to each CPU for every batch. The last one wakes the reaper. */
static uint64_t flush_round;
static uint64_t CPU_TABLE(flushed);
static uint32_t missing;

void reaper_flush(void)
{
    uint64_t round = __atomic_load_n(&flush_round, __ATOMIC_ACQUIRE);

    if (flushed[cpu_index()] == round)
        return;
    write_cr3(paging_root);
    __atomic_store_n(&flushed[cpu_index()], round, __ATOMIC_RELEASE);
    if (__atomic_sub_fetch(&missing, 1, __ATOMIC_RELEASE) == 0)
        thread_wake(reaper);
}

static void ask_all(void)
{
    uint32_t online = 0;

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        online += cpu_at(cpu)->online;
    __atomic_store_n(&missing, online, __ATOMIC_RELAXED);
    __atomic_add_fetch(&flush_round, 1, __ATOMIC_RELEASE);
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        schedule_flush_soon(cpu);
}

/* A CPU that is lost is waited for no more; the watch finds one that hangs. */
static bool all_have_flushed(void)
{
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        if (cpu_at(cpu)->online && __atomic_load_n(&flushed[cpu], __ATOMIC_ACQUIRE) != flush_round)
            return false;
    return true;
}

static void wait_until_forgotten(void)
{
    ask_all();
    while (!all_have_flushed())
        thread_block_ms(GLANCE_MS);
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
        __atomic_store_n(&waiting, 0, __ATOMIC_RELAXED);
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
