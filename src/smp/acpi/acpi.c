/* SPDX-License-Identifier: MIT */
/*
 * ACPI's tables (ACPI Specification 6.x, sections 5.2.5 to 5.2.9). Firmware has been seen with each
 * of these wrong: a checksum, a length, an XSDT that is broken while the RSDT is whole. So nothing
 * is believed before it was checked, and the next best is tried before giving up. A table of which
 * the checksum alone is wrong comes last, and is used: systems that do not check it run on such
 * machines, and refusing to would say nothing of the hardware.
 */
#include "smp/acpi/acpi.h"

#include "lib/bytes.h"
#include "lib/format.h"
#include "lib/string.h"

enum {
    RSDP_REVISION = 15,
    RSDP_RSDT = 16,
    RSDP_LENGTH = 20,               /* from here on only with revision 2 and later */
    RSDP_XSDT = 24,
    RSDP_ALIGNMENT = 16,

    EBDA_SEGMENT_AT = 0x40e,        /* section 5.2.5.1: the places to search without EFI */
    EBDA_SEARCHED = 1024,
    BIOS_AREA = 0xe0000,
    BIOS_AREA_SIZE = 0x20000,
};

struct attempt {
    bool any_sum;                   /* the second one: wrong checksums do */
    acpi_note *note;
    char *error;                    /* the text of the last error */
    size_t error_size;
};

/* The table at `address`, if all of it is readable and its checksum is right, or any does. */
static const struct acpi_header *checked_table(const struct physical *physical, uint64_t address,
                                               const char signature[4], struct attempt *attempt)
{
    const struct acpi_header *table = physical->at(physical, address, sizeof *table);
    const char *problem = NULL;

    if (table == NULL)
        problem = "is not in readable memory";
    else if (memcmp(table->signature, signature, 4) != 0)
        problem = "has another signature";
    else if (table->length < sizeof *table)
        problem = "is shorter than a header";
    else if ((table = physical->at(physical, address, table->length)) == NULL)
        problem = "runs past readable memory";
    else if (!attempt->any_sum && bytes_sum(table, table->length) != 0)
        problem = "has a wrong checksum";
    if (problem == NULL && bytes_sum(table, table->length) != 0)
        attempt->note("the ACPI table %.4s at 0x%lx has a wrong checksum; it is read all the same",
                      signature, address);
    if (problem == NULL)
        return table;
    format(attempt->error, attempt->error_size, "the ACPI table %.4s at 0x%lx %s", signature,
           address, problem);
    return NULL;
}

static bool open_root(struct acpi_tables *out, const struct physical *physical, uint64_t address,
                      const char signature[4], size_t entry_size, struct attempt *attempt)
{
    const struct acpi_header *root;

    if (address == 0)
        return false;
    root = checked_table(physical, address, signature, attempt);
    if (root == NULL)
        return false;
    out->physical = physical;
    out->note = attempt->note;
    out->root = root;
    out->entry_size = entry_size;
    out->count = (root->length - sizeof *root) / entry_size;
    return true;
}

/*
 * The extended checksum covers as many bytes as the structure says it has; where that is not what
 * `length` holds, the first one has to do.
 */
static bool rsdp_sum_is_right(const uint8_t *rsdp, size_t length)
{
    if (bytes_sum(rsdp, ACPI_RSDP_OLD_BYTES) != 0)
        return false;
    return length < ACPI_RSDP_NEW_BYTES || bytes_read32(rsdp + RSDP_LENGTH) != length ||
           bytes_sum(rsdp, length) == 0;
}

