/* SPDX-License-Identifier: MIT */
/* The I/O APICs and the old 8259 pair, silenced: no device interrupt reaches a CPU that did not ask
 * for it. Intel 82093AA data sheet; 8259A data sheet. Thread context, on the BSP, unless it says
 * otherwise. */
#ifndef ISTSTORM_SMP_IOAPIC_H
#define ISTSTORM_SMP_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "smp/acpi/madt.h"

/* Masks every input, once. Inputs that firmware has routed to SMI are firmware's, and stay as they
 * are. */
void ioapic_mask_all(const struct machine_topology *topology);

/* Masks the level-triggered input that sends this vector. Returns its global system interrupt; -1:
 * there is none, or another CPU is at the registers. From an interrupt's handler; interrupts
 * off. */
int64_t ioapic_mask_vector(const struct machine_topology *topology, unsigned vector);

/* An input of an I/O APIC. */
struct ioapic_input {
    volatile uint8_t *ioapic;
    unsigned pin;
};

/* The input that is this global system interrupt. False: no I/O APIC has it, or it is
 * firmware's. */
bool ioapic_find_input(const struct machine_topology *topology, uint32_t gsi,
                       struct ioapic_input *out);

/* Whether the 8 bits of an entry hold this id. */
bool ioapic_reaches(uint32_t apic_id);

/* From here on each rising edge of the input is an NMI to this CPU, and to no other. False: another
 * CPU is at the registers, and the entry stays as it is. Any context. */
bool ioapic_aim_nmi(const struct ioapic_input *input, uint32_t apic_id);

#endif
