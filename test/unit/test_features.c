/* SPDX-License-Identifier: MIT */
/* Tests of cpu/features.h against processors as CPUID shows them: each feature by its one bit, what
 * is missing, names, numbers, and leaves that are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/features.h"
#include "cpuid_model.h"

/* The storm needs these: TSC, MSRs, CX8, APIC, MCE, PAT, DE; and NX. */
#define NEEDED_EDX (1u << 4 | 1u << 5 | 1u << 8 | 1u << 9 | 1u << 7 | 1u << 16 | 1u << 2)
#define NEEDED_EXTENDED_EDX (1u << 20)

enum { ROOT, ONE, SIX, SEVEN, SEVEN_1, HYPERVISOR, EXTENDED_ROOT, EXTENDED_ONE, MODEL,
       EXTENDED_SEVEN = MODEL + 3, EXTENDED_EIGHT, ROWS };

static const struct cpuid_row sound[ROWS + 1] = {
    [ROOT] = {0, 0, {7, 0x756e6547, 0x6c65746e, 0x49656e69}},
    [ONE] = {1, 0, {.edx = NEEDED_EDX}},
    [SIX] = {6, 0, {0}},
    [SEVEN] = {7, 0, {.eax = 1}},
    [SEVEN_1] = {7, 1, {0}},
    [HYPERVISOR] = {0x40000000, 0, {0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d}},
    [EXTENDED_ROOT] = {0x80000000, 0, {.eax = 0x80000008}},
    [EXTENDED_ONE] = {0x80000001, 0, {.edx = NEEDED_EXTENDED_EDX}},
    [MODEL] = {0x80000002, 0, {0x20202020, 0x54202020, 0x43206568, 0x6e205550}},
    {0x80000003, 0, {0x65626d75, 0x33312072, 0x6f206637, 0x6f6e2066}},
    {0x80000004, 0, {0x2d656e, 0, 0, 0}},
    [EXTENDED_SEVEN] = {0x80000007, 0, {0}},
    [EXTENDED_EIGHT] = {0x80000008, 0, {.eax = 0x3027}},
    [ROWS] = CPUID_END,
};
static struct cpuid_row rows[ROWS + 1];

static int begin(void **state)
{
    (void)state;
    memcpy(rows, sound, sizeof rows);
    processor = rows;
    memset(&cpu_features, 0, sizeof cpu_features);
    return 0;
}

static const char *read_again(void)
{
    memset(&cpu_features, 0, sizeof cpu_features);
    return features_read();
}

static uint32_t *word_of(unsigned row, unsigned reg)
{
    return (uint32_t *)&rows[row].value + reg;
}

enum { EAX, EBX, ECX, EDX };

/* Each bit by itself says one thing, and nothing else does. */
static void each_feature_has_its_bit(void **state)
{
    static const struct {
        unsigned row, reg, bit;
        size_t field;
    } bits[] = {
#define BIT(row, reg, bit, field) {row, reg, bit, offsetof(struct cpu_features, field)}
        BIT(SIX, EAX, 0, thermal_sensor), BIT(SIX, EAX, 4, power_limit),
        BIT(SIX, EAX, 6, package_thermal), BIT(SIX, EAX, 7, limit_logs),
        BIT(SIX, ECX, 0, effective_frequency), BIT(EXTENDED_SEVEN, EDX, 8, invariant_tsc),
        BIT(ONE, EDX, 12, mtrr), BIT(ONE, EDX, 14, mca), BIT(ONE, EDX, 19, clflush),
        BIT(ONE, ECX, 21, x2apic), BIT(SEVEN, EBX, 24, clwb), BIT(SEVEN, EBX, 7, smep),
        BIT(SEVEN, EBX, 20, smap), BIT(SEVEN, ECX, 2, umip), BIT(SEVEN_1, EAX, 17, fred),
    };

    (void)state;
    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        struct cpu_features without;

        begin(NULL);
        assert_null(read_again());
        without = cpu_features;
        assert_false(*((uint8_t *)&cpu_features + bits[i].field));
        *word_of(bits[i].row, bits[i].reg) |= 1u << bits[i].bit;
        assert_null(read_again());
        assert_int_equal(*((uint8_t *)&cpu_features + bits[i].field), 1);
        *((uint8_t *)&cpu_features + bits[i].field) = 0;
        assert_memory_equal(&cpu_features, &without, sizeof without);
    }
}

