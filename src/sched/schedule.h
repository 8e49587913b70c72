/* SPDX-License-Identifier: MIT */
/* The run queues: one a CPU, first in first out, with the timer's tick as the time slice.
 *
 * Any CPU may put a thread into a queue. Only the queue's own CPU takes threads out, so a switch
 * needs no further lock. */
#ifndef ISTSTORM_SCHED_SCHEDULE_H
#define ISTSTORM_SCHED_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/thread.h"

/* Ticks a second: 100, or fewer where an emulator's many CPUs share few real ones. */
uint32_t schedule_tick_hz(void);

/* Makes the idle and softirq threads of all CPUs, and the reaper. On the BSP, before bringup_start.
 * False: out of memory. */
bool schedule_init(void);

/* An online CPU's last step: its timer starts and its idle thread takes over. Interrupts off, on
 * any stack. */
_Noreturn void schedule_enter(void);

/* The BSP's: `first` is the first thread to run, and there are no ticks before it starts them. */
_Noreturn void schedule_start(void (*first)(void *argument));

/* This CPU's. */
void schedule_start_ticks(void);

/* Gives the CPU to the next ready thread; returns when this one has it again. Thread stack,
 * interrupts off. */
void schedule(void);

/* Must be called first on a stack that was switched to. For thread.c. */
void schedule_finish_switch(void);

/* Has that CPU call reaper_flush at its next switch. Any context. */
void schedule_flush_soon(uint32_t cpu);

/* The softirqs that a tick raises, a bit each. */
uint32_t schedule_softirqs(void);

/* The questions of this room to the rooms above it, which fill them in before the CPUs enter. */
struct sched_above {
    void (*tick)(void);             /* in every timer tick, IRQ context */
};
extern struct sched_above sched_above;

#endif
