/* SPDX-License-Identifier: MIT */
/* A CPU's place: thread, core, package. SDM volume 3, 8.9.3; volume 2, CPUID leaves 0x1F, 0xB, 4
 * and 1; AMD's CPUID Specification 2.34, leaves 0x80000008 and 0x8000001E. */
#ifndef ISTSTORM_CPU_HARDWARE_TOPOLOGY_H
#define ISTSTORM_CPU_HARDWARE_TOPOLOGY_H

#include <stdint.h>

struct cpu_topology {
    uint32_t smt;  /* thread in its core, or core in its compute unit (AMD family 15h) */
    uint32_t core; /* core in its package; modules, tiles and dies are not told */
    uint32_t package;
};

/* Of this CPU, whose APIC says that it has this id; CPUID may have another one, from which AMD's
 * families 10h and 15h were seen to differ. Any context. */
struct cpu_topology topology_of(uint32_t apic_id);

#endif
