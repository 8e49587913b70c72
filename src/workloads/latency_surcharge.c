/* SPDX-License-Identifier: MIT */
/* What an IST slot costs: see latency_surcharge.h.
 *
 * The difference is of some cycles, so the gates are taken in turn, one sample of each: what the
 * CPU's frequency or a host does meanwhile meets all alike. The samples are kept as they are, since
 * a histogram's bucket can be wider than the difference; and one of nothing is among each turn: the
 * stamps of latency_empty_bare, which are the gates' own. */
#include "workloads/latency_surcharge.h"

#include <stdbool.h>
#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/entries.h"
#include "cpu/gdt.h"
#include "cpu/marks.h"
#include "cpu/x86.h"
#include "lib/report.h"
#include "sched/thread.h"
#include "workloads/latency_crew.h"
#include "workloads/latency_measure.h"
#include "workloads/latency_overhead.h"

#define SAMPLES_MOST 10000 /* more of them do not make a median of so few values better */

/* latency.asm */
void latency_trap(void);
void latency_empty_bare(void);

static const struct shape {
    const char *name;
    const struct gate *table; /* NULL: no gate, for what the stamps cost */
    enum stack_kind stack;
} shapes[] = {{NULL, NULL, THREAD_STACK},
              {"same", idt_bare, THREAD_STACK},
              {"ist", idt_bare_ist, DEBUG_STACK},
              {"ist-adjusted", idt_adjusted, DEBUG_STACK}};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))
#define EMPTY 0
#define SAME 1

static int64_t there[SHAPES][SAMPLES_MOST], whole_ways[SHAPES][SAMPLES_MOST];
static struct {
    uint32_t cpu, samples, limit_ms, taken;
} now;

/* One of them twice: the first time it finds what it needs as cold as the others left it. */
static void take_one(const struct shape *shape, int64_t *entry, int64_t *whole)
{
    void (*shoot)(void) = shape->table ? latency_trap : latency_empty_bare;
    uint64_t flags = interrupts_save();

    gdt_load_idt(shape->table ? shape->table : entry_chosen->idt);
    marks.rsp = read_rsp();
    shoot();
    shoot();
    gdt_load_idt(entry_chosen->idt);
    *entry = (int64_t)(marks.entry - marks.trigger);
    *whole = (int64_t)(marks.back - marks.trigger);
    interrupts_restore(flags);
    latency_check_stack("trap", now.cpu, shape->stack, thread_current());
}

static void take_all(const void *unused)
{
    uint64_t end = clock_ms() + now.limit_ms;

    (void)unused;
    for (now.taken = 0; now.taken < now.samples; now.taken++) {
        if (now.taken >= FEWEST_SAMPLES && clock_ms() > end)
            break;
        for (unsigned i = 0; i < SHAPES; i++)
            take_one(&shapes[i], &there[i][now.taken], &whole_ways[i][now.taken]);
    }
}

static int64_t least(const int64_t *values)
{
    int64_t found = INT64_MAX;

    for (uint32_t i = 0; i < now.taken; i++)
        overhead_keep_least(&found, 0, (uint64_t)values[i]);
    return found;
}

static uint32_t count_up_to(const int64_t *values, int64_t most)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < now.taken; i++)
        count += values[i] <= most;
    return count;
}

/* The least value that half of them do not exceed, by halving the range that it lies in: no order
 * is needed, and none is negative. */
static int64_t median(const int64_t *values)
{
    int64_t low = 0, high = INT64_MAX;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (count_up_to(values, middle) >= (now.taken + 1) / 2)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void report_shape(unsigned i)
{
    int64_t nothing = least(whole_ways[EMPTY]);

    report_surcharge(&(struct report_surcharge){
        .gate = shapes[i].name,
        .cpu = now.cpu,
        .count = now.taken,
        .entry_cycles = median(there[i]) - least(there[EMPTY]),
        .min_cycles = least(whole_ways[i]) - nothing,
        .median_cycles = median(whole_ways[i]) - nothing,
        .over_same_cycles = median(whole_ways[i]) - median(whole_ways[SAME]),
        .over_same_min_cycles = least(whole_ways[i]) - least(whole_ways[SAME]),
    });
}

void surcharge_measure(uint32_t cpu, uint32_t samples, uint32_t limit_ms)
{
    now.cpu = cpu;
    now.samples = samples < SAMPLES_MOST ? samples : SAMPLES_MOST;
    now.limit_ms = limit_ms;
    crew_do_and_wait(cpu, take_all, NULL);
    for (unsigned i = SAME; i < SHAPES; i++)
        report_shape(i);
}
