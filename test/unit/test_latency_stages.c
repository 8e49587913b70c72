/* SPDX-License-Identifier: MIT */
/* Stages from stamps: the two stamps of a stage, the stamps' own cost in it, the sign of the
 * clocks' offset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/report.h"
#include "workloads/latency/stages.h"

/* No two of them, and no two sums of a few, are alike. */
static const struct overhead sender = {
    .pair = 1, .entry = 2, .dispatch = 4, .step = 8, .histogram = 16, .pause = 32};
static const struct overhead taker = {
    .pair = 64, .entry = 128, .dispatch = 256, .step = 512, .histogram = 1024, .pause = 2048};
static const struct overhead free_of_cost = {0};

static const struct marks stamps = {.intended = 500000,
                                    .due = 990000,
                                    .trigger = 1000000,
                                    .sent = 1010000,
                                    .entry = 1030000,
                                    .switched = 1070000,
                                    .handler = 1150000,
                                    .service = 1310000,
                                    .returned = 1630000,
                                    .back = 2270000};

static int64_t value[STAGE_COUNT];

static void compute(struct measure m, const struct overhead *from, const struct overhead *to,
                    bool in_turns)
{
    stages_compute(&m, &stamps, &(struct stamp_costs){from, to, in_turns}, value);
}

static void compute_for_nothing(struct measure m)
{
    compute(m, &free_of_cost, &free_of_cost, true);
}

/* Each stage that this says nothing of must be unknown. */
static void assert_stages(const int64_t expected[STAGE_COUNT])
{
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        assert_int_equal(value[stage], expected[stage] ? expected[stage] : REPORT_UNKNOWN);
}
#define ASSERT_STAGES(...) assert_stages((const int64_t[STAGE_COUNT]){__VA_ARGS__})

static void a_stage_lies_between_its_stamps(void **state)
{
    (void)state;
    compute_for_nothing((struct measure){.pass = PASS_WHOLE});
    ASSERT_STAGES([STAGE_ONE_WAY] = 150000, [STAGE_SERVICE] = 160000, [STAGE_EXIT] = 960000,
                  [STAGE_ROUND_TRIP] = 1270000);
    compute_for_nothing((struct measure){.pass = PASS_SEND});
    ASSERT_STAGES([STAGE_SEND] = 10000);
    compute_for_nothing((struct measure){.pass = PASS_EMPTY});
    ASSERT_STAGES([STAGE_ROUND_TRIP] = 1270000);
    compute_for_nothing((struct measure){.pass = PASS_STUB});
    ASSERT_STAGES([STAGE_ENTRY] = 30000, [STAGE_PROLOGUE] = 120000);
    compute_for_nothing((struct measure){.pass = PASS_STUB, .switches = true});
    ASSERT_STAGES([STAGE_ENTRY] = 30000, [STAGE_DISPATCH] = 40000, [STAGE_PROLOGUE] = 80000);
}

static void a_nested_sample_has_no_dispatch(void **state)
{
    struct marks nested = stamps;
    struct measure m = {.pass = PASS_STUB, .switches = true};

    (void)state;
    nested.switched = 0;
    stages_compute(&m, &nested, &(struct stamp_costs){&free_of_cost, &free_of_cost, false}, value);
    ASSERT_STAGES([STAGE_ENTRY] = 30000);
}

/* By its own clock; another CPU's handler has another. */
static void what_comes_before_its_sending_ends_shows_no_end(void **state)
{
    struct marks before = stamps;
    const struct stamp_costs nothing = {&free_of_cost, &free_of_cost, false};
    struct measure m = {.pass = PASS_SEND};

    (void)state;
    before.handler = before.sent - 1;
    stages_compute(&m, &before, &nothing, value);
    assert_true(value[STAGE_SEND] == REPORT_UNKNOWN);
    m.to = 1;
    stages_compute(&m, &before, &nothing, value);
    assert_int_equal(value[STAGE_SEND], 10000);
}

