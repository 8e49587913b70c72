/* SPDX-License-Identifier: MIT */
/* Watches that time runs backwards neither from CPU to CPU nor on one: SDM volume 3, 17.17.
 *
 * When bring-up is over the clocks agree (warp.h), whatever their TSCs hold. A clock that is behind
 * another one later has stepped back, or the other ahead: a failure of the check `clock`. It is a
 * failure also where CPUID does not promise an invariant TSC, since the image lets no CPU sleep
 * deeper than HLT, and a system that keeps time by such a counter would be wrong by as much. */
#ifndef ISTSTORM_SMP_CLOCK_WATCH_H
#define ISTSTORM_SMP_CLOCK_WATCH_H

/* In each tick: checks whether this CPU's clock has had to step over something (cpu/clock.h), and
 * whether it is behind the latest tick of all CPUs. Sees differences longer than a tick. */
void clock_check_tick(void);

/* Exchanges times with the next CPU. Sees differences longer than a message between the two. Thread
 * context; `pause` is thread_yield. */
void clock_check_next(void (*pause)(void));

#endif
