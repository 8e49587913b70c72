/* SPDX-License-Identifier: MIT */
/* How often something may happen: a bucket that leaks.
 *
 * Each thing adds one, and `limit` of them leak away in a window's time; more than `limit` in it is
 * too often. So a burst counts as much as a steady flow, and what is long ago does not count.
 * Machine-free; one caller at a time. */
#ifndef ISTSTORM_LIB_RATE_H
#define ISTSTORM_LIB_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_LIMIT_MOST 1000000
#define RATE_WINDOW_MOST_MS 86400000

struct rate {
    uint32_t limit, window_ms;      /* neither above what stands here */
    uint64_t level;                 /* what is in the bucket, times window_ms */
    uint64_t last_ms;               /* when that was so */
};

/* So many more have happened, at this time. True: that is too often. */
bool rate_add(struct rate *rate, uint64_t things, uint64_t now_ms);

#endif
