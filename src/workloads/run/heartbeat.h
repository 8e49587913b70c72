/* SPDX-License-Identifier: MIT */
/* A run's signs of life: heartbeats in the report, the status page on the screen, and what both
 * cost. workload_breathe (workload.h) gives both. */
#ifndef ISTSTORM_WORKLOADS_RUN_HEARTBEAT_H
#define ISTSTORM_WORKLOADS_RUN_HEARTBEAT_H

#include <stdint.h>

/* Shows the first page, for the probe. total_ms: of a pass; 0 where the run ends by itself. Main
 * thread. */
void heartbeat_prepare(uint64_t total_ms, uint64_t passes);

/* The run begins now, at the time that is returned, and heartbeats with it. Main thread. */
uint64_t heartbeat_begin(void);

void heartbeat_pass_over(void);

/* Gives the report's heartbeat, when it is due. Thread context, any CPU. */
void heartbeat_if_due(void);

/* Reports the cost as a part of so much time. Main thread. */
void heartbeat_report_cost(uint64_t ms);

#endif
