/* SPDX-License-Identifier: MIT */
/* Tests of smp/warp.h, smp/exchange.h and smp/clock_watch.h against CPUs whose time-stamp counters
 * began apart or step: what is a note, what is a failure, and which CPU is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/clock.c"
#include "machine.h"
#include "smp/clock_watch.c"
#include "smp/exchange.c"
#include "smp/warp.c"

enum { CPUS = 4, THERE = 3000, BACK = 5000, READ = 20 };
#define HZ 1000000000ull            /* so that a cycle is a nanosecond */
#define US 1000ll
#define S 1000000000ll

bool apic_x2apic = true;
struct cpu_features cpu_features;

static int64_t counters[CPUS];      /* less the time that it is */
static unsigned slow;               /* so many questions take longer */
static unsigned deaf;               /* a bit a CPU: its interrupts are lost */
static unsigned deafened_by;        /* the question after which who was asked is deaf, or 0 */
static void (*handler)(struct trap_frame *frame);
static unsigned notes, faults, pauses;
static char note[200], fault[200];
static uint32_t fault_cpu;
static bool others_first;

uint64_t read_tsc(void)
{
    return (hosted.tsc += READ) + counters[cpu_index()];
}

void write_msr(uint32_t msr, uint64_t value)
{
    assert_int_equal(msr, 0x80b);   /* EOI */
    assert_int_equal(value, 0);
}

bool msr_try_write(uint32_t msr, uint64_t value)
{
    (void)msr;
    (void)value;
    return false;
}

void claim_this_vector(unsigned vector, const char *name,
                       void (*function)(struct trap_frame *frame))
{
    assert_string_equal(name, "exchange");
    assert_int_equal(vector, VECTOR_EXCHANGE);
    handler = function;
}

static void on(uint32_t cpu, void (*function)(void))
{
    uint32_t before = cpu_index();

    machine_be(cpu);
    function();
    machine_be(before);
}

static void answer_there(void)
{
    handler(NULL);
}

void apic_send_ipi(uint32_t apic_id, uint8_t vector)
{
    assert_int_equal(vector, VECTOR_EXCHANGE);
    hosted.tsc += slow ? 20 * THERE : THERE;
    slow -= slow > 0;
    if (!(deaf >> apic_id & 1))
        on(apic_id, answer_there);
    if (deafened_by > 0 && --deafened_by == 0)
        deaf |= 1u << apic_id;
    hosted.tsc += BACK;
}

bool ipi_call_others(void (*function)(void), void (*pause)(void))
{
    if (!others_first)
        pause();
    for (uint32_t cpu = 0; cpu < CPUS; cpu++)
        if (cpu != cpu_index() && !(deaf >> cpu & 1))
            on(cpu, function);
    pause();
    return !deaf;
}

/* A CPU that waits does so while the others tick. */
static void wait(void)
{
    pauses++;
    for (uint32_t cpu = 0; cpu < CPUS; cpu++)
        cpu_at(cpu)->events[EVENT_TICK] += 100;
}

void report_note(const char *fmt, ...)
{
    va_list args;

    notes++;
    va_start(args, fmt);
    vsnprintf(note, sizeof note, fmt, args);
    va_end(args);
}

void check_failed_on(enum check check, uint32_t cpu, enum stack_kind stack, uint32_t level,
                     const char *event, const char *fmt, ...)
{
    va_list args;

    assert_int_equal(check, CHECK_CLOCK);
    assert_int_equal(stack, NO_STACK);
    assert_int_equal(level, 0);
    assert_string_equal(event, "clock");
    faults++;
    fault_cpu = cpu;
    va_start(args, fmt);
    vsnprintf(fault, sizeof fault, fmt, args);
    va_end(args);
}

static int begin(void **state)
{
    (void)state;
    machine_make(CPUS);
    memset(counters, 0, sizeof counters);
    memset(slots, 0, sizeof slots);
    memset(readings, 0, sizeof readings);
    memset(told, 0, sizeof told);
    latest_reading = 0;
    tolerance = INT64_MAX;
    slow = CPUS - 1;
    tsc_spread = deaf = deafened_by = notes = faults = pauses = 0;
    others_first = false;
    hosted.tsc = 1000 * HZ;
    clock_start(HZ);
    exchange_init();
    return 0;
}

static void bring_up(void)
{
    for (uint32_t cpu = 0; cpu < CPUS; cpu++)
        on(cpu, clock_join);
    warp_measure(CPUS, wait);
}

static void look_from(uint32_t cpu)
{
    machine_be(cpu);
    clock_check_next(wait);
    machine_be(0);
}

static void look_and_tick(void)
{
    for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
        look_from(cpu);
        machine_be(cpu);
        clock_check_tick();
    }
    machine_be(0);
}

static void clocks_that_agree_say_nothing(void **state)
{
    (void)state;
    bring_up();
    assert_int_equal(warp_tsc_spread(), 0);
    assert_int_equal(warp_tolerance(), NOTABLE);
    for (unsigned i = 0; i < 10; i++)
        look_and_tick();
    assert_true(latest_reading == readings[CPUS - 1]);
    assert_int_equal(notes, 0);
    assert_int_equal(faults, 0);
}

