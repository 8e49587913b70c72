/* SPDX-License-Identifier: MIT */
/* The cost of an IST slot: see surcharge.h.
 *
 * The difference is of some cycles, so the gates are taken in turn, one sample of each: changes of
 * the CPU's frequency, or of the host, then hit all alike. The samples are kept as they are, since
 * a histogram's bucket can be wider than the difference; and one of nothing is among each turn: the
 * stamps of latency_empty_bare, which are the gates' own. */
#include "workloads/latency/surcharge.h"

#include <stdbool.h>
#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/late.h"
#include "workloads/latency/marks.h"
#include "cpu/x86.h"
#include "lib/report.h"
#include "sched/thread.h"
#include "workloads/latency/crew.h"
#include "workloads/latency/idts.h"
#include "workloads/latency/measure.h"
#include "workloads/latency/overhead.h"

/* clang-format off */
#define SURCHARGE_FIELDS(FIELD) \
    FIELD(text, gate, "same: no IST slot; ist: with one; ist-adjusted: and TSS.ist[] moved") \
    FIELD(number, cpu, "index of the CPU") \
    FIELD(number, count, "samples") \
    FIELD(signed, entry_cycles, "exact median from INT to the stub's stamp, less an empty pair's") \
    FIELD(signed, min_cycles, "least of INT, the gate's addition, and IRET; no stamps") \
    FIELD(signed, median_cycles, "exact median of these, all gates taken in turn") \
    FIELD(signed, over_same_cycles, "median less that of the same gate without an IST slot") \
    FIELD(signed, over_same_min_cycles, "least less that of the same gate without an IST slot")
REPORT_RECORD(surcharge, "what an IST slot costs, and the adjustment on top of it",
              SURCHARGE_FIELDS)
/* clang-format on */

#define SAMPLES_MOST 10000 /* more of them do not make a median of so few values better */

/* latency.asm */
void latency_trap(void);
void latency_empty_bare(void);

static const struct shape {
    const char *name;
    enum latency_idt table; /* LATENCY_IDTS: no gate, for what the stamps cost */
    enum stack_kind stack;
} shapes[] = {{NULL, LATENCY_IDTS, THREAD_STACK},
              {"same", LATENCY_BARE, THREAD_STACK},
              {"ist", LATENCY_BARE_IST, DEBUG_STACK},
              {"ist-adjusted", LATENCY_ADJUSTING, DEBUG_STACK}};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))
#define EMPTY 0
#define SAME 1

static int64_t there[SHAPES][SAMPLES_MOST] MAPPED_LATER;
static int64_t whole_ways[SHAPES][SAMPLES_MOST] MAPPED_LATER;
static struct {
    uint32_t cpu, samples, limit_ms, taken;
} now;

/* One of them twice: the first time it finds what it needs as cold as the others left it. */
static void take_one(const struct shape *shape, int64_t *entry, int64_t *whole)
{
    bool gated = shape->table != LATENCY_IDTS;
    void (*shoot)(void) = gated ? latency_trap : latency_empty_bare;
    uint64_t flags = interrupts_save();

    idt_load(gated ? latency_idt(shape->table) : idt);
    marks.rsp = read_rsp();
    shoot();
    shoot();
    idt_load(idt);
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

bool surcharge_prepare(void)
{
    return late_map(there, sizeof(there)) && late_map(whole_ways, sizeof(whole_ways));
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
