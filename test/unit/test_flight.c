/* SPDX-License-Identifier: MIT */
/* Tests of workloads/run/flight.h: that a slot has one sender, when a flight is over, and when an
 * event counts as lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "machine.h"
#include "workloads/run/flight.h"

struct cpu_features cpu_features;
static struct slot slot;
static struct flight first, second;
static bool is_over;

bool thread_is_over(struct thread_life life)
{
    assert_int_equal(life.generation, 7);
    return is_over;
}

void thread_stop(struct thread *thread)
{
    thread->stop = true;
}

static int begin(void **state)
{
    (void)state;
    machine_make(3);
    memset(&slot, 0, sizeof(slot));
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    is_over = false;
    return 0;
}

static void lose_patience_with(uint32_t cpu)
{
    cpu_at(cpu)->events[EVENT_TICK] += patience_ticks() + 1;
}

static void a_slot_has_one_sender(void **state)
{
    (void)state;
    assert_int_equal(flight_look(&first), FLIGHT_NONE);
    assert_false(slot_is_taken(&slot));
    assert_true(flight_begin(&first, &slot, 2));
    assert_true(slot_is_taken(&slot));
    machine_be(1);
    assert_false(flight_begin(&second, &slot, 2));
    assert_int_equal(flight_look(&second), FLIGHT_NONE);
}

static void it_is_over_when_the_target_empties_the_slot(void **state)
{
    (void)state;
    assert_true(flight_begin(&first, &slot, 2));
    assert_int_equal(flight_look(&first), FLIGHT_ON_ITS_WAY);
    slot_empty(&slot);
    assert_int_equal(flight_look(&first), FLIGHT_OVER);
    assert_int_equal(flight_look(&first), FLIGHT_NONE);
}

static void the_next_senders_event_is_not_taken_for_it(void **state)
{
    (void)state;
    assert_true(flight_begin(&first, &slot, 2));
    slot_empty(&slot);
    machine_be(1);
    assert_true(flight_begin(&second, &slot, 2));
    machine_be(0);
    assert_int_equal(flight_look(&first), FLIGHT_OVER);
    assert_true(slot_is_taken(&slot));
}

static void it_is_lost_when_patience_with_the_target_is_over(void **state)
{
    (void)state;
    assert_true(flight_begin(&first, &slot, 2));
    lose_patience_with(1);
    assert_int_equal(flight_look(&first), FLIGHT_ON_ITS_WAY);
    lose_patience_with(2);
    assert_int_equal(flight_look(&first), FLIGHT_LOST);
    assert_false(slot_is_taken(&slot));
    assert_int_equal(flight_look(&first), FLIGHT_NONE);
}

static void on_a_lost_cpu_it_is_over(void **state)
{
    (void)state;
    assert_true(flight_begin(&first, &slot, 2));
    cpu_at(2)->lost = true;
    assert_int_equal(flight_look(&first), FLIGHT_OVER);
}

static void a_life_is_over_when_it_is_reaped(void **state)
{
    struct thread thread = {.cpu = 1};
    struct life_flight life = {0};

    (void)state;
    assert_false(life_begin(&life, (struct thread_life){0}));
    assert_int_equal(life_look(&life), FLIGHT_NONE);
    assert_true(life_begin(&life, (struct thread_life){&thread, 7}));
    assert_int_equal(life_look(&life), FLIGHT_ON_ITS_WAY);
    lose_patience_with(1);
    assert_int_equal(life_look(&life), FLIGHT_LOST);
    assert_int_equal(life_look(&life), FLIGHT_LOST);
    is_over = true;
    assert_int_equal(life_look(&life), FLIGHT_OVER);
    assert_int_equal(life_look(&life), FLIGHT_NONE);
}

static void patience_with_its_end_begins_when_it_is_stopped(void **state)
{
    struct thread thread = {.cpu = 1};
    struct life_flight life = {0};

    (void)state;
    life_stop(&life);
    assert_true(life_begin(&life, (struct thread_life){&thread, 7}));
    lose_patience_with(1);
    life_stop(&life);
    assert_true(thread.stop);
    assert_int_equal(life_look(&life), FLIGHT_ON_ITS_WAY);
    lose_patience_with(1);
    life_stop(&life);
    assert_int_equal(life_look(&life), FLIGHT_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_slot_has_one_sender, begin),
        cmocka_unit_test_setup(it_is_over_when_the_target_empties_the_slot, begin),
        cmocka_unit_test_setup(the_next_senders_event_is_not_taken_for_it, begin),
        cmocka_unit_test_setup(it_is_lost_when_patience_with_the_target_is_over, begin),
        cmocka_unit_test_setup(on_a_lost_cpu_it_is_over, begin),
        cmocka_unit_test_setup(a_life_is_over_when_it_is_reaped, begin),
        cmocka_unit_test_setup(patience_with_its_end_begins_when_it_is_stopped, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
