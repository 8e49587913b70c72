/* SPDX-License-Identifier: MIT */
/*
 * The configuration tables that EFI firmware publishes (UEFI Specification 2.x, sections 4.3 and
 * 4.6): where ACPI and SMBIOS begin on a machine that has no legacy area to scan.
 *
 * Machine-free. Thread context, once, on the BSP.
 */
#ifndef ISTSTORM_BOOT_EFI_H
#define ISTSTORM_BOOT_EFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/physical.h"

/* Physical addresses; 0 when the firmware does not name the table. */
struct efi_tables {
    uint64_t rsdp_new;              /* ACPI 2.0 and later */
    uint64_t rsdp_old;              /* ACPI 1.0 */
    uint64_t smbios3;               /* entry point _SM3_ */
    uint64_t smbios;                /* entry point _SM_ */
};

/*
 * Reads the system table at `system_table`, whose pointers are 64 bits wide (multiboot2 tag 12) or
 * 32 (tag 11). False: `error` says why, and `out` names no table.
 */
bool efi_read_tables(const struct physical *physical, uint64_t system_table, bool is_64,
                     struct efi_tables *out, char *error, size_t error_size);

#endif
