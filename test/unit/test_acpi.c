/* SPDX-License-Identifier: MIT */
/* Tests of smp/acpi/acpi.h: where the root pointer comes from, which table is believed, the
 * FADT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "foreign.h"
#include "smp/acpi/acpi.h"

enum {
    RSDT = 0x50001, XSDT = 0x51003, OTHER_RSDT = 0x52001, TABLE_1 = 0x60001, TABLE_2 = 0x61007,
    ABSENT = 0x999000, EFI_RSDP = 0x70004,
};

#define READ " has a wrong checksum; it is read all the same"

static struct memory memory;
static struct acpi_roots roots;
static struct acpi_tables tables;
static struct buffer b;
static char error[256], notes[512];

static int begin(void **state)
{
    (void)state;
    memory_open(&memory);
    memset(&roots, 0, sizeof roots);
    return 0;
}

static int end(void **state)
{
    (void)state;
    memory_close(&memory);
    return 0;
}

/* Puts the table in `b` into memory, with its length and checksum. */
static void add_table(uint64_t address)
{
    set32(&b, 4, (uint32_t)b.length);
    fix_sum(b.bytes, 0, b.length, 9);
    memory_add(&memory, address, b.bytes, b.length);
}

static void start_table(const char *signature)
{
    b.length = 0;
    put(&b, signature, 4);
    put_zeroes(&b, 32);
}

static void add_rsdt(uint64_t address, uint32_t first, uint32_t second)
{
    start_table("RSDT");
    put32(&b, first);
    put32(&b, second);
    add_table(address);
}

static void add_xsdt(uint64_t first, uint64_t second)
{
    start_table("XSDT");
    put64(&b, first);
    put64(&b, second);
    add_table(XSDT);
}

static void add_simple(const char *signature, uint64_t address, uint8_t mark)
{
    start_table(signature);
    put8(&b, mark);
    add_table(address);
}

/* In `b`; revision 0 gives the 20 bytes of ACPI 1.0. */
static void rsdp(uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
    b.length = 0;
    put(&b, "RSD PTR ", 8);
    put8(&b, 0);
    put(&b, "OEMOEM", 6);
    put8(&b, revision);
    put32(&b, rsdt);
    fix_sum(b.bytes, 0, 20, 8);
    if (revision < 2)
        return;
    put32(&b, 36);
    put64(&b, xsdt);
    put32(&b, 0);
    fix_sum(b.bytes, 0, 36, 32);
}

static void give_new(uint32_t rsdt, uint64_t xsdt)
{
    rsdp(2, rsdt, xsdt);
    memcpy(roots.new_copy, b.bytes, 36);
    roots.new_copied = true;
}

static void give_old(uint32_t rsdt)
{
    rsdp(0, rsdt, 0);
    memcpy(roots.old_copy, b.bytes, 20);
    roots.old_copied = true;
}

static __attribute__((format(printf, 1, 2))) void note(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(notes + strlen(notes), sizeof notes - strlen(notes), fmt, args);
    va_end(args);
}

static bool open_tables(void)
{
    notes[0] = '\0';
    return acpi_open(&tables, &memory.physical, &roots, note, error, sizeof error);
}

static const struct acpi_header *find(const char *signature)
{
    notes[0] = '\0';
    return acpi_find(&tables, signature, error, sizeof error);
}

/* Opens, and asserts whose list of tables it was. */
static void assert_opens(const char *signature)
{
    if (!open_tables())
        fail_msg("%s", error);
    assert_string_equal(notes, "");
    assert_memory_equal(tables.root->signature, signature, 4);
}

static void test_xsdt_is_preferred(void **state)
{
    (void)state;
    add_rsdt(RSDT, TABLE_1, TABLE_2);
    add_xsdt(TABLE_1, TABLE_2);
    give_new(RSDT, XSDT);
    give_old(RSDT);
    assert_opens("XSDT");
    assert_int_equal(tables.count, 2);
}

