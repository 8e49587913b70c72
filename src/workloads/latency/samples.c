/* SPDX-License-Identifier: MIT */
/* The keeping of samples: see latency_samples.h. */
#include "workloads/latency/samples.h"

#include "lib/report.h"
#include "lib/string.h"

void samples_reset(struct samples *s, uint32_t warm_up)
{
    memset(s, 0, sizeof(*s));
    s->warm_up = warm_up;
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
        histogram_reset(&s->all[stage]);
        histogram_reset(&s->smi_free[stage]);
        s->first[stage] = REPORT_UNKNOWN;
    }
}

uint32_t samples_kept(const struct samples *s)
{
    return s->taken > s->warm_up ? s->taken - s->warm_up : 0;
}

static void record(struct histogram histograms[STAGE_COUNT], const int64_t value[STAGE_COUNT])
{
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        if (value[stage] != REPORT_UNKNOWN)
            histogram_record(&histograms[stage], value[stage]);
}

void samples_add(struct samples *s, const int64_t value[STAGE_COUNT])
{
    if (s->taken++ == 0)
        memcpy(s->first, value, sizeof(s->first));
    if (!samples_kept(s))
        return;
    record(s->all, value);
    memcpy(s->round[s->in_round++], value, sizeof(s->round[0]));
}

void samples_end_warm_up(struct samples *s)
{
    if (s->taken < s->warm_up)
        s->warm_up = s->taken;
}

bool samples_is_among_worst(const struct samples *s, int64_t value)
{
    return samples_kept(s) && (s->worst_count < SAMPLES_WORST || value > s->worst[0].value);
}

/* The least of them gives way; those that are less than the new one move down. */
void samples_keep_worst(struct samples *s, struct worst worst)
{
    uint32_t place = 0;

    if (s->worst_count < SAMPLES_WORST) {
        memmove(&s->worst[1], &s->worst[0], s->worst_count * sizeof(worst));
        s->worst_count++;
    }
    for (; place + 1 < s->worst_count && s->worst[place + 1].value < worst.value; place++)
        s->worst[place] = s->worst[place + 1];
    worst.sample = samples_kept(s) - 1;
    s->worst[place] = worst;
}

void samples_explain(struct worst *worst, struct taken before, struct taken after,
                     struct taken own, int64_t still)
{
    int64_t whole = worst->parts[STAGE_ROUND_TRIP], intended = worst->parts[STAGE_INTENDED];

    worst->late = intended != REPORT_UNKNOWN && intended - whole > intended / 2;
    worst->stall = whole > still;
    worst->tick = after.ticks - before.ticks != own.ticks;
    worst->irq = after.irqs - before.irqs != own.irqs;
    worst->nmi = after.nmis - before.nmis != own.nmis;
}

static int64_t beyond_least(const struct samples *s, const struct worst *worst, enum stage stage)
{
    return worst->parts[stage] == REPORT_UNKNOWN ? 0 : worst->parts[stage] - s->all[stage].min;
}

enum stage samples_longest_part(const struct samples *s, const struct worst *worst)
{
    int64_t half = beyond_least(s, worst, STAGE_ROUND_TRIP) / 2;

    for (enum stage stage = 0; stage < STAGE_ROUND_TRIP; stage++)
        if (beyond_least(s, worst, stage) > half)
            return stage;
    return STAGE_COUNT;
}

bool samples_round_is_full(const struct samples *s)
{
    return s->in_round == SAMPLES_ROUND;
}

void samples_end_round(struct samples *s, bool smi)
{
    uint32_t first = samples_kept(s) - s->in_round;

    s->smi_seen |= smi;
    for (uint32_t i = 0; i < s->in_round && !smi; i++)
        record(s->smi_free, s->round[i]);
    for (uint32_t i = 0; i < s->worst_count && smi; i++)
        s->worst[i].smi |= s->worst[i].sample >= first;
    s->in_round = 0;
}
