/* SPDX-License-Identifier: MIT */
/* A spin lock, for thread and IRQ context; never taken in NMI, #MC, #DB or #DF context.
 *
 * Interrupts are off while it is held, so a holder is never preempted nor interrupted by a taker.
 * Whoever comes first when it is free gets it: a lock that waits its turn would wait for CPUs that
 * an emulator's host is not running. */
#ifndef ISTSTORM_CPU_SPINLOCK_H
#define ISTSTORM_CPU_SPINLOCK_H

#include "cpu/x86.h"

struct spinlock {
    bool taken;
};

/* Returns the interrupt flag as it was, for spinlock_release. */
static inline uint64_t spinlock_take(struct spinlock *lock)
{
    uint64_t flags = interrupts_save();

    while (__atomic_exchange_n(&lock->taken, true, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED))
            cpu_relax_rarely();
    return flags;
}

static inline void spinlock_release(struct spinlock *lock, uint64_t flags)
{
    __atomic_store_n(&lock->taken, false, __ATOMIC_RELEASE);
    interrupts_restore(flags);
}

#endif
