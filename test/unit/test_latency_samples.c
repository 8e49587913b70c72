/* SPDX-License-Identifier: MIT */
/* The samples that are kept: none of the warm-up, those without SMIs, the worst. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/random.h"
#include "lib/report.h"
#include "workloads/latency/samples.h"

#define WARM_UP 5

static struct samples s;

static int reset(void **state)
{
    (void)state;
    memset(&s, 0xa5, sizeof(s));
    samples_reset(&s, WARM_UP);
    return 0;
}

/* A sample that has a round trip alone. */
static void add(int64_t round_trip)
{
    int64_t value[STAGE_COUNT];

    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        value[stage] = REPORT_UNKNOWN;
    value[STAGE_ROUND_TRIP] = round_trip;
    samples_add(&s, value);
    if (samples_is_among_worst(&s, round_trip))
        samples_keep_worst(&s, (struct worst){.value = round_trip});
}

static void warm_up(void)
{
    for (unsigned i = 0; i < WARM_UP; i++)
        add(1000000);
}

static void add_round(int64_t value, bool smi)
{
    for (unsigned i = 0; i < SAMPLES_ROUND; i++) {
        assert_false(samples_round_is_full(&s));
        add(value);
    }
    assert_true(samples_round_is_full(&s));
    samples_end_round(&s, smi);
}

static void the_warm_up_is_thrown_away(void **state)
{
    (void)state;
    add(77);
    for (unsigned i = 1; i < WARM_UP; i++)
        add(1000000);
    assert_int_equal(samples_kept(&s), 0);
    add(42);
    samples_end_round(&s, false);
    assert_int_equal(samples_kept(&s), 1);
    assert_int_equal(s.first[STAGE_ROUND_TRIP], 77);
    assert_true(s.first[STAGE_ENTRY] == REPORT_UNKNOWN);
    assert_int_equal(s.all[STAGE_ROUND_TRIP].count, 1);
    assert_int_equal(s.all[STAGE_ROUND_TRIP].max, 42);
    assert_int_equal(s.all[STAGE_ENTRY].count, 0);
    assert_int_equal(s.worst_count, 1);
    assert_int_equal(s.worst[0].value, 42);
    assert_int_equal(s.worst[0].sample, 0);
}

/* It is over at once; and where it is over already, nothing changes. */
static void the_warm_up_can_be_ended(void **state)
{
    (void)state;
    add(77);
    add(1000000);
    samples_end_warm_up(&s);
    assert_int_equal(samples_kept(&s), 0);
    add(42);
    samples_end_warm_up(&s);
    add(43);
    assert_int_equal(samples_kept(&s), 2);
    assert_int_equal(s.all[STAGE_ROUND_TRIP].count, 2);
    assert_int_equal(s.all[STAGE_ROUND_TRIP].max, 43);
    assert_int_equal(s.first[STAGE_ROUND_TRIP], 77);
}

/* The slow samples of a round with an SMI are among all, and not among the SMI-free. */
static void a_round_with_an_smi_is_not_smi_free(void **state)
{
    const struct histogram *all = &s.all[STAGE_ROUND_TRIP], *rest = &s.smi_free[STAGE_ROUND_TRIP];

    (void)state;
    warm_up();
    add_round(40, false);
    assert_false(s.smi_seen);
    add_round(9000, true);
    add_round(41, false);
    add(50);
    samples_end_round(&s, false);
    assert_true(s.smi_seen);
    assert_int_equal(all->count, 3 * SAMPLES_ROUND + 1);
    assert_int_equal(all->max, 9000);
    assert_int_equal(rest->count, 2 * SAMPLES_ROUND + 1);
    assert_int_equal(rest->min, 40);
    assert_int_equal(rest->max, 50);
}

static void the_worst_of_its_round_may_be_the_smis(void **state)
{
    (void)state;
    warm_up();
    add_round(40, false);
    add(5000);
    samples_end_round(&s, false);
    add(7000);
    add(30);
    samples_end_round(&s, true);
    assert_int_equal(s.worst[SAMPLES_WORST - 1].value, 7000);
    assert_int_equal(s.worst[SAMPLES_WORST - 1].sample, SAMPLES_ROUND + 1);
    assert_true(s.worst[SAMPLES_WORST - 1].smi);
    assert_int_equal(s.worst[SAMPLES_WORST - 2].value, 5000);
    assert_false(s.worst[SAMPLES_WORST - 2].smi);
}

