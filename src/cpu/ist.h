/* SPDX-License-Identifier: MIT */
/* The five IST events' handlers: which stack they must be on, and who is told (cpu/hooks.h).
 * SDM volume 3, 6.14.5 and 6.15. */
#ifndef ISTSTORM_CPU_IST_H
#define ISTSTORM_CPU_IST_H

#include <stdint.h>

#include "cpu/frame.h"
#include "cpu/stacks.h"

/* Is told of each NMI: on the NMI stack, interrupts off. Never NULL. Set before they come. */
extern void (*nmi_hook)(struct trap_frame *frame);

/* Is told first of an NMI while this_cpu->nmi_asked is set, which it clears. */
extern void (*nmi_asked_hook)(struct trap_frame *frame);

/* By CPU: NMIs that nobody here asked for. Counted by whoever takes NMIs. */
extern uint64_t nmis_unexplained[];

/* In a #DB's hook: what DR7 is when its handler has returned. */
void ist_set_dr7(uint64_t dr7);

/* Events that are under way on this CPU: on one of its hardware stacks, or on all. Any context. */
uint32_t ist_events(enum stack_kind kind);
uint32_t ist_events_all(void);

/* The deepest level that any event of a CPU has been on; 0 also if there was none. Any context. */
uint32_t ist_deepest(uint32_t cpu, enum stack_kind kind);

/* Ends the guilty thread of a #DF or #SS by changing the frame, and says so. Set by the scheduler;
 * false: what was interrupted is not a thread that can be ended. */
extern bool (*ist_end_thread)(struct trap_frame *frame);

#endif
