/* SPDX-License-Identifier: MIT */
/* Other events during a measurement: see batch.h. SDM volume 3, 14.2 (APERF/MPERF),
 * 14.8.2 (thermal status). */
#include "workloads/latency/batch.h"

#define HZ_PER_MHZ 1000000

bool batch_note_sample(struct batch *b, bool is_first, uint64_t trigger, uint64_t back,
                       uint64_t still)
{
    uint64_t gap = is_first ? 0 : trigger - b->last_back - b->prepared;

    b->last_back = back;
    b->prepared = 0;
    b->gaps += gap > still;
    if (gap > b->longest_gap)
        b->longest_gap = gap;
    return gap > still;
}

void batch_note_preparing(struct batch *b, uint64_t cycles)
{
    b->prepared = cycles;
    b->preparing += cycles;
}

void batch_note_interval(struct batch *b, uint64_t cycles)
{
    if (!b->least_interval || cycles < b->least_interval)
        b->least_interval = cycles;
    if (cycles > b->most_interval)
        b->most_interval = cycles;
}

static int64_t mean_mhz(const struct clocks *start, const struct clocks *end, uint64_t tsc_hz)
{
    if (!start->has_ratio || !end->has_ratio || end->cpu != start->cpu ||
        end->mperf == start->mperf)
        return REPORT_UNKNOWN;
    return (int64_t)(tsc_hz / HZ_PER_MHZ * (end->aperf - start->aperf) /
                     (end->mperf - start->mperf));
}

struct report_batch batch_record(const struct batch *b, uint64_t tsc_hz, uint32_t taken)
{
    const struct clocks *start = &b->at_start, *end = &b->at_end;
    bool open = b->most_interval;

    return (struct report_batch){
        .batch = b->number,
        .cpu = end->cpu,
        .smis = b->has_smi ? (int64_t)(b->smi_now - b->smi_at_start) : REPORT_UNKNOWN,
        .mhz = mean_mhz(start, end, tsc_hz),
        .thermal = end->thermal,
        .throttles =
            end->throttles == REPORT_UNKNOWN ? REPORT_UNKNOWN : end->throttles - start->throttles,
        .prepare_cycles = taken ? b->preparing / taken : 0,
        .awake = b->awake,
        .gaps = b->gaps,
        .longest_gap_cycles = b->longest_gap,
        .least_interval_cycles = open ? (int64_t)b->least_interval : REPORT_UNKNOWN,
        .most_interval_cycles = open ? (int64_t)b->most_interval : REPORT_UNKNOWN,
    };
}
