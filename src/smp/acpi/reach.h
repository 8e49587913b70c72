/* SPDX-License-Identifier: MIT */
/* From a register as ACPI's tables name it to one that can be read and written. ACPI 6.x, section
 * 5.2.3.2 and table 5.1. */
#ifndef ISTSTORM_SMP_ACPI_REACH_H
#define ISTSTORM_SMP_ACPI_REACH_H

#include "lib/register.h"
#include "smp/acpi/acpi.h"

/* Of `width` bytes. None, where there is no such register or it is out of reach: a port past the
 * last, memory past the CPU's addresses or for which no page table is left, PCI configuration that
 * 0xcf8 cannot name. Memory stays mapped. Thread context. */
struct device_register acpi_reach(const struct acpi_register *named, unsigned width);

#endif
