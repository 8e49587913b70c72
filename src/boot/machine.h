/* SPDX-License-Identifier: MIT */
/*
 * This machine: what its firmware's tables say, who it is, and the report's record of it.
 *
 * Thread context, on the BSP.
 */
#ifndef ISTSTORM_BOOT_MACHINE_H
#define ISTSTORM_BOOT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

#include "boot/boot_info.h"
#include "boot/options.h"
#include "boot/smbios.h"
#include "smp/acpi/acpi.h"
#include "smp/acpi/madt.h"
#include "smp/bringup.h"

struct machine {
    bool efi;
    struct acpi_tables acpi;
    struct acpi_fadt_facts fadt;
    struct machine_topology topology;   /* setup_processors fills it, and: */
    const char *clock_source;
    struct smbios_identity identity;
};

/* Finds the firmware's tables: SMBIOS, ACPI, and by ACPI how to switch off and to reset. False:
 * there are no ACPI tables, and `error` says why. After paging_init. */
bool machine_read_tables(struct machine *machine, struct boot_info *boot, char *error,
                         size_t error_size);

/* Writes the record `machine`, and notes what this hardware would log where nobody looks. When all
 * CPUs are online. */
void machine_report(const struct machine *machine, const struct options *options,
                    const char *command_line, const struct bringup_result *bringup);

#endif
