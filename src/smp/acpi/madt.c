/* SPDX-License-Identifier: MIT */
/*
 * ACPI's Multiple APIC Description Table (ACPI Specification 6.x, section 5.2.12).
 *
 * Each entry type has a row in ENTRIES with the length that the specification gives it. The walk
 * checks an entry's bounds and that length, so a reader may use its entry without further checks.
 */
#include "smp/acpi/madt.h"

#include "lib/bytes.h"
#include "lib/format.h"
#include "lib/string.h"

enum {
    MADT_LAPIC_ADDRESS = 36,
    MADT_ENTRIES = 44,
    ENTRY_HEADER_SIZE = 2,          /* type, length */
    CPU_ENABLED = 1 << 0,           /* bit 1, online capable, means that it may come later */
    XAPIC_ALL_UIDS = 0xff,
    LINT_PINS = 2,
};

/* The broadcast ids are no CPU's: firmware fills unused entries with them. */
#define XAPIC_NO_ID 0xff
#define X2APIC_NO_ID UINT32_MAX

/* Firmware may list a CPU both as type 0 and as type 9. */
static bool is_listed(const struct machine_topology *out, uint32_t apic_id)
{
    for (unsigned i = 0; i < out->cpu_count; i++)
        if (out->cpus[i].apic_id == apic_id)
            return true;
    return false;
}

/* One that is not enabled takes no room: servers list a thousand that may be plugged in later. */
static void note_cpu(struct machine_topology *out, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
    if ((flags & CPU_ENABLED) == 0 || is_listed(out, apic_id))
        return;
    if (out->cpu_count == MADT_CPUS)
        out->cpus_left_out++;
    else
        out->cpus[out->cpu_count++] = (struct madt_cpu){ apic_id, uid };
}

static bool are_inti_flags(uint16_t flags)
{
    unsigned polarity = flags & MADT_POLARITY_MASK, trigger = flags & MADT_TRIGGER_MASK;

    return (flags & ~(MADT_POLARITY_MASK | MADT_TRIGGER_MASK)) == 0 &&
           (polarity == 0 || polarity == MADT_POLARITY_HIGH || polarity == MADT_POLARITY_LOW) &&
           (trigger == 0 || trigger == MADT_TRIGGER_EDGE || trigger == MADT_TRIGGER_LEVEL);
}

/* Some firmware leaves random bytes in these entries. Believed, they would make an NMI of what the
 * 8259 sends to LINT0. */
static void note_nmi(struct machine_topology *out, uint32_t uid, uint16_t flags, uint8_t lint)
{
    if (lint >= LINT_PINS || !are_inti_flags(flags)) {
        out->nmis_wrong++;
        return;
    }
    if (out->nmi_count == MADT_NMIS) {
        out->nmis_left_out++;
        return;
    }
    out->nmis[out->nmi_count++] = (struct madt_nmi){ uid, flags, lint };
}

static void read_lapic(struct machine_topology *out, const uint8_t *entry)
{
    if (entry[3] != XAPIC_NO_ID)
        note_cpu(out, entry[3], entry[2], bytes_read32(entry + 4));
}

static void read_ioapic(struct machine_topology *out, const uint8_t *entry)
{
    if (out->ioapic_count == MADT_IOAPICS) {
        out->ioapics_left_out++;
        return;
    }
    out->ioapics[out->ioapic_count++] = (struct madt_ioapic){
        .id = entry[2],
        .address = bytes_read32(entry + 4),
        .gsi_base = bytes_read32(entry + 8),
    };
}

static void read_override(struct machine_topology *out, const uint8_t *entry)
{
    if (out->override_count == MADT_OVERRIDES) {
        out->overrides_left_out++;
        return;
    }
    out->overrides[out->override_count++] = (struct madt_override){
        .source = entry[3],
        .gsi = bytes_read32(entry + 4),
        .flags = bytes_read16(entry + 8),
    };
}

static void read_lapic_nmi(struct machine_topology *out, const uint8_t *entry)
{
    uint32_t uid = entry[2] == XAPIC_ALL_UIDS ? MADT_ALL_PROCESSORS : entry[2];

    note_nmi(out, uid, bytes_read16(entry + 3), entry[5]);
}

static void read_lapic_address(struct machine_topology *out, const uint8_t *entry)
{
    out->lapic_address = bytes_read64(entry + 4);
}

static void read_x2apic(struct machine_topology *out, const uint8_t *entry)
{
    uint32_t apic_id = bytes_read32(entry + 4);

    if (apic_id != X2APIC_NO_ID)
        note_cpu(out, apic_id, bytes_read32(entry + 12), bytes_read32(entry + 8));
}

static void read_x2apic_nmi(struct machine_topology *out, const uint8_t *entry)
{
    note_nmi(out, bytes_read32(entry + 4), bytes_read16(entry + 2), entry[8]);
}

static const struct {
    uint8_t type, length;
    void (*read)(struct machine_topology *out, const uint8_t *entry);
} ENTRIES[] = {
    { 0x0, 8, read_lapic },
    { 0x1, 12, read_ioapic },
    { 0x2, 10, read_override },
    { 0x4, 6, read_lapic_nmi },
    { 0x5, 12, read_lapic_address },
    { 0x9, 16, read_x2apic },
    { 0xa, 12, read_x2apic_nmi },
};

/* False when the entry is too short for its type. */
static bool read_entry(struct machine_topology *out, const uint8_t *entry)
{
    for (size_t i = 0; i < sizeof ENTRIES / sizeof ENTRIES[0]; i++) {
        if (ENTRIES[i].type != entry[0])
            continue;
        if (entry[1] < ENTRIES[i].length)
            return false;
        ENTRIES[i].read(out, entry);
        return true;
    }
    return true;
}

bool madt_parse(const struct acpi_header *madt, struct machine_topology *out,
                char *error, size_t error_size)
{
    const uint8_t *bytes = (const uint8_t *)madt;
    size_t length = madt->length;

    memset(out, 0, sizeof *out);
    if (length < MADT_ENTRIES) {
        format(error, error_size, "the ACPI table APIC is %zu bytes long; %d at least", length,
               MADT_ENTRIES);
        return false;
    }
    out->lapic_address = bytes_read32(bytes + MADT_LAPIC_ADDRESS);
    for (size_t offset = MADT_ENTRIES; offset < length; offset += bytes[offset + 1]) {
        const uint8_t *entry = bytes + offset;
        size_t left = length - offset;

        if (left < ENTRY_HEADER_SIZE || entry[1] < ENTRY_HEADER_SIZE || entry[1] > left ||
            !read_entry(out, entry)) {
            format(error, error_size, "the ACPI table APIC: the entry at offset %zu, of type %u, "
                   "has a wrong length", offset, entry[0]);
            return false;
        }
    }
    return true;
}