/* Firmware of machines with much memory may put all of it there. */
static void test_tables_above_4_gib(void **state)
{
    static const uint64_t high = UINT64_C(0x7fff00001003);
    const uint64_t madt = high + 0x10001, dsdt = high + 0x20003;
    static const char s5[] = "..\x08_S5_\x12\x06\x04\x0a\x05..";
    struct acpi_fadt_facts facts;
    const struct acpi_header *table;
    uint8_t value[2];

    (void)state;
    start_table("XSDT");
    put64(&b, high + 0x30001);
    put64(&b, madt);
    add_table(high);
    add_simple("APIC", madt, 1);
    start_table("DSDT");
    put(&b, s5, sizeof s5 - 1);
    add_table(dsdt);
    start_table("FACP");
    put_zeroes(&b, 276 - 36);
    set64(&b, 140, dsdt);
    add_table(high + 0x30001);
    give_new(0, high);
    assert_opens("XSDT");
    assert_non_null(find("APIC"));
    table = find("FACP");
    assert_non_null(table);
    acpi_read_fadt(table, &facts);
    assert_true(facts.dsdt == dsdt);
    assert_true(acpi_read_s5(&tables, facts.dsdt, value));
    assert_int_equal(value[0], 5);
}

static void test_old_root_pointer(void **state)
{
    (void)state;
    add_rsdt(RSDT, TABLE_1, TABLE_2);
    give_old(RSDT);
    assert_opens("RSDT");
    assert_int_equal(tables.count, 2);
}

static void test_bad_xsdt_falls_back_to_rsdt(void **state)
{
    (void)state;
    add_rsdt(RSDT, TABLE_1, TABLE_2);
    add_xsdt(TABLE_1, TABLE_2);
    memory.regions[1].bytes[40] ^= 1;
    give_new(RSDT, XSDT);
    assert_opens("RSDT");
    give_new(RSDT, ABSENT);
    assert_opens("RSDT");
    give_new(RSDT, 0);
    assert_opens("RSDT");
}

/* A damaged signature or address leads nowhere; only checksums tell of other damage. */
static void assert_damage_is_noticed(bool leads_nowhere)
{
    assert_int_equal(open_tables(), !leads_nowhere);
    if (leads_nowhere)
        assert_true(strstr(error, "RSDP") || strstr(error, "SDT at"));
    else
        assert_string_equal(notes, "the ACPI root pointer (RSDP)" READ);
}

/* Each byte of both root pointers is covered by a checksum. */
static void test_damaged_root_pointers(void **state)
{
    (void)state;
    add_rsdt(RSDT, TABLE_1, TABLE_2);
    add_xsdt(TABLE_1, TABLE_2);
    for (size_t i = 0; i < 20; i++) {
        give_old(RSDT);
        roots.old_copy[i] ^= 0x10;
        assert_damage_is_noticed(i < 8 || i >= 16);
    }
    roots.old_copied = false;
    for (size_t i = 0; i < 36; i++) {
        if (i >= 20 && i < 24)
            continue;       /* the length: the first checksum alone counts then */
        give_new(0, XSDT);
        roots.new_copy[i] ^= 0x10;
        assert_damage_is_noticed(i < 8 || (i >= 24 && i < 32));
    }
}

/* A good root pointer from a later source goes before a bad one. */
static void test_checksums_count_first(void **state)
{
    (void)state;
    add_rsdt(RSDT, TABLE_1, TABLE_2);
    add_xsdt(TABLE_1, TABLE_2);
    give_new(0, XSDT);
    roots.new_copy[9] ^= 1;
    give_old(RSDT);
    assert_opens("RSDT");
    memory.regions[0].bytes[40] ^= 1;
    assert_true(open_tables());
    assert_memory_equal(tables.root->signature, "XSDT", 4);
    assert_non_null(strstr(notes, "(RSDP) has a wrong checksum"));
    roots.new_copied = false;
    assert_true(open_tables());
    assert_string_equal(notes, "the ACPI table RSDT at 0x50001" READ);
}

static void test_order_of_the_sources(void **state)
{
    (void)state;
    add_rsdt(RSDT, TABLE_1, TABLE_2);
    add_rsdt(OTHER_RSDT, TABLE_1, 0);
    add_xsdt(TABLE_1, TABLE_2);
    rsdp(2, RSDT, XSDT);
    memory_add(&memory, EFI_RSDP, b.bytes, b.length);
    roots.new_address = EFI_RSDP;
    give_old(OTHER_RSDT);
    assert_opens("XSDT");
    give_new(OTHER_RSDT, 0);
    assert_opens("RSDT");
    roots.new_copied = false;
    roots.new_address = 0;
    roots.old_address = EFI_RSDP;
    assert_opens("RSDT");
    roots.old_copied = false;
    assert_opens("XSDT");
}

