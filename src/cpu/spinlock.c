/* SPDX-License-Identifier: MIT */
/* The wait for a spin lock that is taken, and its end: see spinlock.h. */
#include "cpu/spinlock.h"

#include "cpu/clock.h"
#include "cpu/fault.h"

/* By time alone, a host that runs neither of the two would look like a holder that hangs: the wait
 * must also have been made. */
#define LOOKS_LEAST 20000
#define TELL_AFTER_MS 500           /* from then on others may know whom this CPU waits for */

struct lock_wait {
    struct percpu *holder;          /* the one of whom the rest is told */
    uint64_t since, looks;
};

static bool has_passed(const struct lock_wait *wait, uint64_t ms)
{
    return clock_cycles() - wait->since >= clock_tsc_hz / 1000 * ms;
}

/* Another holder is another wait: this lock is given back. False: it is free. */
static bool look(const struct spinlock *lock, struct lock_wait *wait)
{
    struct percpu *holder = __atomic_load_n(&lock->holder, __ATOMIC_RELAXED);

    if (holder != wait->holder)
        *wait = (struct lock_wait){holder, clock_cycles(), 0};
    wait->looks++;
    return holder;
}

static bool is_own(const struct lock_wait *wait)
{
    return wait->holder == this_cpu->self;
}

static bool wait_for(struct spinlock *lock, struct lock_wait *wait, uint64_t ms, uint64_t looks)
{
    bool taken = false, over = false;

    while (!over && !(taken = spinlock_grab(lock))) {
        while (!over && look(lock, wait)) {
            over = is_own(wait) || (wait->looks > looks && has_passed(wait, ms));
            if (has_passed(wait, TELL_AFTER_MS))
                this_cpu->blocked_by = wait->holder;
            cpu_relax_rarely();
        }
    }
    this_cpu->blocked_by = NULL;
    return taken;
}

bool spinlock_wait_ms(struct spinlock *lock, uint64_t ms)
{
    struct lock_wait wait = {0};

    return wait_for(lock, &wait, ms, 0);
}

void spinlock_wait(struct spinlock *lock)
{
    struct lock_wait wait = {0};

    if (wait_for(lock, &wait, LOCK_PATIENCE_S * 1000, LOOKS_LEAST))
        return;
    struct fault_place place = {wait.holder->index, NO_STACK, 0, "lock"};
    fault_report(CHECK_ALIVE, &place, "it holds a lock that CPU %u needs, and does not give it "
                 "back: %s", cpu_index(), is_own(&wait) ? "it is the same" : "10 s are over");
    fault_fatal();
}
