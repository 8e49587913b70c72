/* SPDX-License-Identifier: MIT */
/* Tests of boot/smbios.h: both entry points, the legacy scan, and structures that are not whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "boot/smbios.h"
#include "foreign.h"

enum { ENTRY = 0x7000, TABLE = 0x20001 };

static struct memory memory;
static struct buffer table;
static struct smbios_identity identity;

static int open_memory(void **state)
{
    (void)state;
    memory_open(&memory);
    table.length = 0;
    return 0;
}

static int close_memory(void **state)
{
    (void)state;
    memory_close(&memory);
    return 0;
}

static void entry3(struct buffer *b, uint32_t size)
{
    b->length = 0;
    put(b, "_SM3_\0\x18\x03\x02\0\x01\0", 12);
    put32(b, size);
    put64(b, TABLE);
    fix_sum(b->bytes, 0, 0x18, 5);
}

static void entry2(struct buffer *b, uint8_t length, uint8_t minor, uint16_t size)
{
    b->length = 0;
    put(b, "_SM_", 4);
    put8(b, 0);
    put8(b, length);
    put8(b, 2);
    put8(b, minor);
    put16(b, 100);
    put_zeroes(b, 6);
    put(b, "_DMI_", 5);
    put8(b, 0);
    put16(b, size);
    put32(b, TABLE);
    put16(b, 2);
    put8(b, 0x28);
    fix_sum(b->bytes, 0x10, 0x1f, 0x15);
    fix_sum(b->bytes, 0, length, 4);
}

/* The bytes 00 11 22 ... ff as the UUID. */
static void system_structure(uint8_t length, const char *strings, size_t strings_length)
{
    put8(&table, 1);
    put8(&table, length);
    put16(&table, 0x100);
    put(&table, "\x01\x02\0\x03", 4);
    for (unsigned i = 0; i + 8u < length && i < 16; i++)
        put8(&table, (uint8_t)(i * 0x11));
    if (length > 0x18)
        put_zeroes(&table, length - 0x18u);
    put(&table, strings, strings_length);
}

static void good_table(void)
{
    put(&table, "\0\x18\0\0\x01\x02\0\0\x03", 9);
    put_zeroes(&table, 0x18 - 9);
    put(&table, "Vendor\0" "1.2\0" "01/01/2024\0", 23);
    system_structure(0x1b, "Maker \xc3\xbc  \0Thing\x07\0SN-1\0", 24);
    put(&table, "\x7f\x04\xff\xff\0", 6);
    system_structure(0x1b, "After\0The\0End\0", 15);
}

static void add(const struct buffer *entry, uint64_t address)
{
    memory_add(&memory, address, entry->bytes, entry->length);
    memory_add(&memory, TABLE, table.bytes, table.length);
}

static void assert_good_identity(const char *uuid)
{
    assert_string_equal(identity.bios_vendor, "Vendor");
    assert_string_equal(identity.bios_version, "1.2");
    assert_string_equal(identity.manufacturer, "Maker ??");
    assert_string_equal(identity.product, "Thing?");
    assert_string_equal(identity.serial, "SN-1");
    assert_string_equal(identity.uuid, uuid);
}

static const char NEW_UUID[] = "33221100-5544-7766-8899-aabbccddeeff";
static const char OLD_UUID[] = "00112233-4455-6677-8899-aabbccddeeff";

static void test_64_bit_entry(void **state)
{
    static struct buffer b;

    (void)state;
    good_table();
    entry3(&b, (uint32_t)table.length);
    add(&b, ENTRY);
    assert_true(smbios_read(&memory.physical, ENTRY, 0, &identity));
    assert_good_identity(NEW_UUID);
}

static void test_32_bit_entry(void **state)
{
    static struct buffer b;

    (void)state;
    good_table();
    entry2(&b, 0x1f, 8, (uint16_t)table.length);
    add(&b, ENTRY);
    assert_true(smbios_read(&memory.physical, 0, ENTRY, &identity));
    assert_good_identity(NEW_UUID);
}

static void test_old_versions_write_the_uuid_in_order(void **state)
{
    static struct buffer b;

    (void)state;
    good_table();
    entry2(&b, 0x1e, 1, (uint16_t)table.length);
    add(&b, ENTRY);
    assert_true(smbios_read(&memory.physical, 0, ENTRY, &identity));
    assert_good_identity(OLD_UUID);
}

static void test_legacy_scan(void **state)
{
    static struct buffer b;
    static uint8_t area[0x10000];

    (void)state;
    good_table();
    entry2(&b, 0x1f, 8, (uint16_t)table.length);
    memcpy(area + 0xffe0, b.bytes, b.length);
    memcpy(area + 0x108, b.bytes, b.length);    /* not on a boundary of 16 */
    area[0x108 + 8] ^= 1;
    memcpy(area + 0x200, b.bytes, b.length);    /* a wrong checksum */
    area[0x200 + 0x1e] ^= 1;
    memory_add(&memory, 0xf0000, area, sizeof area);
    memory_add(&memory, TABLE, table.bytes, table.length);
    assert_true(smbios_read(&memory.physical, 0, 0, &identity));
    assert_good_identity(NEW_UUID);
}

