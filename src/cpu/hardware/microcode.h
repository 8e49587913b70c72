/* SPDX-License-Identifier: MIT */
/* The revision of a CPU's microcode: SDM volume 3, 9.11.7 (microcode update signature); AMD's Patch
 * Level. */
#ifndef ISTSTORM_CPU_HARDWARE_MICROCODE_H
#define ISTSTORM_CPU_HARDWARE_MICROCODE_H

#include <stdint.h>

/* This CPU's revision, kept for microcode_of; once, on each. */
void microcode_read(void);

/* A CPU's revision, or REPORT_UNKNOWN. */
int64_t microcode_of(uint32_t cpu);

#endif
