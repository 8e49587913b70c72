/* SPDX-License-Identifier: MIT */
/* Threads: slots, stacks, creation and end. Linux's kernel-stacks document, first paragraph;
 * thread.h has the stack's layout. */
#include "sched/thread.h"

#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/pages.h"
#include "cpu/paging.h"
#include "cpu/patience.h"
#include "cpu/percpu.h"
#include "cpu/spinlock.h"
#include "sched/schedule.h"
#include "sched/switch.h"

static struct thread CPU_TABLE_FLAT(threads, THREADS_A_CPU);
static struct thread *free_slots;
static struct spinlock slots_lock;
static uint32_t alive;

static uint32_t slot_count(void)
{
    return cpu_count * THREADS_A_CPU;
}

void thread_init(void)
{
    for (uint32_t slot = slot_count(); slot-- > 0;) {
        threads[slot].next = free_slots;
        free_slots = &threads[slot];
    }
}

static struct thread *take_slot(void)
{
    uint64_t flags = spinlock_take(&slots_lock);
    struct thread *thread = free_slots;

    if (thread) {
        free_slots = thread->next;
        alive++;
    }
    spinlock_release(&slots_lock, flags);
    return thread;
}

uint32_t threads_alive(void)
{
    return __atomic_load_n(&alive, __ATOMIC_RELAXED);
}

struct thread *thread_of_slot(uint32_t slot)
{
    return slot < slot_count() ? &threads[slot] : NULL;
}

uintptr_t thread_stack(const struct thread *thread)
{
    return thread_slot_stack(thread - threads);
}

static struct thread_info *info_of(const struct thread *thread)
{
    return (struct thread_info *)thread_stack(thread);
}

static uint64_t *end_magic_of(const struct thread *thread)
{
    return (uint64_t *)(info_of(thread) + 1);
}

bool thread_stack_is_whole(const struct thread *thread)
{
    return info_of(thread)->thread == thread && info_of(thread)->cpu == thread->cpu &&
           *end_magic_of(thread) == STACK_END_MAGIC;
}

static void set_bottom(struct thread *thread)
{
    *info_of(thread) = (struct thread_info){thread, thread->cpu};
    *end_magic_of(thread) = STACK_END_MAGIC;
}

static bool make_stack(struct thread *thread)
{
    uintptr_t low = thread_stack(thread);

    if (!paging_map_new(low, low + THREAD_SIZE, PAGE_DATA))
        return false;
    stack_fill(low, low + THREAD_SIZE);
    set_bottom(thread);
    return true;
}

void thread_mend(struct thread *thread)
{
    if (!thread_stack_is_whole(thread))
        thread->overran = true;
    set_bottom(thread);
}

static uint32_t CPU_TABLE(most_used);

uint32_t thread_stack_most_used(uint32_t cpu)
{
    return most_used[cpu];
}

static void note_use(const struct thread *thread)
{
    uint32_t used =
        stack_used_bytes((uintptr_t)end_magic_of(thread), thread_stack(thread) + THREAD_SIZE);

    if (!thread->overran && used > most_used[thread->cpu])
        most_used[thread->cpu] = used;
}

void threads_measure(void)
{
    for (uint32_t slot = 0; slot < slot_count(); slot++)
        if (threads[slot].state != THREAD_FREE)
            note_use(&threads[slot]);
}

void thread_hide(struct thread *zombie)
{
    uintptr_t low = thread_stack(zombie), user = (uintptr_t)zombie->user_stack;

    note_use(zombie);
    paging_hide(low, low + THREAD_SIZE);
    if (user)
        paging_hide(user, user + PAGE_SIZE);
}

static void release_slot(struct thread *thread)
{
    struct thread *joiner = __atomic_exchange_n(&thread->joiner, NULL, __ATOMIC_SEQ_CST);
    uint64_t flags = spinlock_take(&slots_lock);

    thread->generation++;
    thread->state = THREAD_FREE;
    thread->next = free_slots;
    free_slots = thread;
    alive--;
    spinlock_release(&slots_lock, flags);
    if (joiner)
        thread_wake(joiner);
}

