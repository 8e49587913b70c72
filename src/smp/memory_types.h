/* SPDX-License-Identifier: MIT */
/* Memory types: every CPU must have the same MTRRs and the same PAT. SDM volume 3, 11.11.8 (MTRRs
 * in MP systems), 11.12.4 (PAT).
 *
 * Firmware is to see to it, and some does not: a CPU whose types differ from the others' sees
 * memory that they do not. */
#ifndef ISTSTORM_SMP_MEMORY_TYPES_H
#define ISTSTORM_SMP_MEMORY_TYPES_H

#include <stdbool.h>

/* Reads the BSP's. Once, before the other CPUs start. */
void memory_types_read(void);

/* Makes this CPU's the same. True: they were not. Interrupts off, before it is online. */
bool memory_types_apply(void);

#endif
