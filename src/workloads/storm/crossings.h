/* SPDX-License-Identifier: MIT */
/* For the workload `windows`: an interrupt at each instruction of what interrupts must not come
 * between. */
#ifndef ISTSTORM_WORKLOADS_STORM_CROSSINGS_H
#define ISTSTORM_WORKLOADS_STORM_CROSSINGS_H

#include "workloads/workload.h"

/* Once, before crossings_try: makes the claims. On `elsewhere` a CPU may send itself interrupts,
 * which the caller counts. */
void crossings_prepare(unsigned elsewhere);

/* All of them, on this CPU; counts what was sent and received. Thread context. */
void crossings_try(struct tally *tally);

#endif
