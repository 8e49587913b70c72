/* SPDX-License-Identifier: MIT */
/* One measurement of the benchmark: what is measured, and what becomes of its samples.
 *
 * One measurement is under way at a time. Its samples are taken by the CPU that causes the events,
 * which alone writes the histograms; what a sample is made of lies in `marks` (cpu/marks.h). */
#ifndef ISTSTORM_WORKLOADS_LATENCY_MEASURE_H
#define ISTSTORM_WORKLOADS_LATENCY_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/percpu.h"
#include "cpu/stacks.h"
#include "workloads/latency_samples.h"

/* In what state CPU and caches are; never mixed in one measurement. */
#define MODES(M)                                                                           \
    M(WARM, "warm")                                                                        \
    M(COLD_DATA, "cold-data") /* stacks, per-CPU data, IDT and the sender's own flushed */ \
    M(COLD_TLB, "cold-tlb")                                                                \
    M(LOADED, "loaded") /* all CPUs that take no part write to memory */                   \
    M(HALTED, "halted") /* the target sleeps in HLT */

enum mode {
#define MODE_ENUM(symbol, name) MODE_##symbol,
    MODES(MODE_ENUM)
#undef MODE_ENUM
        MODE_COUNT
};

/* Which stamps a measurement takes: those on the way would add to the way as a whole. */
enum pass {
    PASS_WHOLE, /* one-way, service, exit, round trip */
    PASS_STUB,  /* entry and dispatch, through a stamping stub */
    PASS_SEND,
    PASS_EMPTY, /* the round trip alone: the null test */
    PASS_BARE   /* entry and round trip: through a gate that comes and goes */
};

#define FEWEST_SAMPLES 20 /* what a median needs; a time limit waits for them */

struct measure {
    const char *event;
    enum stack_kind stack; /* that the handler must be on */
    enum mode mode;
    enum pass pass;
    uint32_t from, to;
    uint32_t samples, warm_up; /* the warm-up is thrown away, but for the very first sample */
    uint32_t limit_ms;         /* ends it with fewer samples */
    uint64_t interval_cycles;  /* open loop: mean time between intended triggers; or 0 */
    int64_t offset;            /* TSC of `to` less that of `from` */
    bool one_way;              /* the offset is good enough */
    bool step;                 /* a single step, whose trigger's stamp comes before a POPFQ */
    bool brief;                /* no outliers */
};

/* What an empty pair of stamps costs on each CPU, and the null test beside it. On that CPU, thread
 * context. */
void latency_measure_overhead(void);
void latency_report_overheads(void);

/* Whether the TSC counts instructions. */
bool latency_counts_instructions(void);

/* On the CPU `from`, around the samples. take: false when it is over. */
void latency_begin(const struct measure *m);
bool latency_take(const struct measure *m);
void latency_end(void);

/* Writes its records. Main thread. one_way: false where the clocks are found to have drifted. */
void latency_report(const struct measure *m, bool one_way);

/* The median of a stage of the last measurement, or its least sample where there are too few. */
int64_t latency_typical(enum stage stage);
int64_t latency_least(enum stage stage);

/* Samples of the last measurement, without its warm-up. */
uint64_t latency_count(void);

/* Mean time from one of its samples to the next, in cycles. */
uint64_t latency_period(void);

/* Round trips above this many cycles stop all CPUs; 0: never. */
extern uint64_t latency_break_cycles;

#endif
