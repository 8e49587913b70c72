/* SPDX-License-Identifier: MIT */
/*
 * The machine's identity by its firmware (DMTF DSP0134, System Management BIOS 3.x, section 5.2
 * for the entry points, 6.1 for the walk over the structures, 7.1 and 7.2 for types 0 and 1).
 */
#include "boot/smbios.h"

#include "lib/bytes.h"
#include "lib/format.h"
#include "lib/string.h"

enum {
    SCAN_START = 0xf0000,
    SCAN_SIZE = 0x10000,
    SCAN_STEP = 16,

    ENTRY_SIZE = 0x1f,              /* _SM_; SMBIOS 2.1 firmware says 0x1e, by an error in it */
    ENTRY_SIZE_ERRATUM = 0x1e,
    ENTRY_LENGTH = 0x05,
    ENTRY_MAJOR = 0x06,
    ENTRY_MINOR = 0x07,
    ENTRY_INTERMEDIATE = 0x10,      /* _DMI_, with a checksum of its own to the end */
    ENTRY_TABLE_SIZE = 0x16,
    ENTRY_TABLE = 0x18,

    ENTRY3_SIZE = 0x18,             /* _SM3_ */
    ENTRY3_LENGTH = 0x06,
    ENTRY3_MAJOR = 0x07,
    ENTRY3_MINOR = 0x08,
    ENTRY3_TABLE_SIZE = 0x0c,
    ENTRY3_TABLE = 0x10,

    TABLE_SIZE_MAX = 1 << 20,       /* what is read of a table; types 0 and 1 come early */

    STRUCTURE_HEADER_SIZE = 4,      /* type, length, handle */
    TYPE_BIOS = 0,
    TYPE_SYSTEM = 1,
    TYPE_END = 127,
    BIOS_VENDOR = 0x04,
    BIOS_VERSION = 0x05,
    SYSTEM_MANUFACTURER = 0x04,
    SYSTEM_PRODUCT = 0x05,
    SYSTEM_SERIAL = 0x07,
    SYSTEM_UUID = 0x08,
    UUID_BYTES = 16,
};

/* The structure table that an entry point tells of. */
struct table {
    uint64_t address;
    uint32_t size_bytes;            /* at most: an _SM3_ entry gives an upper bound */
    unsigned version;               /* major << 8 | minor */
};

/* One structure: the formatted part, then the strings up to `end`. */
struct structure {
    const uint8_t *bytes;
    size_t length;                  /* bytes of the formatted part */
    const uint8_t *end;             /* behind the second NUL of the strings */
};

static bool read_entry3(const struct physical *physical, uint64_t address, struct table *table)
{
    const uint8_t *entry = physical->at(physical, address, ENTRY3_SIZE);

    if (entry == NULL || memcmp(entry, "_SM3_", 5) != 0 || entry[ENTRY3_LENGTH] != ENTRY3_SIZE ||
        bytes_sum(entry, ENTRY3_SIZE) != 0)
        return false;
    table->address = bytes_read64(entry + ENTRY3_TABLE);
    table->size_bytes = bytes_read32(entry + ENTRY3_TABLE_SIZE);
    table->version = (unsigned)entry[ENTRY3_MAJOR] << 8 | entry[ENTRY3_MINOR];
    return true;
}

static bool read_entry(const struct physical *physical, uint64_t address, struct table *table)
{
    const uint8_t *entry = physical->at(physical, address, ENTRY_SIZE);

    if (entry == NULL || memcmp(entry, "_SM_", 4) != 0 ||
        (entry[ENTRY_LENGTH] != ENTRY_SIZE && entry[ENTRY_LENGTH] != ENTRY_SIZE_ERRATUM) ||
        bytes_sum(entry, entry[ENTRY_LENGTH]) != 0 ||
        memcmp(entry + ENTRY_INTERMEDIATE, "_DMI_", 5) != 0 ||
        bytes_sum(entry + ENTRY_INTERMEDIATE, ENTRY_SIZE - ENTRY_INTERMEDIATE) != 0)
        return false;
    table->address = bytes_read32(entry + ENTRY_TABLE);
    table->size_bytes = bytes_read16(entry + ENTRY_TABLE_SIZE);
    table->version = (unsigned)entry[ENTRY_MAJOR] << 8 | entry[ENTRY_MINOR];
    return true;
}

static bool scan(const struct physical *physical, struct table *table,
                 bool (*read)(const struct physical *, uint64_t, struct table *))
{
    for (uint64_t at = SCAN_START; at < SCAN_START + SCAN_SIZE; at += SCAN_STEP)
        if (read(physical, at, table))
            return true;
    return false;
}

