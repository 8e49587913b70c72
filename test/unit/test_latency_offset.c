/* SPDX-License-Identifier: MIT */
/* Two clocks' offset by an exchange of the time, and the stages that it serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workloads/latency/offset.h"

#define ENOUGH OFFSET_FEWEST_EXCHANGES

static struct clock_offset offset(int64_t cycles, uint64_t bound)
{
    return (struct clock_offset){cycles, bound, ENOUGH};
}

/* The other clock is 5,000 ahead; its answer took 60 there and 40 back, and once 600 and 40. */
static void the_least_round_trip_counts(void **state)
{
    struct clock_offset o = offset_unknown();

    (void)state;
    offset_add(&o, 1000, 6600, 1640);
    assert_int_equal(o.cycles, 5280);
    assert_int_equal(o.bound_cycles, 320);
    offset_add(&o, 2000, 7060, 2100);
    offset_add(&o, 3000, 8600, 3640);
    assert_int_equal(o.cycles, 5010);
    assert_int_equal(o.bound_cycles, 50);
    assert_int_equal(o.exchanges, 3);
}

/* It is shown as it is, so that a drift within the bound is seen; corrected is what lies beyond. */
static void an_offset_within_its_bound_is_kept_and_not_corrected(void **state)
{
    struct clock_offset within = offset(-50, 50), beyond = offset(-51, 50);

    (void)state;
    assert_int_equal(within.cycles, -50);
    assert_int_equal(offset_correction(&within), 0);
    assert_int_equal(offset_correction(&beyond), -51);
}

static void clocks_that_drift_do_not_hold(void **state)
{
    struct clock_offset before = offset(-40, 50), near = offset(59, 50), far = offset(61, 50);

    (void)state;
    assert_true(offset_holds(&before, &near));
    assert_false(offset_holds(&before, &far));
    assert_false(offset_serves(&before, &far, INT64_MAX));
}

/* The bound, and what a correction by nothing leaves, are a tenth of the median at most. */
static void a_stage_is_served_within_a_tenth(void **state)
{
    struct clock_offset none = offset(0, 50), some = offset(30, 50), ahead = offset(5000, 50);

    (void)state;
    assert_true(offset_serves(&none, &none, 500));
    assert_false(offset_serves(&none, &none, 499));
    assert_true(offset_serves(&some, &some, 800));
    assert_false(offset_serves(&some, &some, 799));
    assert_true(offset_serves(&ahead, &ahead, 500));
    assert_false(offset_serves(&none, &none, 0));
    assert_false(offset_serves(&none, &none, -100000));
    assert_false(offset_serves(&none, &none, INT64_MIN));
}

/* The second look says, too, how wrong what was corrected at the first may be. */
static void both_looks_must_serve(void **state)
{
    struct clock_offset sharp = offset(0, 1), vague = offset(0, 100), far = offset(1900, 1900);

    (void)state;
    assert_true(offset_serves(&sharp, &vague, 1000));
    assert_false(offset_serves(&sharp, &vague, 999));
    assert_true(offset_serves(&sharp, &far, 38000));
    assert_false(offset_serves(&sharp, &far, 37999));
}

static void few_exchanges_serve_nobody(void **state)
{
    struct clock_offset enough = offset(0, 1), few = {0, 1, ENOUGH - 1};

    (void)state;
    assert_true(offset_serves(&enough, &enough, 1000));
    assert_false(offset_serves(&few, &enough, 1000));
    assert_false(offset_serves(&enough, &few, 1000));
}

static void one_clock_has_no_offset(void **state)
{
    struct clock_offset within = offset(8, 25), beyond = offset(26, 25);

    (void)state;
    assert_true(offset_is_none(&within, &within));
    assert_false(offset_is_none(&within, &beyond));
    assert_false(offset_is_none(&beyond, &within));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_round_trip_counts),
        cmocka_unit_test(an_offset_within_its_bound_is_kept_and_not_corrected),
        cmocka_unit_test(clocks_that_drift_do_not_hold),
        cmocka_unit_test(a_stage_is_served_within_a_tenth),
        cmocka_unit_test(both_looks_must_serve),
        cmocka_unit_test(few_exchanges_serve_nobody),
        cmocka_unit_test(one_clock_has_no_offset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
