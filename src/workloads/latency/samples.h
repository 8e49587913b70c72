/* SPDX-License-Identifier: MIT */
/* The samples of a measurement: a histogram a stage, of all samples and of those that no system
 * management interrupt can have stretched; the very first sample; and the worst, with what is known
 * of their cause.
 *
 * A register (MSR_SMI_COUNT) counts SMIs, and is read once a round of samples. Nothing tells which
 * sample of a round an SMI hit, so a round is SMI-free as a whole or not at all.
 *
 * Knows nothing of the machine. One writer. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_SAMPLES_H
#define ISTSTORM_WORKLOADS_LATENCY_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/histogram.h"

/* S(symbol, name): the parts of an event's way, and its way as a whole. */
#define STAGES(S)                                                                     \
    S(SEND, "send")             /* until the instruction that sends is over */        \
    S(ENTRY, "entry")           /* until the stub's first instruction */              \
    S(DISPATCH, "dispatch")     /* from there to the first one on the IRQ stack */    \
    S(PROLOGUE, "prologue")     /* from the last one of these to the handler's first */ \
    S(SERVICE, "service")       /* the handler */                                     \
    S(EXIT, "exit")             /* from its last to the interrupted one's first */    \
    S(ONE_WAY, "one-way")       /* from the trigger to the handler's first */         \
    S(ROUND_TRIP, "round-trip") /* from the trigger to the trigger's CPU knowing it */ \
    S(INTENDED, "round-trip")   /* from when the trigger ought to have come: open loop */

enum stage {
#define STAGE_ENUM(symbol, name) STAGE_##symbol,
    STAGES(STAGE_ENUM)
#undef STAGE_ENUM
        STAGE_COUNT
};

#define SAMPLES_WORST 16
#define SAMPLES_ROUND 64

/* Events that the CPUs of an event have taken so far. */
struct taken {
    uint64_t ticks, irqs, nmis; /* irqs: but for ticks */
};

/* One of the worst samples. */
struct worst {
    int64_t value; /* by which it is one of them */
    int64_t parts[STAGE_COUNT];
    uint64_t tsc;
    uint32_t sample; /* from 0, the warm-up not counted */
    bool tick, irq, nmi, smi;
    bool gap;   /* the CPU stood still right before it */
    bool late;  /* open loop: most of it had passed before the trigger */
    bool stall; /* from its trigger on it took as long as a CPU that stands still */
};

struct samples {
    struct histogram all[STAGE_COUNT], smi_free[STAGE_COUNT];
    int64_t first[STAGE_COUNT];
    int64_t round[SAMPLES_ROUND][STAGE_COUNT]; /* those of the round that is under way */
    uint32_t in_round;
    struct worst worst[SAMPLES_WORST]; /* from the least on */
    uint32_t worst_count;
    uint32_t taken; /* with the warm-up, which is thrown away but for the very first sample */
    uint32_t warm_up;
    bool smi_seen;
};

void samples_reset(struct samples *s, uint32_t warm_up);

/* One more: a value for each stage, REPORT_UNKNOWN where the measurement does not have it. */
void samples_add(struct samples *s, const int64_t value[STAGE_COUNT]);

/* Keeps all samples from now on, where the time is up before the warm-up is over. */
void samples_end_warm_up(struct samples *s);

/* Whether the last sample, by this value of it, is among the worst so far; and its keeping. */
bool samples_is_among_worst(const struct samples *s, int64_t value);
void samples_keep_worst(struct samples *s, struct worst worst);

/* The cause of a slow sample: events between the two looks around it that are not its own; or its
 * parts, of which one stands still for more than `still` cycles. */
void samples_explain(struct worst *worst, struct taken before, struct taken after,
                     struct taken own, int64_t still);

/* The part of its way in which one of the worst samples lost more than half of what it took beyond
 * the least one; STAGE_COUNT: none. */
enum stage samples_longest_part(const struct samples *s, const struct worst *worst);

/* Whether it is time to end the round; then, or at the end: whether an SMI came in it. */
bool samples_round_is_full(const struct samples *s);
void samples_end_round(struct samples *s, bool smi);

/* Samples without the warm-up. */
uint32_t samples_kept(const struct samples *s);

#endif
