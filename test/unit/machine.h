/* SPDX-License-Identifier: MIT */
/* A machine for tests: CPUs' windows where a hosted build has them (cpu/stacks.h), this_cpu through
 * the host's own GS, memory at physical addresses, and what the privileged instructions of
 * cpu/x86.h do. Each of these a test may replace by a function of its own. */
#ifndef ISTSTORM_TEST_MACHINE_H
#define ISTSTORM_TEST_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/percpu.h"
#include "cpu/x86.h"

extern struct hosted {
    bool interrupts;            /* are on */
    unsigned times_off;         /* they were switched off */
    uint64_t tsc;
    uint64_t cr0, cr3;
    unsigned cr3_writes;
    uintptr_t invalidated;      /* the page that was last */
} hosted;

/* Windows for so many CPUs, all zero but for index, APIC id, nest counter and where the stacks'
 * next frames end; the first one is this. Interrupts are on. */
void machine_make(uint32_t cpus);

/* This CPU is that one from now on. */
void machine_be(uint32_t cpu);

/* Memory, all zero, at these addresses, which are whole pages. */
void machine_map(uintptr_t low, uintptr_t high);

#endif
