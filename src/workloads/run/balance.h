/* SPDX-License-Identifier: MIT */
/* Fairness, the check `balance`: every CPU and every kind of event has had its share of a storm. */
#ifndef ISTSTORM_WORKLOADS_RUN_BALANCE_H
#define ISTSTORM_WORKLOADS_RUN_BALANCE_H

#include <stdint.h>

#include "workloads/workload.h"

/* Before the first of several passes. Main thread, and the next two as well. */
void balance_begin(void);

/* Between the CPUs, of one workload's events. */
void balance_look_at(const struct workload *w);

/* Between the kinds: one workload's events, of all in so many milliseconds. */
void balance_look_between(const struct workload *w, uint64_t all, uint64_t ms);

#endif
