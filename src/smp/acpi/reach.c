/* SPDX-License-Identifier: MIT */
/* Makes ACPI's registers reachable: see reach.h. */
#include "smp/acpi/reach.h"

#include "cpu/paging.h"

#define PORTS 0x10000
#define PCI_DEVICES 32
#define PCI_FUNCTIONS 8
#define PCI_OFFSETS 256             /* the rest has no ports */

/* Table 5.1: device, function and offset, of bus 0. */
static uint32_t reach_pci(uint64_t address, unsigned width)
{
    uint64_t device = address >> 32, function = address >> 16 & 0xffff, offset = address & 0xffff;

    if (device >= PCI_DEVICES || function >= PCI_FUNCTIONS || offset >= PCI_OFFSETS ||
        offset % 4 + width > 4)
        return 0;
    return PCI_CONFIGURATION(device, function, offset);
}

struct device_register acpi_reach(const struct acpi_register *named, unsigned width)
{
    struct device_register found = {0};

    if (named->address == 0)
        return found;
    if (named->space == ACPI_SPACE_MEMORY)
        found.mapped = paging_map_device(named->address, width);
    else if (named->space == ACPI_SPACE_PCI)
        found.pci = reach_pci(named->address, width);
    else if (named->address + width <= PORTS)
        found.port = (uint16_t)named->address;
    return found;
}
