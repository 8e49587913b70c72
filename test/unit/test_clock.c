/* SPDX-License-Identifier: MIT */
/* Time from cycles, for as long as a burn-in may take: a year and more, at any rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/clock.h"

#define WEEK_S 604800ull
#define NS 1000000000ull

static const uint64_t rates[] = {1000000, 2111000000, 2999999999, 5700000000, 10000000000};

uint64_t read_tsc(void)
{
    return 0;
}

static void weeks_are_exact_to_the_nanosecond(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        clock_start(rates[i]);
        for (uint64_t week = 0; week <= 104; week++) {
            uint64_t tsc = week * WEEK_S * rates[i];

            assert_true(clock_tsc_to_ns(tsc) == week * WEEK_S * NS);
            assert_true(clock_tsc_to_ns(tsc + rates[i] / 2) ==
                        week * WEEK_S * NS + rates[i] / 2 * NS / rates[i]);
        }
    }
}

static void time_never_steps_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        uint64_t before = 0;

        clock_start(rates[i]);
        for (uint64_t tsc = 52 * WEEK_S * rates[i] - 5000; tsc % rates[i] != 5000; tsc++) {
            assert_true(clock_tsc_to_ns(tsc) >= before);
            before = clock_tsc_to_ns(tsc);
        }
    }
}

static void there_is_no_time_before_the_clock(void **state)
{
    (void)state;
    clock_start(0);
    assert_true(clock_tsc_to_ns(UINT64_MAX) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weeks_are_exact_to_the_nanosecond),
        cmocka_unit_test(time_never_steps_back),
        cmocka_unit_test(there_is_no_time_before_the_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
