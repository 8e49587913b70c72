/* SPDX-License-Identifier: MIT */
/* The target of an event: self, a neighbour, any CPU, or all but self.
 *
 * One sender at a time has a target, so that what arrives there can be counted against what it
 * sent. Thread context. */
#ifndef ISTSTORM_WORKLOADS_RUN_TARGET_H
#define ISTSTORM_WORKLOADS_RUN_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/stacks.h"
#include "lib/random.h"

enum target {
    TARGET_MIXED,
    TARGET_SELF,
    TARGET_NEIGHBOUR,
    TARGET_RANDOM,
    TARGET_OTHERS,                  /* all but self */
};

/* The CPUs that take part, dense; set by the runner. */
extern uint32_t target_cpus[MAX_CPUS];
extern uint32_t target_count;

/* target= on the command line. */
extern enum target target_kind;

/* Any of them, and the next one after this CPU, but for those that are lost. */
uint32_t target_any(struct random *random);
uint32_t target_next(void);

/* A claim a CPU; one set a workload. */
struct target_claims {
    bool taken[MAX_CPUS];
};

/* Sends to one target, or to several in turn, as target= says, or by chance: self in half of the
 * turns. Calls
 * `send` with each one that could be claimed; gives the claim back after it. */
void target_turn(struct target_claims *claims, struct random *random,
                 void (*send)(uint32_t cpu, struct random *random));

#endif