static void test_a_root_pointer_cut_by_the_end_of_memory(void **state)
{
    (void)state;
    add_xsdt(TABLE_1, TABLE_2);
    rsdp(2, 0, XSDT);
    memory_add(&memory, EFI_RSDP, b.bytes, 35);
    roots.new_address = EFI_RSDP;
    assert_false(open_tables());
}

static void test_legacy_scan(void **state)
{
    static uint8_t area[0x20000], ebda[1024], bios_data[0x500];

    (void)state;
    add_rsdt(RSDT, TABLE_1, TABLE_2);
    add_rsdt(OTHER_RSDT, TABLE_1, 0);
    rsdp(0, RSDT, 0);
    memcpy(area + 0x18, b.bytes, 20);           /* not on a boundary of 16 */
    memcpy(area + 0x100, b.bytes, 20);          /* a wrong checksum */
    area[0x100 + 19] ^= 1;
    memcpy(area + 0x1ffe0, b.bytes, 20);
    memory_add(&memory, 0xe0000, area, sizeof area);
    assert_opens("RSDT");
    rsdp(0, OTHER_RSDT, 0);
    memcpy(ebda + 1008 - 16, b.bytes, 20);
    bios_data[0x40e] = 0xc0;
    bios_data[0x40f] = 0x9f;
    memory_add(&memory, 0, bios_data, sizeof bios_data);
    memory_add(&memory, 0x9fc00, ebda, sizeof ebda);
    assert_opens("RSDT");
    assert_memory_equal((const uint8_t *)tables.root + 40, "\0\0\0\0", 4);
}

static void test_nothing_at_all(void **state)
{
    (void)state;
    assert_false(open_tables());
    assert_string_equal(error, "no ACPI root pointer (RSDP)");
}

static void test_find(void **state)
{
    const struct acpi_header *found;

    (void)state;
    add_xsdt(TABLE_1, TABLE_2);
    add_simple("FACP", TABLE_1, 1);
    add_simple("APIC", TABLE_2, 2);
    give_new(0, XSDT);
    assert_opens("XSDT");
    found = find("APIC");
    assert_non_null(found);
    assert_int_equal(found->length, 37);
    assert_int_equal(((const uint8_t *)found)[36], 2);
    assert_null(find("HPET"));
    assert_string_equal(error, "no ACPI table HPET");
}

static void test_the_first_good_table_counts(void **state)
{
    (void)state;
    add_xsdt(TABLE_1, TABLE_2);
    add_simple("APIC", TABLE_1, 1);
    memory.regions[1].bytes[36] ^= 0x80;
    add_simple("APIC", TABLE_2, 2);
    give_new(0, XSDT);
    assert_opens("XSDT");
    assert_int_equal(((const uint8_t *)find("APIC"))[36], 2);
    assert_string_equal(notes, "");
}

static void test_bad_tables(void **state)
{
    (void)state;
    add_xsdt(TABLE_1, ABSENT);
    add_simple("APIC", TABLE_1, 1);
    give_new(0, XSDT);
    assert_opens("XSDT");
    memory.regions[1].bytes[36] ^= 0x80;
    assert_non_null(find("APIC"));
    assert_string_equal(notes, "the ACPI table APIC at 0x60001" READ);
    memory.regions[1].bytes[4] = 38;
    assert_null(find("APIC"));
    assert_string_equal(error, "the ACPI table APIC at 0x60001 runs past readable memory");
    memory.regions[1].bytes[7] = 0xff;
    assert_null(find("APIC"));
    memset(memory.regions[1].bytes + 4, 0, 4);
    assert_null(find("APIC"));
    assert_string_equal(error, "the ACPI table APIC at 0x60001 is shorter than a header");
}

static void test_short_root(void **state)
{
    (void)state;
    start_table("XSDT");
    put_zeroes(&b, 7);              /* less than one entry */
    add_table(XSDT);
    give_new(0, XSDT);
    assert_opens("XSDT");
    assert_int_equal(tables.count, 0);
    assert_null(find("APIC"));
}

/* A FADT of `length` bytes, read from a copy that is no longer. */
static struct acpi_fadt_facts read_fadt(size_t length)
{
    struct acpi_fadt_facts facts;
    uint8_t *copy;

    set32(&b, 4, (uint32_t)length);
    copy = exact_copy(b.bytes, length);
    acpi_read_fadt((const struct acpi_header *)copy, &facts);
    free_copy(copy);
    return facts;
}

