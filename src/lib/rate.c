/* SPDX-License-Identifier: MIT */
/* A bucket that leaks: see rate.h. The level never goes above what is one too many, so that what
 * leaks away within a window ends the alarm, and nothing overflows in weeks. */
#include "lib/rate.h"

bool rate_add(struct rate *rate, uint64_t things, uint64_t now_ms)
{
    uint64_t full = ((uint64_t)rate->limit + 1) * rate->window_ms;
    uint64_t elapsed = now_ms > rate->last_ms ? now_ms - rate->last_ms : 0, leaked;

    if (elapsed > 2ull * rate->window_ms)
        elapsed = 2ull * rate->window_ms;
    leaked = elapsed * rate->limit;
    rate->level = rate->level > leaked ? rate->level - leaked : 0;
    rate->last_ms = now_ms;
    if (things > rate->limit || rate->level + things * rate->window_ms > full)
        rate->level = full;
    else
        rate->level += things * rate->window_ms;
    return rate->level > (uint64_t)rate->limit * rate->window_ms;
}
