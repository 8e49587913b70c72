/* SPDX-License-Identifier: MIT */
/*
 * ACPI's tables: the root pointer, the list of tables, and the few facts of the FADT that a kernel
 * without an AML interpreter can use (ACPI Specification 6.x, sections 5.2.5 to 5.2.9).
 *
 * Machine-free. Thread context.
 */
#ifndef ISTSTORM_SMP_ACPI_ACPI_H
#define ISTSTORM_SMP_ACPI_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/physical.h"

/* The beginning of each table (section 5.2.6). Packed: a table may lie at any address. */
struct acpi_header {
    char signature[4];
    uint32_t length;                /* bytes, with this header */
    uint8_t revision;
    uint8_t checksum;
    char oem_id[6];
    char oem_table_id[8];
    uint32_t oem_revision;
    uint32_t creator_id;
    uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.x, table 5.4");

/* A root pointer (section 5.2.5.3), in ACPI 1.0 and from ACPI 2.0 on. */
#define ACPI_RSDP_OLD_BYTES 20
#define ACPI_RSDP_NEW_BYTES 36

/* Where the tables may begin: what the loader has copied, not yet validated, and what the firmware
 * names. */
struct acpi_roots {
    bool new_copied, old_copied;
    uint8_t new_copy[ACPI_RSDP_NEW_BYTES], old_copy[ACPI_RSDP_OLD_BYTES];
    uint64_t new_address, old_address;  /* physical; 0: not named */
};

/* Says what is wrong with a table that is read all the same. */
typedef void acpi_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The list of tables. */
struct acpi_tables {
    const struct physical *physical;
    acpi_note *note;
    const struct acpi_header *root; /* the XSDT or the RSDT */
    size_t entry_size;              /* bytes of an address in it: 8 or 4 */
    size_t count;
};

/*
 * Finds the list of tables from the first good root pointer of: the new copy, the new
 * address, the old copy, the old address, the legacy areas. The XSDT is preferred
 * to the RSDT. Where none of them is good, the first of which only checksums are wrong is taken;
 * `note` is told of each such table, also by the functions below. False: `error` says what was
 * wrong with the last of them.
 */
bool acpi_open(struct acpi_tables *out, const struct physical *physical,
               const struct acpi_roots *roots, acpi_note *note, char *error, size_t error_size);

/*
 * The first table of this signature whose checksum is right, or else the first; all its `length`
 * bytes can be read.
 * NULL: `error` says whether it is absent or what is wrong with it.
 */
const struct acpi_header *acpi_find(const struct acpi_tables *tables, const char signature[4],
                                    char *error, size_t error_size);

/* Section 5.2.3.2, the address spaces that matter here. */
enum acpi_space {
    ACPI_SPACE_MEMORY = 0,
    ACPI_SPACE_PORT = 1,
    ACPI_SPACE_PCI = 2,             /* device, function and offset: table 5.1 */
};

struct acpi_register {
    enum acpi_space space;
    uint64_t address;               /* 0: there is no such register */
};

/* Section 5.2.9. A field that a short or old table does not have is 0. Where ACPI is
 * hardware-reduced, so is what then counts for nothing: the PM timer, PM1, ACPI mode; else the
 * sleep registers. */
struct acpi_fadt_facts {
    uint64_t dsdt;                  /* physical address */
    struct acpi_register pm_timer;
    unsigned pm_timer_bits;         /* 24 or 32; 0 without one */
    struct acpi_register pm1a_control, pm1b_control;
    struct acpi_register sleep_control, sleep_status;
    struct acpi_register smi_command; /* none: ACPI mode is on */
    uint8_t acpi_enable;            /* written there, it begins ACPI mode */
    struct acpi_register reset;     /* writing reset_value there resets the machine */
    uint8_t reset_value;
};

/*
 * The values for SLP_TYPa and SLP_TYPb in the sleep state S5, from the package \_S5_ of the DSDT
 * at `dsdt`, or else of the first SSDT that has one (section 7.4.2.1): found by its bytes, since
 * there is no AML interpreter here. False: it is not there, or not a plain package, or the table is
 * not whole.
 */
bool acpi_read_s5(const struct acpi_tables *tables, uint64_t dsdt, uint8_t types[2]);

/* The physical address of the registers that an "HPET" table names (IA-PC HPET Specification 1.0a,
 * 3.2.4); 0: it names none in memory. */
uint64_t acpi_read_hpet(const struct acpi_header *hpet);

/* `fadt` is what acpi_find gave for "FACP". */
void acpi_read_fadt(const struct acpi_header *fadt, struct acpi_fadt_facts *out);

#endif
