/* SPDX-License-Identifier: MIT */
/* The reaper: the thread that frees zombies. It unmaps a stack, waits until every CPU has flushed
 * its TLB, and only then gives the slot to other threads: SDM volume 3, 4.10.5. */
#ifndef ISTSTORM_SCHED_REAPER_H
#define ISTSTORM_SCHED_REAPER_H

#include <stdbool.h>

#include "sched/thread.h"

/* Makes the reaper's thread, on CPU 0. False: out of memory. */
bool reaper_create(void);

/* Flushes this CPU's TLB if stacks were unmapped since it last did. At a switch where that was
 * asked for; interrupts off. */
void reaper_flush(void);

/* The same, and sees to it that no zombie waits longer. In every timer tick, interrupts off. */
void reaper_tick(void);

/* Takes a zombie whose stack is no longer in use. Thread context, interrupts off. */
void reaper_take(struct thread *zombie);

#endif
