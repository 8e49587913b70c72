/* SPDX-License-Identifier: MIT */
/* Tests of smp/acpi/madt.h: each entry type, duplicates, limits, and entries of a wrong length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "foreign.h"
#include "smp/acpi/madt.h"

static struct buffer b;
static struct machine_topology topology;
static char error[128];

static int begin(void **state)
{
    (void)state;
    b.length = 0;
    put(&b, "APIC", 4);
    put_zeroes(&b, 32);
    put32(&b, 0xfee00000);
    put32(&b, 1);
    return 0;
}

static void lapic(uint8_t uid, uint8_t apic_id, uint32_t flags)
{
    put(&b, "\x00\x08", 2);
    put8(&b, uid);
    put8(&b, apic_id);
    put32(&b, flags);
}

static void x2apic(uint32_t uid, uint32_t apic_id, uint32_t flags)
{
    put(&b, "\x09\x10\0\0", 4);
    put32(&b, apic_id);
    put32(&b, flags);
    put32(&b, uid);
}

static bool parse(void)
{
    uint8_t *copy;
    bool ok;

    set32(&b, 4, (uint32_t)b.length);
    copy = exact_copy(b.bytes, b.length);
    error[0] = '\0';
    ok = madt_parse((const struct acpi_header *)copy, &topology, error, sizeof error);
    free_copy(copy);
    assert_int_equal(ok, error[0] == '\0');
    return ok;
}

static void assert_cpu(unsigned i, uint32_t apic_id, uint32_t uid)
{
    assert_int_equal(topology.cpus[i].apic_id, apic_id);
    assert_int_equal(topology.cpus[i].processor_uid, uid);
}

static void test_every_type(void **state)
{
    (void)state;
    lapic(1, 0, 1);
    put(&b, "\x01\x0c\x02\0", 4);
    put32(&b, 0xfec00000);
    put32(&b, 24);
    put(&b, "\x02\x0a\0\x00", 4);
    put32(&b, 2);
    put16(&b, MADT_TRIGGER_LEVEL | MADT_POLARITY_LOW);
    put(&b, "\x04\x06\xff\x05\x00\x01", 6);
    put(&b, "\x04\x06\x07\x00\x00\x00", 6);
    put(&b, "\x05\x0c\0\0", 4);
    put64(&b, UINT64_C(0x1fee00000));
    x2apic(300, 0x12345, 1);
    put(&b, "\x0a\x0c\x0d\x00\xff\xff\xff\xff\x01\0\0\0", 12);
    put(&b, "\x0a\x0c\x00\x00\x2c\x01\x00\x00\x00\0\0\0", 12);
    put(&b, "\x7f\x05...\x80\x02", 7);
    assert_true(parse());
    assert_int_equal(topology.cpu_count, 2);
    assert_cpu(0, 0, 1);
    assert_cpu(1, 0x12345, 300);
    assert_int_equal(topology.ioapic_count, 1);
    assert_int_equal(topology.ioapics[0].id, 2);
    assert_int_equal(topology.ioapics[0].address, 0xfec00000);
    assert_int_equal(topology.ioapics[0].gsi_base, 24);
    assert_int_equal(topology.override_count, 1);
    assert_int_equal(topology.overrides[0].source, 0);
    assert_int_equal(topology.overrides[0].gsi, 2);
    assert_int_equal(topology.overrides[0].flags, 0xf);
    assert_true(topology.lapic_address == UINT64_C(0x1fee00000));
    assert_int_equal(topology.nmi_count, 4);
    assert_int_equal(topology.nmis[0].processor_uid, MADT_ALL_PROCESSORS);
    assert_int_equal(topology.nmis[0].flags, 5);
    assert_int_equal(topology.nmis[0].lint, 1);
    assert_int_equal(topology.nmis[1].processor_uid, 7);
    assert_int_equal(topology.nmis[1].lint, 0);
    assert_int_equal(topology.nmis[2].processor_uid, MADT_ALL_PROCESSORS);
    assert_int_equal(topology.nmis[2].flags, 0xd);
    assert_int_equal(topology.nmis[2].lint, 1);
    assert_int_equal(topology.nmis[3].processor_uid, 300);
}

static void test_empty(void **state)
{
    (void)state;
    assert_true(parse());
    assert_int_equal(topology.cpu_count, 0);
    assert_true(topology.lapic_address == 0xfee00000);
}

static void test_only_enabled_cpus_count(void **state)
{
    (void)state;
    lapic(0, 0, 1);
    lapic(1, 2, 0);
    lapic(2, 4, 2);
    lapic(3, 6, 3);
    x2apic(4, 256, 2);
    assert_true(parse());
    assert_int_equal(topology.cpu_count, 2);
    assert_cpu(0, 0, 0);
    assert_cpu(1, 6, 3);
}

static void test_a_cpu_listed_twice_counts_once(void **state)
{
    (void)state;
    lapic(1, 7, 1);
    x2apic(1, 7, 1);
    lapic(2, 8, 0);
    x2apic(3, 8, 1);
    assert_true(parse());
    assert_int_equal(topology.cpu_count, 2);
    assert_cpu(0, 7, 1);
    assert_cpu(1, 8, 3);
}

static void test_unused_entries_are_no_cpus(void **state)
{
    (void)state;
    lapic(0xff, 0xff, 1);
    x2apic(0xffffffff, 0xffffffff, 1);
    x2apic(5, 0xff, 1);
    assert_true(parse());
    assert_int_equal(topology.cpu_count, 1);
    assert_cpu(0, 0xff, 5);
}

static void test_what_has_no_room_is_counted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MADT_CPUS + 3; i++)
        x2apic(i, i, 1);
    for (unsigned i = 0; i < MADT_IOAPICS + 2; i++)
        put(&b, "\x01\x0c\0\0\0\0\0\0\0\0\0\0", 12);
    for (unsigned i = 0; i < MADT_OVERRIDES + 1; i++)
        put(&b, "\x02\x0a\0\0\0\0\0\0\0\0", 10);
    for (unsigned i = 0; i < MADT_NMIS + 4; i++)
        put(&b, "\x04\x06\xff\0\0\x01", 6);
    assert_true(parse());
    assert_int_equal(topology.cpu_count, MADT_CPUS);
    assert_int_equal(topology.cpus_left_out, 3);
    assert_int_equal(topology.ioapics_left_out, 2);
    assert_int_equal(topology.overrides_left_out, 1);
    assert_int_equal(topology.nmis_left_out, 4);
}

/* A machine for 1100 CPUs, of which 64 are there. */
static void test_disabled_cpus_take_no_room(void **state)
{
    (void)state;
    read_bytes(&b, "test/unit/tables/apic-synthetic-64-enabled-1036-disabled.dat");
    assert_true(parse());
    assert_int_equal(topology.cpu_count, 64);
    assert_int_equal(topology.cpus_left_out, 0);
    for (unsigned i = 0; i < 64; i++)
        assert_cpu(i, i, i);
}