/* By how much a CPU's clock differs from the first one's at one moment. */
static int64_t clock_differs(uint32_t cpu)
{
    return (int64_t)(counters[cpu] - (int64_t)cpu_at(cpu)->clock_epoch) -
           (int64_t)(counters[0] - (int64_t)cpu_at(0)->clock_epoch);
}

static void begins_apart(uint32_t cpu, int64_t by, const char *whose, const char *where)
{
    counters[cpu] = by;
    bring_up();
    assert_int_equal(notes, 1);
    assert_memory_equal(note, whose, strlen(whose));
    assert_in_range(atoll(note + strlen(whose)), llabs(by) / US - 5, llabs(by) / US + 5);
    assert_non_null(strstr(note, where));
    /* Half of what the ways differ by, and some readings; twice half of what both take. */
    assert_in_range(clock_differs(cpu) + 1100, 0, 2200);
    assert_in_range(warp_tolerance(), NOTABLE + THERE + BACK, NOTABLE + THERE + BACK + 2000);
    for (unsigned i = 0; i < 10; i++)
        look_and_tick();
    assert_int_equal(faults, 0);
}

static void one_that_begins_behind_is_a_note(void **state)
{
    (void)state;
    begins_apart(1, -100 * S, "CPU 1's TSC is ", " us behind CPU 0's from its start: ");
    assert_in_range(warp_tsc_spread(), 100 * S - BACK, 100 * S + BACK);
    assert_non_null(strstr(note, "which is known to 5 us"));
}

/* It is the last to look, and nobody looks behind it. */
static void one_that_begins_ahead_is_a_note(void **state)
{
    (void)state;
    begins_apart(3, 100 * S, "CPU 3's TSC is ", " us ahead of CPU 0's from its start: ");
    assert_in_range(warp_tsc_spread(), 100 * S - BACK, 100 * S + BACK);
}

static void one_that_is_seen_ahead_is_a_note(void **state)
{
    (void)state;
    others_first = true;
    begins_apart(2, S, "CPU 2's TSC is ", " us ahead of CPU 0's from its start: ");
}

static void one_that_is_little_apart_is_told_and_left(void **state)
{
    (void)state;
    counters[3] = -2 * NOTABLE;     /* the last to look, right behind the one before */
    bring_up();
    assert_int_equal(notes, 1);
    assert_non_null(strstr(note, "the TSCs differ by "));
    assert_int_equal(clock_differs(3), -2 * NOTABLE);
    for (unsigned i = 0; i < 10; i++)
        look_and_tick();
    assert_int_equal(faults, 0);
}

static void steps(uint32_t cpu, int64_t by, uint32_t asker, uint32_t accused, const char *text)
{
    bring_up();
    hosted.tsc += S;                /* longer than any step: no CPU finds its own */
    counters[cpu] += by;
    look_from(asker);
    look_from(asker);
    assert_int_equal(faults, 1);
    assert_int_equal(fault_cpu, accused);
    assert_non_null(strstr(fault, text));
    assert_non_null(strstr(fault, "at bring-up they agreed to 1000"));
}

/* 60 us less the message's 3, and 60 less the answer's 5. */
static void a_step_back_is_seen_by_who_asks(void **state)
{
    (void)state;
    steps(1, -60 * US, 0, 1, "cycles behind what CPU 0 read before");
    assert_in_range(atoi(strstr(fault, "is ") + 3), 60 * US - THERE - 200, 60 * US - THERE);
}

static void a_step_back_is_seen_by_who_steps(void **state)
{
    (void)state;
    steps(1, -60 * US, 1, 1, "cycles behind what CPU 2 read before");
    assert_in_range(atoi(strstr(fault, "is ") + 3), 60 * US - BACK - 200, 60 * US - BACK);
}

static void a_step_ahead_is_seen(void **state)
{
    (void)state;
    steps(1, 9000 * US, 0, 0, "cycles behind what CPU 1 read before");
}

static void steps_at_the_tolerance(int64_t by, unsigned wanted)
{
    bring_up();
    hosted.tsc += S;
    counters[1] += by;
    look_from(0);
    assert_int_equal(faults, wanted);
    begin(NULL);
}

/* Question and answer are two readings apart. */
static void a_step_is_seen_beyond_message_and_tolerance(void **state)
{
    (void)state;
    steps_at_the_tolerance(-(THERE + NOTABLE + READ), 0);
    steps_at_the_tolerance(-(THERE + NOTABLE + 3 * READ), 1);
    steps_at_the_tolerance(BACK + NOTABLE + READ, 0);
    steps_at_the_tolerance(BACK + NOTABLE + 5 * READ, 1);
}

