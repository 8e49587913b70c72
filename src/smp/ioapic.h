/* SPDX-License-Identifier: MIT */
/* The I/O APICs and the old 8259 pair, silenced: no device interrupt reaches a CPU that did not ask
 * for it. Intel 82093AA data sheet; 8259A data sheet. Thread context, on the BSP. */
#ifndef ISTSTORM_SMP_IOAPIC_H
#define ISTSTORM_SMP_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "smp/madt.h"

/* Once. */
void ioapic_mask_all(const struct machine_topology *topology);

/* From here on this global system interrupt is an NMI to this CPU, at each rising edge. False: no
 * I/O APIC has it, or the id is too large for its entries. */
bool ioapic_route_nmi(const struct machine_topology *topology, uint32_t gsi, uint32_t apic_id);

#endif
