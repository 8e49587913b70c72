/* SPDX-License-Identifier: MIT */
/* Bochs's signature in the ACPI root pointer (ACPI 5.2.5.3). */
#include "boot/bochs.h"

#include "lib/string.h"

#define RSDP_OEM_ID 9

bool bochs_signed(const struct acpi_roots *roots)
{
    return roots->old_copied && memcmp(roots->old_copy + RSDP_OEM_ID, "BOCHS ", 6) == 0;
}
