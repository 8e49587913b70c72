/* SPDX-License-Identifier: MIT */
/* Tests of lib/memory_map.h: lists in any order, with overlaps, and longer than there is room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "foreign.h"
#include "lib/memory_map.h"

struct range {
    uint64_t base, length;
    uint32_t type;
};

static struct memory_map map;

/* A loader's list of these ranges, whose entries are `entry_size` bytes long. */
static bool fill(const struct range *ranges, size_t count, size_t entry_size)
{
    static struct buffer b;
    uint8_t *copy;
    bool fits;

    b.length = 0;
    for (size_t i = 0; i < count; i++) {
        put64(&b, ranges[i].base);
        put64(&b, ranges[i].length);
        put32(&b, ranges[i].type);
        put_zeroes(&b, entry_size - 20);
    }
    memset(&map, 0, sizeof map);
    copy = exact_copy(b.bytes, b.length);
    fits = memory_map_fill(&map, copy, count, entry_size);
    free_copy(copy);
    return fits;
}

static void assert_map(const struct range *wanted, size_t count)
{
    assert_int_equal(map.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(map.ranges[i].base == wanted[i].base);
        assert_true(map.ranges[i].length == wanted[i].length);
        assert_int_equal(map.ranges[i].type, wanted[i].type);
    }
}

static void test_memory_is_sorted_and_joined(void **state)
{
    static const struct range given[] = {
        { 0x100000, 0x1000, 1 }, { 0, 0x9f000, 1 }, { 0x101000, 0x1000, 1 },
        { 0xf0000, 0x10000, 2 }, { 0x9f000, 0x1000, 77 },
    };
    static const struct range wanted[] = {
        { 0, 0x9f000, 1 }, { 0x9f000, 0x1000, 2 }, { 0xf0000, 0x10000, 2 }, { 0x100000, 0x2000, 1 },
    };

    (void)state;
    assert_true(fill(given, 5, 24));
    assert_map(wanted, 4);
    assert_true(fill(given, 5, 40));
    assert_map(wanted, 4);
}

static void test_the_more_restrictive_type_wins(void **state)
{
    static const struct range given[] = {
        { 0x1000, 0x9000, 1 }, { 0x2000, 0x1000, 2 }, { 0x5000, 0x8000, 3 }, { 0x5000, 0x1000, 4 },
        { 0x2800, 0x100, 5 }, { 0x2000, 0x1000, 1 }, { 0x5800, 0x100, 2 },
    };
    static const struct range wanted[] = {
        { 0x1000, 0x1000, 1 }, { 0x2000, 0x800, 2 }, { 0x2800, 0x100, 5 }, { 0x2900, 0x700, 2 },
        { 0x3000, 0x2000, 1 }, { 0x5000, 0x800, 4 }, { 0x5800, 0x100, 2 }, { 0x5900, 0x700, 4 },
        { 0x6000, 0x7000, 3 },
    };

    (void)state;
    assert_true(fill(given, 7, 24));
    assert_map(wanted, 9);
}

static void test_empty_and_wrapping_ranges_are_skipped(void **state)
{
    static const struct range given[] = {
        { 0x1000, 0, 2 }, { 0x1000, 0x1000, 1 }, { UINT64_MAX - 0xfff, 0x1000, 2 },
        { UINT64_MAX, UINT64_MAX, 1 }, { UINT64_MAX - 0x1fff, 0x1000, 2 },
    };
    static const struct range wanted[] = {
        { 0x1000, 0x1000, 1 }, { UINT64_MAX - 0x1fff, 0x1000, 2 },
    };

    (void)state;
    assert_true(fill(given, 5, 24));
    assert_map(wanted, 2);
    assert_int_equal(map.skipped, 3);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    static struct range ranges[MEMORY_RANGES + 1];

    (void)state;
    for (unsigned i = 0; i < MEMORY_RANGES + 1; i++)
        ranges[i] = (struct range){ (1000 - i) * UINT64_C(0x2000), 0x1000, 1 };
    assert_true(fill(ranges, MEMORY_RANGES, 24));
    assert_int_equal(map.count, MEMORY_RANGES);
    assert_false(fill(ranges, MEMORY_RANGES + 1, 24));
    ranges[0] = (struct range){ 0, UINT64_C(0x2000) * 2000, 2 };
    for (unsigned i = 1; i < MEMORY_RANGES; i++)
        ranges[i].type = 5;
    assert_false(fill(ranges, MEMORY_RANGES, 24));      /* cut into twice as many pieces */
}

static void test_the_range_of_an_address(void **state)
{
    static const struct range given[] = { { 0x1000, 0x1000, 1 }, { 0x3000, 0x1000, 2 } };

    (void)state;
    assert_true(fill(given, 2, 24));
    assert_null(memory_range_of(&map, 0xfff));
    assert_ptr_equal(memory_range_of(&map, 0x1000), &map.ranges[0]);
    assert_ptr_equal(memory_range_of(&map, 0x1fff), &map.ranges[0]);
    assert_null(memory_range_of(&map, 0x2000));
    assert_ptr_equal(memory_range_of(&map, 0x3800), &map.ranges[1]);
    assert_null(memory_range_of(&map, 0x4000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_sorted_and_joined),
        cmocka_unit_test(test_the_more_restrictive_type_wins),
        cmocka_unit_test(test_empty_and_wrapping_ranges_are_skipped),
        cmocka_unit_test(test_no_more_than_there_is_room_for),
        cmocka_unit_test(test_the_range_of_an_address),
    };

    return cmocka_run_group_tests_name("memory_map", tests, NULL, NULL);
}
