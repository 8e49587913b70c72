/* SPDX-License-Identifier: MIT */
/* System management interrupts: time that firmware takes, and nobody sees. SDM volume 4,
 * MSR_SMI_COUNT. */
#ifndef ISTSTORM_CPU_SMI_H
#define ISTSTORM_CPU_SMI_H

#include <stdbool.h>
#include <stdint.h>

/* How many this CPU has taken since it was reset. False where it does not count them. Any
 * context. */
bool smi_read(uint64_t *count);

/* Now and then, on each CPU: looks how many there were. The first look is where counting begins.
 * Thread or IRQ context. */
void smi_poll(void);

/* How many there were between a CPU's first look and its last; REPORT_UNKNOWN where it does not
 * count them. */
int64_t smi_count(uint32_t cpu);

#endif
