/* SPDX-License-Identifier: MIT */
/* The run queues: one a CPU, first in first out, with the timer's tick as the time slice.
 *
 * Only its own CPU takes threads from a queue, so a switch needs no lock of its own; any CPU may
 * put one in. */
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

/* The BSP's: like schedule_enter, with `first` as the first thread to run. */
_Noreturn void schedule_start(void (*first)(void *argument));

/* Gives the CPU to the next ready thread; returns when this one has it again. Thread stack,
 * interrupts off. */
void schedule(void);

/* The first thing on a stack that was switched to. For thread.c. */
void schedule_finish_switch(void);

/* Is told of every tick, in IRQ context. Set before CPUs enter. */
extern void (*schedule_tick_hook)(void);

#endif
