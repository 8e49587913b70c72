/* SPDX-License-Identifier: MIT */
/* Runs workloads together on all CPUs for a time, and accounts for them. */
#ifndef ISTSTORM_WORKLOADS_RUN_RUNNER_H
#define ISTSTORM_WORKLOADS_RUN_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "workloads/run/target.h"

/* The chosen checks of run=conform. */
#define RUN_CHECKS 512
struct check_choice {
    bool given;                     /* else all that are not dangerous */
    uint64_t bits[RUN_CHECKS / 64]; /* bit i of the array: conform_start[i] */
};

/* The run, as the command line says. */
struct run {
    uint64_t workloads;             /* bit i: workloads_start[i] */
    uint64_t time_ms;               /* of a pass, or of the whole sweep; 0: not given */
    uint64_t passes;
    uint64_t seed;
    enum target target;
    bool stop_at_first;             /* failure */
    struct check_choice checks;     /* run=conform */
    uint32_t samples;               /* of run=latency; 0: as many as it thinks right */
};

/* The CPUs that are online are those that take part. */
void runner_prepare(const struct run *run);

/* The ways of ticks, switches and the watch's NMIs, tried before the first of these comes: what
 * they lose would kill the boot before a workload could tell. Main thread. Ends the run where
 * something is lost. */
void runner_first_look(void);

/* The names of the workloads, for the command line; which of them `storm` means. */
const char *const *runner_names(unsigned *count, uint64_t *together);

/* Whether a key of the command line has an effect on this workload. A key that has one on every run
 * belongs to no workload. */
bool runner_uses(unsigned workload, const char *key);

/* The names of run=conform's checks, for the command line. */
unsigned conform_names(const char *const **names);

/* Memory that a run on so many CPUs needs beside what is taken before it, in pages. */
uint64_t runner_pages(uint32_t cpus);

/* Tests that a run makes, for the plan. */
unsigned runner_tests(const struct run *run);

/* Probes each CPU, storms, accounts, and reports a test a workload and a check. Main thread. */
void runner_run(const struct run *run);

#endif
