/* SPDX-License-Identifier: MIT */
/* Compares clocks during the run: see clock_watch.h. */
#include "smp/clock_watch.h"

#include <stdbool.h>
#include <stdint.h>

#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/msr.h"
#include "smp/exchange.h"
#include "smp/warp.h"

#define EXCHANGES_A_LOOK 4                 /* a look: the quickest exchange sees the smallest
                                              difference */
#define INJECT_TICKS 50             /* before inject=clock-back steps back */
#define INJECT_STEP_S 1000          /* the step: longer than any run */
#define INJECT_SLIP_US 60           /* inject=clock-slip and clock-apart */

static int64_t CPU_TABLE(readings); /* at each CPU's last tick */
static int64_t latest_reading;      /* of them all */
static bool CPU_TABLE(told);        /* only a CPU's first failure is reported */

static void tell_own(int64_t cycles)
{
    if (!__atomic_exchange_n(&told[cpu_index()], true, __ATOMIC_RELAXED))
        check_failed_on(CHECK_CLOCK, cpu_index(), NO_STACK, 0, "clock",
                        "the TSC runs backwards: %ld cycles below its last reading", cycles);
}

/* The two disagree. Neither can know which of them is wrong. */
static void tell_behind(uint32_t behind, int64_t cycles, uint32_t ahead)
{
    if (!__atomic_exchange_n(&told[behind], true, __ATOMIC_RELAXED))
        check_failed_on(CHECK_CLOCK, behind, NO_STACK, 0, "clock", "the TSC is %ld cycles behind "
                        "what CPU %u read before; at bring-up they agreed to %ld", cycles, ahead,
                        warp_tolerance());
}

/* The CPU whose tick has read the latest time. */
static uint32_t who_is_ahead(void)
{
    uint32_t ahead = 0;

    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        if (readings[cpu] > readings[ahead])
            ahead = cpu;
    return ahead;
}

/* Longer than the step, so that this CPU's own last reading does not tell. */
static void let_time_pass(uint64_t cycles)
{
    uint64_t start = read_tsc();

    while (read_tsc() - start < 2 * cycles)
        cpu_relax_rarely();
}

/* inject=clock-back and its like: the counter itself, or where that is not taken (an emulator), all
 * that is read from it as time. */
static void step_back(void)
{
    static bool stepped;
    bool far = inject_planted(INJECT_CLOCK_BACK);
    uint64_t step = far ? clock_tsc_hz * INJECT_STEP_S : clock_tsc_hz / 1000000 * INJECT_SLIP_US;
    uint64_t before;

    if (stepped || this_cpu->events[EVENT_TICK] <= INJECT_TICKS)
        return;
    stepped = true;
    if (!far)
        let_time_pass(step);
    before = read_tsc();
    if (!msr_try_write(MSR_TSC, before - step) || (int64_t)(read_tsc() - before) > 0)
        this_cpu->clock_epoch += step;
}

/* The fence stands between the two readings that are compared: without it, RDTSC may be early. */
static int64_t read_own(void)
{
    if (cpu_index() == inject_cpu() &&
        (inject_planted(INJECT_CLOCK_BACK) || inject_planted(INJECT_CLOCK_SLIP) ||
         inject_planted(INJECT_CLOCK_APART)))
        step_back();
    __asm__ volatile("lfence" : : : "memory");
    return clock_cycles();
}

void clock_check_tick(void)
{
    int64_t seen = __atomic_load_n(&latest_reading, __ATOMIC_ACQUIRE), now, most = warp_tolerance();

    if (most == INT64_MAX)
        return;
    now = read_own();
    readings[cpu_index()] = now;
    if (this_cpu->clock_stepped)
        tell_own(this_cpu->clock_stepped);
    else if (seen - now > most)
        tell_behind(cpu_index(), seen - now, who_is_ahead());
    if (now > seen)
        __atomic_compare_exchange_n(&latest_reading, &seen, now, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED);
}

static uint32_t next_online(void)
{
    uint32_t cpu = cpu_index();

    do {
        cpu = (cpu + 1) % cpu_count;
    } while (!cpu_at(cpu)->online && cpu != cpu_index());
    return cpu;
}

void clock_check_next(void (*pause)(void))
{
    uint32_t self = cpu_index(), next = next_online();
    int64_t most = warp_tolerance();
    struct exchange e;

    if (next == self || most == INT64_MAX)
        return;
    for (unsigned i = 0; i < EXCHANGES_A_LOOK && exchange_times(next, pause, &e); i++) {
        if (e.asked - e.answered > most)
            tell_behind(next, e.asked - e.answered, self);
        if (e.answered - e.back > most)
            tell_behind(self, e.answered - e.back, next);
    }
}
