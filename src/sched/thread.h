/* SPDX-License-Identifier: MIT */
/* Threads: their stacks, their lives, and what they may wait for. The seed's first paragraph.
 *
 * A thread belongs to one CPU for life. Its stack has THREAD_SIZE bytes, thread_info at the bottom,
 * an end magic above that, and a guard below. It lives until it exits or returns; then it is a
 * zombie, whose stack stays readable until the reaper has unmapped it on every CPU. */
#ifndef ISTSTORM_SCHED_THREAD_H
#define ISTSTORM_SCHED_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/stacks.h"
#include "sched/end.h"

struct thread;

/* At the bottom of every thread stack. */
struct thread_info {
    struct thread *thread;
    uint64_t cpu;
};

#define MOST_THREADS 16384
_Static_assert(MOST_THREADS <= THREAD_SLOTS, "a thread needs a slot for its stack");

enum thread_state {
    THREAD_FREE,            /* no stack */
    THREAD_READY,           /* in its CPU's run queue */
    THREAD_RUNNING,
    THREAD_BLOCKED,         /* waits for thread_wake */
    THREAD_ASLEEP,          /* waits for thread_wake or a time */
    THREAD_ZOMBIE           /* has exited; its stack is still there */
};

struct thread {
    struct thread *next;            /* in its list: run queue, sleepers, zombies, free slots */
    uint64_t rsp;                   /* while it does not run */
    const char *name;
    void (*entry)(void *argument);
    void *argument;
    uint64_t wake_ms;
    struct thread_end *end;         /* told what fault ended it; NULL: nobody expects one */
    struct thread *joiner;          /* woken when it has been reaped */
    uint64_t generation; /* counts the lives of the slot, so that a joiner knows when one is over */
    uint32_t cpu;
    enum thread_state state;
    bool wake_pending;              /* woken before it blocked */
    bool idle;
    bool overran;                   /* its stack's fill pattern says nothing any more */
    volatile bool stop;             /* asked to end: thread_stopping() */
    uint8_t *user_stack;            /* its lowest page's address in ring 3's half, or NULL */
};

/* A new thread of a CPU; thread_wake starts it. Thread context. NULL: out of memory or slots.
 * `name` is kept, not copied. */
struct thread *thread_create(const char *name, uint32_t cpu, void (*entry)(void *argument),
                             void *argument);

/* The thread that runs, on whichever stack: from per-CPU data. */
struct thread *thread_current(void);
_Noreturn void thread_exit(void);

/* Until woken; at once if it was woken since it last blocked. */
void thread_block(void);
void thread_sleep_ms(uint64_t ms);
/* Blocks for at most so long. */
void thread_block_ms(uint64_t ms);
void thread_yield(void);

/* Makes a blocked or sleeping thread ready, on whichever CPU it is. Thread, IRQ and softirq
 * context. */
void thread_wake(struct thread *thread);

/* Asks a thread to end; it sees so by thread_stopping(), and in ring 3 ends at its next entry. */
void thread_stop(struct thread *thread);
bool thread_stopping(void);

/* Waits until that life of the thread is over and reaped. False: patience with its CPU is over
 * (cpu/patience.h). Thread context. */
bool thread_join(struct thread *thread, uint64_t generation);

/* Likewise, calling `glance` now and then: for a wait in which other work must go on. */
bool thread_join_glancing(struct thread *thread, uint64_t generation, void (*glance)(void));

/* The thread's stack, lowest address. */
uintptr_t thread_stack(const struct thread *thread);
struct thread *thread_of_slot(uint32_t slot);

/* Whether thread_info and the end magic are as they were made. Any context. */
bool thread_stack_is_whole(const struct thread *thread);

/* After an overflow: thread_info and the end magic as they were, so that the stack can be buried.
 * Any context of the thread's CPU. */
void thread_mend(struct thread *thread);

/* Threads that are not free: alive or zombies. */
uint32_t threads_alive(void);

/* Measures the stacks of the threads that live; those of the dead were measured when they were
 * reaped. Main thread, at rest. */
void threads_measure(void);

/* The most that any measured thread of a CPU has used of its stack, in bytes. Any context. */
uint32_t thread_stack_most_used(uint32_t cpu);

/* For reaper.c: a zombie's stacks disappear; when every CPU has forgotten them, the rest goes
 * too. */
void thread_hide(struct thread *zombie);
void thread_release(struct thread *zombie);

/* Once, on the BSP, before schedule_init. */
void thread_init(void);

#endif
