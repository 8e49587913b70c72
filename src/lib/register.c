/* SPDX-License-Identifier: MIT */
/* Reads and writes registers wherever they are: see register.h. */
#include "lib/register.h"

#include "lib/mmio.h"
#include "lib/port.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc

/* The port at which it is now. */
static uint16_t port_of(const struct device_register *r)
{
    if (!r->pci)
        return r->port;
    port_out32(PCI_ADDRESS, r->pci & ~3u);
    return (uint16_t)(PCI_DATA + (r->pci & 3));
}

uint32_t register_read(const struct device_register *r, unsigned width)
{
    if (r->mapped)
        return mmio_in(r->mapped, width);
    if (width == 4)
        return port_in32(port_of(r));
    return width == 2 ? port_in16(port_of(r)) : port_in8(port_of(r));
}

void register_write(const struct device_register *r, unsigned width, uint32_t value)
{
    if (r->mapped)
        mmio_out(r->mapped, width, value);
    else if (width == 4)
        port_out32(port_of(r), value);
    else if (width == 2)
        port_out16(port_of(r), (uint16_t)value);
    else
        port_out8(port_of(r), (uint8_t)value);
}
