/* SPDX-License-Identifier: MIT */
/* Who watches that every CPU moves: the one before it, or where there is but one, the HPET. Design,
 * section 6, check 6. */
#ifndef ISTSTORM_WORKLOADS_WATCH_H
#define ISTSTORM_WORKLOADS_WATCH_H

#include <stddef.h>

#include "smp/acpi.h"
#include "smp/madt.h"

/* From every timer tick: do the timers of the CPUs after this one still tick? One that hangs is
 * told, and the run goes on without it; without the main thread's CPU it ends. */
void watch_tick(void);

/* For a machine with one CPU, once the workloads have their NMI hooks: from here on the HPET (its
 * table, or NULL) watches, or a note says why not. Thread context, once. */
void watch_alone(const struct acpi_header *hpet, const struct machine_topology *topology);

/* From every timer tick. */
void watch_alone_tick(void);

/* Where an NMI found a CPU, in words; 0: it found none. Any context. */
void watch_describe(uint64_t rip, char *out, size_t size);

#endif