/* Tables of real machines, and what each has that is rare. */
static const struct {
    const char *name;
    unsigned cpus;
    uint32_t first[4];              /* APIC ids, as far as there are CPUs */
    uint32_t last;
    unsigned ioapics, overrides, nmis, nmis_wrong;
} REAL[] = {
    /* AMD's family 15h: the ids begin at 16 or 32, and go on from socket to socket. */
    { "gigabyte-990fxa-fx8320", 8, { 16, 17, 18, 19 }, 23, 2, 2, 1, 0 },
    { "supermicro-h8qg6-opteron6380-4s", 64, { 32, 33, 34, 35 }, 143, 3, 2, 2, 0 },
    /* Thirty disabled entries, all of id 0. */
    { "gigabyte-a320m-a6-9500", 2, { 16, 17 }, 17, 2, 2, 1, 0 },
    /* Type 9 for ids that type 0 can say, in no order; 26 unused ones. */
    { "framework13-coreultra-type9-ids-below-255", 22, { 32, 16, 17, 24 }, 66, 1, 2, 1, 0 },
    /* 44 unused entries of type 0 and 56 of type 9; 28 of type 0x7f. */
    { "gigabyte-x299-type7f-x2apic-ffffffff", 12, { 0, 2, 4, 6 }, 11, 5, 2, 2, 0 },
    /* Random bytes in each NMI entry: pins 0, 36, 0 and 133. */
    { "asus-x555lf-garbage-nmi-entries", 4, { 0, 2, 1, 3 }, 3, 1, 2, 0, 4 },
};

