/* SPDX-License-Identifier: MIT */
/* A batch's record: gaps, counters and intended times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workloads/latency/batch.h"

#define STILL 1000
#define HZ 2000000000

/* Longer than STILL is a gap; what it took to prepare the sample is not in it, and what came before
 * the first one is none. */
static void a_pause_between_two_samples_is_a_gap(void **state)
{
    struct batch b = {0};

    (void)state;
    assert_false(batch_note_sample(&b, true, 900000, 900100, STILL));
    assert_false(batch_note_sample(&b, false, 901100, 901200, STILL));
    assert_int_equal(batch_record(&b, HZ, 2).gaps, 0);
    assert_int_equal(batch_record(&b, HZ, 2).longest_gap_cycles, STILL);
    assert_true(batch_note_sample(&b, false, 902201, 902300, STILL));
    assert_true(batch_note_sample(&b, false, 907300, 907400, STILL));
    batch_note_preparing(&b, 4000);
    assert_false(batch_note_sample(&b, false, 911500, 911600, STILL));
    assert_true(batch_note_sample(&b, false, 916700, 916800, STILL));
    assert_int_equal(batch_record(&b, HZ, 6).gaps, 3);
    assert_int_equal(batch_record(&b, HZ, 6).longest_gap_cycles, 5100);
}

static void preparing_is_told_by_its_mean(void **state)
{
    struct batch b = {0};

    (void)state;
    assert_int_equal(batch_record(&b, HZ, 0).prepare_cycles, 0);
    batch_note_preparing(&b, 100);
    batch_note_preparing(&b, 300);
    assert_int_equal(batch_record(&b, HZ, 2).prepare_cycles, 200);
}

static void an_open_loop_tells_its_intervals(void **state)
{
    struct batch b = {0};

    (void)state;
    assert_true(batch_record(&b, HZ, 1).least_interval_cycles == REPORT_UNKNOWN);
    assert_true(batch_record(&b, HZ, 1).most_interval_cycles == REPORT_UNKNOWN);
    batch_note_interval(&b, 500);
    batch_note_interval(&b, 1400);
    batch_note_interval(&b, 700);
    assert_int_equal(batch_record(&b, HZ, 1).least_interval_cycles, 500);
    assert_int_equal(batch_record(&b, HZ, 1).most_interval_cycles, 1400);
}

/* The CPU's, and its frequency by the ratio of two counters. */
static void counters_are_told(void **state)
{
    struct batch b = {.number = 7,
                      .at_start = {.cpu = 3, .has_ratio = true, .aperf = 1000, .mperf = 5000,
                                   .thermal = 0x11, .throttles = 20},
                      .at_end = {.cpu = 3, .has_ratio = true, .aperf = 4000, .mperf = 7000,
                                 .thermal = 0x88320002, .throttles = 23},
                      .awake = 5,
                      .has_smi = true,
                      .smi_at_start = 40,
                      .smi_now = 42};
    struct report_batch record = batch_record(&b, HZ, 1);

    (void)state;
    assert_int_equal(record.batch, 7);
    assert_int_equal(record.cpu, 3);
    assert_int_equal(record.mhz, 3000);
    assert_int_equal(record.thermal, 0x88320002);
    assert_int_equal(record.throttles, 3);
    assert_int_equal(record.smis, 2);
    assert_int_equal(record.awake, 5);
}

/* Not as nothing: not at all. */
static void what_a_cpu_does_not_have_is_unknown(void **state)
{
    const struct clocks none = {.thermal = REPORT_UNKNOWN, .throttles = REPORT_UNKNOWN};
    struct batch b = {.at_start = none, .at_end = none};
    struct report_batch record = batch_record(&b, HZ, 1);

    (void)state;
    assert_true(record.mhz == REPORT_UNKNOWN);
    assert_true(record.thermal == REPORT_UNKNOWN);
    assert_true(record.throttles == REPORT_UNKNOWN);
    assert_true(record.smis == REPORT_UNKNOWN);
    b.at_start.has_ratio = b.at_end.has_ratio = true;
    assert_true(batch_record(&b, HZ, 1).mhz == REPORT_UNKNOWN); /* it did not count */
    b.at_end.aperf = b.at_end.mperf = 1000;
    assert_int_equal(batch_record(&b, HZ, 1).mhz, 2000);
    b.at_end.cpu = 1;
    assert_true(batch_record(&b, HZ, 1).mhz == REPORT_UNKNOWN); /* another CPU's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_between_two_samples_is_a_gap),
        cmocka_unit_test(preparing_is_told_by_its_mean),
        cmocka_unit_test(an_open_loop_tells_its_intervals),
        cmocka_unit_test(counters_are_told),
        cmocka_unit_test(what_a_cpu_does_not_have_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
