/* SPDX-License-Identifier: MIT */
/* The I/O APICs and the old 8259 pair, silenced: no device interrupt reaches a CPU that did not ask
 * for it. Intel 82093AA data sheet; 8259A data sheet. Thread context, once, on the BSP. */
#ifndef ISTSTORM_SMP_IOAPIC_H
#define ISTSTORM_SMP_IOAPIC_H

#include "smp/madt.h"

void ioapic_mask_all(const struct machine_topology *topology);

#endif