static void test_tables_of_real_machines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REAL / sizeof REAL[0]; i++) {
        char path[128];

        snprintf(path, sizeof path, "test/unit/tables/apic-%s.dat", REAL[i].name);
        read_bytes(&b, path);
        assert_true(parse());
        assert_int_equal(topology.cpu_count, REAL[i].cpus);
        for (unsigned cpu = 0; cpu < 4 && cpu < REAL[i].cpus; cpu++)
            assert_int_equal(topology.cpus[cpu].apic_id, REAL[i].first[cpu]);
        assert_int_equal(topology.cpus[REAL[i].cpus - 1].apic_id, REAL[i].last);
        assert_int_equal(topology.ioapic_count, REAL[i].ioapics);
        assert_int_equal(topology.override_count, REAL[i].overrides);
        assert_int_equal(topology.nmi_count, REAL[i].nmis);
        assert_int_equal(topology.nmis_wrong, REAL[i].nmis_wrong);
    }
}

/* Of each NMI entry one field is reserved. */
static void test_nmis_that_cannot_be(void **state)
{
    (void)state;
    put(&b, "\x04\x06\xff\x00\x00\x02", 6);
    put(&b, "\x04\x06\xff\x02\x00\x01", 6);
    put(&b, "\x04\x06\xff\x08\x00\x01", 6);
    put(&b, "\x04\x06\xff\x15\x00\x01", 6);
    put(&b, "\x0a\x0c\x05\x80\xff\xff\xff\xff\x01\0\0\0", 12);
    assert_true(parse());
    assert_int_equal(topology.nmi_count, 0);
    assert_int_equal(topology.nmis_wrong, 5);
}

static void assert_bad_entry(unsigned type)
{
    char wanted[64];

    assert_false(parse());
    snprintf(wanted, sizeof wanted, "the entry at offset 52, of type %u, has a wrong length", type);
    assert_non_null(strstr(error, wanted));
    assert_int_equal(topology.cpu_count, 1);
}

/* An entry of `given` bytes that says it has `said`, after a good one. */
static void bad_entry(uint8_t type, uint8_t said, size_t given)
{
    begin(NULL);
    lapic(0, 0, 1);
    put8(&b, type);
    if (given > 1)
        put8(&b, said);
    put_zeroes(&b, given > 2 ? given - 2 : 0);
    assert_bad_entry(type);
}

static void test_wrong_lengths(void **state)
{
    static const uint8_t least[][2] = {
        { 0, 8 }, { 1, 12 }, { 2, 10 }, { 4, 6 }, { 5, 12 }, { 9, 16 }, { 10, 12 },
    };

    (void)state;
    bad_entry(0x55, 0, 8);
    bad_entry(0x55, 1, 8);
    bad_entry(0x55, 0, 1);
    bad_entry(0x55, 9, 8);
    bad_entry(0, 255, 8);
    for (size_t i = 0; i < sizeof least / sizeof least[0]; i++)
        bad_entry(least[i][0], (uint8_t)(least[i][1] - 1), least[i][1] - 1u);
}

static void test_table_too_short(void **state)
{
    (void)state;
    b.length = 43;
    assert_false(parse());
    assert_non_null(strstr(error, "43 bytes long; 44 at least"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_type, begin),
        cmocka_unit_test_setup(test_empty, begin),
        cmocka_unit_test_setup(test_only_enabled_cpus_count, begin),
        cmocka_unit_test_setup(test_a_cpu_listed_twice_counts_once, begin),
        cmocka_unit_test_setup(test_unused_entries_are_no_cpus, begin),
        cmocka_unit_test_setup(test_what_has_no_room_is_counted, begin),
        cmocka_unit_test_setup(test_disabled_cpus_take_no_room, begin),
        cmocka_unit_test_setup(test_tables_of_real_machines, begin),
        cmocka_unit_test_setup(test_nmis_that_cannot_be, begin),
        cmocka_unit_test_setup(test_wrong_lengths, begin),
        cmocka_unit_test_setup(test_table_too_short, begin),
    };

    return cmocka_run_group_tests_name("madt", tests, NULL, NULL);
}