/* The 64-bit entry point goes first: only it reaches tables above 4 GiB or beyond 64 KiB. */
static bool find_table(const struct physical *physical, uint64_t entry3, uint64_t entry,
                       struct table *table)
{
    return (entry3 != 0 && read_entry3(physical, entry3, table)) ||
           (entry != 0 && read_entry(physical, entry, table)) ||
           scan(physical, table, read_entry3) || scan(physical, table, read_entry);
}

/* Takes the structure at `at` in a table that ends at `end`. False when it is not whole. */
static bool take_structure(const uint8_t *at, const uint8_t *end, struct structure *out)
{
    if (end - at < STRUCTURE_HEADER_SIZE || at[1] < STRUCTURE_HEADER_SIZE || end - at < at[1])
        return false;
    out->bytes = at;
    out->length = at[1];
    for (at += out->length; end - at >= 2; at++) {
        if (at[0] == '\0' && at[1] == '\0') {
            out->end = at + 2;
            return true;
        }
    }
    return false;
}

static void copy_text(char out[SMBIOS_TEXT_SIZE], const uint8_t *text)
{
    size_t length = 0;

    for (; length < SMBIOS_TEXT_SIZE - 1 && text[length] != '\0'; length++)
        out[length] = text[length] >= ' ' && text[length] <= '~' ? (char)text[length] : '?';
    while (length > 0 && out[length - 1] == ' ')
        length--;
    out[length] = '\0';
}

/*
 * Copies the string whose number stands at `field` of the formatted part. Number 0 means none;
 * the strings are numbered from 1. Each ends before s->end, where two NULs are.
 */
static void copy_string(const struct structure *s, size_t field, char out[SMBIOS_TEXT_SIZE])
{
    const uint8_t *text = s->bytes + s->length;
    unsigned number = field < s->length ? s->bytes[field] : 0;

    if (number == 0)
        return;
    for (; number > 1 && *text != '\0'; number--)
        text += strlen((const char *)text) + 1;
    copy_text(out, text);
}

/* All zeroes or all ones mean that there is none (section 7.2.1). */
static bool uuid_is_set(const uint8_t *uuid)
{
    bool zeroes = true, ones = true;

    for (unsigned i = 0; i < UUID_BYTES; i++) {
        zeroes = zeroes && uuid[i] == 0;
        ones = ones && uuid[i] == 0xff;
    }
    return !zeroes && !ones;
}

/* From SMBIOS 2.6 on the first three fields are little-endian; before, all was written in order. */
static void copy_uuid(const struct structure *s, unsigned version, char out[SMBIOS_UUID_SIZE])
{
    static const uint8_t little_endian[UUID_BYTES] = {
        3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15,
    };
    const uint8_t *uuid = s->bytes + SYSTEM_UUID;
    size_t used = 0;

    if (s->length < SYSTEM_UUID + UUID_BYTES || !uuid_is_set(uuid))
        return;
    for (unsigned i = 0; i < UUID_BYTES; i++) {
        const char *dash = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";

        used += format(out + used, SMBIOS_UUID_SIZE - used, "%s%02x", dash,
                       uuid[version >= 0x206 ? little_endian[i] : i]);
    }
}

static void note_structure(const struct structure *s, unsigned version, struct smbios_identity *out)
{
    if (s->bytes[0] == TYPE_BIOS) {
        copy_string(s, BIOS_VENDOR, out->bios_vendor);
        copy_string(s, BIOS_VERSION, out->bios_version);
    } else if (s->bytes[0] == TYPE_SYSTEM) {
        copy_string(s, SYSTEM_MANUFACTURER, out->manufacturer);
        copy_string(s, SYSTEM_PRODUCT, out->product);
        copy_string(s, SYSTEM_SERIAL, out->serial);
        copy_uuid(s, version, out->uuid);
    }
}

bool smbios_read(const struct physical *physical, uint64_t entry3, uint64_t entry,
                 struct smbios_identity *out)
{
    struct structure s;
    struct table table;
    const uint8_t *at, *end;

    memset(out, 0, sizeof *out);
    if (!find_table(physical, entry3, entry, &table))
        return false;
    if (table.size_bytes > TABLE_SIZE_MAX)
        table.size_bytes = TABLE_SIZE_MAX;
    at = physical->at(physical, table.address, table.size_bytes);
    if (at == NULL)
        return false;
    for (end = at + table.size_bytes; take_structure(at, end, &s); at = s.end) {
        if (s.bytes[0] == TYPE_END)
            break;
        note_structure(&s, table.version, out);
    }
    return true;
}
