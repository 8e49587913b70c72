/* SPDX-License-Identifier: MIT */
/* Where a CPU sits: thread, core, package. SDM volume 3, 8.9.3; volume 2, CPUID leaves 0x1F, 0xB,
 * 4 and 1. */
#ifndef ISTSTORM_CPU_TOPOLOGY_H
#define ISTSTORM_CPU_TOPOLOGY_H

#include <stdint.h>

struct cpu_topology {
    uint32_t smt;  /* thread in its core */
    uint32_t core; /* core in its package; modules, tiles and dies are not told */
    uint32_t package;
};

/* Of this CPU. Any context. */
struct cpu_topology topology_read(void);

#endif
