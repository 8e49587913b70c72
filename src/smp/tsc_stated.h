/* SPDX-License-Identifier: MIT */
/* The TSC's rate as CPUID states it: SDM volume 2, CPUID leaves 0x15 and 0x16; volume 3, 18.7.3;
 * the hypervisors' timing leaf 0x40000010 (VMware's, which KVM under QEMU and others have too).
 *
 * Machine-free but for lib/cpuid.h. Any context. In cycles a second; 0: it is not stated, or cannot
 * be. */
#ifndef ISTSTORM_SMP_TSC_STATED_H
#define ISTSTORM_SMP_TSC_STATED_H

#include <stdint.h>

/* The rate that a hypervisor states. There is a hypervisor. */
uint64_t tsc_stated_by_hypervisor(void);

/* The rate that follows from the crystal's. */
uint64_t tsc_stated_by_crystal(void);

/* As sold: the processor's base frequency, in whole MHz. */
uint64_t tsc_stated_by_base(void);

#endif
