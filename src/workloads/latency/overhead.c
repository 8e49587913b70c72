/* SPDX-License-Identifier: MIT */
/* The cost of stamps: see overhead.h. SDM volume 2, RDTSC. */
#include "workloads/latency/overhead.h"

#include "cpu/late.h"
#include "workloads/latency/marks.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "lib/histogram.h"
#include "lib/report.h"

/* clang-format off */
#define OVERHEAD_FIELDS(FIELD) \
    FIELD(number, cpu, "index, dense from 0") \
    FIELD(number, pairs, "empty pairs of stamps that were tried") \
    FIELD(number, overhead_cycles, "the least that a pair took") \
    FIELD(number, entry_cycles, "the least between a trigger's stamp and a stamping stub's") \
    FIELD(number, dispatch_cycles, "the least between a stamping stub's stamp and the next") \
    FIELD(signed, histogram_cycles, "the least that a histogram's update adds to a pair") \
    FIELD(signed, pause_cycles, "the least that a PAUSE adds: how often a waiting sender looks")
REPORT_RECORD(overhead, "what an empty pair of stamps costs on a CPU: subtracted from its samples",
              OVERHEAD_FIELDS)
/* clang-format on */

#define EMPTY_PAIRS 20000
#define PAUSE_PART 20 /* of them: to an emulator a PAUSE is a long way round */
#define COUNTING_TRIES 5
#define USUAL 1000 /* what is recorded: a value that shares its bucket */

/* latency.asm */
void latency_empty(void);
void latency_empty_stub(void);
void latency_empty_step(void);
void latency_empty_pause(void);
void latency_counted(void);

static struct overhead CPU_TABLE(overheads);
static bool counts_instructions;

void overhead_keep_least(int64_t *least, uint64_t from, uint64_t to)
{
    if ((int64_t)(to - from) < *least)
        *least = (int64_t)(to - from);
}

/* The least between the first and the second stamp, and that between the second and the third,
 * between which there is an update: a pair of its own, since C may put more between its stamps. */
static void keep_least_update(int64_t *pair, int64_t *update)
{
    static struct histogram histogram; /* all zeros: only the first update finds a new maximum */
    uint64_t first = read_tsc_in_order(), second = read_tsc_in_order();

    histogram_record(&histogram, USUAL);
    uint64_t third = read_tsc_in_order();
    overhead_keep_least(pair, first, second);
    overhead_keep_least(update, second, third);
}

/* Under an emulator that counts instructions, so many of them take exactly so much more than none,
 * each time; nothing else has that. */
static bool count_is_exact(int64_t pair)
{
    for (unsigned i = 0; i < COUNTING_TRIES; i++) {
        latency_counted();
        if ((int64_t)(marks.back - marks.trigger) != pair + COUNTED_INSTRUCTIONS)
            return false;
    }
    return true;
}

static void measure_pair(struct overhead *o, int64_t *pair_in_c)
{
    latency_empty();
    overhead_keep_least(&o->pair, marks.trigger, marks.back);
    latency_empty_stub();
    overhead_keep_least(&o->entry, marks.trigger, marks.entry);
    overhead_keep_least(&o->dispatch, marks.entry, marks.handler);
    latency_empty_step();
    overhead_keep_least(&o->step, marks.trigger, marks.back);
    keep_least_update(pair_in_c, &o->histogram);
}

static void measure_pause(struct overhead *o)
{
    latency_empty_pause();
    overhead_keep_least(&o->pause, marks.trigger, marks.back);
}

void overhead_measure(void)
{
    struct overhead *o = &overheads[cpu_index()];
    int64_t pair_in_c = INT64_MAX;
    uint64_t flags;

    *o = (struct overhead){INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    for (unsigned i = 0; i < EMPTY_PAIRS; i++) {
        flags = interrupts_save();
        measure_pair(o, &pair_in_c);
        if (i % PAUSE_PART == 0)
            measure_pause(o);
        interrupts_restore(flags);
    }
    o->step -= o->pair;
    o->pause -= o->pair;
    o->histogram -= pair_in_c;
    flags = interrupts_save();
    counts_instructions = count_is_exact(o->pair);
    interrupts_restore(flags);
}

void overhead_report(void)
{
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        const struct overhead *o = &overheads[cpu];
        if (!o->pair)
            continue;
        report_overhead(&(struct report_overhead){
            .cpu = cpu,
            .pairs = EMPTY_PAIRS,
            .overhead_cycles = o->pair,
            .entry_cycles = o->entry,
            .dispatch_cycles = o->dispatch,
            .histogram_cycles = o->histogram,
            .pause_cycles = o->pause,
        });
    }
}

const struct overhead *overhead_of_cpu(uint32_t cpu)
{
    return &overheads[cpu];
}

bool overhead_counts_instructions(void)
{
    return counts_instructions;
}
