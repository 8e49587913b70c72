/* SPDX-License-Identifier: MIT */
/* Runs workloads together on all CPUs for a time, and accounts for them. */
#ifndef ISTSTORM_WORKLOADS_RUNNER_H
#define ISTSTORM_WORKLOADS_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/cmdline.h"

struct run {
    uint64_t workloads;             /* bit i: workloads_start[i] */
    uint64_t time_ms;               /* of a pass */
    bool time_given;
    uint64_t passes;
    uint64_t seed;
    enum target target;
    bool stop_at_first;             /* fault */
    const struct check_choice *checks;  /* run=conform */
    uint32_t samples;               /* of run=latency; 0: as many as it thinks right */
    uint64_t break_cycles;          /* round trips that take longer end the run; 0: none do */
};

/* The CPUs that are online are those that take part. */
void runner_prepare(const struct run *run);

/* Whether it is a storm, and not a workload that conducts the run itself. */
bool runner_storms(const struct run *run);

/* The names of the workloads, for the command line; which of them `storm` means. */
const char *const *runner_names(unsigned *count, uint64_t *together);

/* The names of run=conform's checks, for the command line. */
unsigned conform_names(const char *const **names);

/* Memory that a run on so many CPUs needs beside what is taken before it, in pages. */
uint64_t runner_pages(uint32_t cpus);

/* Tests that a run makes, for the plan. */
unsigned runner_tests(const struct run *run);

/* The report's heartbeat, when it is due. Thread context, any CPU. */
void runner_beat(void);

/* Probes each CPU, storms, accounts, and reports a test a workload and a check. Main thread. */
void runner_run(const struct run *run);

#endif