static void fadt(void)
{
    start_table("FACP");
    put_zeroes(&b, 276 - 36);
    set32(&b, 40, 0x1000);          /* DSDT */
    set32(&b, 48, 0xb2);            /* SMI_CMD */
    b.bytes[52] = 0xf1;             /* ACPI_ENABLE */
    set32(&b, 64, 0x604);           /* PM1a_CNT_BLK */
    set32(&b, 76, 0x608);           /* PM_TMR_BLK */
    set32(&b, 112, 1 << 10 | 1 << 8);
    b.bytes[116] = 1;               /* RESET_REG: port 0xcf9 */
    set64(&b, 120, 0xcf9);
    b.bytes[128] = 0x0f;
}

static void test_fadt(void **state)
{
    struct acpi_fadt_facts facts;

    (void)state;
    fadt();
    facts = read_fadt(276);
    assert_true(facts.dsdt == 0x1000);
    assert_int_equal(facts.smi_command.space, ACPI_SPACE_PORT);
    assert_true(facts.smi_command.address == 0xb2);
    assert_int_equal(facts.acpi_enable, 0xf1);
    assert_int_equal(facts.pm1a_control.space, ACPI_SPACE_PORT);
    assert_true(facts.pm1a_control.address == 0x604);
    assert_true(facts.pm1b_control.address == 0);
    assert_int_equal(facts.pm_timer.space, ACPI_SPACE_PORT);
    assert_true(facts.pm_timer.address == 0x608);
    assert_int_equal(facts.pm_timer_bits, 32);
    assert_int_equal(facts.reset.space, ACPI_SPACE_PORT);
    assert_true(facts.reset.address == 0xcf9);
    assert_int_equal(facts.reset_value, 0x0f);
}

static struct acpi_fadt_facts read_real_fadt(const char *path)
{
    read_bytes(&b, path);
    return read_fadt(b.length);
}

/* Tablets' ACPI is hardware-reduced, which goes before whatever PM registers the table has. */
static void test_hardware_reduced(void **state)
{
    struct acpi_fadt_facts facts[] = {
        read_real_fadt("test/unit/tables/fadt-baytrail-hw-reduced-with-pm-fields.dat"),
        read_real_fadt("test/unit/tables/fadt-lenovo-miix3-hw-reduced-no-pm-timer.dat"),
    };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_true(facts[i].pm_timer.address == 0);
        assert_int_equal(facts[i].pm_timer_bits, 0);
        assert_true(facts[i].pm1a_control.address == 0);
        assert_true(facts[i].smi_command.address == 0);
        assert_int_equal(facts[i].acpi_enable, 0);
        assert_int_equal(facts[i].sleep_control.space, ACPI_SPACE_PORT);
        assert_true(facts[i].sleep_control.address == 0x405);
        assert_true(facts[i].sleep_status.address == 0x401);
        assert_true(facts[i].reset.address == 0xcf9);
        assert_int_equal(facts[i].reset_value, 0x0e);
    }
}

static uint64_t read_hpet(uint8_t space, size_t length)
{
    uint64_t address;
    uint8_t *copy;

    start_table("HPET");
    put_zeroes(&b, 56 - 36);
    b.bytes[40] = space;
    set64(&b, 44, 0xfed00000);
    set32(&b, 4, (uint32_t)length);
    copy = exact_copy(b.bytes, length);
    address = acpi_read_hpet((const struct acpi_header *)copy);
    free_copy(copy);
    return address;
}

static void test_hpet(void **state)
{
    (void)state;
    assert_true(read_hpet(ACPI_SPACE_MEMORY, 56) == 0xfed00000);
    assert_true(read_hpet(ACPI_SPACE_PORT, 56) == 0);
    for (size_t length = 36; length < 52; length++)
        assert_true(read_hpet(ACPI_SPACE_MEMORY, length) == 0);
}

enum { DSDT = 0x80003 };

static const struct acpi_tables no_tables = { .physical = &memory.physical, .note = note };

static bool read_s5(const char *aml, size_t length, uint8_t value[2])
{
    start_table("DSDT");
    put(&b, aml, length);
    add_table(DSDT);
    return acpi_read_s5(&no_tables, DSDT, value);
}

