/* SPDX-License-Identifier: MIT */
/* How fast the TSC and the local APIC timer count: measured against ACPI's PM timer (ACPI 4.8.2.1),
 * or the 8254. SDM volume 3, 10.5.4 and 17.17. */
#ifndef ISTSTORM_SMP_CALIBRATE_H
#define ISTSTORM_SMP_CALIBRATE_H

#include <stdint.h>

#include "smp/acpi.h"

extern uint32_t calibrated_apic_hz;

/* Starts the clock and sets calibrated_apic_hz; the name of the reference, or NULL where none of
 * them moves. Once, on the BSP, with its APIC enabled and interrupts off. Takes 20 ms. */
const char *calibrate(const struct acpi_fadt_facts *fadt);

/* Spins for a time. Any context. */
void delay_us(uint64_t us);

#endif
