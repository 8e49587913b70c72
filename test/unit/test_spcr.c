/* SPDX-License-Identifier: MIT */
/* Tests of smp/acpi/spcr.h: ports and memory, strides and widths, speeds, revisions, what is
 * none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "foreign.h"
#include "smp/acpi/spcr.h"

/* A table's fields; the rest of it is 0. */
struct says {
    uint8_t revision, interface, space, bit_width, access_size;
    uint64_t address;
    uint8_t baud_code;
    uint32_t clock_hz, precise_baud;
};

static struct serial_place place;
static char problem[96];

static bool parse_short(const struct says *says, size_t length)
{
    uint8_t bytes[90] = "SPCR", *copy;
    uint32_t length_32 = (uint32_t)length;
    bool ok;

    memcpy(bytes + 4, &length_32, 4);
    bytes[8] = says->revision;
    bytes[36] = says->interface;
    bytes[40] = says->space;
    bytes[41] = says->bit_width;
    bytes[43] = says->access_size;
    memcpy(bytes + 44, &says->address, 8);
    bytes[58] = says->baud_code;
    memset(bytes + 64, 0xff, 4); /* no PCI device */
    memcpy(bytes + 76, &says->clock_hz, 4);
    memcpy(bytes + 80, &says->precise_baud, 4);
    copy = exact_copy(bytes, length);
    ok = spcr_parse((const struct acpi_header *)copy, &place, problem, sizeof problem);
    free_copy(copy);
    return ok;
}

static bool parse(const struct says *says)
{
    return parse_short(says, says->revision < 4 ? 80 : 90);
}

static void test_com_ports(void **state)
{
    struct says says = { .revision = 1, .space = 1, .bit_width = 8, .address = 0x2f8 };
    static const uint32_t bauds[] = { 0, 0, 0, 9600, 19200, 0, 57600, 115200, 0 };

    (void)state;
    for (uint8_t code = 0; code < sizeof bauds / sizeof bauds[0]; code++) {
        says.baud_code = code;
        assert_true(parse(&says));
        assert_int_equal(place.address, 0x2f8);
        assert_false(place.in_memory);
        assert_int_equal(place.stride, 1);
        assert_int_equal(place.width, 1);
        assert_int_equal(place.baud, bauds[code]);
    }
    assert_true(parse_short(&says, 76));
    says.bit_width = 32; /* ports have no stride, whatever is said */
    says.interface = 1;
    assert_true(parse(&says));
    assert_int_equal(place.stride, 1);
}

static void test_memory(void **state)
{
    static const struct {
        uint8_t bit_width, access_size, stride, width;
    } rows[] = {
        { 8, 0, 1, 1 }, { 8, 1, 1, 1 }, { 0, 0, 1, 1 }, { 16, 2, 2, 2 }, { 32, 3, 4, 4 },
        { 32, 0, 4, 4 }, { 32, 1, 4, 1 }, { 64, 3, 8, 4 }, { 64, 4, 8, 4 }, { 8, 3, 1, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct says says = { .revision = 2, .interface = 0x12, .address = 0x4000fe034000,
                             .bit_width = rows[i].bit_width, .access_size = rows[i].access_size };

        assert_true(parse(&says));
        assert_string_equal(problem, "");
        assert_true(place.in_memory);
        assert_int_equal(place.address, 0x4000fe034000);
        assert_int_equal(place.stride, rows[i].stride);
        assert_int_equal(place.width, rows[i].width);
    }
}

static void assert_problem(const struct says *says, const char *wanted)
{
    assert_false(parse(says));
    assert_string_equal(problem, wanted);
}

static void test_what_cannot_be_driven(void **state)
{
    (void)state;
    assert_problem(&(struct says){ .revision = 2, .interface = 3, .address = 0x9000000 },
                   "its interface type 0x03 is not a 16550's");
    assert_problem(&(struct says){ .revision = 1, .interface = 0x12, .space = 1, .address = 0x3f8 },
                   "its interface type 0x12 is not a 16550's");
    assert_problem(&(struct says){ .revision = 2, .space = 2, .bit_width = 8, .address = 0x40 },
                   "there can be no registers of 8 bits at 0x40 in space 2");
    assert_problem(&(struct says){ .revision = 2, .space = 1, .bit_width = 8, .address = 0xfff9 },
                   "there can be no registers of 8 bits at 0xfff9 in space 1");
    assert_problem(&(struct says){ .revision = 2, .bit_width = 24, .address = 0xfe034000 },
                   "there can be no registers of 24 bits at 0xfe034000 in space 0");
    assert_problem(&(struct says){ .revision = 2, .bit_width = 32, .address = 0xfe034002 },
                   "there can be no registers of 32 bits at 0xfe034002 in space 0");
    assert_problem(&(struct says){ .revision = 2, .bit_width = 8, .address = UINT64_MAX - 6 },
                   "there can be no registers of 8 bits at 0xfffffffffffffff9 in space 0");
    assert_problem(&(struct says){ .revision = 2, .space = 1, .bit_width = 8 }, "");
    assert_false(parse_short(&(struct says){ .revision = 2, .space = 1, .address = 0x3f8 }, 75));
    assert_string_equal(problem, "it is 75 bytes long, not 76 or more");
}

static uint32_t baud_of(uint8_t revision, uint8_t code, uint32_t clock_hz, uint32_t precise)
{
    assert_true(parse(&(struct says){ .revision = revision, .space = 1, .bit_width = 8,
                                      .address = 0x3f8, .baud_code = code, .clock_hz = clock_hz,
                                      .precise_baud = precise }));
    return place.baud;
}

static void test_speeds_of_later_revisions(void **state)
{
    (void)state;
    assert_int_equal(baud_of(2, 7, 123456, 38400), 115200); /* reserved there */
    assert_int_equal(baud_of(3, 7, 0, 38400), 115200);
    assert_int_equal(baud_of(3, 7, 1843200, 0), 115200);
    assert_int_equal(baud_of(3, 7, 48000000, 0), 0);        /* another clock's divisor */
    assert_int_equal(baud_of(4, 7, 0, 0), 115200);
    assert_int_equal(baud_of(4, 7, 1843200, 38400), 38400);
    assert_int_equal(baud_of(4, 0, 0, 38400), 38400);
    assert_int_equal(baud_of(4, 7, 0, 921600), 0);
    assert_int_equal(baud_of(4, 200, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_com_ports),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_what_cannot_be_driven),
        cmocka_unit_test(test_speeds_of_later_revisions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
