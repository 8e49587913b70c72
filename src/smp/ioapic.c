/* SPDX-License-Identifier: MIT */
/* Masks every input of every I/O APIC and of the 8259 pair, and lets one through: 82093AA 3.2.4;
 * 8259A, initialisation command words. */
#include "smp/ioapic.h"

#include "cpu/paging.h"
#include "cpu/vectors.h"
#include "lib/port.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA 0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA 0xa1
#define ICW1_INIT_ICW4 0x11
#define ICW4_8086 0x01

#define IOAPIC_SELECT (0x00 / 4)
#define IOAPIC_WINDOW (0x10 / 4)
#define IOAPIC_SIZE 0x20
#define IOAPIC_VERSION 1
#define IOAPIC_REDIRECTION(pin) (0x10 + 2 * (pin))
#define REDIRECTION_MASKED (1u << 16)
#define REDIRECTION_NMI (4u << 8)   /* physical, edge-triggered, active high by the other bits */
#define DESTINATION_SHIFT 24
#define DESTINATION_MOST 0xfe       /* 0xff is everybody */

/* Moved away from the exceptions first: a masked 8259 can still deliver a spurious interrupt (its
 * input 7 or 15). */
static void mask_8259(void)
{
    port_out8(PIC1_COMMAND, ICW1_INIT_ICW4);
    port_out8(PIC2_COMMAND, ICW1_INIT_ICW4);
    port_out8(PIC1_DATA, VECTOR_PIC_FIRST);
    port_out8(PIC2_DATA, VECTOR_PIC_FIRST + 8);
    port_out8(PIC1_DATA, 1 << 2);
    port_out8(PIC2_DATA, 2);
    port_out8(PIC1_DATA, ICW4_8086);
    port_out8(PIC2_DATA, ICW4_8086);
    port_out8(PIC1_DATA, 0xff);
    port_out8(PIC2_DATA, 0xff);
}

static unsigned last_pin(volatile uint32_t *ioapic)
{
    ioapic[IOAPIC_SELECT] = IOAPIC_VERSION;
    return ioapic[IOAPIC_WINDOW] >> 16 & 0xff;
}

static void mask_ioapic(volatile uint32_t *ioapic)
{
    unsigned last = last_pin(ioapic);

    for (unsigned pin = 0; pin <= last; pin++) {
        ioapic[IOAPIC_SELECT] = IOAPIC_REDIRECTION(pin);
        ioapic[IOAPIC_WINDOW] = REDIRECTION_MASKED;
    }
}

void ioapic_mask_all(const struct machine_topology *topology)
{
    mask_8259();
    for (unsigned i = 0; i < topology->ioapic_count; i++) {
        volatile uint32_t *ioapic = paging_map_device(topology->ioapics[i].address, IOAPIC_SIZE);
        if (ioapic)
            mask_ioapic(ioapic);
    }
}

/* The destination first: the other half unmasks. */
static void route(volatile uint32_t *ioapic, unsigned pin, uint32_t apic_id)
{
    ioapic[IOAPIC_SELECT] = IOAPIC_REDIRECTION(pin) + 1;
    ioapic[IOAPIC_WINDOW] = apic_id << DESTINATION_SHIFT;
    ioapic[IOAPIC_SELECT] = IOAPIC_REDIRECTION(pin);
    ioapic[IOAPIC_WINDOW] = REDIRECTION_NMI;
}

bool ioapic_route_nmi(const struct machine_topology *topology, uint32_t gsi, uint32_t apic_id)
{
    for (unsigned i = 0; i < topology->ioapic_count && apic_id <= DESTINATION_MOST; i++) {
        uint32_t pin = gsi - topology->ioapics[i].gsi_base;
        volatile uint32_t *ioapic = paging_map_device(topology->ioapics[i].address, IOAPIC_SIZE);
        if (!ioapic || pin > last_pin(ioapic))
            continue;
        route(ioapic, pin, apic_id);
        return true;
    }
    return false;
}