/* To when it was seen that it has come, and then from the trigger: between is nobody's time. */
static void an_open_loop_counts_from_the_intended_time(void **state)
{
    (void)state;
    compute_for_nothing((struct measure){.pass = PASS_WHOLE, .interval_cycles = 1});
    assert_int_equal(value[STAGE_ROUND_TRIP], 1270000);
    assert_int_equal(value[STAGE_INTENDED], 1270000 + 490000);
}

/* The sender's clock tells when it knows; the way back is all the target's. */
static void another_cpus_way_back_is_its_own(void **state)
{
    struct measure m = {.pass = PASS_WHOLE, .to = 1, .stack = IRQ_STACK};

    (void)state;
    compute_for_nothing(m);
    assert_int_equal(value[STAGE_EXIT], 320000);
    m.mode = MODE_HALTED;
    compute_for_nothing(m);
    assert_int_equal(value[STAGE_EXIT], 320000);
    m.stack = THREAD_STACK; /* it was the idle thread that was interrupted, and that stamps not */
    compute_for_nothing(m);
    assert_true(value[STAGE_EXIT] == REPORT_UNKNOWN);
}

/* A clock that is ahead makes the way there look longer than it is. A stage that
 * does not lie between the two clocks is not touched. */
static void the_offset_is_taken_off_the_way_there(void **state)
{
    struct measure m = {.to = 1,
                        .stack = IRQ_STACK,
                        .before = {.cycles = 7000, .bound_cycles = 10, .exchanges = 100}};

    (void)state;
    compute_for_nothing(m);
    ASSERT_STAGES([STAGE_ONE_WAY] = 143000, [STAGE_SERVICE] = 160000, [STAGE_EXIT] = 320000,
                  [STAGE_ROUND_TRIP] = 1270000);
    m.pass = PASS_STUB;
    compute_for_nothing(m);
    ASSERT_STAGES([STAGE_ENTRY] = 23000, [STAGE_PROLOGUE] = 120000);
    m.pass = PASS_SEND;
    compute_for_nothing(m);
    ASSERT_STAGES([STAGE_SEND] = 10000);
    m.pass = PASS_STUB;
    m.before.cycles = -7000;
    compute_for_nothing(m);
    ASSERT_STAGES([STAGE_ENTRY] = 37000, [STAGE_PROLOGUE] = 120000);
}

/* As offset_add has it: the answering CPU's clock less the asking one's. */
static void the_offset_has_the_sign_of_its_exchange(void **state)
{
    struct measure m = {.to = 1, .stack = IRQ_STACK, .before = offset_unknown()};

    (void)state;
    offset_add(&m.before, 400, 90000 + 410, 420); /* its clock is 90000 ahead */
    compute_for_nothing(m);
    assert_int_equal(value[STAGE_ONE_WAY], 60000);
}

static void what_is_within_the_bound_corrects_nothing(void **state)
{
    (void)state;
    compute_for_nothing((struct measure){.to = 1, .before = {.cycles = 9, .bound_cycles = 10}});
    assert_int_equal(value[STAGE_ONE_WAY], 150000);
}

static void one_way_and_entry_alone_need_the_offset(void **state)
{
    const struct measure own = {0}, cross = {.to = 1};

    (void)state;
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
        assert_false(stage_needs_offset(&own, stage));
        assert_int_equal(stage_needs_offset(&cross, stage),
                         stage == STAGE_ENTRY || stage == STAGE_ONE_WAY);
    }
}

/* Each stage less its own stamps' cost, on the CPU that took them; the round trip less that of the
 * stamps on its way, too. */
