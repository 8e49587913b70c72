/* SPDX-License-Identifier: MIT */
/* System management interrupts: time that firmware takes unseen. SDM volume 4, MSR_SMI_COUNT. */
#ifndef ISTSTORM_CPU_HARDWARE_SMI_H
#define ISTSTORM_CPU_HARDWARE_SMI_H

#include <stdbool.h>
#include <stdint.h>

/* The number that this CPU has taken since it was reset. False where it does not count them. Any
 * context. */
bool smi_read(uint64_t *count);

/* A separate count on this CPU: the number since smi_begin, at most 2^32; REPORT_UNKNOWN where it
 * does not count them. */
int64_t smi_begin(void);
int64_t smi_since(int64_t begin);

/* The same since this CPU's last look. Any context. */
int64_t smi_since_look(void);

/* Reads the counter, now and then, on each CPU. The first look starts the count. Thread or IRQ
 * context. */
void smi_poll(void);

/* The number between a CPU's first look and its last; REPORT_UNKNOWN where it does not count
 * them. */
int64_t smi_count(uint32_t cpu);

#endif
