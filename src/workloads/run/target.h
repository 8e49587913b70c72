/* SPDX-License-Identifier: MIT */
/* The target of an event: self, a neighbour, any CPU, or all but self. Thread context. */
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
    TARGET_OTHERS,                  /* all but self, one after another */
};

/* The CPUs that take part, dense; set by the runner. */
extern uint32_t target_cpus[MAX_CPUS];
extern uint32_t target_count;

/* target= on the command line. */
extern enum target target_kind;

/* Any of them, and the one so many places after this CPU, but for those that are lost. */
uint32_t target_any(struct random *random);
uint32_t target_after(uint32_t steps);

/* Whether a turn has an event to this CPU itself, and to which other CPU it sends one, as target=
 * says. By chance, where it says nothing; this CPU itself, where there is no other. */
bool target_includes_self(void);
uint32_t target_other(struct random *random);

#endif
