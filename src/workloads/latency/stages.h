/* SPDX-License-Identifier: MIT */
/* The arithmetic between stamps and samples: how long each part of an event's way took.
 *
 * Knows nothing of the machine. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_STAGES_H
#define ISTSTORM_WORKLOADS_LATENCY_STAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "workloads/latency/marks.h"
#include "workloads/latency/measure.h"
#include "workloads/latency/overhead.h"

/* The cost of stamps on the two CPUs of a measurement; and whether CPUs take turns, as they do on
 * an emulator that counts instructions. */
struct stamp_costs {
    const struct overhead *from, *to;
    bool in_turns;
};

/* The cost of the stamps that lie on this stage of the way. */
int64_t stage_overhead(const struct measure *m, const struct stamp_costs *costs, enum stage stage);

/* Between two CPUs these need the clocks' offset. */
bool stage_needs_offset(const struct measure *m, enum stage stage);

/* Makes samples of stamps, less the cost of the stamps, and never clamped. A stage that a
 * measurement does not have is REPORT_UNKNOWN. */
void stages_compute(const struct measure *m, const struct marks *s,
                    const struct stamp_costs *costs, int64_t value[STAGE_COUNT]);

#endif
