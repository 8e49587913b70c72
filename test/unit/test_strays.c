/* SPDX-License-Identifier: MIT */
/* Tests of smp/strays.h against a model of a local APIC: what is ended, what is told, how often,
 * and which input is masked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "machine.h"
#include "smp/strays.c"

enum { CPUS = 2, TIMER = 224, DEVICE = 0x52, GSI = 19 };

bool apic_x2apic = true;
static struct machine_topology topology;
static bool in_service[VECTOR_COUNT], pending[VECTOR_COUNT], level[VECTOR_COUNT];
static unsigned eois, oopses;
static uint64_t cr8;
static unsigned claims;
static jmp_buf oops;
static struct report_stray_irq told[16];
static unsigned tells, asked_to_mask;
static int64_t gsi_to_mask;

bool apic_has(enum apic_register first, unsigned vector)
{
    return (first == APIC_ISR ? in_service : first == APIC_IRR ? pending : level)[vector];
}

/* An EOI ends what is most urgent. */
void write_msr(uint32_t msr, uint64_t value)
{
    unsigned vector = VECTOR_COUNT - 1;

    assert_int_equal(msr, 0x80b);
    assert_int_equal(value, 0);
    eois++;
    while (!in_service[vector])
        vector--;
    in_service[vector] = false;
}

void write_cr8(uint64_t value)
{
    cr8 = value;
}

_Noreturn void vector_unexpected(struct trap_frame *frame)
{
    (void)frame;
    oopses++;
    longjmp(oops, 1);
}

bool vector_is_claimed(unsigned vector)
{
    return vector == TIMER;
}

void claim_other_vectors(void (*handler)(struct trap_frame *frame))
{
    assert_ptr_equal(handler, strays_take);
    claims++;
}

bool ipi_call_others(void (*function)(void), void (*pause)(void))
{
    pause();
    cr8 = 0;
    function();
    return true;
}

int64_t ioapic_mask_vector(const struct machine_topology *machine_topology, unsigned vector)
{
    assert_ptr_equal(machine_topology, &topology);
    assert_int_equal(vector, DEVICE);
    assert_true(in_service[DEVICE]);        /* masked before its EOI */
    asked_to_mask++;
    return gsi_to_mask;
}

void report_record(const struct report_type *type, const void *record)
{
    assert_ptr_equal(type, &type_of_stray_irq);
    told[tells++] = *(const struct report_stray_irq *)record;
}

static int begin(void **state)
{
    (void)state;
    machine_make(CPUS);
    memset(in_service, 0, sizeof in_service);
    memset(pending, 0, sizeof pending);
    memset(level, 0, sizeof level);
    memset(found_before, 0, sizeof found_before);
    memset(returns, 0, sizeof returns);
    report_is_open = false;
    eois = oopses = tells = asked_to_mask = claims = 0;
    gsi_to_mask = GSI;
    cr8 = CR8_NO_EXCEPTIONS;
    strays_init(&topology);
    return 0;
}

static void is_told(unsigned i, uint64_t cpu, uint64_t vector, const char *found, int64_t gsi)
{
    assert_in_range(i, 0, tells - 1);
    assert_int_equal(told[i].cpu, cpu);
    assert_int_equal(told[i].vector, vector);
    assert_string_equal(told[i].found, found);
    assert_true(told[i].gsi == gsi);
}

static uint64_t counted(uint32_t cpu)
{
    return cpu_at(cpu)->events[EVENT_STRAY];
}

static void come(unsigned vector)
{
    struct trap_frame frame = {.vector = vector};

    in_service[vector] = true;
    strays_take(&frame);
}

static void it_takes_the_vectors_that_nobody_has(void **state)
{
    (void)state;
    assert_int_equal(claims, 1);
}

static void all_that_is_in_service_is_ended(void **state)
{
    (void)state;
    report_is_open = true;
    in_service[0] = in_service[0x40] = in_service[0xe1] = in_service[0xff] = true;
    strays_look();
    assert_int_equal(eois, 4);
    assert_int_equal(counted(0), 4);
    assert_int_equal(tells, 4);
    is_told(0, 0, 0xff, "in service", REPORT_UNKNOWN);
    is_told(3, 0, 0, "in service", REPORT_UNKNOWN);
}

/* An exception's vector never comes, so it is counted now; the others when they come. */
static void what_is_pending_is_told_and_comes_later(void **state)
{
    (void)state;
    report_is_open = true;
    pending[31] = pending[32] = pending[TIMER] = true;
    strays_look();
    assert_int_equal(eois, 0);
    assert_int_equal(counted(0), 1);
    assert_int_equal(tells, 3);
    is_told(0, 0, 31, "pending", REPORT_UNKNOWN);
    is_told(1, 0, 32, "pending", REPORT_UNKNOWN);
    is_told(2, 0, TIMER, "pending", REPORT_UNKNOWN);
    come(32);
    assert_int_equal(counted(0), 2);
    assert_int_equal(tells, 3);
}

