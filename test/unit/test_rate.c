/* SPDX-License-Identifier: MIT */
/* The leaking bucket: bursts, steady flows, limits, and weeks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/rate.h"

#define HOUR_MS 3600000
#define WEEK_MS 604800000ull

static void a_burst_up_to_the_limit_passes(void **state)
{
    struct rate rate = {.limit = 10, .window_ms = HOUR_MS};

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_false(rate_add(&rate, 1, 5));
    assert_true(rate_add(&rate, 1, 5));
    assert_true(rate_add(&rate, 0, 5));
}

static void a_steady_flow_at_the_limit_passes_for_a_year(void **state)
{
    struct rate rate = {.limit = 10, .window_ms = HOUR_MS};

    (void)state;
    for (uint64_t now = 0; now < 52 * WEEK_MS; now += HOUR_MS / 10)
        assert_false(rate_add(&rate, 1, now));
}

static void one_that_is_faster_is_found(void **state)
{
    struct rate rate = {.limit = 10, .window_ms = HOUR_MS};
    uint64_t now = 52 * WEEK_MS;

    (void)state;
    while (!rate_add(&rate, 1, now))
        now += HOUR_MS / 12;
    assert_in_range(now - 52 * WEEK_MS, HOUR_MS, 6 * HOUR_MS);
}

static void the_alarm_ends_when_enough_has_leaked(void **state)
{
    struct rate rate = {.limit = 15, .window_ms = 1000};

    (void)state;
    assert_true(rate_add(&rate, UINT64_MAX, 100));
    assert_true(rate_add(&rate, 0, 110));
    assert_false(rate_add(&rate, 0, 1100));
    assert_false(rate_add(&rate, 15, 100 + 2000));
}

static void no_limit_at_all_finds_the_first(void **state)
{
    struct rate rate = {.limit = 0, .window_ms = HOUR_MS};

    (void)state;
    assert_false(rate_add(&rate, 0, 1));
    assert_true(rate_add(&rate, 1, 2));
}

static void the_largest_limits_do_not_overflow(void **state)
{
    struct rate rate = {.limit = RATE_LIMIT_MOST, .window_ms = RATE_WINDOW_MOST_MS};

    (void)state;
    assert_false(rate_add(&rate, RATE_LIMIT_MOST, 0));
    assert_true(rate_add(&rate, RATE_LIMIT_MOST, 1));
    assert_false(rate_add(&rate, RATE_LIMIT_MOST, UINT64_MAX));
    assert_false(rate_add(&rate, 0, 0));    /* a clock that steps back leaks nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_up_to_the_limit_passes),
        cmocka_unit_test(a_steady_flow_at_the_limit_passes_for_a_year),
        cmocka_unit_test(one_that_is_faster_is_found),
        cmocka_unit_test(the_alarm_ends_when_enough_has_leaked),
        cmocka_unit_test(no_limit_at_all_finds_the_first),
        cmocka_unit_test(the_largest_limits_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