static void a_step_within_one_s_own_readings_runs_backwards(void **state)
{
    (void)state;
    bring_up();
    look_and_tick();
    machine_be(2);
    counters[2] -= 20 * S;
    clock_check_tick();
    clock_check_tick();
    assert_int_equal(faults, 1);
    assert_int_equal(fault_cpu, 2);
    assert_non_null(strstr(fault, "the TSC runs backwards"));
}

static void a_tick_sees_who_is_far_behind_the_latest(void **state)
{
    (void)state;
    bring_up();
    look_and_tick();
    machine_be(3);
    cpu_at(3)->clock_epoch += 2 * NOTABLE;
    cpu_at(3)->clock_last = 0;
    latest_reading = readings[1] = clock_cycles() + 3 * NOTABLE;
    clock_check_tick();
    assert_int_equal(faults, 1);
    assert_int_equal(fault_cpu, 3);
    assert_non_null(strstr(fault, "behind what CPU 1 read before"));
}

static void who_does_not_answer_ends_the_comparison(void **state)
{
    (void)state;
    deaf = 1u << 2;
    bring_up();
    assert_int_equal(notes, 1);
    assert_non_null(strstr(note, "not every CPU answered"));
    assert_true(warp_tolerance() == INT64_MAX);
    counters[1] -= S;
    look_and_tick();
    assert_int_equal(faults, 0);
}

/* Between the look whether its clock is off and the one by how much. */
static void who_does_not_answer_again_ends_the_comparison(void **state)
{
    (void)state;
    counters[1] -= 100 * S;
    deafened_by = EXCHANGES_MOST + 1;
    bring_up();
    assert_int_equal(notes, 1);
    assert_non_null(strstr(note, "not every CPU answered"));
    assert_true(warp_tolerance() == INT64_MAX);
}

static void who_does_not_answer_later_is_not_waited_for_without_end(void **state)
{
    (void)state;
    struct exchange e;

    bring_up();
    deaf = 1u << 1;
    pauses = 0;
    assert_false(exchange_times(1, wait, &e));
    assert_in_range(pauses, 1, 100);
    deaf = 0;
    assert_false(exchange_times(1, wait, &e));  /* it owes an answer */
    assert_true(exchange_times(2, wait, &e));
}

static void release(void)
{
    wait();
    slots[1].asker = 0;
}

static void one_asks_at_a_time(void **state)
{
    (void)state;
    struct exchange e;

    bring_up();
    slots[1].asker = 3 + 1;
    pauses = 0;
    assert_true(exchange_times(1, release, &e));
    assert_int_equal(pauses, 1);
    assert_true(e.asked < e.answered && e.answered < e.back);
    slots[1].asker = 3 + 1;
    cpu_at(3)->lost = true;
    pauses = 0;
    assert_true(exchange_times(1, wait, &e));
    assert_int_equal(pauses, 0);
    assert_int_equal(slots[1].asker, 0);
}

static void the_next_one_is_online(void **state)
{
    (void)state;
    bring_up();
    cpu_at(1)->online = cpu_at(2)->online = false;
    counters[1] -= S;
    look_from(0);
    assert_int_equal(faults, 0);
    counters[3] -= S;
    look_from(0);
    assert_int_equal(fault_cpu, 3);
}

static void alone_nobody_is_asked(void **state)
{
    (void)state;
    bring_up();
    cpu_at(1)->online = cpu_at(2)->online = cpu_at(3)->online = false;
    deaf = ~0u;
    pauses = 0;
    look_from(0);
    assert_int_equal(pauses, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(clocks_that_agree_say_nothing, begin),
        cmocka_unit_test_setup(one_that_begins_behind_is_a_note, begin),
        cmocka_unit_test_setup(one_that_begins_ahead_is_a_note, begin),
        cmocka_unit_test_setup(one_that_is_seen_ahead_is_a_note, begin),
        cmocka_unit_test_setup(one_that_is_little_apart_is_told_and_left, begin),
        cmocka_unit_test_setup(a_step_back_is_seen_by_who_asks, begin),
        cmocka_unit_test_setup(a_step_back_is_seen_by_who_steps, begin),
        cmocka_unit_test_setup(a_step_ahead_is_seen, begin),
        cmocka_unit_test_setup(a_step_is_seen_beyond_message_and_tolerance, begin),
        cmocka_unit_test_setup(a_step_within_one_s_own_readings_runs_backwards, begin),
        cmocka_unit_test_setup(a_tick_sees_who_is_far_behind_the_latest, begin),
        cmocka_unit_test_setup(who_does_not_answer_ends_the_comparison, begin),
        cmocka_unit_test_setup(who_does_not_answer_again_ends_the_comparison, begin),
        cmocka_unit_test_setup(who_does_not_answer_later_is_not_waited_for_without_end, begin),
        cmocka_unit_test_setup(one_asks_at_a_time, begin),
        cmocka_unit_test_setup(the_next_one_is_online, begin),
        cmocka_unit_test_setup(alone_nobody_is_asked, begin),
    };

    return cmocka_run_group_tests_name("clock_watch", tests, NULL, NULL);
}
