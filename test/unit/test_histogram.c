/* SPDX-License-Identifier: MIT */
/* The histogram: where values go, how wide buckets are, percentiles and their refusal, the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/histogram.h"
#include "lib/random.h"

static struct histogram h;

static int reset(void **state)
{
    (void)state;
    memset(&h, 0xa5, sizeof(h));
    histogram_reset(&h);
    return 0;
}

/* Of a bucket: what is above the one before. */
static int64_t low_of(int index)
{
    return index == -HISTOGRAM_LAST ? INT64_MIN : histogram_bucket_high(index - 1) + 1;
}

static void every_value_lies_in_its_bucket(void **state)
{
    struct random random;

    (void)state;
    random_seed(&random, 1);
    for (int i = 0; i < 1000000; i++) {
        int64_t value = (int64_t)(random_next(&random) >> random_below(&random, 64));
        int index = histogram_index(value);
        assert_in_range(index + HISTOGRAM_LAST, 0, 2 * HISTOGRAM_LAST);
        assert_true(low_of(index) <= value);
        assert_true(value <= histogram_bucket_high(index));
    }
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (int value = -63; value <= 63; value++) {
        assert_int_equal(histogram_index(value), value);
        assert_int_equal(low_of(value), value);
        assert_int_equal(histogram_bucket_high(value), value);
    }
}

/* The numbers that the header promises to readers. */
static void indexes_are_as_promised(void **state)
{
    (void)state;
    assert_int_equal(histogram_index(64), 64);
    assert_int_equal(histogram_index(65), 64);
    assert_int_equal(histogram_index(66), 65);
    assert_int_equal(histogram_index(127), 95);
    assert_int_equal(histogram_index(128), 96);
    assert_int_equal(histogram_index(1000), 190);
    assert_int_equal(histogram_index(-1000), -190);
    assert_int_equal(histogram_index(INT64_MAX), HISTOGRAM_LAST - 1);
    assert_int_equal(histogram_index(INT64_MIN), -HISTOGRAM_LAST);
}

/* Buckets follow each other without a hole, and none is wider than 1/32 of its least value. */
static void buckets_are_narrow_and_without_holes(void **state)
{
    (void)state;
    for (int index = 0; index < HISTOGRAM_LAST - 1; index++) {
        int64_t low = low_of(index), high = histogram_bucket_high(index);
        assert_true((uint64_t)(high - low) * 32 <= (uint64_t)low);
        assert_true(low_of(-index) == -high);
        assert_true(histogram_bucket_high(-index) == -low);
    }
    assert_true(histogram_bucket_high(HISTOGRAM_LAST - 1) == INT64_MAX);
    assert_true(low_of(-HISTOGRAM_LAST) == INT64_MIN);
}

static void extremes_and_count_are_exact(void **state)
{
    (void)state;
    assert_true(h.count == 0 && h.min == INT64_MAX && h.max == INT64_MIN);
    histogram_record(&h, 100001);
    assert_true(h.count == 1 && h.min == 100001 && h.max == 100001);
    histogram_record(&h, -77777);
    histogram_record(&h, 5);
    assert_true(h.count == 3 && h.min == -77777 && h.max == 100001);
    histogram_record(&h, INT64_MIN);
    histogram_record(&h, INT64_MAX);
    assert_true(h.count == 5 && h.min == INT64_MIN && h.max == INT64_MAX);
}

/* The usual values before it, and after it. */
static void a_new_minimum_below_the_first_value(void **state)
{
    (void)state;
    histogram_record(&h, 100);
    histogram_record(&h, 50);
    assert_true(h.count == 2 && h.min == 50 && h.max == 100);
    histogram_record(&h, 50);
    histogram_record(&h, 49);
    histogram_record(&h, 0);
    histogram_record(&h, 100);
    assert_true(h.count == 6 && h.min == 0 && h.max == 100);
    histogram_record(&h, 101);
    assert_true(h.count == 7 && h.min == 0 && h.max == 101);
    assert_int_equal(h.buckets[HISTOGRAM_LAST + 50], 2);
    assert_int_equal(h.buckets[HISTOGRAM_LAST + histogram_index(100)], 3); /* 101's, too */
}

