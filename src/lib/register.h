/* SPDX-License-Identifier: MIT */
/* A device's register in one of the address spaces that firmware's tables name: a port, memory, or
 * PCI configuration (PCI Local Bus Specification 3.0, 3.2.2.3.2: ports 0xcf8 and 0xcfc).
 *
 * Machine-free but for lib/port.h and lib/mmio.h. Any context; but PCI configuration has one index
 * register for all, so who reads or writes there is alone. */
#ifndef ISTSTORM_LIB_REGISTER_H
#define ISTSTORM_LIB_REGISTER_H

#include <stdbool.h>
#include <stdint.h>

/* At most one is set; none: there is no such register. */
struct device_register {
    uint16_t port;
    uint32_t pci;                   /* as PCI_CONFIGURATION says */
    volatile void *mapped;
};
#define PCI_CONFIGURATION(device, function, offset)                                                \
    (1u << 31 | (uint32_t)(device) << 11 | (uint32_t)(function) << 8 | (uint32_t)(offset))

static inline bool register_exists(const struct device_register *r)
{
    return r->port || r->pci || r->mapped;
}

/* width: bytes, 1, 2 or 4. The register exists, and does not cross a boundary of 4 bytes. */
uint32_t register_read(const struct device_register *r, unsigned width);
void register_write(const struct device_register *r, unsigned width, uint32_t value);

#endif
