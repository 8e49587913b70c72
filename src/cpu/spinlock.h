/* SPDX-License-Identifier: MIT */
/* A spin lock that waits its turn, for thread and IRQ context; never taken in NMI, #MC, #DB or #DF context.
 *
 * Interrupts are off while it is held, so a holder is never preempted nor interrupted by a taker. */
#ifndef ISTSTORM_CPU_SPINLOCK_H
#define ISTSTORM_CPU_SPINLOCK_H

#include "cpu/x86.h"

struct spinlock {
    uint32_t next, owner;
};

/* Returns the interrupt flag as it was, for spinlock_release. */
static inline uint64_t spinlock_take(struct spinlock *lock)
{
    uint64_t flags = interrupts_save();
    uint32_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
    return flags;
}

static inline void spinlock_release(struct spinlock *lock, uint64_t flags)
{
    __atomic_store_n(&lock->owner, lock->owner + 1, __ATOMIC_RELEASE);
    interrupts_restore(flags);
}

#endif
