/* SPDX-License-Identifier: MIT */
/* How fast the TSC and the local APIC timer count: measured against the counters of counters.h, or
 * stated by CPUID (tsc_stated.h). SDM volume 3, 10.5.4 and 17.17. */
#ifndef ISTSTORM_SMP_CALIBRATE_H
#define ISTSTORM_SMP_CALIBRATE_H

#include <stdint.h>

#include "smp/acpi/acpi.h"

extern uint32_t calibrated_apic_hz;

/* Starts the clock and sets calibrated_apic_hz; returns the name of the source that was chosen, or
 * NULL where there is none. Sources that disagree are named in notes. A source that another
 * confirms is chosen first. `hpet` is a table, or NULL. Takes 20 ms. Once, on the BSP, with its
 * APIC enabled and interrupts off. */
const char *calibrate(const struct acpi_fadt_facts *fadt, const struct acpi_header *hpet);

/* Spins for a time. Any context. */
void delay_us(uint64_t us);

#endif