/* Opens the tables behind a root pointer of which `length` bytes are readable. */
static bool open_rsdp(struct acpi_tables *out, const struct physical *physical, const uint8_t *rsdp,
                      size_t length, struct attempt *attempt)
{
    bool sum_is_right = rsdp_sum_is_right(rsdp, length);
    uint64_t xsdt = 0, rsdt;

    if (memcmp(rsdp, "RSD PTR ", 8) != 0 || (!sum_is_right && !attempt->any_sum)) {
        format(attempt->error, attempt->error_size, "the ACPI root pointer (RSDP) has a wrong "
               "signature or checksum");
        return false;
    }
    rsdt = bytes_read32(rsdp + RSDP_RSDT);
    if (rsdp[RSDP_REVISION] >= 2 && length >= ACPI_RSDP_NEW_BYTES)
        xsdt = bytes_read64(rsdp + RSDP_XSDT);
    if (!open_root(out, physical, xsdt, "XSDT", 8, attempt) &&
        !open_root(out, physical, rsdt, "RSDT", 4, attempt))
        return false;
    if (!sum_is_right)
        attempt->note("the ACPI root pointer (RSDP) has a wrong checksum; it is read all the same");
    return true;
}

/* The same for one in memory, which is read as long as its revision says. */
static bool open_rsdp_at(struct acpi_tables *out, const struct physical *physical, uint64_t address,
                         struct attempt *attempt)
{
    const uint8_t *rsdp = physical->at(physical, address, ACPI_RSDP_OLD_BYTES);
    size_t length = ACPI_RSDP_OLD_BYTES;

    if (rsdp == NULL)
        return false;
    if (rsdp[RSDP_REVISION] >= 2) {
        rsdp = physical->at(physical, address, ACPI_RSDP_NEW_BYTES);
        length = ACPI_RSDP_NEW_BYTES;
    }
    return rsdp != NULL && open_rsdp(out, physical, rsdp, length, attempt);
}

static bool scan(struct acpi_tables *out, const struct physical *physical, uint64_t start,
                 uint64_t size, struct attempt *attempt)
{
    for (uint64_t at = start; at < start + size; at += RSDP_ALIGNMENT) {
        const void *signature = physical->at(physical, at, 8);

        if (signature != NULL && memcmp(signature, "RSD PTR ", 8) == 0 &&
            open_rsdp_at(out, physical, at, attempt))
            return true;
    }
    return false;
}

static bool scan_legacy(struct acpi_tables *out, const struct physical *physical,
                        struct attempt *attempt)
{
    const void *segment = physical->at(physical, EBDA_SEGMENT_AT, sizeof(uint16_t));
    uint64_t ebda = segment == NULL ? 0 : (uint64_t)bytes_read16(segment) << 4;

    return (ebda != 0 && scan(out, physical, ebda, EBDA_SEARCHED, attempt)) ||
           scan(out, physical, BIOS_AREA, BIOS_AREA_SIZE, attempt);
}

static bool open_any(struct acpi_tables *out, const struct physical *physical,
                     const struct acpi_roots *roots, struct attempt *attempt)
{
    return (roots->new_copied &&
            open_rsdp(out, physical, roots->new_copy, ACPI_RSDP_NEW_BYTES, attempt)) ||
           (roots->new_address != 0 && open_rsdp_at(out, physical, roots->new_address, attempt)) ||
           (roots->old_copied &&
            open_rsdp(out, physical, roots->old_copy, ACPI_RSDP_OLD_BYTES, attempt)) ||
           (roots->old_address != 0 && open_rsdp_at(out, physical, roots->old_address, attempt)) ||
           scan_legacy(out, physical, attempt);
}

bool acpi_open(struct acpi_tables *out, const struct physical *physical,
               const struct acpi_roots *roots, acpi_note *note, char *error, size_t error_size)
{
    struct attempt strict = { false, note, error, error_size };
    struct attempt any_sum = { true, note, error, error_size };

    format(error, error_size, "no ACPI root pointer (RSDP)");
    return open_any(out, physical, roots, &strict) || open_any(out, physical, roots, &any_sum);
}

/* Whether the table at `address` calls itself so. */
static bool is_called(const struct physical *physical, uint64_t address, const char signature[4])
{
    const void *table = physical->at(physical, address, 4);

    return table != NULL && memcmp(table, signature, 4) == 0;
}

/* Where the root table says that its table number `i` is. */
static uint64_t address_of(const struct acpi_tables *tables, size_t i)
{
    const uint8_t *entry = (const uint8_t *)(tables->root + 1) + i * tables->entry_size;

    return tables->entry_size == 8 ? bytes_read64(entry) : bytes_read32(entry);
}

