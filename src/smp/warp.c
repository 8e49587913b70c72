/* SPDX-License-Identifier: MIT */
/* Compares readings of the time-stamp counter: see warp.h. */
#include "smp/warp.h"

#include "cpu/clock.h"
#include "cpu/fault.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/trap.h"
#include "cpu/x86.h"

#define WARP_ROUNDS 2000
#define WARP_WAIT_MS 5
#define INJECT_TICKS 50              /* before inject=clock-back steps back */
#define INJECT_STEP_S 1000          /* by so much: longer than anybody waits for a run */

static uint64_t latest_tsc, warp;
static uint32_t expected, present;

void tsc_warp_expect(uint32_t cpus)
{
    expected = cpus;
}

/* No longer than it is worth: of many CPUs of an emulator, few run at a time. */
static void wait_for_the_others(void)
{
    uint64_t end = read_tsc() + clock_tsc_hz / 1000 * WARP_WAIT_MS;

    __atomic_fetch_add(&present, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&present, __ATOMIC_ACQUIRE) < expected && read_tsc() < end)
        cpu_relax_rarely();
}

/* A reading taken after another CPU's was published must not be lower than it. */
void tsc_check_warp(void)
{
    wait_for_the_others();
    for (unsigned i = 0; i < WARP_ROUNDS; i++) {
        uint64_t seen = __atomic_load_n(&latest_tsc, __ATOMIC_ACQUIRE);
        __asm__ volatile("lfence" : : : "memory");
        uint64_t now = read_tsc();
        uint64_t worst = __atomic_load_n(&warp, __ATOMIC_RELAXED);
        while (now < seen && seen - now > worst &&
               !__atomic_compare_exchange_n(&warp, &worst, seen - now, false, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED))
            ;
        if (now > seen)
            __atomic_compare_exchange_n(&latest_tsc, &seen, now, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED);
    }
}

uint64_t tsc_warp(void)
{
    return __atomic_load_n(&warp, __ATOMIC_RELAXED);
}

/* From here on it is clocks that are compared: they begin together, and what a CPU has told is
 * taken out of its own. */
static int64_t readings[MAX_CPUS], latest_reading; /* at each CPU's last tick, and of them all */
static bool told[MAX_CPUS];

/* The latest reading's CPU and this one disagree; who of the two is wrong, neither can tell. */
static uint32_t who_is_ahead(void)
{
    uint32_t ahead = 0;

    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        if (readings[cpu] > readings[ahead])
            ahead = cpu;
    return ahead;
}

static void tell_once(int64_t cycles, bool own)
{
    uint32_t self = cpu_index(), ahead = who_is_ahead();
    struct fault_place place = {self, NO_STACK, 0, "clock"};

    if (told[self])
        return;
    told[self] = true;
    if (own)
        fault_report(CHECK_CLOCK, &place, "the TSC runs backwards: %ld cycles below what it said",
                     cycles);
    else
        fault_report(CHECK_CLOCK, &place,
                     "the TSC is %ld cycles behind what CPU %u read before; at bring-up it was %lu",
                     cycles, ahead, tsc_warp());
}

/* inject=clock-back: the counter itself, or where that is not taken (an emulator), all that is read
 * from it as time. */
static void step_back(void)
{
    static bool stepped;
    uint64_t step = clock_tsc_hz * INJECT_STEP_S, before = read_tsc();

    if (stepped || this_cpu->events[EVENT_TICK] <= INJECT_TICKS)
        return;
    stepped = true;
    if (!msr_try_write(MSR_TSC, before - step) || (int64_t)(read_tsc() - before) > 0)
        this_cpu->clock_epoch += step;
}

/* The fence stands between the two readings that are compared: without it, RDTSC may be early. */
static int64_t read_own(void)
{
    bool here = cpu_index() == inject_cpu();

    if (inject_planted(INJECT_CLOCK_BACK) && here)
        step_back();
    __asm__ volatile("lfence" : : : "memory");
    return clock_cycles() - (inject_planted(INJECT_CLOCK_BEHIND) && here ? clock_tsc_hz : 0);
}

void tsc_check_tick(void)
{
    int64_t seen = __atomic_load_n(&latest_reading, __ATOMIC_ACQUIRE), now = read_own();
    int64_t most = tsc_warp() + TSC_WARP_NOTABLE;

    readings[cpu_index()] = now;
    if (this_cpu->clock_stepped)
        tell_once(this_cpu->clock_stepped, true);
    else if (seen - now > most && tsc_warp() <= TSC_WARP_NOTABLE)
        tell_once(seen - now, false);
    if (now > seen)
        __atomic_compare_exchange_n(&latest_reading, &seen, now, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED);
}
