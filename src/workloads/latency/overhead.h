/* SPDX-License-Identifier: MIT */
/* The cost of the stamps themselves, on each CPU: the least of many empty pairs. It is subtracted
 * from every sample, and reported. SDM volume 2, RDTSC. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_OVERHEAD_H
#define ISTSTORM_WORKLOADS_LATENCY_OVERHEAD_H

#include <stdbool.h>
#include <stdint.h>

/* So many instructions must take as many cycles more than none, for the TSC to count them. A prime,
 * so that no clock that goes by steps is taken for a count. */
#define COUNTED_INSTRUCTIONS 997

struct overhead {
    int64_t pair;      /* of two stamps, in C (read_tsc_in_order) too: they are the same */
    int64_t entry;     /* of a trigger's stamp and a stamping stub's */
    int64_t dispatch;  /* of a stamping stub's and the next */
    int64_t step;      /* what a POPFQ adds to a pair */
    int64_t histogram; /* what a histogram's update adds */
    int64_t pause;     /* what a PAUSE adds */
};

/* On each CPU that takes part, before any sample. Thread context. */
void overhead_measure(void);
void overhead_report(void);

/* Of a CPU that has measured it. Any context. */
const struct overhead *overhead_of_cpu(uint32_t cpu);

/* Lowers the least so far to what lies between two stamps, if that is less. */
void overhead_keep_least(int64_t *least, uint64_t from, uint64_t to);

/* Whether the TSC counts instructions, as the last CPU has seen that measured its overhead. */
bool overhead_counts_instructions(void);

#endif
