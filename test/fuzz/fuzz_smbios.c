/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes boot/smbios.h. The input's first byte chooses: an odd one makes the rest a table behind a
 * good entry point, whose version is the second byte; an even one makes it the legacy area.
 */
#include "boot/smbios.h"
#include "foreign.h"

enum { ENTRY = 0x1000, TABLE = 0x2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
    size_t length = strnlen(text, room);

    assert(length < room);
    for (size_t i = 0; i < length; i++)
        assert(text[i] >= ' ' && text[i] <= '~');
    assert(length == 0 || text[length - 1] != ' ');
}

static void add_entry(struct memory *memory, uint8_t minor, uint32_t size)
{
    uint8_t entry[0x18] = "_SM3_\0\x18\x02";
    uint64_t table = TABLE;

    entry[8] = minor;
    memcpy(entry + 0x0c, &size, sizeof size);
    memcpy(entry + 0x10, &table, sizeof table);
    fix_sum(entry, 0, sizeof entry, 5);
    memory_add(memory, ENTRY, entry, sizeof entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smbios_identity identity;
    struct memory memory;

    if (size < 2)
        return 0;
    memory_open(&memory);
    if ((data[0] & 1) != 0) {
        add_entry(&memory, data[1], (uint32_t)(size - 2));
        memory_add(&memory, TABLE, data + 2, size - 2);
        assert(smbios_read(&memory.physical, ENTRY, 0, &identity));
    } else {
        memory_add(&memory, 0xf0000, data + 2, size - 2);
        smbios_read(&memory.physical, 0, 0, &identity);
    }
    check_text(identity.manufacturer, sizeof identity.manufacturer);
    check_text(identity.product, sizeof identity.product);
    check_text(identity.serial, sizeof identity.serial);
    check_text(identity.bios_vendor, sizeof identity.bios_vendor);
    check_text(identity.bios_version, sizeof identity.bios_version);
    assert(strlen(identity.uuid) == 0 || strlen(identity.uuid) == SMBIOS_UUID_SIZE - 1);
    memory_close(&memory);
    return 0;
}
