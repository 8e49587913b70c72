/* SPDX-License-Identifier: MIT */
/* The benchmark's threads: one a CPU, which does one job at a time for the main thread; and the
 * jobs of those that are not measured. */
#ifndef ISTSTORM_WORKLOADS_LATENCY_CREW_H
#define ISTSTORM_WORKLOADS_LATENCY_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/thread.h"
#include "workloads/latency/measure.h"

/* Memory for what the load writes to, which stays. Main thread. False: too little. */
bool crew_prepare(void);

/* A thread on each CPU. Main thread. False: out of memory. */
bool crew_start(void);
void crew_end(void);

/* Gives a CPU a job; waits until it is done. Main thread. */
void crew_do(uint32_t cpu, void (*job)(const void *argument), const void *argument);
void crew_wait(uint32_t cpu);
void crew_do_and_wait(uint32_t cpu, void (*job)(const void *argument), const void *argument);

/* The crew's thread of a CPU. */
struct thread *crew_thread(uint32_t cpu);

/* Around a measurement: what its target and the other CPUs do meanwhile. Main thread. */
void crew_surround(const struct measure *m);
void crew_release(void);

/* On the CPU `from`. Before the first sample: until the target waits for it, where a thread does.
 * Before each sample, interrupts on: makes the mode true there and on `to`. After each: until the
 * target is back at what the event interrupted, and has left its mark. False: the event came to who
 * ought to have slept, and was awake. */
void crew_await_target(const struct measure *m);
void crew_prepare_sample(const struct measure *m);
bool crew_await_return(const struct measure *m);

/* The TSC of `to` less that of `from`. Main thread. */
struct clock_offset crew_measure_offset(uint32_t from, uint32_t to);

#endif
