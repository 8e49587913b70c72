/* SPDX-License-Identifier: MIT */
/* Tests of cpu/pages.h: which frames of a map are handed out, in which order, and how many there
 * are; and what a frame holds that has come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/pages.c"
#include "machine.h"

#define PAGE 0x1000ull
#define IMAGE_PAGES 3
#define RAM MEMORY_AVAILABLE
#define NOT_RAM (MEMORY_AVAILABLE + 1)
#define ABOVE 0x40000000ull         /* memory that nobody else has */

uint64_t image_load_address;
char text_start[1];
__asm__(".globl image_end; .set image_end, text_start + 3 * 0x1000");

static struct memory_map memory;

static void take_map(const struct memory_range *ranges, unsigned count)
{
    memset(&memory, 0, sizeof memory);
    memcpy(memory.ranges, ranges, count * sizeof *ranges);
    memory.count = count;
    range = 0;
    next = free_list = in_use = total = 0;
    pages_init(&memory);
}

/* Just these, in this order, and no more; for the memory behind them, see begin(). */
static void gives(const uint64_t *frames, unsigned count)
{
    assert_int_equal(pages_total(), count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(pages_in_use(), i);
        assert_true(page_alloc() == frames[i]);
    }
    assert_true(page_alloc() == 0);
    assert_true(page_alloc() == 0);
    assert_int_equal(pages_in_use(), count);
}

#define TAKE(...)                                                                                  \
    do {                                                                                           \
        const struct memory_range ranges[] = {__VA_ARGS__};                                   \
        take_map(ranges, sizeof ranges / sizeof ranges[0]);                                        \
    } while (0)
#define GIVES(...)                                                                                 \
    do {                                                                                           \
        const uint64_t frames[] = {__VA_ARGS__};                                                   \
        gives(frames, sizeof frames / sizeof frames[0]);                                           \
    } while (0)
#define GIVES_NONE gives(NULL, 0)

static int begin(void **state)
{
    (void)state;
    machine_make(1);
    machine_map(FIRST_MIB, FIRST_MIB + 4 * PAGE);
    machine_map(LASTWORD_BASE - 8 * PAGE, LASTWORD_END + 8 * PAGE);
    machine_map(ABOVE, ABOVE + 64 * PAGE);
    image_load_address = ABOVE + 32 * PAGE;
    return 0;
}

static void whole_pages_alone_are_given(void **state)
{
    (void)state;
    TAKE({ABOVE + 1, 3 * PAGE, RAM});
    GIVES(ABOVE + PAGE, ABOVE + 2 * PAGE);
    TAKE({ABOVE, 2 * PAGE - 1, RAM});
    GIVES(ABOVE);
    TAKE({ABOVE + 1, PAGE, RAM});
    GIVES_NONE;
    TAKE({ABOVE + 0x800, 0x100, RAM});
    GIVES_NONE;
}

static void every_range_is_given_that_is_memory(void **state)
{
    (void)state;
    TAKE({ABOVE, PAGE, RAM}, {ABOVE + PAGE, 2 * PAGE, NOT_RAM}, {ABOVE + 3 * PAGE, 2 * PAGE, RAM},
         {ABOVE + 8 * PAGE, PAGE, RAM});
    GIVES(ABOVE, ABOVE + 3 * PAGE, ABOVE + 4 * PAGE, ABOVE + 8 * PAGE);
    TAKE({ABOVE, 4 * PAGE, NOT_RAM});
    GIVES_NONE;
}

static void the_first_mib_is_left(void **state)
{
    (void)state;
    TAKE({FIRST_MIB - 4 * PAGE, 6 * PAGE, RAM});
    GIVES(FIRST_MIB, FIRST_MIB + PAGE);
    TAKE({0x1000, 0x9e000, RAM}, {FIRST_MIB, PAGE, RAM});
    GIVES(FIRST_MIB);
}

static void the_image_is_left_wherever_it_lies(void **state)
{
    (void)state;
    image_load_address = ABOVE + 2 * PAGE;
    TAKE({ABOVE, 7 * PAGE, RAM});
    GIVES(ABOVE, ABOVE + PAGE, ABOVE + 5 * PAGE, ABOVE + 6 * PAGE);
    image_load_address = ABOVE;
    TAKE({ABOVE, (IMAGE_PAGES + 1) * PAGE, RAM});
    GIVES(ABOVE + 3 * PAGE);
    image_load_address = ABOVE + PAGE;
    TAKE({ABOVE, (IMAGE_PAGES + 1) * PAGE, RAM});
    GIVES(ABOVE);
    TAKE({ABOVE + PAGE, IMAGE_PAGES * PAGE, RAM});
    GIVES_NONE;
    TAKE({ABOVE + PAGE, IMAGE_PAGES * PAGE, RAM}, {ABOVE + 9 * PAGE, PAGE, RAM});
    GIVES(ABOVE + 9 * PAGE);
}

