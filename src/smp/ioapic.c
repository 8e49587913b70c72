/* SPDX-License-Identifier: MIT */
/* Masks every input of every I/O APIC and of the 8259 pair, and lets one through: 82093AA 3.2.4;
 * 8259A, initialisation command words. */
#include "smp/ioapic.h"

#include "cpu/paging.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/mmio.h"
#include "lib/port.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA 0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA 0xa1
#define ICW1_INIT_ICW4 0x11
#define ICW4_8086 0x01

#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_SIZE 0x20
#define IOAPIC_VERSION 1
#define IOAPIC_REDIRECTION(pin) (0x10 + 2 * (pin))
#define REDIRECTION_MASKED (1u << 16)
#define REDIRECTION_DELIVERY (7u << 8)
#define REDIRECTION_SMI (2u << 8)
#define REDIRECTION_NMI (4u << 8)   /* physical, edge-triggered, active high by the other bits */
#define REDIRECTION_VECTOR 0xffu
#define REDIRECTION_LOWEST_PRIORITY (1u << 8)   /* below it, fixed */
#define REDIRECTION_LEVEL (1u << 15)
#define DESTINATION_SHIFT 24
#define DESTINATION_MOST 0xfe       /* 0xff is everybody */

#define PATIENCE 1000000            /* tries, while another CPU is at the registers */

static volatile uint8_t *mapped[MADT_IOAPICS];
static bool registers_taken;        /* one register selects what the other one accesses */

static bool take_registers(void)
{
    return !__atomic_exchange_n(&registers_taken, true, __ATOMIC_ACQUIRE);
}

static void give_registers(void)
{
    __atomic_store_n(&registers_taken, false, __ATOMIC_RELEASE);
}

/* The vectors are moved away from the exceptions first, since a masked 8259 can still deliver a
 * spurious interrupt (its input 7 or 15). */
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

static uint32_t read(volatile uint8_t *ioapic, uint32_t reg)
{
    mmio_out(ioapic + IOAPIC_SELECT, 4, reg);
    return mmio_in(ioapic + IOAPIC_WINDOW, 4);
}

static void write(volatile uint8_t *ioapic, uint32_t reg, uint32_t value)
{
    mmio_out(ioapic + IOAPIC_SELECT, 4, reg);
    mmio_out(ioapic + IOAPIC_WINDOW, 4, value);
}

static unsigned last_pin(volatile uint8_t *ioapic)
{
    return read(ioapic, IOAPIC_VERSION) >> 16 & 0xff;
}

/* Firmware waits for an SMI on this input: legacy USB, a lid, a power button. */
static bool is_firmwares(volatile uint8_t *ioapic, unsigned pin)
{
    return (read(ioapic, IOAPIC_REDIRECTION(pin)) & REDIRECTION_DELIVERY) == REDIRECTION_SMI;
}

static void mask_ioapic(volatile uint8_t *ioapic)
{
    unsigned last = last_pin(ioapic);

    for (unsigned pin = 0; pin <= last; pin++)
        if (!is_firmwares(ioapic, pin))
            write(ioapic, IOAPIC_REDIRECTION(pin), REDIRECTION_MASKED);
}

void ioapic_mask_all(const struct machine_topology *topology)
{
    mask_8259();
    for (unsigned i = 0; i < topology->ioapic_count; i++) {
        mapped[i] = paging_map_device(topology->ioapics[i].address, IOAPIC_SIZE);
        if (mapped[i])
            mask_ioapic(mapped[i]);
    }
}

/* In thread context. */
static void await_registers(void)
{
    for (unsigned i = 0; i < PATIENCE && !take_registers(); i++)
        cpu_relax();
}

static bool find_input(const struct machine_topology *topology, uint32_t gsi,
                       struct ioapic_input *out)
{
    for (unsigned i = 0; i < topology->ioapic_count; i++) {
        uint32_t pin = gsi - topology->ioapics[i].gsi_base;
        if (!mapped[i] || pin > last_pin(mapped[i]) || is_firmwares(mapped[i], pin))
            continue;
        *out = (struct ioapic_input){mapped[i], pin};
        return true;
    }
    return false;
}

bool ioapic_find_input(const struct machine_topology *topology, uint32_t gsi,
                       struct ioapic_input *out)
{
    bool found;

    await_registers();
    found = find_input(topology, gsi, out);
    give_registers();
    return found;
}

bool ioapic_reaches(uint32_t apic_id)
{
    return apic_id <= DESTINATION_MOST;
}

/* The destination is written first, since the other half unmasks. An NMI may have come amid another
 * CPU's access. */
bool ioapic_aim_nmi(const struct ioapic_input *input, uint32_t apic_id)
{
    if (!take_registers())
        return false;
    write(input->ioapic, IOAPIC_REDIRECTION(input->pin) + 1, apic_id << DESTINATION_SHIFT);
    write(input->ioapic, IOAPIC_REDIRECTION(input->pin), REDIRECTION_NMI);
    give_registers();
    return true;
}

/* The entry keeps its vector, by which the I/O APIC knows the EOI that it waits for. */
static bool mask_if_sends(volatile uint8_t *ioapic, unsigned pin, unsigned vector)
{
    uint32_t entry = read(ioapic, IOAPIC_REDIRECTION(pin));

    if (entry & REDIRECTION_MASKED || !(entry & REDIRECTION_LEVEL) ||
        (entry & REDIRECTION_DELIVERY) > REDIRECTION_LOWEST_PRIORITY ||
        (entry & REDIRECTION_VECTOR) != vector)
        return false;
    write(ioapic, IOAPIC_REDIRECTION(pin), entry | REDIRECTION_MASKED);
    return true;
}

static int64_t mask_vector(const struct machine_topology *topology, unsigned vector)
{
    for (unsigned i = 0; i < topology->ioapic_count; i++)
        for (unsigned pin = 0; mapped[i] && pin <= last_pin(mapped[i]); pin++)
            if (mask_if_sends(mapped[i], pin, vector))
                return topology->ioapics[i].gsi_base + pin;
    return -1;
}

int64_t ioapic_mask_vector(const struct machine_topology *topology, unsigned vector)
{
    int64_t gsi;

    if (!take_registers())
        return -1;
    gsi = mask_vector(topology, vector);
    give_registers();
    return gsi;
}
