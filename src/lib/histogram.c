/* SPDX-License-Identifier: MIT */
/* A histogram's update, and what is asked of it when its writer is done: percentiles and text. See
 * histogram.h. */
#include "lib/histogram.h"

#include "lib/format.h"
#include "lib/string.h"

#define FEWEST_BEYOND 10
#define LONGEST_PAIR 24 /* a blank, an index of five characters, a colon, ten digits */

void histogram_reset(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
    h->min = INT64_MAX;
    h->max = INT64_MIN;
}

static __attribute__((cold, noinline)) void record_unusual(struct histogram *h, int64_t value)
{
    h->count++;
    h->buckets[HISTOGRAM_LAST + histogram_index(value)]++;
    if (value < h->min)
        h->min = value;
    if (value > h->max)
        h->max = value;
    h->usual = h->max < 0 ? 0 : (uint64_t)h->max + 1;
}

/* A negative value is, without a sign, beyond all usual ones: so two comparisons are enough to find
 * it, a new minimum and a new maximum. */
void histogram_record(struct histogram *h, int64_t value)
{
    if (__builtin_expect((uint64_t)value >= h->usual || value < h->min, 0)) {
        record_unusual(h, value);
        return;
    }
    h->count++;
    h->buckets[HISTOGRAM_LAST + histogram_index_of((uint64_t)value)]++;
}

static uint64_t least_magnitude(unsigned index)
{
    unsigned shift = index < HISTOGRAM_EXACT ? 0 : (index >> HISTOGRAM_BITS) - 1;

    return (uint64_t)(index - (shift << HISTOGRAM_BITS)) << shift;
}

int64_t histogram_bucket_high(int index)
{
    if (index >= 0)
        return (int64_t)(least_magnitude((unsigned)index + 1) - 1); /* 2^63 - 1 is the last's */
    return (int64_t)(0 - least_magnitude((unsigned)-index));
}

bool histogram_percentile(const struct histogram *h, uint64_t parts, uint64_t whole, int64_t *value)
{
    uint64_t rank = (h->count * parts + whole - 1) / whole, seen = 0;
    int index = -HISTOGRAM_LAST;

    if (h->count * (whole - parts) < FEWEST_BEYOND * whole)
        return false;
    for (seen = h->buckets[0]; seen < rank; seen += h->buckets[HISTOGRAM_LAST + index])
        index++;
    *value = histogram_bucket_high(index) < h->max ? histogram_bucket_high(index) : h->max;
    return true;
}

size_t histogram_text(const struct histogram *h, int *index, char *out, size_t size)
{
    size_t length = 0;

    out[0] = '\0';
    for (; *index <= HISTOGRAM_LAST && size - length > LONGEST_PAIR; ++*index) {
        uint32_t count = h->buckets[HISTOGRAM_LAST + *index];
        if (count)
            length +=
                format(out + length, size - length, "%s%d:%u", length ? " " : "", *index, count);
    }
    return length;
}
