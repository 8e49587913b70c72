/* SPDX-License-Identifier: MIT */
/* Threads: their stacks, their lives, and what they may wait for. Linux's kernel-stacks document,
 * first paragraph.
 *
 * A thread belongs to one CPU for life. Its stack has THREAD_SIZE bytes, thread_info at the
 * bottom, an end magic above that, and a guard below. It lives until it exits or returns; then it
 * is a zombie, whose stack stays readable until the reaper has unmapped it on every CPU. */
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

/* Slots a CPU that takes part. Any CPU's threads may have them. */
#define THREADS_A_CPU 48
_Static_assert(MAX_CPUS * THREADS_A_CPU <= THREAD_SLOTS, "a thread needs a slot for its stack");

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
    struct thread_end *end;         /* is told which exception ended it; NULL: none is expected */
    struct thread *joiner;          /* woken when it has been reaped */
    uint64_t generation; /* counts the lives of the slot, so that a joiner knows when one is over */
    uint32_t cpu;
    enum thread_state state;
    bool wake_pending;              /* woken before it blocked */
    bool idle;
    bool overran;                   /* it has overrun its stack, whose fill pattern proves
                                       nothing any more */
    volatile bool stop;             /* asked to end: thread_stopping() */
    uint8_t *user_stack;            /* its lowest page's address in ring 3's half, or NULL */
};

/* One life of a thread: a slot is used again and again. Its thread is NULL where there was no
 * memory or slot for it. */
struct thread_life {
    struct thread *thread;
    uint64_t generation;
};

/* Makes a thread of a CPU and starts it. Thread context. `name` is kept, not copied. */
struct thread_life thread_run(const char *name, uint32_t cpu, void (*entry)(void *argument),
                              void *argument);

/* The same, of a thread that an exception may end: `end` then tells which. */
struct thread_life thread_run_expecting(struct thread_end *end, const char *name, uint32_t cpu,
                                        void (*entry)(void *argument), void *argument);

/* A new thread of a CPU; thread_wake starts it. Thread context. NULL: out of memory or slots.
 * `name` is kept, not copied. */
struct thread *thread_create(const char *name, uint32_t cpu, void (*entry)(void *argument),
                             void *argument);

/* The thread that runs, also where the stack in use is another's: from per-CPU data. */
struct thread *thread_current(void);
_Noreturn void thread_exit(void);

/* Waits until it is woken. Returns at once if it was woken since it last blocked. */
void thread_block(void);
void thread_sleep_ms(uint64_t ms);
/* Blocks for at most so long. */
void thread_block_ms(uint64_t ms);
void thread_yield(void);

/* Makes a blocked or sleeping thread ready, on whichever CPU it is. Thread, IRQ and softirq
 * context. */
void thread_wake(struct thread *thread);

/* Asks a thread to end. It learns of it from thread_stopping(); in ring 3 it ends at its next
 * entry. */
void thread_stop(struct thread *thread);
bool thread_stopping(void);

/* The life that the thread has now. */
static inline struct thread_life thread_life_of(struct thread *thread)
{
    return (struct thread_life){thread, thread->generation};
}

/* That life is over, and the thread reaped. Any context. */
bool thread_is_over(struct thread_life life);

/* Waits until it is. False: patience with its CPU is over
 * (cpu/patience.h). Thread context. */
bool thread_join(struct thread_life life);

/* The same, and calls `glance` now and then: for a wait in which other work must go on. */
bool thread_join_glancing(struct thread_life life, void (*glance)(void));

/* Asks the thread to end, and waits for it as thread_join does. */
bool thread_stop_and_join(struct thread_life life);

/* The thread's stack, lowest address. */
uintptr_t thread_stack(const struct thread *thread);
struct thread *thread_of_slot(uint32_t slot);

/* Whether thread_info and the end magic are as they were made. Any context. */
bool thread_stack_is_whole(const struct thread *thread);

/* After an overflow: writes thread_info and the end magic anew, so that the stack can be reaped.
 * Any context of the thread's CPU. */
void thread_mend(struct thread *thread);

/* Threads that are not free: alive or zombies. */
uint32_t threads_alive(void);

/* Measures the stacks of the threads that live; those of the dead were measured when they were
 * reaped. Main thread, at rest. */
void threads_measure(void);

/* The most that any measured thread of a CPU has used of its stack, in bytes. Any context. */
uint32_t thread_stack_most_used(uint32_t cpu);

/* For reaper.c: thread_hide unmaps a zombie's stacks; thread_release frees them and the slot, when
 * no CPU has a mapping of them left in its TLB. */
void thread_hide(struct thread *zombie);
void thread_release(struct thread *zombie);

/* For schedule_init: all slots are free. */
void thread_init(void);

#endif