static void other_bits_say_nothing(void **state)
{
    static const struct {
        unsigned row, reg;
        uint32_t said;
    } words[] = {
        {SIX, EAX, 1u << 0 | 1u << 4 | 1u << 6 | 1u << 7}, {SIX, ECX, 1},
        {ONE, ECX, 1u << 21 | 1u << 31}, {SEVEN, EBX, 1u << 7 | 1u << 20 | 1u << 24},
        {SEVEN, ECX, 1u << 2}, {SEVEN_1, EAX, 1u << 17}, {EXTENDED_SEVEN, EDX, 1u << 8},
        {EXTENDED_SEVEN, EBX, 1u << 3},
        {ONE, EDX, NEEDED_EDX | 1u << 12 | 1u << 14 | 1u << 19 | 1u << 22 | 1u << 29}};
    struct cpu_features without;

    (void)state;
    assert_null(read_again());
    without = cpu_features;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        *word_of(words[i].row, words[i].reg) |= ~words[i].said;
    assert_null(read_again());
    assert_memory_equal(&cpu_features, &without, sizeof without);
}

static void a_thermal_monitor_takes_two_bits(void **state)
{
    (void)state;
    for (unsigned set = 0; set < 4; set++) {
        begin(NULL);
        rows[ONE].value.edx |= (set & 1) << 22 | (set >> 1) << 29;
        assert_null(read_again());
        assert_int_equal(cpu_features.thermal_monitor, set == 3);
    }
}

static void what_is_missing_is_named(void **state)
{
    static const struct {
        unsigned row, bit;
        const char *name;
    } needed[] = {
        {ONE, 4, "a time-stamp counter (TSC)"}, {ONE, 5, "MSRs"}, {ONE, 8, "CMPXCHG8B"},
        {ONE, 9, "a local APIC"}, {ONE, 7, "machine-check exceptions (MCE)"},
        {ONE, 16, "the page attribute table (PAT)"}, {ONE, 2, "debugging extensions (DE)"},
        {EXTENDED_ONE, 20, "no-execute pages (NX)"}};

    (void)state;
    for (unsigned i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        begin(NULL);
        rows[needed[i].row].value.edx = UINT32_MAX & ~(1u << needed[i].bit);
        assert_string_equal(read_again(), needed[i].name);
    }
}

static void names_are_read_without_blanks_in_front(void **state)
{
    (void)state;
    assert_null(read_again());
    assert_string_equal(cpu_features.vendor, "GenuineIntel");
    assert_string_equal(cpu_features.model, "The CPU number 137f of none-");
    assert_true(cpu_features.intel);
    rows[EXTENDED_ROOT].value.eax = 0x80000003;
    assert_null(read_again());
    assert_string_equal(cpu_features.model, "");
    memcpy(&rows[ROOT].value.ebx, "Auth", 4);
    memcpy(&rows[ROOT].value.edx, "enti", 4);
    memcpy(&rows[ROOT].value.ecx, "cAMD", 4);
    assert_null(read_again());
    assert_string_equal(cpu_features.vendor, "AuthenticAMD");
    assert_false(cpu_features.intel);
}

/* SDM volume 2, CPUID, leaf 1: extended family and model count for some families alone. */
static void signatures_are_taken_apart(void **state)
{
    static const struct {
        uint32_t signature, family, model, stepping;
    } cases[] = {
        {0x000306c3, 6, 0x3c, 3},   /* Haswell */
        {0x00a20f12, 0x19, 0x21, 2},    /* Zen 3 */
        {0x00000f4a, 15, 4, 10},
        {0x00ff0fff, 0x1e, 0xff, 15},
        {0x0ff00fff, 0x10e, 0xf, 15},
        {0x00050500, 5, 0, 0},      /* neither counts here */
        {0x0ff90721, 7, 2, 1},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rows[ONE].value.eax = cases[i].signature;
        assert_null(read_again());
        assert_int_equal(cpu_features.signature, cases[i].signature);
        assert_int_equal(cpu_features.family, cases[i].family);
        assert_int_equal(cpu_features.model_number, cases[i].model);
        assert_int_equal(cpu_features.stepping, cases[i].stepping);
    }
}