/* Against a list of all samples, sorted. */
static void the_worst_are_the_worst(void **state)
{
    enum { COUNT = 3000 };
    static int64_t sorted[COUNT];
    struct random random;

    (void)state;
    random_seed(&random, 1);
    warm_up();
    for (unsigned i = 0; i < COUNT; i++) {
        int64_t value = (int64_t)random_below(&random, 10000) - 100;
        unsigned place = i;
        for (; place > 0 && sorted[place - 1] > value; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = value;
        add(value);
        if (samples_round_is_full(&s))
            samples_end_round(&s, false);
        assert_int_equal(s.worst_count, i + 1 < SAMPLES_WORST ? i + 1 : SAMPLES_WORST);
        for (unsigned w = 0; w < s.worst_count; w++)
            assert_int_equal(s.worst[w].value, sorted[i + 1 - s.worst_count + w]);
    }
}

/* An event of its own is no cause; one more is, and one less, which came to somebody else. */
/* A sample of these three parts. */
static struct worst worst_of(int64_t round_trip, int64_t one_way, int64_t intended)
{
    struct worst worst = {.value = round_trip};

    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        worst.parts[stage] = REPORT_UNKNOWN;
    worst.parts[STAGE_ROUND_TRIP] = round_trip;
    worst.parts[STAGE_ONE_WAY] = one_way;
    worst.parts[STAGE_INTENDED] = intended;
    return worst;
}

static void what_is_not_the_events_own_explains_it(void **state)
{
    const struct taken before = {.ticks = 7, .irqs = 100, .nmis = 20}, own = {.irqs = 1};
    struct worst worst = worst_of(30, 20, REPORT_UNKNOWN);

    (void)state;
    samples_explain(&worst, before, (struct taken){7, 101, 20}, own, 30);
    assert_false(worst.tick || worst.irq || worst.nmi || worst.late || worst.stall);
    samples_explain(&worst, before, (struct taken){8, 101, 20}, own, 30);
    assert_true(worst.tick && !worst.irq && !worst.nmi);
    samples_explain(&worst, before, (struct taken){7, 102, 21}, own, 30);
    assert_true(!worst.tick && worst.irq && worst.nmi);
    samples_explain(&worst, before, (struct taken){7, 100, 20}, own, 30);
    assert_true(!worst.tick && worst.irq && !worst.nmi);
}

static void its_own_times_explain_it(void **state)
{
    const struct taken none = {0};
    struct worst worst = worst_of(31, 20, 61);

    (void)state;
    samples_explain(&worst, none, none, none, 30);
    assert_true(worst.stall && !worst.late);
    worst = worst_of(30, 20, 61);
    samples_explain(&worst, none, none, none, 30);
    assert_true(!worst.stall && worst.late);
}

/* Of what it took beyond the least. */
static void the_longest_part_took_more_than_half(void **state)
{
    struct worst worst = worst_of(1000, 700, REPORT_UNKNOWN);
    int64_t least[STAGE_COUNT];

    (void)state;
    memcpy(least, worst_of(100, 60, REPORT_UNKNOWN).parts, sizeof(least));
    warm_up();
    samples_add(&s, least);
    assert_int_equal(samples_longest_part(&s, &worst), STAGE_ONE_WAY);
    worst.parts[STAGE_ONE_WAY] = 60 + 450;
    assert_int_equal(samples_longest_part(&s, &worst), STAGE_COUNT);
    worst.parts[STAGE_ONE_WAY]++;
    assert_int_equal(samples_longest_part(&s, &worst), STAGE_ONE_WAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_warm_up_is_thrown_away, reset),
        cmocka_unit_test_setup(the_warm_up_can_be_ended, reset),
        cmocka_unit_test_setup(a_round_with_an_smi_is_not_smi_free, reset),
        cmocka_unit_test_setup(the_worst_of_its_round_may_be_the_smis, reset),
        cmocka_unit_test_setup(the_worst_are_the_worst, reset),
        cmocka_unit_test(what_is_not_the_events_own_explains_it),
        cmocka_unit_test(its_own_times_explain_it),
        cmocka_unit_test_setup(the_longest_part_took_more_than_half, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