/* The boot CPU may have sent it that already. */
static void another_cpu_s_own_vectors_are_no_strays(void **state)
{
    (void)state;
    report_is_open = true;
    machine_be(1);
    pending[TIMER] = pending[DEVICE] = true;
    strays_look();
    assert_int_equal(tells, 1);
    is_told(0, 1, DEVICE, "pending", REPORT_UNKNOWN);
}

static void before_the_report_nothing_is_told(void **state)
{
    (void)state;
    in_service[0x40] = pending[31] = true;
    strays_look();
    come(DEVICE);
    assert_int_equal(tells, 0);
    strays_open_report();
    assert_true(hosted.interrupts);
    assert_int_equal(tells, 3);
    is_told(0, 0, 31, "pending", REPORT_UNKNOWN);
    is_told(1, 0, 0x40, "in service", REPORT_UNKNOWN);
    is_told(2, 0, DEVICE, "came", REPORT_UNKNOWN);
    come(DEVICE);
    come(255);
    assert_int_equal(tells, 4);
    is_told(3, 0, 255, "came", REPORT_UNKNOWN);
}

static void each_vector_is_told_once_a_cpu(void **state)
{
    (void)state;
    report_is_open = true;
    for (unsigned i = 0; i < 3; i++)
        come(DEVICE);
    machine_be(1);
    come(DEVICE);
    come(DEVICE + 1);
    assert_int_equal(eois, 5);
    assert_int_equal(counted(0), 3);
    assert_int_equal(counted(1), 2);
    assert_int_equal(tells, 3);
    is_told(0, 0, DEVICE, "came", REPORT_UNKNOWN);
    is_told(1, 1, DEVICE, "came", REPORT_UNKNOWN);
    is_told(2, 1, DEVICE + 1, "came", REPORT_UNKNOWN);
}

static void an_int_is_an_oops(void **state)
{
    struct trap_frame frame = {.vector = DEVICE};

    (void)state;
    if (setjmp(oops) == 0)
        strays_take(&frame);
    assert_int_equal(oopses, 1);
    assert_int_equal(eois, 0);
    assert_int_equal(counted(0), 0);
}

static void a_level_that_comes_back_is_masked(void **state)
{
    (void)state;
    report_is_open = true;
    level[DEVICE] = true;
    for (unsigned i = 0; i < 99; i++)
        come(DEVICE);
    assert_int_equal(asked_to_mask, 0);
    come(DEVICE);
    assert_int_equal(asked_to_mask, 1);
    assert_int_equal(eois, 100);
    assert_int_equal(tells, 2);
    is_told(1, 0, DEVICE, "masked", GSI);
}

/* The registers were taken, or the input is unknown: again, but not at every interrupt. */
static void one_that_cannot_be_masked_is_tried_again(void **state)
{
    (void)state;
    report_is_open = true;
    level[DEVICE] = true;
    gsi_to_mask = -1;
    for (unsigned i = 0; i < 199; i++)
        come(DEVICE);
    assert_int_equal(asked_to_mask, 1);
    assert_int_equal(tells, 1);
    gsi_to_mask = 0;
    come(DEVICE);
    assert_int_equal(asked_to_mask, 2);
    is_told(1, 0, DEVICE, "masked", 0);
}

static void an_edge_is_not_masked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++)
        come(DEVICE);
    assert_int_equal(asked_to_mask, 0);
}

static unsigned pauses;
static void pause_here(void)
{
    pauses++;
    assert_int_equal(cr8, CR8_NO_TRAPS);
}

static void traps_are_held_back_on_every_cpu(void **state)
{
    (void)state;
    pauses = 0;
    strays_leave_traps(pause_here);
    assert_int_equal(pauses, 1);
    assert_int_equal(cr8, CR8_NO_TRAPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_takes_the_vectors_that_nobody_has, begin),
        cmocka_unit_test_setup(all_that_is_in_service_is_ended, begin),
        cmocka_unit_test_setup(what_is_pending_is_told_and_comes_later, begin),
        cmocka_unit_test_setup(another_cpu_s_own_vectors_are_no_strays, begin),
        cmocka_unit_test_setup(before_the_report_nothing_is_told, begin),
        cmocka_unit_test_setup(each_vector_is_told_once_a_cpu, begin),
        cmocka_unit_test_setup(an_int_is_an_oops, begin),
        cmocka_unit_test_setup(a_level_that_comes_back_is_masked, begin),
        cmocka_unit_test_setup(one_that_cannot_be_masked_is_tried_again, begin),
        cmocka_unit_test_setup(an_edge_is_not_masked, begin),
        cmocka_unit_test_setup(traps_are_held_back_on_every_cpu, begin),
    };

    return cmocka_run_group_tests_name("strays", tests, NULL, NULL);
}
