/* SPDX-License-Identifier: MIT */
/* The pseudo-random numbers: known answers, repetition, range and evenness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/random.h"

static void known_state_gives_known_numbers(void **state)
{
    /* The definition in the paper, worked in another language. */
    static const uint64_t numbers[] = {
        11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600,
    };
    struct random random = {{1, 2, 3, 4}};

    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        assert_true(random_next(&random) == numbers[i]);
}

static void seed_fills_with_splitmix(void **state)
{
    struct random random;

    (void)state;
    random_seed(&random, 0); /* splitmix64's first outputs from 0 */
    assert_true(random.s[0] == 0xe220a8397b1dcdaf);
    assert_true(random.s[1] == 0x6e789e6aa1b965f4);
}

static void same_seed_repeats_and_another_differs(void **state)
{
    struct random a, b, c;
    int same = 0;

    (void)state;
    random_seed(&a, 7);
    random_seed(&b, 7);
    random_seed(&c, 8);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = random_next(&a);

        assert_true(value == random_next(&b));
        same += value == random_next(&c);
    }
    assert_int_equal(same, 0);
}

static void below_is_in_range_and_even(void **state)
{
    struct random random;
    unsigned counts[7] = {0};

    (void)state;
    random_seed(&random, 1);
    for (int i = 0; i < 70000; i++) {
        uint32_t value = random_below(&random, 7);

        assert_in_range(value, 0, 6);
        counts[value]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_int_equal(random_below(&random, 0), 0);
    assert_int_equal(random_below(&random, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_state_gives_known_numbers),
        cmocka_unit_test(seed_fills_with_splitmix),
        cmocka_unit_test(same_seed_repeats_and_another_differs),
        cmocka_unit_test(below_is_in_range_and_even),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
