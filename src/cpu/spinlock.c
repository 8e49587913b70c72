/* SPDX-License-Identifier: MIT */
/* The wait for a spin lock that is taken, and its end: see spinlock.h. */
#include "cpu/spinlock.h"

#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/patience.h"

/* By time alone, a host that runs neither CPU would look like a holder that hangs. So the waiter
 * must also have looked so often. */
#define LOOKS_LEAST 20000
#define LONG_MS 500                 /* from then on other CPUs can see whom this CPU waits for */

struct lock_wait {
    struct percpu *holder;          /* the CPU that the other fields are about */
    uint64_t since, looks;
    uint64_t first_ticks;           /* of all CPUs, when it had become long */
    uint64_t last_ticks, quiet_since;   /* and when one of them last ticked */
};

static bool has_passed(uint64_t since, uint64_t ms)
{
    return clock_cycles() - since >= clock_tsc_hz / 1000 * ms;
}

/* A new holder starts a new wait, since the lock was released. False: the lock is free. */
static bool look(const struct spinlock *lock, struct lock_wait *wait)
{
    struct percpu *holder = __atomic_load_n(&lock->holder, __ATOMIC_RELAXED);

    if (holder != wait->holder)
        *wait = (struct lock_wait){.holder = holder, .since = clock_cycles()};
    wait->looks++;
    return holder;
}

static bool is_own(const struct lock_wait *wait)
{
    return wait->holder == this_cpu->self;
}

/* A CPU that still ticks watches the holder, or a CPU that waits for it, and can report more than
 * this one. It has time for that, by its own ticks. This CPU reports when no CPU ticks, or when the
 * others should have reported long ago. */
static bool nobody_tells(struct lock_wait *wait)
{
    uint64_t ticks = ticks_of_all();

    if (!wait->first_ticks)
        wait->first_ticks = ticks;
    if (ticks != wait->last_ticks) {
        wait->last_ticks = ticks;
        wait->quiet_since = clock_cycles();
        wait->looks = 0;
    }
    return ticks - wait->first_ticks > patience_ticks() * cpu_count ||
           (wait->looks > LOOKS_LEAST && has_passed(wait->quiet_since, LOCK_PATIENCE_S * 1000));
}

/* Waits for so many milliseconds; 0: until no other CPU is left to report the hang. */
static bool wait_for(struct spinlock *lock, struct lock_wait *wait, uint64_t ms)
{
    bool taken = false, over = false;

    while (!over && !(taken = spinlock_grab(lock))) {
        while (!over && look(lock, wait)) {
            over = is_own(wait) || (ms && has_passed(wait->since, ms));
            if (has_passed(wait->since, LONG_MS)) {
                this_cpu->blocked_by = wait->holder;
                over |= nobody_tells(wait);
            }
            cpu_relax_rarely();
        }
    }
    this_cpu->blocked_by = NULL;
    return taken;
}

bool spinlock_wait_ms(struct spinlock *lock, uint64_t ms)
{
    struct lock_wait wait = {0};

    return wait_for(lock, &wait, ms);
}

void spinlock_wait(struct spinlock *lock)
{
    struct lock_wait wait = {0};

    if (wait_for(lock, &wait, 0))
        return;
    check_failed_on(CHECK_ALIVE, wait.holder->index, NO_STACK, 0, "lock",
                    "it does not release a lock that CPU %u waits for: %s", cpu_index(),
                    is_own(&wait) ? "they are the same CPU" : "no CPU ticks any more");
    verdict_fatal();
}
