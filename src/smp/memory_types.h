/* SPDX-License-Identifier: MIT */
/* Memory types: every CPU must have the same MTRRs and the same PAT. SDM volume 3, 11.11.8 (MTRRs
 * in MP systems), 11.12.4 (PAT).
 *
 * Firmware must set them, and some does not. A CPU whose types differ sees other memory contents
 * than the others. */
#ifndef ISTSTORM_SMP_MEMORY_TYPES_H
#define ISTSTORM_SMP_MEMORY_TYPES_H

#include <stdbool.h>

/* Reads the BSP's types. Once, before the other CPUs start. */
void memory_types_read(void);

/* Gives this CPU the same types. True: it had others. Interrupts off, before it is online. */
bool memory_types_apply(void);

#endif
