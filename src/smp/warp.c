/* SPDX-License-Identifier: MIT */
/* Compares the CPUs' clocks at bring-up, and moves them: see warp.h. */
#include "smp/warp.h"

#include <stdbool.h>

#include "cpu/clock.h"
#include "cpu/percpu.h"
#include "lib/report.h"
#include "smp/exchange.h"
#include "smp/ipi.h"

#define ROUNDS 2000
#define WAIT_MS 5
#define NOTABLE 1000                /* cycles; the cost of looking */
#define EXCHANGES_MOST 64                /* the quickest one counts */
#define CLOSE_ENOUGH_US 50          /* to see whether they differ beyond what compare() sees */

#define LONG_AGO (INT64_MIN / 2)    /* a clock's difference to it does not overflow */

static int64_t latest, worst;       /* clocks, of all CPUs; the largest step back that any saw */
static uint32_t expected, present;
static uint64_t tsc_spread;
static int64_t tolerance = INT64_MAX;

/* The comparison takes a bounded time, since few of an emulator's many CPUs run at a time. */
static void wait_for_the_others(void)
{
    uint64_t end = read_tsc() + clock_tsc_hz / 1000 * WAIT_MS;

    __atomic_fetch_add(&present, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&present, __ATOMIC_ACQUIRE) < expected && read_tsc() < end)
        cpu_relax_rarely();
}

/* A reading taken after another CPU's was published must not be lower than it. */
static void compare(void)
{
    wait_for_the_others();
    for (unsigned i = 0; i < ROUNDS; i++) {
        int64_t seen = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
        __asm__ volatile("lfence" : : : "memory");
        int64_t now = clock_cycles(), before = __atomic_load_n(&worst, __ATOMIC_RELAXED);
        while (seen - now > before &&
               !__atomic_compare_exchange_n(&worst, &before, seen - now, false, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED))
            ;
        if (now > seen)
            __atomic_compare_exchange_n(&latest, &seen, now, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED);
    }
}

/* This CPU compares, too, once, while the others do. */
static struct {
    bool joined;
    void (*pause)(void);
} here;

static void join(void)
{
    if (!here.joined)
        compare();
    here.joined = true;
    here.pause();
}

/* Returns the largest step back; -1: not every CPU has answered. */
static int64_t compare_all(void)
{
    here.joined = false;
    present = 0;
    latest = LONG_AGO;
    worst = 0;
    return ipi_call_others(compare, join) ? worst : -1;
}

struct offset {
    int64_t cycles, bound;          /* the other's clock less this CPU's, known to within this */
};

/* Exchanges times until the difference is known closely enough, or more exchanges improve it
 * little. False: the CPU has not answered. */
static bool measure_offset(uint32_t cpu, int64_t close_enough, struct offset *offset)
{
    offset->bound = INT64_MAX;
    for (unsigned i = 0; i < EXCHANGES_MOST && offset->bound > close_enough; i++) {
        struct exchange e;
        if (!exchange_times(cpu, here.pause, &e))
            return false;
        int64_t bound = (e.back - e.asked) / 2 + 1;
        if (bound < offset->bound)
            *offset = (struct offset){e.answered - e.asked - bound, bound};
    }
    return true;
}

static bool is_off(const struct offset *offset)
{
    return offset->cycles > offset->bound || -offset->cycles > offset->bound;
}

static void tell_moved(uint32_t cpu, const struct offset *offset)
{
    uint64_t cycles = offset->cycles < 0 ? -offset->cycles : offset->cycles;

    report_note("CPU %u's TSC is %lu us %s CPU 0's from its start: its clock is moved by that, "
                "which is known to %lu us", cpu, clock_tsc_to_ns(cycles) / 1000,
                offset->cycles < 0 ? "behind" : "ahead of",
                clock_tsc_to_ns(offset->bound) / 1000 + 1);
}

static void move_clock(uint32_t cpu, const struct offset *offset)
{
    uint64_t cycles = offset->cycles < 0 ? -offset->cycles : offset->cycles;

    exchange_move_clock(cpu, -offset->cycles, here.pause);
    tell_moved(cpu, offset);
    if (cycles > tsc_spread)
        tsc_spread = cycles;
}

/* Moves the clocks that differ by more than `close_enough`. Returns the largest bound of these; -1:
 * a CPU has not answered. */
static int64_t move_clocks(int64_t close_enough)
{
    int64_t most = 0;

    for (uint32_t cpu = 1; cpu < cpu_count; cpu++) {
        struct offset offset;
        if (!cpu_at(cpu)->online)
            continue;
        if (!measure_offset(cpu, close_enough, &offset))
            return -1;
        if (!is_off(&offset))
            continue;
        if (!measure_offset(cpu, 0, &offset))
            return -1;
        move_clock(cpu, &offset);
        if (offset.bound > most)
            most = offset.bound;
    }
    return most;
}

/* A CPU that is far behind looks first and sees no step, and no CPU looks after one that is far
 * ahead. So each CPU is asked, too. */
void warp_measure(uint32_t cpus, void (*pause)(void))
{
    int64_t spread, bound = -1;

    here.pause = pause;
    expected = cpus;
    spread = compare_all();
    if (spread >= 0) {
        tsc_spread = spread;
        bound = move_clocks(spread > NOTABLE ? 0 : clock_tsc_hz / 1000000 * CLOSE_ENOUGH_US);
    }
    if (bound == 0 && spread > NOTABLE)
        report_note("the TSCs differ by %ld cycles from their start: no clock is moved by so "
                    "little", spread);
    if (bound > 0)
        spread = compare_all();
    if (spread < 0 || bound < 0)
        report_note("not every CPU answered a call: their clocks are not compared");
    else
        tolerance = spread + 2 * bound + NOTABLE;
}

uint64_t warp_tsc_spread(void)
{
    return tsc_spread;
}

int64_t warp_tolerance(void)
{
    return __atomic_load_n(&tolerance, __ATOMIC_RELAXED);
}