static void test_s5(void **state)
{
    static const char plain[] = "..\x08_S5_\x12\x06\x04\x0a\x05\x0a\x05..";
    static const char rooted[] = "..\x08\\_S5_\x12\x08\x04\x00\x00\x00\x00..";
    static const char long_length[] = "..\x08_S5_\x12\x40\x01\x04\x0a\x07\x0a..";
    uint8_t value[2];

    (void)state;
    assert_true(read_s5(plain, sizeof plain - 1, value));
    assert_int_equal(value[0], 5);
    memory_close(&memory);
    memory_open(&memory);
    assert_true(read_s5(rooted, sizeof rooted - 1, value));
    assert_int_equal(value[0], 0);
    memory_close(&memory);
    memory_open(&memory);
    assert_true(read_s5(long_length, sizeof long_length - 1, value));
    assert_int_equal(value[0], 7);
}

static void test_s5_of_pm1b(void **state)
{
    static const struct {
        const char *aml;
        uint8_t a, b;
    } known[] = {
        {"..\x08_S5_\x12\x06\x04\x0a\x05\x0a\x06..", 5, 6},
        {"..\x08_S5_\x12\x06\x04\x01\x0a\x07..", 1, 7},
        {"..\x08_S5_\x12\x04\x01\x0a\x05..", 5, 5},
        {"..\x08_S5_\x12\x06\x02\x0a\x05\x0c..", 5, 5},
    };
    uint8_t value[2];

    (void)state;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_true(read_s5(known[i].aml, strlen(known[i].aml), value));
        assert_int_equal(value[0], known[i].a);
        assert_int_equal(value[1], known[i].b);
        memory_close(&memory);
        memory_open(&memory);
    }
}

static void add_aml(const char *signature, uint64_t address, const char *aml)
{
    start_table(signature);
    put(&b, aml, strlen(aml));
    add_table(address);
}

/* As some firmware has it: the DSDT names it not at all, and of the SSDTs only a later one. */
static void test_s5_of_an_ssdt(void **state)
{
    uint8_t value[2];

    (void)state;
    add_aml("DSDT", DSDT, "..\x08_S4_\x12\x06\x04\x0a\x04\x0a\x04..");
    add_aml("SSDT", TABLE_1, "..\x08_S3_\x12\x06\x04\x01\x01..");
    add_aml("SSDT", TABLE_2, "..\x08_S5_\x12\x06\x04\x0a\x06\x0a\x06..");
    add_rsdt(RSDT, TABLE_1, TABLE_2);
    give_old(RSDT);
    assert_opens("RSDT");
    assert_true(acpi_read_s5(&tables, DSDT, value));
    assert_int_equal(value[0], 6);
    assert_true(acpi_read_s5(&tables, 0, value));
    assert_int_equal(value[1], 6);
}

/* One whose checksum is right goes before the DSDT, whose is wrong. */
static void test_s5_of_a_table_with_a_wrong_checksum(void **state)
{
    uint8_t value[2];

    (void)state;
    add_aml("DSDT", DSDT, "..\x08_S5_\x12\x06\x04\x0a\x05\x0a\x05..");
    memory.regions[0].bytes[9] ^= 1;
    add_aml("SSDT", TABLE_1, "..\x08_S5_\x12\x06\x04\x0a\x06\x0a\x06..");
    add_rsdt(RSDT, TABLE_1, 0);
    give_old(RSDT);
    assert_opens("RSDT");
    assert_true(acpi_read_s5(&tables, DSDT, value));
    assert_int_equal(value[0], 6);
    assert_string_equal(notes, "");
    memory.regions[1].bytes[9] ^= 1;
    assert_true(acpi_read_s5(&tables, DSDT, value));
    assert_int_equal(value[0], 5);
    assert_string_equal(notes, "the ACPI table DSDT at 0x80003" READ);
}

static void test_no_s5(void **state)
{
    static const char whole[] = "..\x08_S5_\x12\x40\x01\x04\x0a\x07";
    uint8_t value[2];

    (void)state;
    assert_false(acpi_read_s5(&no_tables, ABSENT, value));
    assert_false(acpi_read_s5(&no_tables, 0, value));
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        assert_false(read_s5(whole, length, value));
        memory_close(&memory);
        memory_open(&memory);
    }
    assert_false(read_s5("..\x08_S5_\x11\x06\x04\x0a\x05..", 14, value));    /* a buffer */
    memory_close(&memory);
    memory_open(&memory);
    assert_false(read_s5("..._S5_\x12\x06\x04\x0a\x05..", 13, value));        /* no NameOp */
    memory_close(&memory);
    memory_open(&memory);
    assert_false(read_s5("..\x08_S5_\x12\x06\x04\x0a\x09..", 14, value));    /* three bits */
}

