/* SPDX-License-Identifier: MIT */
/* The offset of two CPUs' clocks: see latency_offset.h. */
#include "workloads/latency/offset.h"

#define PART_OF_MEDIAN 10

static uint64_t distance(int64_t a, int64_t b)
{
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

struct clock_offset offset_unknown(void)
{
    return (struct clock_offset){.bound_cycles = INT64_MAX};
}

void offset_add(struct clock_offset *offset, uint64_t asked, uint64_t there, uint64_t answered)
{
    uint64_t bound = (answered - asked + 1) / 2;

    offset->exchanges++;
    if (bound >= offset->bound_cycles)
        return;
    offset->bound_cycles = bound;
    offset->cycles = (int64_t)(there - asked - (answered - asked) / 2);
}

int64_t offset_correction(const struct clock_offset *offset)
{
    return distance(offset->cycles, 0) <= offset->bound_cycles ? 0 : offset->cycles;
}

bool offset_holds(const struct clock_offset *before, const struct clock_offset *after)
{
    return before->exchanges >= OFFSET_FEWEST_EXCHANGES &&
           after->exchanges >= OFFSET_FEWEST_EXCHANGES &&
           distance(before->cycles, after->cycles) <= before->bound_cycles + after->bound_cycles;
}

/* The offset of this look may differ by so much from the correction. */
static uint64_t most_wrong(const struct clock_offset *before, const struct clock_offset *look)
{
    return look->bound_cycles + distance(look->cycles, offset_correction(before));
}

bool offset_serves(const struct clock_offset *before, const struct clock_offset *after,
                   int64_t median)
{
    uint64_t wrong = most_wrong(before, before), wrong_after = most_wrong(before, after);

    if (wrong_after > wrong)
        wrong = wrong_after;
    return offset_holds(before, after) && median > 0 && wrong <= (uint64_t)median / PART_OF_MEDIAN;
}

bool offset_is_none(const struct clock_offset *before, const struct clock_offset *after)
{
    return offset_holds(before, after) && !offset_correction(before) && !offset_correction(after);
}
