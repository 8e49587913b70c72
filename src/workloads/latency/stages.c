/* SPDX-License-Identifier: MIT */
/* From stamps to samples: see latency_stages.h. */
#include "workloads/latency/stages.h"

#include "lib/report.h"

/* The stamps on the way there and back: the handler's two; where CPUs take turns, also that of who
 * was interrupted. */
static unsigned stamps_between(const struct measure *m, bool in_turns)
{
    return (m->pass == PASS_WHOLE ? 2 : 0) +
           (latency_target_stamps(m) && in_turns);
}

int64_t stage_overhead(const struct measure *m, const struct stamp_costs *costs, enum stage stage)
{
    const struct overhead *o = costs->from, *taker = costs->to;
    int64_t step = m->step ? o->step : 0;

    switch (stage) {
    case STAGE_ENTRY: return o->entry + step;
    case STAGE_DISPATCH: return taker->dispatch;
    case STAGE_PROLOGUE: return m->switches ? taker->pair : taker->dispatch;
    case STAGE_SERVICE:
    case STAGE_EXIT: return taker->pair;
    case STAGE_ROUND_TRIP:
    case STAGE_INTENDED: return o->pair + step + stamps_between(m, costs->in_turns) * taker->pair;
    default: return o->pair + step;
    }
}

bool stage_needs_offset(const struct measure *m, enum stage stage)
{
    return m->from != m->to && (stage == STAGE_ENTRY || stage == STAGE_ONE_WAY);
}

static int64_t between(uint64_t from, uint64_t to)
{
    return (int64_t)(to - from);
}

/* From the stub to the handler. Where it switches stacks, and another interrupt had done so before,
 * this sample was nested in that one, and is neither. */
static void compute_way_in(const struct measure *m, const struct marks *s,
                           int64_t value[STAGE_COUNT])
{
    if (m->switches && s->switched) {
        value[STAGE_DISPATCH] = between(s->entry, s->switched);
        value[STAGE_PROLOGUE] = between(s->switched, s->handler);
    } else if (!m->switches) {
        value[STAGE_PROLOGUE] = between(s->entry, s->handler);
    }
}

/* From the handler's last instruction to the first one back, on the handler's CPU. */
static int64_t compute_way_out(const struct measure *m, const struct marks *s)
{
    if (m->from == m->to)
        return between(s->service, s->back);
    return latency_target_stamps(m) ? between(s->service, s->returned) : REPORT_UNKNOWN;
}

/* An event to oneself may come before its sending is over, and then no stamp has the end. */
static int64_t compute_send(const struct measure *m, const struct marks *s)
{
    bool seen = m->from != m->to || s->sent < s->handler;

    return seen ? between(s->trigger, s->sent) : REPORT_UNKNOWN;
}

void stages_compute(const struct measure *m, const struct marks *s,
                    const struct stamp_costs *costs, int64_t value[STAGE_COUNT])
{
    int64_t offset = offset_correction(&m->before);

    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        value[stage] = REPORT_UNKNOWN;
    if (m->pass == PASS_SEND) {
        value[STAGE_SEND] = compute_send(m, s);
    } else if (m->pass == PASS_STUB) {
        value[STAGE_ENTRY] = between(s->trigger, s->entry) - offset;
        compute_way_in(m, s, value);
    } else {
        value[STAGE_ROUND_TRIP] = between(s->trigger, s->back);
    }
    if (m->pass == PASS_WHOLE) {
        value[STAGE_SERVICE] = between(s->handler, s->service);
        value[STAGE_ONE_WAY] = between(s->trigger, s->handler) - offset;
        value[STAGE_EXIT] = compute_way_out(m, s);
    }
    if (m->interval_cycles)
        value[STAGE_INTENDED] = value[STAGE_ROUND_TRIP] + between(s->intended, s->due);
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        if (value[stage] != REPORT_UNKNOWN)
            value[stage] -= stage_overhead(m, costs, stage);
}
