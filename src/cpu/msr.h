/* SPDX-License-Identifier: MIT */
/* Model-specific registers that may not exist. Any context; but the #GP returns by an IRET, which
 * lets NMIs into an NMI's handler. */
#ifndef ISTSTORM_CPU_MSR_H
#define ISTSTORM_CPU_MSR_H

#include <stdbool.h>
#include <stdint.h>

/* RDMSR. False: the MSR does not exist (#GP). */
bool msr_try_read(uint32_t msr, uint64_t *value);

/* WRMSR. False: there is no such MSR, or not this bit in it. */
bool msr_try_write(uint32_t msr, uint64_t value);

#endif
