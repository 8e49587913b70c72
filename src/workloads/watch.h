/* SPDX-License-Identifier: MIT */
/* Who watches that every CPU moves: the one before it. Design, section 6, check 6. */
#ifndef ISTSTORM_WORKLOADS_WATCH_H
#define ISTSTORM_WORKLOADS_WATCH_H

/* From every timer tick: do the timers of the CPUs after this one still tick? One that hangs is
 * told, and the run goes on without it; without the main thread's CPU it ends. */
void watch_tick(void);

#endif
