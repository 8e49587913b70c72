/* SPDX-License-Identifier: MIT */
/* The wait for a spin lock that is taken, and its end: see spinlock.h. */
#include "cpu/spinlock.h"

#include "cpu/clock.h"
#include "cpu/fault.h"
#include "cpu/patience.h"

/* By time alone, a host that runs neither of the two would look like a holder that hangs: the wait
 * must also have been made. */
#define LOOKS_LEAST 20000
#define LONG_MS 500                 /* from then on others may know whom this CPU waits for */

struct lock_wait {
    struct percpu *holder;          /* the one of whom the rest is told */
    uint64_t since, looks;
    uint64_t first_ticks;           /* of all CPUs, when it had become long */
    uint64_t last_ticks, quiet_since;   /* and when one of them last ticked */
};

static bool has_passed(uint64_t since, uint64_t ms)
{
    return clock_cycles() - since >= clock_tsc_hz / 1000 * ms;
}

static uint64_t ticks_of_all(void)
{
    uint64_t ticks = 0;

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        ticks += cpu_ticks(cpu);
    return ticks;
}

/* Another holder is another wait: this lock is given back. False: it is free. */
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

/* A CPU that still ticks watches the holder, or who waits for it, and says more of it than can be
 * said here: it has its time, by its own ticks. It is this CPU's turn when nobody ticks, or when
 * they should long have told. */
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

/* For so many milliseconds; 0: until nobody else tells that it is in vain. */
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
    struct fault_place place = {wait.holder->index, NO_STACK, 0, "lock"};
    fault_report(CHECK_ALIVE, &place, "it holds a lock that CPU %u needs, and does not give it "
                 "back: %s", cpu_index(), is_own(&wait) ? "it is the same" : "nobody ticks");
    fault_fatal();
}
