/* SPDX-License-Identifier: MIT */
/* Tests of boot/efi.h: system tables of both widths, and tables that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "boot/efi.h"
#include "foreign.h"

enum { SYSTEM_TABLE = 0x7e001, CONFIGURATION = 0x90003 };

static const char ACPI_NEW[] = "\x71\xe8\x68\x88\xf1\xe4\xd3\x11\xbc\x22\x00\x80\xc7\x3c\x88\x81";
static const char ACPI_OLD[] = "\x30\x2d\x9d\xeb\x88\x2d\xd3\x11\x9a\x16\x00\x90\x27\x3f\xc1\x4d";
static const char SMBIOS3[] = "\x44\x15\xfd\xf2\x94\x97\x2c\x4a\x99\x2e\xe5\xbb\xcf\x20\xe3\x94";
static const char SMBIOS[] = "\x31\x2d\x9d\xeb\x88\x2d\xd3\x11\x9a\x16\x00\x90\x27\x3f\xc1\x4d";
static const char OTHER[] = "\x31\x2d\x9d\xeb\x88\x2d\xd3\x11\x9a\x16\x00\x90\x27\x3f\xc1\x4e";

static struct memory memory;
static struct buffer entries;
static struct efi_tables tables;
static char error[128];

static int open_memory(void **state)
{
    (void)state;
    memory_open(&memory);
    entries.length = 0;
    return 0;
}

static int close_memory(void **state)
{
    (void)state;
    memory_close(&memory);
    return 0;
}

static void put_word(struct buffer *b, uint64_t value, bool is_64)
{
    if (is_64)
        put64(b, value);
    else
        put32(b, (uint32_t)value);
}

static void entry(const char *guid, uint64_t address, bool is_64)
{
    put(&entries, guid, 16);
    put_word(&entries, address, is_64);
}

/* Field by field as in UEFI 2.x, section 4.3. */
static void system_table(bool is_64, uint64_t count)
{
    static struct buffer b;

    b.length = 0;
    put(&b, "IBI SYST", 8);
    put32(&b, 0x20046);             /* revision */
    put32(&b, is_64 ? 120 : 72);
    put32(&b, 0);                   /* CRC */
    put32(&b, 0);
    put_word(&b, 0x1111, is_64);    /* FirmwareVendor */
    put32(&b, 0x10000);             /* FirmwareRevision */
    if (is_64)
        put32(&b, 0);
    for (unsigned i = 0; i < 6; i++)
        put_word(&b, 0x2222, is_64);    /* ConsoleInHandle, ConIn, ConsoleOutHandle, ConOut, ... */
    put_word(&b, 0x3333, is_64);    /* RuntimeServices */
    put_word(&b, 0x4444, is_64);    /* BootServices */
    put_word(&b, count, is_64);
    put_word(&b, CONFIGURATION, is_64);
    memory_add(&memory, SYSTEM_TABLE, b.bytes, b.length);
    memory_add(&memory, CONFIGURATION, entries.bytes, entries.length);
}

static bool read_tables(bool is_64)
{
    bool ok;

    error[0] = '\0';
    ok = efi_read_tables(&memory.physical, SYSTEM_TABLE, is_64, &tables, error, sizeof error);
    assert_int_equal(ok, error[0] == '\0');
    return ok;
}

static void test_64_bit(void **state)
{
    (void)state;
    entry(OTHER, 1, true);
    entry(ACPI_OLD, 0x1000, true);
    entry(ACPI_NEW, UINT64_C(0x200000000), true);
    entry(SMBIOS, 0x3000, true);
    entry(SMBIOS3, 0x4000, true);
    entry(SMBIOS3, 0x5000, true);
    system_table(true, 6);
    assert_true(read_tables(true));
    assert_true(tables.rsdp_old == 0x1000);
    assert_true(tables.rsdp_new == UINT64_C(0x200000000));
    assert_true(tables.smbios == 0x3000);
    assert_true(tables.smbios3 == 0x4000);
}

static void test_32_bit(void **state)
{
    (void)state;
    entry(SMBIOS3, 0xfffff000, false);
    entry(ACPI_NEW, 0x2000, false);
    system_table(false, 2);
    assert_true(read_tables(false));
    assert_true(tables.smbios3 == 0xfffff000);
    assert_true(tables.rsdp_new == 0x2000);
    assert_true(tables.rsdp_old == 0);
    assert_true(tables.smbios == 0);
}

static void test_no_tables(void **state)
{
    (void)state;
    system_table(true, 0);
    assert_true(read_tables(true));
    assert_true(tables.rsdp_new == 0);
}

static void test_more_tables_than_memory(void **state)
{
    (void)state;
    entry(ACPI_NEW, 0x2000, true);
    system_table(true, 2);
    assert_false(read_tables(true));
    assert_string_equal(error, "the EFI configuration tables cannot be read");
    assert_true(tables.rsdp_new == 0);
}

static void test_absurd_count(void **state)
{
    (void)state;
    system_table(true, UINT64_MAX / 24 + 2);
    assert_false(read_tables(true));
    assert_non_null(strstr(error, "configuration tables; 1024 at most"));
}

static void test_not_a_system_table(void **state)
{
    (void)state;
    memory_add(&memory, SYSTEM_TABLE, "IBI SYSU................................................"
               "................................................................", 120);
    assert_false(read_tables(true));
    assert_string_equal(error, "no EFI system table at 0x7e001");
    assert_false(efi_read_tables(&memory.physical, 0, true, &tables, error, sizeof error));
    assert_false(efi_read_tables(&memory.physical, SYSTEM_TABLE + 1, true, &tables, error,
                                 sizeof error));
    assert_false(efi_read_tables(&memory.physical, UINT64_MAX, true, &tables, error,
                                 sizeof error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_64_bit, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_32_bit, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_no_tables, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_more_tables_than_memory, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_absurd_count, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(test_not_a_system_table, open_memory, close_memory),
    };

    return cmocka_run_group_tests_name("efi", tests, NULL, NULL);
}
