/* SPDX-License-Identifier: MIT */
/* The checks that are made from outside the handlers: at rest, fill patterns, leaks. Design,
 * section 6, checks 4 and 5. */
#ifndef ISTSTORM_WORKLOADS_RUN_CHECK_H
#define ISTSTORM_WORKLOADS_RUN_CHECK_H

#include <stdint.h>

/* A thread's entry: looks at its CPU's stacks and counters now and then until it is told to stop,
 * and once more then. */
void check_thread(void *unused);

/* Before a storm: from here on the hardware's own counters count. Main thread. */
void check_first_look(void);

/* After a storm: looks at the whole of every stack of every CPU, and writes the CPUs' records. Main
 * thread. */
void check_last_look(void);

/* Counts the threads and pages before a storm; checks that they are the same after it. Main
 * thread. */
void check_count_resources(void);
void check_resources_are_back(void);

#endif
