/* SPDX-License-Identifier: MIT */
/* The offset of two CPUs' clocks: what an exchange of the time tells about it, and which times
 * between the two it is good enough for. SDM volume 3, 17.17.
 *
 * A CPU that asks another for its time and is answered after r cycles knows its offset to r/2, up
 * or down. Knows nothing of the machine. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_OFFSET_H
#define ISTSTORM_WORKLOADS_LATENCY_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

/* Fewer tell too little: the host, or whoever interrupts, was in all of them. */
#define OFFSET_FEWEST_EXCHANGES 100

struct clock_offset {
    int64_t cycles; /* as measured: the answering CPU's TSC less the asking one's */
    uint64_t bound_cycles;
    uint32_t exchanges;
};

/* Nothing yet; and one more exchange, of which the one with the least round trip is kept. */
struct clock_offset offset_unknown(void);
void offset_add(struct clock_offset *offset, uint64_t asked, uint64_t there, uint64_t answered);

/* The correction of times between the two CPUs. An offset within its bound is taken for none: most
 * machines have one clock, and the measured offset is then the asymmetry of the way. */
int64_t offset_correction(const struct clock_offset *offset);

/* Whether the clocks can have kept their offset from the one look to the other. */
bool offset_holds(const struct clock_offset *before, const struct clock_offset *after);

/* Whether a stage with this median says something: corrected by `before`, it may be wrong by a
 * tenth of that at most. */
bool offset_serves(const struct clock_offset *before, const struct clock_offset *after,
                   int64_t median);

/* Whether both looks are as those of one clock, which both CPUs read. */
bool offset_is_none(const struct clock_offset *before, const struct clock_offset *after);

#endif
