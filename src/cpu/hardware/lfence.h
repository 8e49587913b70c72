/* SPDX-License-Identifier: MIT */
/* Makes LFENCE wait for all before it, as every stamp here takes it to (read_tsc_in_order, STAMP).
 * Intel's always does (SDM volume 2, LFENCE); AMD's by DE_CFG (AMD64 APM volume 2, 7.6.4; "Software
 * techniques for managing speculation", mitigation G-2). */
#ifndef ISTSTORM_CPU_HARDWARE_LFENCE_H
#define ISTSTORM_CPU_HARDWARE_LFENCE_H

/* On this CPU, whose IDT is loaded. Once, on each. */
void lfence_serialise(void);

/* As in the machine record: "serialises" on all of them, or "does-not"; NULL: the vendor does not
 * say. */
const char *lfence_name(void);

#endif
