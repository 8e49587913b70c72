/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes smp/acpi/acpi.h. The input is the memory at 4096, behind a first byte. It begins with a
 * root pointer; where the first byte is odd, the checksums of this and of all tables that it leads
 * to are made right first, as no fuzzer finds them by chance.
 */
#include "foreign.h"
#include "smp/acpi/acpi.h"

enum { BASE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t number(const uint8_t *at, size_t width)
{
    uint64_t value = 0;

    memcpy(&value, at, width);
    return value;
}

/* The table at `address`, made right, or NULL where it does not lie in the input. */
static uint8_t *fix_table(uint8_t *bytes, size_t size, uint64_t address, size_t *length)
{
    uint64_t offset = address - BASE;

    if (address < BASE || size < 36 || offset > size - 36)
        return NULL;
    *length = number(bytes + offset + 4, 4);
    if (*length < 36 || *length > size - offset)
        return NULL;
    fix_sum(bytes + offset, 0, *length, 9);
    return bytes + offset;
}

static void fix_root(uint8_t *bytes, size_t size, uint64_t address, size_t width)
{
    size_t length, ignored;
    uint8_t *root = fix_table(bytes, size, address, &length);

    if (root == NULL)
        return;
    for (size_t at = 36; at + width <= length; at += width)
        fix_table(bytes, size, number(root + at, width), &ignored);
    fix_table(bytes, size, address, &ignored);
}

static void fix_all(uint8_t *bytes, size_t size)
{
    if (size < 36)
        return;
    fix_root(bytes, size, number(bytes + 16, 4), 4);
    fix_root(bytes, size, number(bytes + 24, 8), 8);
    fix_sum(bytes, 0, 20, 8);
    fix_sum(bytes, 0, 36, 32);
}

static void ignore(const char *format, ...)
{
    (void)format;
}

static void read_tables(const struct memory *memory)
{
    static const struct acpi_roots roots = { .new_address = BASE };
    struct acpi_fadt_facts facts;
    struct acpi_tables tables;
    const struct acpi_header *fadt, *hpet;
    char error[128] = { 0 };
    uint8_t s5[2];

    if (!acpi_open(&tables, &memory->physical, &roots, ignore, error, sizeof error)) {
        assert(error[0] != '\0');
        return;
    }
    fadt = acpi_find(&tables, "FACP", error, sizeof error);
    if (fadt != NULL) {
        acpi_read_fadt(fadt, &facts);
        acpi_read_s5(&tables, facts.dsdt, s5);
    }
    acpi_read_s5(&tables, BASE, s5);
    hpet = acpi_find(&tables, "HPET", error, sizeof error);
    if (hpet != NULL)
        acpi_read_hpet(hpet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory memory;
    uint8_t *bytes;

    if (size < 1)
        return 0;
    bytes = exact_copy(data + 1, size - 1);
    if ((data[0] & 1) != 0)
        fix_all(bytes, size - 1);
    memory_open(&memory);
    memory_add(&memory, BASE, bytes, size - 1);
    read_tables(&memory);
    memory_close(&memory);
    free_copy(bytes);
    return 0;
}
