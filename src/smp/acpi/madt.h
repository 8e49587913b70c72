/* SPDX-License-Identifier: MIT */
/*
 * The machine's CPUs and interrupt controllers, as ACPI's MADT lists them (ACPI Specification 6.x,
 * section 5.2.12).
 *
 * Machine-free. Thread context.
 */
#ifndef ISTSTORM_SMP_ACPI_MADT_H
#define ISTSTORM_SMP_ACPI_MADT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smp/acpi/acpi.h"

enum {
    MADT_CPUS = 1024,
    MADT_IOAPICS = 32,
    MADT_OVERRIDES = 64,
    MADT_NMIS = 1024,               /* some firmware has one for each CPU */
};

/* In madt_nmi.processor_uid: the entry is for every CPU. */
#define MADT_ALL_PROCESSORS UINT32_MAX

/* MPS INTI flags (table 5.26), of overrides and NMIs. 0 in a field: as the bus has it. */
enum {
    MADT_POLARITY_MASK = 3 << 0,
    MADT_POLARITY_HIGH = 1 << 0,
    MADT_POLARITY_LOW = 3 << 0,
    MADT_TRIGGER_MASK = 3 << 2,
    MADT_TRIGGER_EDGE = 1 << 2,
    MADT_TRIGGER_LEVEL = 3 << 2,
};

/* An enabled CPU. The others, online-capable ones too, are not to be started, nor listed here. */
struct madt_cpu {
    uint32_t apic_id;               /* sparse; each one listed once */
    uint32_t processor_uid;         /* what an NMI entry calls the CPU */
};

struct madt_ioapic {
    uint8_t id;
    uint32_t address;               /* physical */
    uint32_t gsi_base;              /* global system interrupt of its pin 0 */
};

/* ISA interrupt `source` arrives at `gsi`. */
struct madt_override {
    uint8_t source;
    uint32_t gsi;
    uint16_t flags;
};

/* LINT`lint` of this CPU is wired to NMI. */
struct madt_nmi {
    uint32_t processor_uid;
    uint16_t flags;
    uint8_t lint;                   /* 0 or 1 */
};

struct machine_topology {
    uint64_t lapic_address;         /* physical */
    struct madt_cpu cpus[MADT_CPUS];
    struct madt_ioapic ioapics[MADT_IOAPICS];
    struct madt_override overrides[MADT_OVERRIDES];
    struct madt_nmi nmis[MADT_NMIS];
    unsigned cpu_count, ioapic_count, override_count, nmi_count;
    /* How many entries found no room above; a CPU counts once for each entry. */
    unsigned cpus_left_out, ioapics_left_out, overrides_left_out, nmis_left_out;
    unsigned nmis_wrong;            /* NMI entries of a pin or flags that do not exist: ignored */
};

/*
 * Reads `madt`, which acpi_find gave for "APIC". Entries of unknown types are skipped. False: an
 * entry has a wrong length, and `error` says which; `out` holds what came before it.
 */
bool madt_parse(const struct acpi_header *madt, struct machine_topology *out,
                char *error, size_t error_size);

#endif
