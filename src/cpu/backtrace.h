/* SPDX-License-Identifier: MIT */
/* The chain of calls and trap frames that leads to a point, across stacks, with symbols. Frame
 * pointers: System V ABI 3.2.2.
 *
 * Any context. Every address is checked before it is read, and the walk is bounded. */
#ifndef ISTSTORM_CPU_BACKTRACE_H
#define ISTSTORM_CPU_BACKTRACE_H

#include "cpu/frame.h"
#include "cpu/stacks.h"

/* Writes a line a call, beginning with the interrupted instruction, and `<NMI>`, `<DB[1]>` where
 * the chain crosses to another stack. */
void backtrace_report(const struct trap_frame *frame);

/* The stacks on the way from the caller down to the thread, the caller's first, each place once.
 * Returns how many. */
unsigned backtrace_stacks(struct stack_place *out, unsigned most);

#endif
