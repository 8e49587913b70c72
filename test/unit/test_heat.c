/* SPDX-License-Identifier: MIT */
/* The thermal status against a model of its registers: what is counted, once, and what is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/hardware/heat.h"

/* The two registers, their log bits, and those that this CPU does not have. */
static struct {
    uint64_t core, package;
    uint64_t core_logs, package_logs;
    uint64_t late;                  /* logged just before a write */
    bool reserved_written;
} machine;

static bool read_register(uint32_t msr, uint64_t *value)
{
    *value = msr == MSR_THERM_STATUS ? machine.core : machine.package;
    return msr == MSR_THERM_STATUS || msr == MSR_PACKAGE_THERM_STATUS;
}

/* A log bit is cleared by 0, and left by 1. */
static bool write_register(uint32_t msr, uint64_t value)
{
    uint64_t logs = msr == MSR_THERM_STATUS ? machine.core_logs : machine.package_logs;
    uint64_t *at = msr == MSR_THERM_STATUS ? &machine.core : &machine.package;

    *at |= machine.late;
    machine.late = 0;
    if (value & ~logs)
        machine.reserved_written = true;
    else
        *at &= value | ~logs;
    return true;
}

static const struct msr_access registers = {read_register, write_register};

#define PLAIN_LOGS 0x2aaull
#define POWER 0x800ull
#define LIMITS 0xa000ull

static struct heat start(struct heat_cpu cpu)
{
    struct heat heat = {.registers = &registers};

    machine.package_logs = PLAIN_LOGS | (cpu.power_limit ? POWER : 0);
    machine.core_logs = machine.package_logs | (cpu.limits ? LIMITS : 0);
    machine.reserved_written = false;
    heat_start(&heat, &cpu);
    return heat;
}

static const struct heat_cpu whole = {true, true, true, true};

static void what_was_logged_before_is_forgotten(void **state)
{
    struct heat heat;

    (void)state;
    machine.core = 0xaaaa | 40 << 16 | 1u << 31;
    machine.package = 0xaaa;
    heat = start(whole);
    assert_int_equal(heat_sum(&heat), 0);
    assert_int_equal(heat_below_limit(&heat), 40);
    assert_true(machine.core == (40 << 16 | 1u << 31) && machine.package == 0);
}

static void each_log_is_counted_once(void **state)
{
    struct heat heat;

    (void)state;
    machine.core = machine.package = 0;
    heat = start(whole);
    machine.core = 0xaaaa & ~THERM_LOG_CRITICAL;
    assert_true(heat_take(&heat) == 0 && heat_take(&heat) == 0);
    assert_true(heat.hot == 1 && heat.prochot == 1 && heat.power_limit == 1);
    assert_true(heat.current_limit == 1 && heat.other_limit == 1 && heat.critical == 0);
    assert_int_equal(heat_sum(&heat), 5);
    machine.core = 0x2;
    heat_take(&heat);
    assert_true(heat.hot == 2 && heat_sum(&heat) == 6);
    assert_false(machine.reserved_written);
}

static void what_is_logged_behind_the_look_is_kept(void **state)
{
    struct heat heat;

    (void)state;
    machine.core = machine.package = 0;
    heat = start(whole);
    machine.core = 0x2;
    machine.late = 0x8;
    heat_take(&heat);
    assert_true(heat.prochot == 0 && machine.core == 0x8);
    heat_take(&heat);
    assert_true(heat.hot == 1 && heat.prochot == 1);
}

static void critical_is_told_of_the_core_and_of_the_package(void **state)
{
    struct heat heat;

    (void)state;
    machine.core = machine.package = 0;
    heat = start(whole);
    machine.core = THERM_LOG_CRITICAL | 1;
    assert_true(heat_take(&heat) == (THERM_LOG_CRITICAL | 1));
    assert_true(heat_take(&heat) == 0);
    machine.package = THERM_LOG_CRITICAL;
    assert_true(heat_take(&heat) == THERM_LOG_CRITICAL);
    assert_true(heat.critical == 1 && heat.package_critical == 1 && heat.package == 1);
    assert_true(machine.package == 0);
}

static void thresholds_are_cleared_and_not_counted(void **state)
{
    struct heat heat;

    (void)state;
    machine.core = machine.package = 0;
    heat = start(whole);
    machine.core = machine.package = 0x280;
    heat_take(&heat);
    assert_true(machine.core == 0 && machine.package == 0 && heat_sum(&heat) == 0);
}

static void a_bit_that_the_cpu_does_not_have_is_written_0(void **state)
{
    struct heat heat;

    (void)state;
    machine.core = machine.package = 0;
    heat = start((struct heat_cpu){.core = true, .package = true});
    machine.core = machine.package = 0xa82a;
    heat_take(&heat);
    assert_false(machine.reserved_written);
    assert_true(heat.power_limit == 0 && heat.current_limit == 0);
    heat = start((struct heat_cpu){0});
    machine.core = 2;
    heat_take(&heat);
    assert_true(machine.core == 2 && heat_below_limit(&heat) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_logged_before_is_forgotten),
        cmocka_unit_test(each_log_is_counted_once),
        cmocka_unit_test(what_is_logged_behind_the_look_is_kept),
        cmocka_unit_test(critical_is_told_of_the_core_and_of_the_package),
        cmocka_unit_test(thresholds_are_cleared_and_not_counted),
        cmocka_unit_test(a_bit_that_the_cpu_does_not_have_is_written_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
