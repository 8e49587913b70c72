/* SPDX-License-Identifier: MIT */
/* How a fault ends a thread, and leaves its CPU and the run to go on: the seed's "Using a separate
 * stack allows the kernel to recover from it well enough". */
#ifndef ISTSTORM_SCHED_END_H
#define ISTSTORM_SCHED_END_H

#include <stdbool.h>
#include <stdint.h>

/* What ended a thread, for who expects it: thread->end points at one. */
struct thread_end {
    bool ended;                 /* by a fault; false: it exited by itself */
    uint64_t vector, error_code;
    uint64_t rip;
    uint64_t address;           /* CR2, when it ended */
};

/* Takes faults that end threads. Once, on the BSP. */
void end_init(void);

#endif
