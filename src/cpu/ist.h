/* SPDX-License-Identifier: MIT */
/* The IST events' handlers. cpu/claim.h says who is called. SDM volume 3, 6.14.5 and 6.15. */
#ifndef ISTSTORM_CPU_IST_H
#define ISTSTORM_CPU_IST_H

#include <stdint.h>

#include "cpu/frame.h"
#include "cpu/stacks.h"

/* In a #DB's hook: sets the DR7 that is in force when its handler has returned. */
void ist_set_dr7(uint64_t dr7);

/* Events that are under way on this CPU: on one of its hardware stacks, or on all. Any context. */
uint32_t ist_events(enum stack_kind kind);
uint32_t ist_events_all(void);

/* The deepest level that any event of a CPU has been on; 0 also if there was none. Any context. */
uint32_t ist_deepest(uint32_t cpu, enum stack_kind kind);

#endif