static bool any_readable(uintptr_t low, uintptr_t high)
{
    bool any = false;

    for (uintptr_t page = low; page < high; page += PAGE_SIZE)
        any |= paging_readable(page, 1);
    return any;
}

void thread_release(struct thread *zombie)
{
    uintptr_t low = thread_stack(zombie), user = (uintptr_t)zombie->user_stack;

    if (any_readable(low, low + THREAD_SIZE) || (user && any_readable(user, user + PAGE_SIZE)))
        check_failed(CHECK_LEAK, "reaper", "a stack of a zombie can still be read");
    if (inject_planted(INJECT_STACK_LEAK))
        low += PAGE_SIZE;
    paging_free(low, thread_stack(zombie) + THREAD_SIZE);
    if (user)
        paging_free(user, user + PAGE_SIZE);
    release_slot(zombie);
}

/* A new thread's first switch returns here. */
static _Noreturn void begin(void)
{
    struct thread *self = thread_current();

    schedule_finish_switch();
    interrupts_on();
    self->entry(self->argument);
    thread_exit();
}

struct thread *thread_create(const char *name, uint32_t cpu, void (*entry)(void *argument),
                             void *argument)
{
    struct thread *thread = take_slot();

    if (!thread)
        return NULL;
    thread->cpu = cpu;
    if (!make_stack(thread)) {
        release_slot(thread);
        return NULL;
    }
    thread->name = name;
    thread->entry = entry;
    thread->argument = argument;
    thread->wake_pending = thread->idle = false;
    thread->stop = thread->overran = false;
    thread->end = NULL;
    thread->user_stack = NULL;
    thread->rsp = switch_prepare(thread_stack(thread) + THREAD_SIZE, begin);
    thread->state = THREAD_BLOCKED;
    return thread;
}

struct thread_life thread_run_expecting(struct thread_end *end, const char *name, uint32_t cpu,
                                        void (*entry)(void *argument), void *argument)
{
    struct thread *thread = thread_create(name, cpu, entry, argument);
    struct thread_life life = {0};

    if (!thread)
        return life;
    life = thread_life_of(thread);
    thread->end = end;
    thread_wake(thread);
    return life;
}

struct thread_life thread_run(const char *name, uint32_t cpu, void (*entry)(void *argument),
                              void *argument)
{
    return thread_run_expecting(NULL, name, cpu, entry, argument);
}

struct thread *thread_current(void)
{
    return this_cpu->current;
}

void thread_stop(struct thread *thread)
{
    thread->stop = true;
    thread_wake(thread);
}

bool thread_stopping(void)
{
    return thread_current()->stop;
}

bool thread_is_over(struct thread_life life)
{
    return __atomic_load_n(&life.thread->generation, __ATOMIC_ACQUIRE) != life.generation;
}

/* The joiner is only a hint, since the slot may hold another thread by now. So a wait looks again
 * after JOIN_GLANCE_MS, woken or not. */
#define JOIN_GLANCE_MS 100

static void look_nowhere(void)
{
}

bool thread_join(struct thread_life life)
{
    return thread_join_glancing(life, look_nowhere);
}

bool thread_stop_and_join(struct thread_life life)
{
    thread_stop(life.thread);
    return thread_join(life);
}

bool thread_join_glancing(struct thread_life life, void (*glance)(void))
{
    struct patience patience = patience_with(life.thread->cpu);

    for (;;) {
        __atomic_store_n(&life.thread->joiner, thread_current(), __ATOMIC_SEQ_CST);
        if (thread_is_over(life))
            return true;
        if (patience_is_over(&patience))
            return false;
        thread_block_ms(JOIN_GLANCE_MS);
        glance();
    }
}