static void leaves_that_are_not_there_are_not_read(void **state)
{
    static const struct {
        unsigned row;
        uint32_t last;
        bool thermal, smep, fred, invariant, scalable;
        uint32_t physical;
    } cases[] = {
        {ROOT, 7, 1, 1, 1, 1, 1, 0x27},     {ROOT, 6, 1, 0, 0, 1, 1, 0x27},
        {ROOT, 5, 0, 0, 0, 1, 1, 0x27},     {EXTENDED_ROOT, 0x80000008, 1, 1, 1, 1, 1, 0x27},
        {EXTENDED_ROOT, 0x80000007, 1, 1, 1, 1, 1, 36},
        {EXTENDED_ROOT, 0x80000006, 1, 1, 1, 0, 0, 36},
        {SEVEN, 1, 1, 1, 1, 1, 1, 0x27},    {SEVEN, 0, 1, 1, 0, 1, 1, 0x27},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(NULL);
        rows[ROOT].value.ebx++;             /* some other vendor's */
        rows[SIX].value.eax = 1;
        rows[SEVEN].value.ebx = 1u << 7;
        rows[SEVEN_1].value.eax = 1u << 17;
        rows[EXTENDED_SEVEN].value.edx = 1u << 8;
        rows[EXTENDED_SEVEN].value.ebx = 1u << 3;
        rows[cases[i].row].value.eax = cases[i].last;
        assert_null(read_again());
        assert_int_equal(cpu_features.thermal_sensor, cases[i].thermal);
        assert_int_equal(cpu_features.smep, cases[i].smep);
        assert_int_equal(cpu_features.fred, cases[i].fred);
        assert_int_equal(cpu_features.invariant_tsc, cases[i].invariant);
        assert_int_equal(cpu_features.scalable_mca, cases[i].scalable);
        assert_int_equal(cpu_features.physical_bits, cases[i].physical);
        assert_int_equal(cpu_features.max_leaf, rows[ROOT].value.eax);
    }
}

static void scalable_mca_is_not_intels(void **state)
{
    (void)state;
    rows[EXTENDED_SEVEN].value.ebx = 1u << 3;
    assert_null(read_again());
    assert_false(cpu_features.scalable_mca);
}

static void set_name(unsigned row, const char *name)
{
    memset(&rows[row].value, 0, sizeof rows[row].value);
    memcpy(&rows[row].value, name, strlen(name));
}

static void the_domain_is_told_by_names(void **state)
{
    (void)state;
    assert_null(read_again());
    assert_false(features_hypervisor());
    assert_string_equal(cpu_features.hypervisor, "");
    assert_string_equal(features_domain(), "metal");
    rows[ONE].value.ecx = 1u << 31;
    assert_null(read_again());
    assert_true(features_hypervisor());
    assert_string_equal(cpu_features.hypervisor, "KVMKVMKVM");
    assert_string_equal(features_domain(), "virtual");
    assert_false(cpu_features.emulated);
    memcpy(&rows[HYPERVISOR].value.ebx, "TCGTCGTCGTCG", 12);
    assert_null(read_again());
    assert_string_equal(features_domain(), "emulated");
    rows[ONE].value.ecx = 0;
    assert_null(read_again());
    assert_string_equal(features_domain(), "metal");
    set_name(MODEL, "Bochs 2");
    assert_null(read_again());
    assert_string_equal(features_domain(), "emulated");
    set_name(MODEL, "QEMU TCG CPU 10");
    assert_null(read_again());
    assert_true(cpu_features.emulated);
    set_name(MODEL, "QEMU Virtual CPU");
    assert_null(read_again());
    assert_false(cpu_features.emulated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_feature_has_its_bit, begin),
        cmocka_unit_test_setup(other_bits_say_nothing, begin),
        cmocka_unit_test_setup(a_thermal_monitor_takes_two_bits, begin),
        cmocka_unit_test_setup(what_is_missing_is_named, begin),
        cmocka_unit_test_setup(names_are_read_without_blanks_in_front, begin),
        cmocka_unit_test_setup(signatures_are_taken_apart, begin),
        cmocka_unit_test_setup(leaves_that_are_not_there_are_not_read, begin),
        cmocka_unit_test_setup(scalable_mca_is_not_intels, begin),
        cmocka_unit_test_setup(the_domain_is_told_by_names, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
