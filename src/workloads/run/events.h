/* SPDX-License-Identifier: MIT */
/* The exceptions that several workloads raise on purpose, each with every register known (known.h).
 * Ring 0, thread context or the handler of another event. */
#ifndef ISTSTORM_WORKLOADS_RUN_EVENTS_H
#define ISTSTORM_WORKLOADS_RUN_EVENTS_H

#include <stdint.h>

#include "workloads/run/known.h"

/* Once, before any of them is raised. Main thread. */
void events_prepare(void);

extern const struct known_event event_int3;             /* #BP; its RIP is known_int3_after */
extern const struct known_event event_machine_check;    /* INT 18 */
/* These fault once, and go on by a fix-up. */
extern const struct known_event event_page_fault;
extern const struct known_event event_absent_ss;        /* #SS, of a segment that is not present */

/* #DB, whose RIP is known_write_after, by a write to this word. DR7 is as before afterwards. */
void event_data_breakpoint(uint64_t *word);

/* #DF, by a #GP whose gate is not present; goes on by the #GP's fix-up. */
void event_double_fault(void);

/* An interrupt's way in and out, by INT: no APIC has a part in it. Interrupts off before and
 * after. */
void event_int_irq(void);

/* The switch alone, to another side on this thread's stack and back. Thread context. */
void event_switch(void);

#define NOT_PRESENT 8               /* in page 0, which is not mapped */
/* For #GP, or #SS through RBP. */
#define NOT_CANONICAL 0x0001000000000000ull

/* These end their thread: fault.asm. */
_Noreturn void fault_overflow(void);            /* calls itself into the guard page */
_Noreturn void fault_lose_stack(uintptr_t rsp); /* pushes with RSP there */

#endif
