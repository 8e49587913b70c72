/* SPDX-License-Identifier: MIT */
/* Other events while one measurement's samples were taken: how long their CPU stood still between
 * them, when the open loop's events ought to have come, and its counters before and after.
 *
 * Knows nothing of the machine. One writer. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_BATCH_H
#define ISTSTORM_WORKLOADS_LATENCY_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/report.h"

/* Of the CPU that takes the samples. */
struct clocks {
    uint32_t cpu;
    bool has_ratio;
    uint64_t aperf, mperf;
    int64_t thermal;   /* IA32_THERM_STATUS, or REPORT_UNKNOWN */
    int64_t throttles; /* of both CPUs so far, or REPORT_UNKNOWN */
};

struct batch {
    uint32_t number;
    uint64_t start_tsc, end_tsc;
    struct clocks at_start, at_end;
    bool has_smi;
    uint64_t smi_at_start, smi_now;
    uint64_t last_back;
    uint64_t gaps, longest_gap;
    uint64_t awake; /* samples that found a target so that ought to have slept */
    uint64_t preparing, prepared; /* cycles: in all, and for the next sample */
    uint64_t least_interval, most_interval; /* 0: none, the loop is closed */
};

/* A sample's trigger and the first instruction behind it. Returns whether the CPU had stood still
 * for more than `still` cycles since the last sample, preparing not counted; the first one has
 * none before it. */
bool batch_note_sample(struct batch *b, bool is_first, uint64_t trigger, uint64_t back,
                       uint64_t still);

/* So many cycles since the last sample were the preparation of the next one. */
void batch_note_preparing(struct batch *b, uint64_t cycles);

/* From one intended time to the next. */
void batch_note_interval(struct batch *b, uint64_t cycles);

/* clang-format off */
#define BATCH_FIELDS(FIELD) \
    FIELD(number, batch, "number of the measurement, from 1") \
    FIELD(number, cpu, "index of the CPU that took the samples, whose counters these are") \
    FIELD(number, time_us, "when it began, in microseconds since the clock's start") \
    FIELD(number, samples, "taken, without warm-up") \
    FIELD(signed, smis, "system management interrupts meanwhile; left out where MSR 0x34 is not") \
    FIELD(signed, mhz, "mean frequency by APERF/MPERF; left out where these MSRs are not") \
    FIELD(signed, thermal, "IA32_THERM_STATUS; left out where CPUID has no thermal sensor") \
    FIELD(signed, throttles, "by both CPUs meanwhile; left out where they do not tell") \
    FIELD(number, prepare_cycles, "mean that preparing a sample took: flushing, settling, waits") \
    FIELD(number, awake, "events left out: their target was to sleep in HLT, and did not") \
    FIELD(number, gaps, "times that the CPU stood still between two samples") \
    FIELD(number, longest_gap_cycles, "the longest of these") \
    FIELD(signed, least_interval_cycles, "open loop: between two intended times; random") \
    FIELD(signed, most_interval_cycles, "open loop: the longest of these")
REPORT_STRUCT(batch, BATCH_FIELDS)
/* clang-format on */

/* When it is over: its record, but for the number of samples and the time. `taken`: with those of
 * the warm-up. */
struct report_batch batch_record(const struct batch *b, uint64_t tsc_hz, uint32_t taken);

#endif
