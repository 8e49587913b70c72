/* SPDX-License-Identifier: MIT */
/* Tests of cpu/image.h: what the memory map must say of the image's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cpu/image.h"

/* An image of three pages, as the linker script would have it. */
#define SIZE 0x3000
char text_start[SIZE];
__asm__(".globl image_end\n.set image_end, text_start + 0x3000");

#define LOADED 0x700000ull

static struct memory_map map;
static uint64_t taken;

static int begin(void **state)
{
    (void)state;
    map.count = 0;
    taken = 0;
    image_load_address = LOADED;
    return 0;
}

static void range(uint64_t base, uint64_t end, enum memory_type type)
{
    map.ranges[map.count++] = (struct memory_range){base, end - base, type};
}

static void test_an_address_of_the_image_has_a_frame(void **state)
{
    (void)state;
    assert_true(image_physical(text_start) == LOADED);
    assert_true(image_physical(text_start + 0x1234) == LOADED + 0x1234);
    assert_true(image_physical(image_end) == LOADED + SIZE);
}

static void test_room_from_the_first_byte_to_the_last(void **state)
{
    (void)state;
    range(0, 0x9f000, MEMORY_AVAILABLE);
    range(LOADED, LOADED + SIZE, MEMORY_AVAILABLE);
    range(LOADED + SIZE, LOADED + 2 * SIZE, MEMORY_ACPI_NVS);
    assert_true(image_has_room(&map, &taken));
}

static void test_room_in_two_ranges(void **state)
{
    (void)state;
    range(0x100000, LOADED + 0x1000, MEMORY_AVAILABLE);
    range(LOADED + 0x1000, LOADED + 2 * SIZE, MEMORY_AVAILABLE);
    assert_true(image_has_room(&map, &taken));
}

static void assert_taken(uint64_t address)
{
    assert_false(image_has_room(&map, &taken));
    assert_true(taken == address);
}

static void test_no_range_is_no_room(void **state)
{
    (void)state;
    assert_taken(LOADED);
}

static void test_the_first_byte_is_missing(void **state)
{
    (void)state;
    range(LOADED + 1, LOADED + 2 * SIZE, MEMORY_AVAILABLE);
    assert_taken(LOADED);
}

static void test_the_last_byte_is_missing(void **state)
{
    (void)state;
    range(0x100000, LOADED + SIZE - 1, MEMORY_AVAILABLE);
    assert_taken(LOADED + SIZE - 1);
}

/* OVMF has ACPI's NVS at 8 MiB. */
static void test_every_other_type_is_taken(void **state)
{
    static const enum memory_type types[] = {
        MEMORY_RESERVED, MEMORY_ACPI_RECLAIMABLE, MEMORY_ACPI_NVS,
        MEMORY_DEFECTIVE,
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        begin(state);
        range(0x100000, LOADED + 0x2000, MEMORY_AVAILABLE);
        range(LOADED + 0x2000, LOADED + 0x2800, types[i]);
        range(LOADED + 0x2800, LOADED + 2 * SIZE, MEMORY_AVAILABLE);
        assert_taken(LOADED + 0x2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_address_of_the_image_has_a_frame, begin),
        cmocka_unit_test_setup(test_room_from_the_first_byte_to_the_last, begin),
        cmocka_unit_test_setup(test_room_in_two_ranges, begin),
        cmocka_unit_test_setup(test_no_range_is_no_room, begin),
        cmocka_unit_test_setup(test_the_first_byte_is_missing, begin),
        cmocka_unit_test_setup(test_the_last_byte_is_missing, begin),
        cmocka_unit_test_setup(test_every_other_type_is_taken, begin),
    };

    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
