/* SPDX-License-Identifier: MIT */
/*
 * The configuration tables that EFI firmware publishes (UEFI Specification 2.x, sections 4.3 and
 * 4.6). The table's CRC is not checked: boot loaders change the table and some leave the CRC old.
 */
#include "boot/efi.h"

#include "lib/bytes.h"
#include "lib/format.h"
#include "lib/string.h"

#define SYSTEM_TABLE_SIGNATURE UINT64_C(0x5453595320494249)     /* "IBI SYST" */

enum {
    GUID_SIZE = 16,
    CONFIGURATION_TABLES_MAX = 1024,    /* firmware has a dozen */
};

/* Offsets in the system table, for pointers of 32 and of 64 bits. */
struct layout {
    size_t size, count, tables, pointer_size;
};
static const struct layout LAYOUT_32 = {
    .size = 72, .count = 64, .tables = 68, .pointer_size = 4,
};
static const struct layout LAYOUT_64 = {
    .size = 120, .count = 104, .tables = 112, .pointer_size = 8,
};

/* As they lie in memory: the first three fields are little-endian. */
static const struct {
    uint8_t guid[GUID_SIZE];
    size_t field;                       /* in struct efi_tables */
} KNOWN[] = {
    /* 8868e871-e4f1-11d3-bc22-0080c73c8881 */
    { { 0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11, 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88,
        0x81 }, offsetof(struct efi_tables, rsdp_new) },
    /* eb9d2d30-2d88-11d3-9a16-0090273fc14d */
    { { 0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1,
        0x4d }, offsetof(struct efi_tables, rsdp_old) },
    /* f2fd1544-9794-4a2c-992e-e5bbcf20e394 */
    { { 0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a, 0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3,
        0x94 }, offsetof(struct efi_tables, smbios3) },
    /* eb9d2d31-2d88-11d3-9a16-0090273fc14d */
    { { 0x31, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1,
        0x4d }, offsetof(struct efi_tables, smbios) },
};

static uint64_t read_word(const uint8_t *at, const struct layout *layout)
{
    return layout->pointer_size == 4 ? bytes_read32(at) : bytes_read64(at);
}

/* The first entry of a GUID counts. */
static void note_table(struct efi_tables *out, const uint8_t *guid, uint64_t address)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        uint64_t *field = (uint64_t *)((char *)out + KNOWN[i].field);

        if (memcmp(guid, KNOWN[i].guid, GUID_SIZE) == 0 && *field == 0)
            *field = address;
    }
}

bool efi_read_tables(const struct physical *physical, uint64_t system_table, bool is_64,
                     struct efi_tables *out, char *error, size_t error_size)
{
    const struct layout *layout = is_64 ? &LAYOUT_64 : &LAYOUT_32;
    const uint8_t *table = physical->at(physical, system_table, layout->size);
    size_t entry_size = GUID_SIZE + layout->pointer_size;
    const uint8_t *entries;
    uint64_t count;

    memset(out, 0, sizeof *out);
    if (table == NULL || bytes_read64(table) != SYSTEM_TABLE_SIGNATURE) {
        format(error, error_size, "no EFI system table at 0x%lx", system_table);
        return false;
    }
    count = read_word(table + layout->count, layout);
    if (count > CONFIGURATION_TABLES_MAX) {
        format(error, error_size, "the EFI system table has %lu configuration tables; %d at most",
               count, CONFIGURATION_TABLES_MAX);
        return false;
    }
    entries = physical->at(physical, read_word(table + layout->tables, layout), count * entry_size);
    if (count != 0 && entries == NULL) {
        format(error, error_size, "the EFI configuration tables cannot be read");
        return false;
    }
    for (uint64_t i = 0; i < count; i++)
        note_table(out, entries + i * entry_size,
                   read_word(entries + i * entry_size + GUID_SIZE, layout));
    return true;
}
