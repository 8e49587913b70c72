/* SPDX-License-Identifier: MIT */
/* How an exception ends a thread, while its CPU and the run go on. Linux's kernel-stacks document:
 * "Using a separate stack allows the kernel to recover from it well enough". */
#ifndef ISTSTORM_SCHED_END_H
#define ISTSTORM_SCHED_END_H

#include <stdbool.h>
#include <stdint.h>

/* The end of a thread that an exception was expected to end: thread->end points at it. */
struct thread_end {
    bool ended;                 /* by an exception; false: it exited by itself */
    uint64_t vector, error_code;
    uint64_t rip;
    uint64_t address;           /* CR2, when it ended */
};

/* Tells the room below how to end threads (cpu/above.h). Once, on the BSP. */
void end_init(void);

#endif