/* The first table of that signature from number *i on that the attempt takes; *i moves past it. */
static const struct acpi_header *next_called(const struct acpi_tables *tables, size_t *i,
                                             const char signature[4], struct attempt *attempt)
{
    const struct acpi_header *table = NULL;

    while (table == NULL && *i < tables->count) {
        uint64_t address = address_of(tables, (*i)++);
        if (is_called(tables->physical, address, signature))
            table = checked_table(tables->physical, address, signature, attempt);
    }
    return table;
}

const struct acpi_header *acpi_find(const struct acpi_tables *tables, const char signature[4],
                                    char *error, size_t error_size)
{
    struct attempt strict = { false, tables->note, error, error_size };
    struct attempt any_sum = { true, tables->note, error, error_size };
    const struct acpi_header *found;
    size_t first = 0, again = 0;

    format(error, error_size, "no ACPI table %.4s", signature);
    found = next_called(tables, &first, signature, &strict);
    return found != NULL ? found : next_called(tables, &again, signature, &any_sum);
}

/* Offsets of section 5.2.9, table 5.9. The X_ fields are generic addresses, of 12 bytes. */
enum {
    FADT_DSDT = 40,
    FADT_SMI_COMMAND = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_PM1A_CONTROL = 64,
    FADT_PM1B_CONTROL = 68,
    FADT_PM_TIMER = 76,
    FADT_FLAGS = 112,
    FADT_FLAG_TIMER_32_BITS = 1 << 8,
    FADT_FLAG_RESET = 1 << 10,
    FADT_FLAG_REDUCED = 1 << 20,
    FADT_RESET = 116,
    FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_CONTROL = 172,
    FADT_X_PM1B_CONTROL = 184,
    FADT_X_PM_TIMER = 208,
    FADT_SLEEP_CONTROL = 244,
    FADT_SLEEP_STATUS = 256,
    GENERIC_ADDRESS = 4,            /* of the address in a generic address */
};

/* `width` bytes at `offset`, or 0 where the table is too short to have them. */
static uint64_t field(const struct acpi_header *fadt, size_t offset, size_t width)
{
    uint64_t value = 0;

    if (offset + width <= fadt->length)
        memcpy(&value, (const uint8_t *)fadt + offset, width);
    return value;
}

/* The register of the generic address at `offset`. */
static struct acpi_register generic(const struct acpi_header *fadt, size_t offset)
{
    struct acpi_register none = { 0 }, found = {
        .space = (enum acpi_space)field(fadt, offset, 1),
        .address = field(fadt, offset + GENERIC_ADDRESS, 8),
    };

    return found.space <= ACPI_SPACE_PCI ? found : none;
}

/* The 64-bit field where there is one, else the port in the 32-bit field. */
static struct acpi_register either(const struct acpi_header *fadt, size_t wide, size_t narrow)
{
    struct acpi_register found = generic(fadt, wide);

    if (found.address == 0)
        found = (struct acpi_register){ ACPI_SPACE_PORT, field(fadt, narrow, 4) };
    return found;
}

/* The registers of ACPI's hardware model. */
static void read_full(const struct acpi_header *fadt, uint64_t flags, struct acpi_fadt_facts *out)
{
    out->pm_timer = either(fadt, FADT_X_PM_TIMER, FADT_PM_TIMER);
    out->pm1a_control = either(fadt, FADT_X_PM1A_CONTROL, FADT_PM1A_CONTROL);
    out->pm1b_control = either(fadt, FADT_X_PM1B_CONTROL, FADT_PM1B_CONTROL);
    out->smi_command = (struct acpi_register){ ACPI_SPACE_PORT, field(fadt, FADT_SMI_COMMAND, 4) };
    out->acpi_enable = (uint8_t)field(fadt, FADT_ACPI_ENABLE, 1);
    if (out->pm_timer.address != 0)
        out->pm_timer_bits = (flags & FADT_FLAG_TIMER_32_BITS) != 0 ? 32 : 24;
}