static void test_wide_fadt_fields_win(void **state)
{
    struct acpi_fadt_facts facts;

    (void)state;
    fadt();
    set64(&b, 140, UINT64_C(0x123456000));
    b.bytes[172] = 0;               /* X_PM1a_CNT_BLK in memory */
    set64(&b, 176, UINT64_C(0x800000004));
    b.bytes[184] = 1;
    set64(&b, 188, 0x704);
    b.bytes[208] = 1;
    set64(&b, 212, 0x708);
    facts = read_fadt(276);
    assert_true(facts.dsdt == UINT64_C(0x123456000));
    assert_int_equal(facts.pm1a_control.space, ACPI_SPACE_MEMORY);
    assert_true(facts.pm1a_control.address == UINT64_C(0x800000004));
    assert_true(facts.pm1b_control.address == 0x704);
    assert_true(facts.pm_timer.address == 0x708);
    b.bytes[208] = 0x7f;            /* an address space that is not read here */
    facts = read_fadt(276);
    assert_true(facts.pm_timer.address == 0x608);
}

static void test_short_fadts(void **state)
{
    struct acpi_fadt_facts facts;

    (void)state;
    fadt();
    for (size_t length = 36; length < 276; length++)
        read_fadt(length);
    facts = read_fadt(116);         /* ACPI 1.0 */
    assert_true(facts.dsdt == 0x1000);
    assert_true(facts.pm_timer.address == 0x608);
    assert_true(facts.reset.address == 0);
    set32(&b, 112, 1 << 20);
    facts = read_fadt(255);         /* hardware-reduced, and no sleep control */
    assert_true(facts.sleep_control.address == 0);
    assert_true(facts.pm1a_control.address == 0);
    facts = read_fadt(79);
    assert_true(facts.pm_timer.address == 0);
    assert_int_equal(facts.pm_timer_bits, 0);
    set32(&b, 112, 0);
    facts = read_fadt(276);
    assert_int_equal(facts.pm_timer_bits, 24);
    assert_true(facts.reset.address == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_xsdt_is_preferred, begin, end),
        cmocka_unit_test_setup_teardown(test_tables_above_4_gib, begin, end),
        cmocka_unit_test_setup_teardown(test_old_root_pointer, begin, end),
        cmocka_unit_test_setup_teardown(test_bad_xsdt_falls_back_to_rsdt, begin, end),
        cmocka_unit_test_setup_teardown(test_damaged_root_pointers, begin, end),
        cmocka_unit_test_setup_teardown(test_checksums_count_first, begin, end),
        cmocka_unit_test_setup_teardown(test_order_of_the_sources, begin, end),
        cmocka_unit_test_setup_teardown(test_a_root_pointer_cut_by_the_end_of_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_legacy_scan, begin, end),
        cmocka_unit_test_setup_teardown(test_nothing_at_all, begin, end),
        cmocka_unit_test_setup_teardown(test_find, begin, end),
        cmocka_unit_test_setup_teardown(test_the_first_good_table_counts, begin, end),
        cmocka_unit_test_setup_teardown(test_bad_tables, begin, end),
        cmocka_unit_test_setup_teardown(test_short_root, begin, end),
        cmocka_unit_test_setup_teardown(test_fadt, begin, end),
        cmocka_unit_test_setup_teardown(test_hardware_reduced, begin, end),
        cmocka_unit_test_setup_teardown(test_hpet, begin, end),
        cmocka_unit_test_setup_teardown(test_s5, begin, end),
        cmocka_unit_test_setup_teardown(test_s5_of_pm1b, begin, end),
        cmocka_unit_test_setup_teardown(test_s5_of_an_ssdt, begin, end),
        cmocka_unit_test_setup_teardown(test_s5_of_a_table_with_a_wrong_checksum, begin, end),
        cmocka_unit_test_setup_teardown(test_no_s5, begin, end),
        cmocka_unit_test_setup_teardown(test_wide_fadt_fields_win, begin, end),
        cmocka_unit_test_setup_teardown(test_short_fadts, begin, end),
    };

    return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