static void the_stamps_cost_is_taken_off(void **state)
{
    struct measure m = {.pass = PASS_WHOLE, .to = 1, .stack = IRQ_STACK, .interval_cycles = 1};

    (void)state;
    compute(m, &sender, &taker, false);
    ASSERT_STAGES([STAGE_ONE_WAY] = 150000 - 1, [STAGE_SERVICE] = 160000 - 64,
                  [STAGE_EXIT] = 320000 - 64, [STAGE_ROUND_TRIP] = 1270000 - 1 - 2 * 64,
                  [STAGE_INTENDED] = 1760000 - 1 - 2 * 64);
    compute(m, &sender, &taker, true);
    assert_int_equal(value[STAGE_ROUND_TRIP], 1270000 - 1 - 3 * 64);
    m.to = 0;
    compute(m, &sender, &sender, true);
    assert_int_equal(value[STAGE_ROUND_TRIP], 1270000 - 1 - 2);
    m = (struct measure){.pass = PASS_EMPTY};
    compute(m, &sender, &sender, true);
    assert_int_equal(value[STAGE_ROUND_TRIP], 1270000 - 1);
    m.pass = PASS_SEND;
    compute(m, &sender, &taker, true);
    assert_int_equal(value[STAGE_SEND], 10000 - 1);
}

static void a_stubs_stamps_cost_is_taken_off(void **state)
{
    struct measure m = {.pass = PASS_STUB, .to = 1};

    (void)state;
    compute(m, &sender, &taker, false);
    ASSERT_STAGES([STAGE_ENTRY] = 30000 - 2, [STAGE_PROLOGUE] = 120000 - 256);
    m.switches = true;
    compute(m, &sender, &taker, false);
    ASSERT_STAGES([STAGE_ENTRY] = 30000 - 2, [STAGE_DISPATCH] = 40000 - 256,
                  [STAGE_PROLOGUE] = 80000 - 64);
}

/* The POPFQ before a single step lies on the way there and the whole way, and nowhere else. */
static void a_steps_setting_up_is_taken_off(void **state)
{
    struct measure m = {.pass = PASS_WHOLE, .step = true};

    (void)state;
    compute(m, &sender, &sender, false);
    ASSERT_STAGES([STAGE_ONE_WAY] = 150000 - 1 - 8, [STAGE_SERVICE] = 160000 - 1,
                  [STAGE_EXIT] = 960000 - 1, [STAGE_ROUND_TRIP] = 1270000 - 1 - 8 - 2);
    m.pass = PASS_STUB;
    compute(m, &sender, &sender, false);
    ASSERT_STAGES([STAGE_ENTRY] = 30000 - 2 - 8, [STAGE_PROLOGUE] = 120000 - 4);
}

/* It says that the stamps cost less there, or that the clocks differ by more: not that it took no
 * time. */
static void nothing_is_clamped(void **state)
{
    struct marks quick = {.trigger = 100, .handler = 101, .service = 102, .back = 103};
    struct measure m = {.pass = PASS_WHOLE, .before = {.cycles = 5000, .bound_cycles = 1}};

    (void)state;
    stages_compute(&m, &quick, &(struct stamp_costs){&taker, &taker, false}, value);
    ASSERT_STAGES([STAGE_ONE_WAY] = 1 - 5000 - 64, [STAGE_SERVICE] = 1 - 64, [STAGE_EXIT] = 1 - 64,
                  [STAGE_ROUND_TRIP] = 3 - 3 * 64);
    quick.handler = 99; /* a clock that is behind */
    m.before.cycles = 0;
    stages_compute(&m, &quick, &(struct stamp_costs){&free_of_cost, &free_of_cost, false}, value);
    assert_int_equal(value[STAGE_ONE_WAY], -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_lies_between_its_stamps),
        cmocka_unit_test(a_nested_sample_has_no_dispatch),
        cmocka_unit_test(what_comes_before_its_sending_ends_shows_no_end),
        cmocka_unit_test(an_open_loop_counts_from_the_intended_time),
        cmocka_unit_test(another_cpus_way_back_is_its_own),
        cmocka_unit_test(the_offset_is_taken_off_the_way_there),
        cmocka_unit_test(the_offset_has_the_sign_of_its_exchange),
        cmocka_unit_test(what_is_within_the_bound_corrects_nothing),
        cmocka_unit_test(one_way_and_entry_alone_need_the_offset),
        cmocka_unit_test(the_stamps_cost_is_taken_off),
        cmocka_unit_test(a_stubs_stamps_cost_is_taken_off),
        cmocka_unit_test(a_steps_setting_up_is_taken_off),
        cmocka_unit_test(nothing_is_clamped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
