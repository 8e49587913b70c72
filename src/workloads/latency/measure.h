/* SPDX-License-Identifier: MIT */
/* One measurement of the benchmark: what is measured, and what becomes of its samples.
 *
 * One measurement is under way at a time. Its samples are taken by the CPU that causes the events,
 * which alone writes the histograms; what a sample is made of lies in `marks`
 * (workloads/latency/marks.h). */
#ifndef ISTSTORM_WORKLOADS_LATENCY_MEASURE_H
#define ISTSTORM_WORKLOADS_LATENCY_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/percpu.h"
#include "cpu/stacks.h"
#include "workloads/latency/offset.h"
#include "workloads/latency/samples.h"

/* In what state CPU and caches are; never mixed in one measurement. */
#define MODES(M)                                                                           \
    M(WARM, "warm")                                                                        \
    M(COLD_DATA, "cold-data") /* stacks, per-CPU data, IDT and the sender's own flushed */ \
    M(COLD_TLB, "cold-tlb")                                                                \
    M(LOADED, "loaded") /* all others write to one area, and interrupt each other */       \
    M(HALTED, "halted") /* the target sleeps in HLT; in all others it does not */

enum mode {
#define MODE_ENUM(symbol, name) MODE_##symbol,
    MODES(MODE_ENUM)
#undef MODE_ENUM
        MODE_COUNT
};

/* The stamps that a measurement takes. Stamps on the way would lengthen the way as a whole. */
enum pass {
    PASS_WHOLE, /* one-way, service, exit, round trip */
    PASS_STUB,  /* entry, dispatch and prologue, through a stamping stub and entry */
    PASS_SEND,
    PASS_EMPTY /* the round trip alone: the null test */
};

#define FEWEST_SAMPLES 20 /* what a median needs; a time limit waits for them, within reason */

struct thread;

struct measure {
    const char *event;
    enum stack_kind stack; /* that the handler must be on */
    enum mode mode;
    enum pass pass;
    uint32_t from, to;
    uint32_t samples, warm_up; /* the warm-up is thrown away, but for the very first sample */
    uint32_t limit_ms;         /* ends the warm-up, and then all, with fewer samples */
    uint64_t interval_cycles;  /* open loop: mean time between intended triggers; or 0 */
    struct taken own;          /* by both CPUs, because of the event itself */
    bool step;                 /* a single step, whose trigger's stamp comes before a POPFQ */
    bool switches;             /* software takes it from the thread's stack to the IRQ stack */
    bool pairs;                /* one of those of all pairs of CPUs */
    const struct thread *taker; /* a wake-up's or a switch's; NULL: who takes the samples */
    struct clock_offset before, after; /* of two CPUs' clocks; no exchanges: none was needed */
};

/* On the CPU `from`, around the samples; look_around right before each one's event, and look_again
 * where time has passed since then. take: false when it is over. */
void latency_begin(const struct measure *m);
void latency_look_around(const struct measure *m);
void latency_look_again(const struct measure *m);
bool latency_take(const struct measure *m);
bool latency_leave_out(const struct measure *m); /* instead: its target was awake */
void latency_end(const struct measure *m);

/* Whether another CPU's event interrupts a thread that stamps when it is back: but for the wake-up
 * of a halted CPU, which finds no thread there but the idle one. */
static inline bool latency_target_stamps(const struct measure *m)
{
    return m->from != m->to && (m->mode != MODE_HALTED || m->stack != THREAD_STACK);
}

/* Reports a fault unless marks.rsp is on this stack, at its first level; where it is a thread's, on
 * that of this one. */
void latency_check_stack(const char *event, uint32_t cpu, enum stack_kind stack,
                         const struct thread *thread);

/* Writes its records. Main thread. */
void latency_report(const struct measure *m);

/* A count that goes up with each sample of any measurement. Any context. */
uint64_t latency_samples_taken(void);

/* So many cycles since the last sample prepared the next one, and are no gap. On `from`. */
void latency_prepared(uint64_t cycles);

/* Open loop: from the last intended time to the next. On `from`. */
void latency_intended(uint64_t cycles);

/* Mean time from one of its samples to the next, in cycles. */
uint64_t latency_period(void);

#endif