static void test_the_64_bit_entry_is_preferred(void **state)
{
    static struct buffer old, new;
    static uint8_t area[0x10000];

    (void)state;
    good_table();
    entry2(&old, 0x1f, 1, (uint16_t)table.length);
    entry3(&new, (uint32_t)table.length);
    memcpy(area, old.bytes, old.length);
    memcpy(area + 0x8000, new.bytes, new.length);
    memory_add(&memory, 0xf0000, area, sizeof area);
    memory_add(&memory, TABLE, table.bytes, table.length);
    assert_true(smbios_read(&memory.physical, 0, 0, &identity));
    assert_good_identity(NEW_UUID);
}

static void assert_nothing(void)
{
    static const struct smbios_identity nothing;

    assert_false(smbios_read(&memory.physical, ENTRY, ENTRY, &identity));
    assert_memory_equal(&identity, &nothing, sizeof nothing);
}

static void test_nothing_there(void **state)
{
    (void)state;
    assert_nothing();
}

/* Each byte of either entry point is covered by a check. */
static void test_damaged_entries(void **state)
{
    static struct buffer b;

    (void)state;
    good_table();
    for (unsigned kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < (kind == 0 ? 0x18 : 0x1f); i++) {
            memory_close(&memory);
            memory_open(&memory);
            if (kind == 0)
                entry3(&b, (uint32_t)table.length);
            else
                entry2(&b, 0x1f, 8, (uint16_t)table.length);
            b.bytes[i] ^= 0x40;
            add(&b, ENTRY);
            assert_nothing();
        }
    }
}

static void test_unreadable_table(void **state)
{
    static struct buffer b;

    (void)state;
    good_table();
    entry3(&b, (uint32_t)table.length + 1);
    add(&b, ENTRY);
    assert_nothing();
}

/* A table that ends anywhere is read up to its last whole structure, and never further. */
static void test_cut_tables(void **state)
{
    static struct buffer b;
    size_t whole;

    (void)state;
    good_table();
    whole = table.length;
    for (table.length = 0; table.length < whole; table.length++) {
        memory_close(&memory);
        memory_open(&memory);
        entry3(&b, (uint32_t)table.length);
        add(&b, ENTRY);
        assert_true(smbios_read(&memory.physical, ENTRY, 0, &identity));
        assert_true(identity.serial[0] == '\0' || strcmp(identity.serial, "SN-1") == 0);
    }
}

static void read_system(uint8_t length, const char *strings, size_t strings_length)
{
    static struct buffer b;

    memory_close(&memory);
    memory_open(&memory);
    table.length = 0;
    system_structure(length, strings, strings_length);
    entry3(&b, (uint32_t)table.length);
    add(&b, ENTRY);
    assert_true(smbios_read(&memory.physical, ENTRY, 0, &identity));
}

static void test_odd_structures(void **state)
{
    char strings[203] = { 0 };

    (void)state;
    read_system(0x1b, "Only\0", 6);                 /* string numbers past the last */
    assert_string_equal(identity.manufacturer, "Only");
    assert_string_equal(identity.product, "");
    assert_string_equal(identity.serial, "");
    read_system(0x1b, "\0", 2);                     /* none at all */
    assert_string_equal(identity.manufacturer, "");
    read_system(8, "A\0B\0C\0", 7);                 /* SMBIOS 2.0: no UUID */
    assert_string_equal(identity.serial, "C");
    assert_string_equal(identity.uuid, "");
    memset(strings, 'L', 200);
    read_system(0x1b, strings, 202);
    assert_int_equal(strlen(identity.manufacturer), SMBIOS_TEXT_SIZE - 1);
}

/* Bytes behind a structure that is shorter than its header are no structure. */
static void test_a_structure_without_header_ends_the_walk(void **state)
{
    static struct buffer b;

    (void)state;
    put(&table, "\x02\x03\0\0\0", 5);
    system_structure(0x1b, "A\0B\0C\0", 7);
    entry3(&b, (uint32_t)table.length);
    add(&b, ENTRY);
    assert_true(smbios_read(&memory.physical, ENTRY, 0, &identity));
    assert_string_equal(identity.manufacturer, "");
}

/* The first string's first byte is not a string number. */
static void test_a_structure_of_a_header_alone(void **state)
{
    static struct buffer b;

    (void)state;
    put(&table, "\x01\x04\0\0\x01X\0", 8);
    entry3(&b, (uint32_t)table.length);
    add(&b, ENTRY);
    assert_true(smbios_read(&memory.physical, ENTRY, 0, &identity));
    assert_string_equal(identity.manufacturer, "");
}

static void test_unset_uuids(void **state)
{
    static struct buffer b;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        memory_close(&memory);
        memory_open(&memory);
        table.length = 0;
        system_structure(0x1b, "A\0B\0C\0", 7);
        memset(table.bytes + 8, i == 0 ? 0 : 0xff, 16);
        entry3(&b, (uint32_t)table.length);
        add(&b, ENTRY);
        assert_true(smbios_read(&memory.physical, ENTRY, 0, &identity));
        assert_string_equal(identity.serial, "C");
        assert_string_equal(identity.uuid, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_64_bit_entry, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_32_bit_entry, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_old_versions_write_the_uuid_in_order, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(test_legacy_scan, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_the_64_bit_entry_is_preferred, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(test_nothing_there, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_damaged_entries, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_unreadable_table, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_cut_tables, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_odd_structures, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_a_structure_without_header_ends_the_walk, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(test_a_structure_of_a_header_alone, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(test_unset_uuids, open_memory, close_memory),
    };

    return cmocka_run_group_tests_name("smbios", tests, NULL, NULL);
}
