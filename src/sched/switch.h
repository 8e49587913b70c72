/* SPDX-License-Identifier: MIT */
/* The switch from one thread's stack to another's. System V ABI 3.2.1: RBX, RBP and R12 to R15
 * belong to the caller. */
#ifndef ISTSTORM_SCHED_SWITCH_H
#define ISTSTORM_SCHED_SWITCH_H

#include <stdint.h>

/* Saves this thread's RSP and goes on where the other thread saved its own. Interrupts off. Returns
 * when a CPU switches back. */
void switch_to(uint64_t *save_rsp, uint64_t rsp);

/* Prepares a stack for the first switch to it, which goes to `begin`. Returns the RSP for it. */
uint64_t switch_prepare(uintptr_t stack_top, void (*begin)(void));

#endif
