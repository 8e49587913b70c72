/* SPDX-License-Identifier: MIT */
/* The emulator Bochs: whether it runs us. Any context. */
#ifndef ISTSTORM_BOOT_BOCHS_H
#define ISTSTORM_BOOT_BOCHS_H

#include <stdbool.h>

#include "smp/acpi/acpi.h"

/* Its processors are models of real ones, so CPUID does not tell, but its BIOS signs the ACPI root
 * pointer. Any other machine whose BIOS signs so is a hypervisor, and CPUID says so. */
bool bochs_signed(const struct acpi_roots *roots);

#endif
