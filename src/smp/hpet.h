/* SPDX-License-Identifier: MIT */
/* One timer of the HPET, as an NMI to the CPU that asked for it, after a time: IA-PC HPET
 * Specification 1.0a, 2.3. It comes through the I/O APIC, whatever the interrupt flag says. */
#ifndef ISTSTORM_SMP_HPET_H
#define ISTSTORM_SMP_HPET_H

#include <stdbool.h>
#include <stdint.h>

#include "smp/acpi.h"
#include "smp/madt.h"

/* Takes the HPET of this table (or NULL) over, and routes one timer to this CPU. NULL, or why not.
 * Thread context, once. */
const char *hpet_start(const struct acpi_header *table, const struct machine_topology *topology);

/* From now on, or anew: an NMI after so many milliseconds, some tens of thousands at most. Any
 * context. */
void hpet_arm(uint32_t ms);

/* Never mind: it counts no longer. Any context. */
void hpet_stop(void);

/* Whether that time is over. Any context. */
bool hpet_is_over(void);

#endif
