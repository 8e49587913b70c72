/* SPDX-License-Identifier: MIT */
/* A spin lock, for thread and IRQ context; never taken in NMI, #MC, #DB or #DF context.
 *
 * Interrupts are off while it is held, so a holder is never preempted nor interrupted by a taker.
 * The first CPU to try gets a free lock. A lock that is handed over in turn would wait for CPUs
 * that an emulator's host is not running.
 *
 * A CPU that hangs with a lock stops all CPUs that need it, with their interrupts off. So a lock
 * names its holder, and a wait has an end. */
#ifndef ISTSTORM_CPU_SPINLOCK_H
#define ISTSTORM_CPU_SPINLOCK_H

#include "cpu/percpu.h"
#include "cpu/x86.h"

struct spinlock {
    struct percpu *holder;          /* NULL: it is free */
};

/* For a lock that is taken. The first ends the run if the lock is not released and no CPU ticks for
 * LOCK_PATIENCE_S, or if the holder is this CPU. The second gives up after so many milliseconds. */
#define LOCK_PATIENCE_S 10
__attribute__((no_caller_saved_registers)) void spinlock_wait(struct spinlock *lock);
bool spinlock_wait_ms(struct spinlock *lock, uint64_t ms);

static inline bool spinlock_grab(struct spinlock *lock)
{
    struct percpu *nobody = NULL;

    return __atomic_compare_exchange_n(&lock->holder, &nobody, this_cpu->self, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* Returns the interrupt flag as it was, for spinlock_release. The call is hidden from the compiler.
 * It would save registers for it, also on the path that does not wait. */
static inline uint64_t spinlock_take(struct spinlock *lock)
{
    uint64_t flags = interrupts_save();

    if (__builtin_expect(!spinlock_grab(lock), 0))
        __asm__ volatile("call spinlock_wait" : : "D"(lock) : "memory", "cc");
    return flags;
}

/* For work that can be left for another time. False: the lock is not taken, and interrupts are as
 * they were. */
static inline bool spinlock_take_within(struct spinlock *lock, uint64_t ms, uint64_t *flags)
{
    *flags = interrupts_save();
    if (spinlock_grab(lock) || spinlock_wait_ms(lock, ms))
        return true;
    interrupts_restore(*flags);
    return false;
}

static inline void spinlock_release(struct spinlock *lock, uint64_t flags)
{
    __atomic_store_n(&lock->holder, NULL, __ATOMIC_RELEASE);
    interrupts_restore(flags);
}

#endif
