/* SPDX-License-Identifier: MIT */
/* The reaper: the thread that buries zombies. A stack is unmapped, every CPU forgets the mapping,
 * and only then may the slot carry another thread: SDM volume 3, 4.10.5. */
#ifndef ISTSTORM_SCHED_REAPER_H
#define ISTSTORM_SCHED_REAPER_H

#include <stdbool.h>

#include "sched/thread.h"

/* Makes the reaper's thread, on CPU 0. False: out of memory. */
bool reaper_create(void);

/* From every timer tick, interrupts off: this CPU forgets the mappings of stacks that were unmapped
 * since its last. */
void reaper_tick(void);

/* A zombie on whose stack nobody stands any more. Thread context, interrupts off. */
void reaper_take(struct thread *zombie);

#endif
