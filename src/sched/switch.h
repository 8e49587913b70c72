/* SPDX-License-Identifier: MIT */
/* The switch from one thread's stack to another's. System V ABI 3.2.1: RBX, RBP and R12 to R15
 * belong to the caller. */
#ifndef ISTSTORM_SCHED_SWITCH_H
#define ISTSTORM_SCHED_SWITCH_H

#include <stdint.h>

/* Saves this thread's RSP and goes on where the other's was saved. Interrupts off. Returns when
 * somebody switches back. */
void switch_to(uint64_t *save_rsp, uint64_t rsp);

/* What a stack that has never run must hold: the RSP for the first switch to it, which goes to
 * `begin`. */
uint64_t switch_prepare(uintptr_t stack_top, void (*begin)(void));

#endif
