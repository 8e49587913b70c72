/* SPDX-License-Identifier: MIT */
/* Tests of cpu/hardware/lfence.h against processors whose DE_CFG is as it is, or is another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/features.h"
#include "cpu/hardware/lfence.h"
#include "cpu/msr.h"
#include "cpuid_model.h"

#define DE_CFG 0xc0011029
#define LFENCE_BIT 2ull
#define OTHERS 0x10200ull

struct cpu_features cpu_features;
static uint64_t de_cfg;
static bool there, kept;            /* the MSR is; it takes what is written */
static unsigned reads, writes;

bool msr_try_read(uint32_t msr, uint64_t *value)
{
    assert_int_equal(msr, DE_CFG);
    reads++;
    if (there)
        *value = de_cfg;
    return there;
}

bool msr_try_write(uint32_t msr, uint64_t value)
{
    assert_int_equal(msr, DE_CFG);
    writes++;
    if (there && kept)
        de_cfg = value;
    return there && kept;
}

static void have(const char *vendor, uint32_t family)
{
    static const struct cpuid_row plain[] = {{0x80000000, 0, {.eax = 0x8000001e}}, CPUID_END};

    memset(&cpu_features, 0, sizeof cpu_features);
    strcpy(cpu_features.vendor, vendor);
    cpu_features.intel = strcmp(vendor, "GenuineIntel") == 0;
    cpu_features.family = family;
    processor = plain;
    de_cfg = OTHERS;
    there = kept = true;
    reads = writes = 0;
}

static void assert_is(const char *name)
{
    assert_non_null(lfence_name());
    assert_string_equal(lfence_name(), name);
}

static void the_bit_is_set_where_it_is_not(void **state)
{
    (void)state;
    have("AuthenticAMD", 0x17);
    lfence_serialise();
    assert_true(de_cfg == (OTHERS | LFENCE_BIT));
    assert_is("serialises");
    lfence_serialise();
    assert_int_equal(writes, 1);
    have("HygonGenuine", 0x18);
    lfence_serialise();
    assert_true(de_cfg == (OTHERS | LFENCE_BIT));
    assert_is("serialises");
}

static void the_others_registers_are_not_touched(void **state)
{
    static const struct cpuid_row zen_4[] = {
        {0x80000000, 0, {.eax = 0x80000028}}, {0x80000021, 0, {.eax = 0x4}}, CPUID_END,
    };
    static const struct {
        const char *vendor;
        uint32_t family;
        const struct cpuid_row *leaves;
    } rows[] = {
        {"GenuineIntel", 6, NULL},
        {"AuthenticAMD", 0xf, NULL},
        {"AuthenticAMD", 0x11, NULL},
        {"AuthenticAMD", 0x19, zen_4},
        {"CentaurHauls", 7, NULL},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        have(rows[i].vendor, rows[i].family);
        if (rows[i].leaves)
            processor = rows[i].leaves;
        lfence_serialise();
        assert_int_equal(reads + writes, 0);
        if (rows[i].family == 7)
            assert_null(lfence_name());
        else
            assert_is("serialises");
    }
}

/* Last: what one CPU has not, the run has not. */
static void a_hypervisor_may_keep_the_register(void **state)
{
    (void)state;
    have("AuthenticAMD", 0x15);
    kept = false;
    lfence_serialise();
    assert_int_equal(writes, 1);
    assert_is("does-not");
    have("AuthenticAMD", 0x15);
    lfence_serialise();
    assert_is("does-not");
}

static void a_register_that_is_not_there(void **state)
{
    (void)state;
    have("AuthenticAMD", 0x17);
    there = false;
    lfence_serialise();
    assert_is("does-not");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bit_is_set_where_it_is_not),
        cmocka_unit_test(the_others_registers_are_not_touched),
        cmocka_unit_test(a_hypervisor_may_keep_the_register),
        cmocka_unit_test(a_register_that_is_not_there),
    };

    return cmocka_run_group_tests_name("lfence", tests, NULL, NULL);
}
