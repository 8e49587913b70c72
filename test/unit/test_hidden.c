/* SPDX-License-Identifier: MIT */
/* Tests of cpu/hardware/hidden.h against a processor that hides what IA32_MISC_ENABLE tells it
 * to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/hardware/hidden.h"
#include "cpu/msr.h"
#include "lib/cpuid.h"

enum { MISC_ENABLE = 0x1a0 };
#define LIMIT (1ull << 22)
#define NO_NX (1ull << 34)
#define FAST_STRINGS 1ull
#define CORE_2 0x6fb
#define PENTIUM_4 0xf62

static struct {
    const char *vendor;
    uint32_t signature, leaves;
    bool nx;
    uint64_t misc_enable;
    unsigned reads, writes;
} cpu;

struct cpuid_leaf cpuid_read(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_leaf r = {0};

    (void)subleaf;
    if (leaf == 0) {
        r.eax = cpu.misc_enable & LIMIT ? 3 : cpu.leaves;
        memcpy(&r.ebx, cpu.vendor, 4);
        memcpy(&r.edx, cpu.vendor + 4, 4);
        memcpy(&r.ecx, cpu.vendor + 8, 4);
    } else if (leaf == 1) {
        r.eax = cpu.signature;
    } else if (leaf == 0x80000001) {
        r.edx = cpu.nx && !(cpu.misc_enable & NO_NX) ? 1u << 20 : 0;
    }
    return r;
}

bool msr_try_read(uint32_t msr, uint64_t *value)
{
    assert_int_equal(msr, MISC_ENABLE);
    cpu.reads++;
    *value = cpu.misc_enable;
    return true;
}

bool msr_try_write(uint32_t msr, uint64_t value)
{
    assert_int_equal(msr, MISC_ENABLE);
    cpu.writes++;
    cpu.misc_enable = value;
    return true;
}

static void have(const char *vendor, uint32_t signature, uint64_t misc_enable)
{
    hidden_bits = 0;
    memset(&cpu, 0, sizeof cpu);
    cpu.vendor = vendor;
    cpu.signature = signature;
    cpu.leaves = 0xd;
    cpu.nx = true;
    cpu.misc_enable = misc_enable | FAST_STRINGS;
}

static void what_is_hidden_is_shown(void **state)
{
    static const struct {
        uint64_t bits;
        const char *names;
    } rows[] = {
        {NO_NX, "no-execute pages (NX)"},
        {LIMIT, "CPUID's leaves above 3"},
        {NO_NX | LIMIT, "no-execute pages (NX) and CPUID's leaves above 3"},
    };

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        have("GenuineIntel", i < 3 ? CORE_2 : PENTIUM_4, rows[i % 3].bits);
        hidden_show();
        assert_true(hidden_bits == rows[i % 3].bits);
        assert_true(cpu.misc_enable == FAST_STRINGS);
        assert_string_equal(hidden_names(), rows[i % 3].names);
        assert_true(hidden_is_shown());
        cpu.misc_enable |= rows[i % 3].bits;    /* as on a CPU that has not been told */
        assert_false(hidden_is_shown());
    }
}

static void assert_left_alone(unsigned reads)
{
    hidden_show();
    assert_true(hidden_bits == 0);
    assert_null(hidden_names());
    assert_true(hidden_is_shown());
    assert_int_equal(cpu.reads, reads);
    assert_int_equal(cpu.writes, 0);
}

/* The register is read where something is missing, and only on processors that have it. */
static void nothing_else_is_touched(void **state)
{
    (void)state;
    have("GenuineIntel", CORE_2, 0);
    assert_left_alone(0);
    have("AuthenticAMD", 0x600f20, 0);
    cpu.nx = false;
    assert_left_alone(0);
    have("GenuineIntel", 0x6d8 - 0x10, 0);      /* before Pentium M's second */
    cpu.nx = false;
    assert_left_alone(0);
    have("GenuineIntel", CORE_2, 0);            /* one that really has none */
    cpu.nx = false;
    assert_left_alone(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_hidden_is_shown),
        cmocka_unit_test(nothing_else_is_touched),
    };

    return cmocka_run_group_tests_name("hidden", tests, NULL, NULL);
}
