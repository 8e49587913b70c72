/* SPDX-License-Identifier: MIT */
/* Victims: threads in rings 0 and 3 that do nothing but know what their registers and stacks hold,
 * and look. */
#ifndef ISTSTORM_WORKLOADS_RUN_VICTIM_H
#define ISTSTORM_WORKLOADS_RUN_VICTIM_H

#include <stdint.h>

#include "cpu/frame.h"

/* Once, before any victim. */
void victim_prepare(void);

/* A thread's entry: a victim in ring 0, or in ring 3. The argument is a struct random of its own
 * CPU. */
void victim_ring0(void *random);
void victim_ring3(void *random);

/* For handlers of every kind, first of all: TF, IF and NT are clear, as gates and SYSCALL's mask
 * leave them; DF, as the C ABI asks; and AC if it is ring 3's, as SMAP asks. Victims, and what
 * raises events (known.h), run with them set. */
void victim_check_entry(const struct trap_frame *frame, const char *event);

/* Times that victims looked and found everything whole. Any context. */
uint64_t victim_rounds(void);

#endif