/* The registers that it has in their place. Tablets fill the fields of both. */
static void read_reduced(const struct acpi_header *fadt, struct acpi_fadt_facts *out)
{
    out->sleep_control = generic(fadt, FADT_SLEEP_CONTROL);
    out->sleep_status = generic(fadt, FADT_SLEEP_STATUS);
}

void acpi_read_fadt(const struct acpi_header *fadt, struct acpi_fadt_facts *out)
{
    uint64_t flags = field(fadt, FADT_FLAGS, 4);

    *out = (struct acpi_fadt_facts){ .dsdt = field(fadt, FADT_X_DSDT, 8) };
    if (out->dsdt == 0)
        out->dsdt = field(fadt, FADT_DSDT, 4);
    if ((flags & FADT_FLAG_REDUCED) != 0)
        read_reduced(fadt, out);
    else
        read_full(fadt, flags, out);
    if ((flags & FADT_FLAG_RESET) != 0) {
        out->reset = generic(fadt, FADT_RESET);
        out->reset_value = (uint8_t)field(fadt, FADT_RESET_VALUE, 1);
    }
}

enum { HPET_REGISTERS = 40 };

uint64_t acpi_read_hpet(const struct acpi_header *hpet)
{
    struct acpi_register found = generic(hpet, HPET_REGISTERS);

    return found.space == ACPI_SPACE_MEMORY ? found.address : 0;
}

enum {
    AML_NAME_OP = 0x08,
    AML_BYTE_PREFIX = 0x0a,
    AML_PACKAGE_OP = 0x12,
};

/* An element of the package: Zero, One, or a byte behind its prefix. Of three bits. */
static bool take_sleep_type(const uint8_t **at, const uint8_t *end, uint8_t *type)
{
    if (end - *at >= 1 && **at == AML_BYTE_PREFIX)
        (*at)++;
    if (end - *at < 1)
        return false;
    *type = *(*at)++;
    return *type < 8;
}

/* Behind the name: PackageOp, a length of 1 to 4 bytes (section 20.2.4), the number of elements,
 * and these. Where there is no second one, or not a plain one, PM1b's is PM1a's. */
static bool read_s5_package(const uint8_t *at, const uint8_t *end, uint8_t types[2])
{
    size_t length_bytes;
    uint8_t elements;

    if (end - at < 2 || *at++ != AML_PACKAGE_OP)
        return false;
    length_bytes = 1 + (*at >> 6);
    if ((size_t)(end - at) < length_bytes + 1)
        return false;
    elements = at[length_bytes];
    at += length_bytes + 1;
    if (elements < 1 || !take_sleep_type(&at, end, &types[0]))
        return false;
    if (elements < 2 || !take_sleep_type(&at, end, &types[1]))
        types[1] = types[0];
    return true;
}

static bool read_s5_of(const struct acpi_header *table, uint8_t types[2])
{
    const uint8_t *at, *end;

    if (table == NULL || table->length < sizeof *table + 2)
        return false;
    end = (const uint8_t *)table + table->length;
    for (at = (const uint8_t *)(table + 1) + 2; end - at > 4; at++) {
        bool named = at[-1] == AML_NAME_OP || (at[-1] == '\\' && at[-2] == AML_NAME_OP);

        if (named && memcmp(at, "_S5_", 4) == 0)
            return read_s5_package(at + 4, end, types);
    }
    return false;
}

static bool find_s5(const struct acpi_tables *tables, uint64_t dsdt, struct attempt *attempt,
                    uint8_t types[2])
{
    const struct acpi_header *ssdt;
    size_t next = 0;

    if (dsdt != 0 && read_s5_of(checked_table(tables->physical, dsdt, "DSDT", attempt), types))
        return true;
    while ((ssdt = next_called(tables, &next, "SSDT", attempt)) != NULL)
        if (read_s5_of(ssdt, types))
            return true;
    return false;
}

bool acpi_read_s5(const struct acpi_tables *tables, uint64_t dsdt, uint8_t types[2])
{
    char error[80];
    struct attempt strict = { false, tables->note, error, sizeof error };
    struct attempt any_sum = { true, tables->note, error, sizeof error };

    return find_s5(tables, dsdt, &strict, types) || find_s5(tables, dsdt, &any_sum, types);
}
