/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram of signed samples: fixed memory, buckets 3 % wide at most, exact minimum,
 * maximum and count.
 *
 * Values of -63 to 63 have a bucket each; above, each doubling has 32 of equal width, so a bucket
 * is never wider than 1/32 of the values in it. A negative value's bucket is that of its
 * magnitude, mirrored: nothing is clamped. A bucket's index is a number that readers may rely on:
 *     index(v) = v below 64, and else s * 32 + (v >> s) with s = floor(log2(v)) - 5;
 *     index(-v) = -index(v).
 *
 * One writer at a time, no lock: a context that may interrupt the writer has a histogram of its
 * own. Any context. At most 2^32 - 1 samples.
 */
#ifndef ISTSTORM_LIB_HISTOGRAM_H
#define ISTSTORM_LIB_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BITS 5 /* 32 buckets a doubling */
#define HISTOGRAM_EXACT (2 << HISTOGRAM_BITS)
/* The index of 2^63, the largest magnitude of a signed 64-bit number. */
#define HISTOGRAM_LAST (((63 - HISTOGRAM_BITS) << HISTOGRAM_BITS) + (1 << HISTOGRAM_BITS))

struct histogram {
    int64_t min, max;
    uint64_t count;
    uint64_t usual;     /* a value from min to below this is neither negative nor a new maximum */
    uint32_t buckets[2 * HISTOGRAM_LAST + 1]; /* the index 0 is in the middle */
};

static inline uint64_t histogram_index_of(uint64_t magnitude)
{
    uint64_t shift = (63 ^ __builtin_clzll(magnitude | 1u << HISTOGRAM_BITS)) - HISTOGRAM_BITS;

    return (shift << HISTOGRAM_BITS) + (magnitude >> shift);
}

static inline intptr_t histogram_index(int64_t value)
{
    if (value < 0)
        return -(intptr_t)histogram_index_of(0 - (uint64_t)value);
    return (intptr_t)histogram_index_of((uint64_t)value);
}

/* Under 20 instructions with its call and arguments, which test_latency.py counts. */
void histogram_record(struct histogram *h, int64_t value);

/* Empty: min is INT64_MAX and max INT64_MIN. */
void histogram_reset(struct histogram *h);

/* The greatest value of a bucket; the next one's least is one more. */
int64_t histogram_bucket_high(int index);

/* The value that `parts` of `whole` samples do not exceed, as the greatest of its bucket but never
 * more than the maximum. False: fewer than 10 samples lie beyond it, so it would say nothing:
 * 10 / (1 - p) are needed. */
bool histogram_percentile(const struct histogram *h, uint64_t parts, uint64_t whole,
                          int64_t *value);

/* The buckets that are not empty, from *index upward, as "index:count index:count ...". Returns
 * the length of the text, which ends with a NUL and has whole pairs only; *index is where to go on,
 * and histogram_text_first to begin with. Empty text: there are no more. size: 32 or more. */
#define histogram_text_first (-HISTOGRAM_LAST)
size_t histogram_text(const struct histogram *h, int *index, char *out, size_t size);

#endif
