/* SPDX-License-Identifier: MIT */
/* Tests of cpu/hardware/topology.h against the CPUID leaves of real processors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/hardware/topology.h"
#include "cpuid_model.h"

#define HTT (1u << 28)
#define EXTENSIONS (1u << 22)

static void assert_sits(uint32_t apic_id, uint32_t package, uint32_t core, uint32_t smt)
{
    struct cpu_topology found = topology_of(apic_id);

    assert_int_equal(found.package, package);
    assert_int_equal(found.core, core);
    assert_int_equal(found.smt, smt);
}

/* Family 15h, whose APIC ids begin at 16: four compute units of two cores. */
static void fx_8350(void **state)
{
    static const struct cpuid_row leaves[] = {
        {0, 0, {.eax = 0xd}}, {1, 0, {.ebx = 0x00080800, .edx = HTT}},
        {0x80000000, 0, {.eax = 0x8000001e}}, {0x80000001, 0, {.ecx = EXTENSIONS}},
        {0x80000008, 0, {.ecx = 0x4007}}, {0x8000001e, 0, {16, 0x0100, 0, 0}}, CPUID_END,
    };

    (void)state;
    processor = leaves;
    for (uint32_t id = 16; id < 24; id++)
        assert_sits(id, 1, (id - 16) / 2, id % 2);
}

/* Two sockets of sixteen cores, of ids 32 to 63. */
static void opteron_6376(void **state)
{
    static const struct cpuid_row leaves[] = {
        {0, 0, {.eax = 0xd}}, {1, 0, {.ebx = 0x00100800, .edx = HTT}},
        {0x80000000, 0, {.eax = 0x8000001e}}, {0x80000001, 0, {.ecx = EXTENSIONS}},
        {0x80000008, 0, {.ecx = 0x400f}}, {0x8000001e, 0, {32, 0x0100, 0x0100, 0}}, CPUID_END,
    };

    (void)state;
    processor = leaves;
    assert_sits(32, 2, 0, 0);
    assert_sits(45, 2, 6, 1);
    assert_sits(48, 3, 0, 0);
    assert_sits(63, 3, 7, 1);
}

/* Family 10h: leaf 4 is past the last one, and no compute units. */
static void phenom_ii_x4(void **state)
{
    static const struct cpuid_row leaves[] = {
        {0, 0, {.eax = 5}}, {1, 0, {.ebx = 0x30040800, .edx = HTT}},
        {0x80000000, 0, {.eax = 0x8000001b}}, {0x80000008, 0, {.ecx = 0x2003}}, CPUID_END,
    };

    (void)state;
    processor = leaves;
    for (uint32_t id = 0; id < 8; id++)
        assert_sits(id, id / 4, id % 4, 0);
}

/* The width of the core's part may be left out: then it follows from their number. */
static void athlon_64_x2(void **state)
{
    static const struct cpuid_row leaves[] = {
        {0, 0, {.eax = 1}}, {1, 0, {.ebx = 0x00020800, .edx = HTT}},
        {0x80000000, 0, {.eax = 0x80000018}}, {0x80000008, 0, {.ecx = 0x0001}}, CPUID_END,
    };

    (void)state;
    processor = leaves;
    assert_sits(0, 0, 0, 0);
    assert_sits(1, 0, 1, 0);
    assert_sits(2, 1, 0, 0);
}

static void athlon_64(void **state)
{
    static const struct cpuid_row leaves[] = {
        {0, 0, {.eax = 1}}, {1, 0, {.ebx = 0x00000800}}, {0x80000000, 0, {.eax = 0x80000018}},
        {0x80000008, 0, {0}}, CPUID_END,
    };

    (void)state;
    processor = leaves;
    assert_sits(0, 0, 0, 0);
    assert_sits(1, 1, 0, 0);
}

/* Zen's first: threads, and no leaf 0xB yet. */
static void epyc_7351(void **state)
{
    static const struct cpuid_row leaves[] = {
        {0, 0, {.eax = 0xd}}, {1, 0, {.ebx = 0x00200800, .edx = HTT}},
        {0x80000000, 0, {.eax = 0x8000001f}}, {0x80000001, 0, {.ecx = EXTENSIONS}},
        {0x80000008, 0, {.ecx = 0x601f}}, {0x8000001e, 0, {0, 0x0100, 0x0300, 0}}, CPUID_END,
    };

    (void)state;
    processor = leaves;
    assert_sits(0, 0, 0, 0);
    assert_sits(0x3f, 0, 31, 1);
    assert_sits(0x41, 1, 0, 1);
}

static void core_2_quad(void **state)
{
    static const struct cpuid_row leaves[] = {
        {0, 0, {.eax = 0xa}}, {1, 0, {.ebx = 0x00040800, .edx = HTT}}, {4, 0, {.eax = 0x0c000121}},
        {0x80000000, 0, {.eax = 0x80000008}}, {0x80000008, 0, {.eax = 0x3024}}, CPUID_END,
    };

    (void)state;
    processor = leaves;
    assert_sits(3, 0, 3, 0);
    assert_sits(4, 1, 0, 0);
}

/* Threads, and so few leaves that there is no leaf 4. */
static void pentium_4(void **state)
{
    static const struct cpuid_row leaves[] = {
        {0, 0, {.eax = 3}}, {1, 0, {.ebx = 0x00020800, .edx = HTT}},
        {0x80000000, 0, {.eax = 0x80000008}}, {0x80000008, 0, {.eax = 0x3024}}, CPUID_END,
    };

    (void)state;
    processor = leaves;
    assert_sits(1, 0, 0, 1);
    assert_sits(6, 3, 0, 0);
}

/* Leaf 0xB, and 0x1F, whose dies belong to the core's part. */
static void newer_ones(void **state)
{
    static const struct cpuid_row xeon[] = {
        {0, 0, {.eax = 0xb}}, {1, 0, {.ebx = 0x00200800, .edx = HTT}}, {4, 0, {.eax = 0x3c004121}},
        {0xb, 0, {1, 2, 0x100, 0}}, {0xb, 1, {5, 16, 0x201, 0}}, CPUID_END,
    };
    static const struct cpuid_row dies[] = {
        {0, 0, {.eax = 0x1f}}, {0xb, 0, {1, 2, 0x100, 0}}, {0xb, 1, {6, 64, 0x201, 0}},
        {0x1f, 0, {1, 2, 0x100, 0}}, {0x1f, 1, {5, 32, 0x201, 0}}, {0x1f, 2, {7, 64, 0x502, 0}},
        CPUID_END,
    };

    (void)state;
    processor = xeon;
    assert_sits(0x23, 1, 1, 1);
    processor = dies;
    assert_sits(0xc3, 1, 33, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fx_8350),      cmocka_unit_test(opteron_6376),
        cmocka_unit_test(phenom_ii_x4), cmocka_unit_test(athlon_64_x2),
        cmocka_unit_test(athlon_64),    cmocka_unit_test(epyc_7351),
        cmocka_unit_test(core_2_quad),  cmocka_unit_test(pentium_4),
        cmocka_unit_test(newer_ones),
    };

    return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
