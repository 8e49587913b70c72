/* SPDX-License-Identifier: MIT */
/* Tests of smp/memory_types.h against a model of two CPUs' registers, of which the second differs
 * from the first in any one: all become the same, on the way that the manual prescribes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/features.h"
#include "cpu/x86.h"
#include "smp/memory_types.h"

enum { CAP = 0xfe, VARIABLE = 0x200, MOST_VARIABLE = 64, DEFAULT_TYPE = 0x2ff };
#define CAP_FIXED 0x100u
#define ENABLE 0x800u
#define CR3 0x7000u

struct cpu_features cpu_features;

static const uint32_t fixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                 0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
#define FIXED (sizeof fixed / sizeof fixed[0])

/* A CPU: its registers by number, and the state that its caches and TLB are in. */
static struct cpu {
    uint64_t msrs[0x300], cr0;
    bool cached, translated;        /* under types that may not be true any more */
    unsigned writes;
} cpus[2], *cpu;

static bool exists(uint32_t msr)
{
    if (msr == MSR_PAT)
        return true;
    if (!cpu_features.mtrr)
        return false;
    for (unsigned i = 0; i < FIXED; i++)
        if (msr == fixed[i])
            return cpu->msrs[CAP] & CAP_FIXED;
    return msr == CAP || msr == DEFAULT_TYPE ||
           (msr >= VARIABLE && msr < VARIABLE + 2 * (cpu->msrs[CAP] & 0xff));
}

uint64_t read_cr0(void)
{
    return cpu->cr0;
}

/* Caches that are on fill again. */
void write_cr0(uint64_t v)
{
    cpu->cr0 = v;
    cpu->cached |= !(v & CR0_CD);
}

uint64_t read_cr3(void)
{
    return CR3;
}

void write_cr3(uint64_t v)
{
    assert_int_equal(v, CR3);
    cpu->translated = false;
}

void write_back_caches(void)
{
    assert_true(cpu->cr0 & CR0_CD);
    cpu->cached = false;
}

uint64_t read_msr(uint32_t msr)
{
    assert_true(exists(msr));
    return cpu->msrs[msr];
}

/* 11.11.7.2 and 11.12.4: caches off and empty, the TLB too; ranges while no range counts. */
void write_msr(uint32_t msr, uint64_t value)
{
    assert_true(exists(msr) && msr != CAP);
    assert_true((cpu->cr0 & CR0_CD) && !(cpu->cr0 & CR0_NW));
    assert_false(cpu->cached);
    if (msr != MSR_PAT && msr != DEFAULT_TYPE)
        assert_false(cpu->msrs[DEFAULT_TYPE] & ENABLE);
    cpu->msrs[msr] = value;
    cpu->translated = true;
    cpu->writes++;
}

/* Two CPUs alike, and what the first has is read. */
static void start(bool mtrr, uint64_t cap)
{
    cpu_features.mtrr = mtrr;
    memset(cpus, 0, sizeof cpus);
    for (uint32_t msr = 0; msr < 0x300; msr++)
        cpus[0].msrs[msr] = msr * 0x10001;
    cpus[0].msrs[CAP] = cap;
    cpus[0].msrs[DEFAULT_TYPE] = ENABLE | 0x406;
    cpus[0].cr0 = CR0_WP | CR0_NW;
    cpus[0].cached = cpus[0].translated = true;
    cpus[1] = cpus[0];
    cpu = &cpus[0];
    memory_types_read();
    assert_int_equal(cpu->writes, 0);
    cpu = &cpus[1];
}

/* One that differs there is made the same. */
static void apply_after(uint32_t msr)
{
    cpu->msrs[msr] ^= 1ull << 40 | 1;
    assert_true(memory_types_apply());
    assert_memory_equal(cpus[1].msrs, cpus[0].msrs, sizeof cpus[0].msrs);
    assert_int_equal(cpu->cr0, CR0_WP | CR0_NW);
    assert_false(cpu->translated);
    assert_false(memory_types_apply());
}

static void a_cpu_that_is_the_same_is_left_alone(void **state)
{
    (void)state;
    start(true, CAP_FIXED | 8);
    assert_false(memory_types_apply());
    assert_int_equal(cpu->writes, 0);
    assert_int_equal(cpu->cr0, CR0_WP | CR0_NW);
}

static void each_register_is_made_the_same(void **state)
{
    static const uint32_t others[] = {MSR_PAT, DEFAULT_TYPE};

    (void)state;
    start(true, CAP_FIXED | 8);
    for (unsigned i = 0; i < FIXED; i++)
        apply_after(fixed[i]);
    for (uint32_t i = 0; i < 16; i++)
        apply_after(VARIABLE + i);
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        apply_after(others[i]);
}

static void registers_that_are_not_there_are_not_read(void **state)
{
    (void)state;
    start(true, 2);
    apply_after(VARIABLE + 3);
    start(true, CAP_FIXED);
    apply_after(fixed[FIXED - 1]);
    start(false, 0);
    apply_after(MSR_PAT);
    assert_int_equal(cpu->writes, 1);
}

/* The manual's field has room for more than a CPU has ever had. */
static void ranges_past_the_table_are_left_out(void **state)
{
    (void)state;
    start(true, MOST_VARIABLE / 2);
    apply_after(VARIABLE + MOST_VARIABLE - 1);
    start(true, MOST_VARIABLE / 2 + 1);
    cpu->msrs[VARIABLE + MOST_VARIABLE]++;
    assert_false(memory_types_apply());
    start(true, 0xff);
    cpu->msrs[VARIABLE]++;
    assert_true(memory_types_apply());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cpu_that_is_the_same_is_left_alone),
        cmocka_unit_test(each_register_is_made_the_same),
        cmocka_unit_test(registers_that_are_not_there_are_not_read),
        cmocka_unit_test(ranges_past_the_table_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