static void the_place_of_the_last_word_is_left(void **state)
{
    (void)state;
    TAKE({LASTWORD_BASE - 2 * PAGE, LASTWORD_END - LASTWORD_BASE + 4 * PAGE, RAM});
    GIVES(LASTWORD_BASE - 2 * PAGE, LASTWORD_BASE - PAGE, LASTWORD_END, LASTWORD_END + PAGE);
    TAKE({LASTWORD_END - PAGE, 2 * PAGE, RAM});
    GIVES(LASTWORD_END);
    /* And the image, right behind it or right before it. */
    image_load_address = LASTWORD_END;
    TAKE({LASTWORD_BASE - PAGE, LASTWORD_END - LASTWORD_BASE + 5 * PAGE, RAM});
    GIVES(LASTWORD_BASE - PAGE, LASTWORD_END + 3 * PAGE);
    image_load_address = LASTWORD_BASE - 3 * PAGE;
    TAKE({LASTWORD_BASE - 4 * PAGE, LASTWORD_END - LASTWORD_BASE + 5 * PAGE, RAM});
    GIVES(LASTWORD_BASE - 4 * PAGE, LASTWORD_END);
}

static void frames_come_back_and_are_zero_again(void **state)
{
    static const uint8_t zero[PAGE_SIZE];

    (void)state;
    memset((void *)ABOVE, 0xee, 4 * PAGE);
    TAKE({ABOVE, 3 * PAGE, RAM});
    assert_true(page_alloc() == ABOVE);
    assert_memory_equal((void *)ABOVE, zero, PAGE);
    assert_int_equal(*(uint8_t *)(ABOVE + PAGE), 0xee);
    assert_true(page_alloc() == ABOVE + PAGE);
    memset((void *)ABOVE, 0xdd, 2 * PAGE);
    page_free(ABOVE);
    page_free(ABOVE + PAGE);
    assert_int_equal(pages_in_use(), 0);
    assert_int_equal(pages_total(), 3);
    assert_true(page_alloc() == ABOVE + PAGE);
    assert_memory_equal((void *)(ABOVE + PAGE), zero, PAGE);
    assert_int_equal(pages_in_use(), 1);
    assert_true(page_alloc() == ABOVE);
    assert_memory_equal((void *)ABOVE, zero, PAGE);
    assert_true(page_alloc() == ABOVE + 2 * PAGE);
    assert_true(page_alloc() == 0);
}

/* The lock is given back, and interrupts are as they were. */
static void the_lock_is_free_between_calls(void **state)
{
    (void)state;
    TAKE({ABOVE, 3 * PAGE, RAM});
    for (unsigned on = 0; on < 2; on++) {
        hosted.interrupts = on;
        page_free(page_alloc());
        assert_int_equal(hosted.interrupts, on);
        assert_null(lock.holder);
    }
    assert_int_equal(hosted.times_off, 4);
}

static void a_low_page_is_the_last_of_its_range(void **state)
{
    static const struct {
        uint64_t base, length;
        uint32_t type;
        uint64_t found;
    } cases[] = {
        {0, 0x9fc00, RAM, 0x9e000},
        {0, 0xa0000, RAM, 0x9f000},
        {0, 0x40000000, RAM, 0x9f000},
        {0x1000, 0x1000, RAM, 0x1000},
        {0, 0x1000, RAM, 0},            /* the first page is the real-mode vectors' */
        {0, 0x2000, RAM, 0x1000},
        {0x1000, 0xfff, RAM, 0},
        {0x1800, 0x1000, RAM, 0},
        {0x1800, 0x17ff, RAM, 0},
        {0x1000, 0x8000, NOT_RAM, 0},
        {0x100000, 0x100000, RAM, 0},
        {0x9f000, 0x100000, RAM, 0x9f000},
        {0x9f001, 0x100000, RAM, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        TAKE({cases[i].base, cases[i].length, cases[i].type});
        assert_true(pages_find_low() == cases[i].found);
    }
    TAKE({0, 0x50000, RAM}, {0x60000, 0x10000, RAM}, {0x80000, 0x20000, NOT_RAM});
    assert_true(pages_find_low() == 0x6f000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whole_pages_alone_are_given, begin),
        cmocka_unit_test_setup(every_range_is_given_that_is_memory, begin),
        cmocka_unit_test_setup(the_first_mib_is_left, begin),
        cmocka_unit_test_setup(the_image_is_left_wherever_it_lies, begin),
        cmocka_unit_test_setup(the_place_of_the_last_word_is_left, begin),
        cmocka_unit_test_setup(frames_come_back_and_are_zero_again, begin),
        cmocka_unit_test_setup(the_lock_is_free_between_calls, begin),
        cmocka_unit_test_setup(a_low_page_is_the_last_of_its_range, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