/* Below nothing as above, and what is usual there is told from a new maximum. */
static void negative_values_alone_have_their_maximum(void **state)
{
    static const int64_t values[] = {-5, -10, -3, -4, 0, 0, 7, -3};

    (void)state;
    for (int i = 0; i < 8; i++) {
        histogram_record(&h, values[i]);
        if (i == 3)
            assert_true(h.min == -10 && h.max == -3);
        if (i == 5)
            assert_true(h.min == -10 && h.max == 0);
    }
    assert_true(h.count == 8 && h.min == -10 && h.max == 7);
    assert_int_equal(h.buckets[HISTOGRAM_LAST - 3], 2);
    assert_int_equal(h.buckets[HISTOGRAM_LAST], 2);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Against sorted samples: never below the true one, and above it by a bucket's width at most. */
static void percentiles_agree_with_sorting(void **state)
{
    static int64_t samples[20000];
    static const uint64_t parts[] = {500, 900, 990, 999};
    struct random random;

    (void)state;
    random_seed(&random, 2);
    for (int i = 0; i < 20000; i++) {
        samples[i] = (int64_t)(random_next(&random) >> (30 + random_below(&random, 33))) - 100;
        histogram_record(&h, samples[i]);
    }
    qsort(samples, 20000, sizeof(samples[0]), compare);
    for (int i = 0; i < 4; i++) {
        int64_t exact = samples[20000 * parts[i] / 1000 - 1], value;
        assert_true(histogram_percentile(&h, parts[i], 1000, &value));
        assert_true(value >= exact && value <= exact + labs(exact) / 32);
    }
}

/* The least value that at least half of them do not exceed: of an odd count, the middle one. */
static void the_median_is_the_middle_one(void **state)
{
    int64_t value;

    (void)state;
    for (int count = 1; count < 60; count++) {
        histogram_record(&h, count);
        if (histogram_percentile(&h, 500, 1000, &value))
            assert_int_equal(value, (count + 1) / 2);
    }
}

static void percentile_never_exceeds_the_maximum(void **state)
{
    int64_t value;

    (void)state;
    for (int i = 0; i < 100; i++)
        histogram_record(&h, 1000001);
    assert_true(histogram_percentile(&h, 50, 100, &value));
    assert_int_equal(value, 1000001);
}

/* 10 / (1 - p) samples: 20 for the median, 10000 for 99.9 %. */
static void percentile_needs_samples_beyond_it(void **state)
{
    int64_t value;

    (void)state;
    for (int i = 1; i <= 10000; i++) {
        histogram_record(&h, i);
        assert_int_equal(histogram_percentile(&h, 500, 1000, &value), i >= 20);
        assert_int_equal(histogram_percentile(&h, 900, 1000, &value), i >= 100);
        assert_int_equal(histogram_percentile(&h, 990, 1000, &value), i >= 1000);
        assert_int_equal(histogram_percentile(&h, 999, 1000, &value), i >= 10000);
    }
}

static void text_lists_what_is_not_empty(void **state)
{
    char text[256];
    int index = histogram_text_first;

    (void)state;
    histogram_record(&h, INT64_MIN);
    histogram_record(&h, -3);
    histogram_record(&h, 0);
    histogram_record(&h, 1000);
    histogram_record(&h, 1001);
    histogram_record(&h, INT64_MAX);
    size_t length = histogram_text(&h, &index, text, sizeof(text));
    assert_int_equal(length, strlen(text));
    assert_string_equal(text, "-1888:1 -3:1 0:1 190:2 1887:1");
    assert_int_equal(histogram_text(&h, &index, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

/* In pieces of any size no pair is torn, lost or repeated. */
static void text_goes_on_where_it_stopped(void **state)
{
    (void)state;
    for (int value = 0; value < 5000; value++)
        histogram_record(&h, value * 7 - 5000);
    for (size_t size = 32; size < 300; size += 7) {
        char text[300];
        int index = histogram_text_first, last = -HISTOGRAM_LAST - 1;
        uint64_t sum = 0;
        while (histogram_text(&h, &index, text, size) > 0) {
            assert_true(strlen(text) < size);
            for (char *pair = strtok(text, " "); pair; pair = strtok(NULL, " ")) {
                int at;
                unsigned count;
                assert_int_equal(sscanf(pair, "%d:%u", &at, &count), 2);
                assert_true(at > last);
                last = at;
                sum += count;
            }
        }
        assert_int_equal(sum, h.count);
    }
}

/* The longest pairs there are, one after another, in rooms that end at each of their characters. */
static void the_widest_pair_fits_the_narrowest_room(void **state)
{
    enum { PAIRS = 40, NARROWEST = 32, WIDEST = NARROWEST + 2 * 17 };
    static const char longest[] = "-1888:4294967295";

    (void)state;
    for (int i = 0; i < PAIRS; i++)
        h.buckets[i] = UINT32_MAX;
    for (size_t size = NARROWEST; size <= WIDEST; size++) {
        char text[WIDEST + 1];
        int index = histogram_text_first, pairs = 0;
        size_t length;

        memset(text, '~', sizeof(text));
        while ((length = histogram_text(&h, &index, text, size)) > 0) {
            assert_int_equal(length, strlen(text));
            assert_int_equal(text[size], '~');
            for (char *pair = strtok(text, " "); pair; pair = strtok(NULL, " ")) {
                assert_int_equal(strlen(pair), strlen(longest));
                assert_int_equal(atoi(pair), pairs++ - HISTOGRAM_LAST);
                assert_string_equal(pair + 5, longest + 5);
            }
        }
        assert_int_equal(pairs, PAIRS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_value_lies_in_its_bucket, reset),
        cmocka_unit_test_setup(small_values_are_exact, reset),
        cmocka_unit_test_setup(indexes_are_as_promised, reset),
        cmocka_unit_test_setup(buckets_are_narrow_and_without_holes, reset),
        cmocka_unit_test_setup(extremes_and_count_are_exact, reset),
        cmocka_unit_test_setup(a_new_minimum_below_the_first_value, reset),
        cmocka_unit_test_setup(negative_values_alone_have_their_maximum, reset),
        cmocka_unit_test_setup(percentiles_agree_with_sorting, reset),
        cmocka_unit_test_setup(the_median_is_the_middle_one, reset),
        cmocka_unit_test_setup(percentile_never_exceeds_the_maximum, reset),
        cmocka_unit_test_setup(percentile_needs_samples_beyond_it, reset),
        cmocka_unit_test_setup(text_lists_what_is_not_empty, reset),
        cmocka_unit_test_setup(text_goes_on_where_it_stopped, reset),
        cmocka_unit_test_setup(the_widest_pair_fits_the_narrowest_room, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
