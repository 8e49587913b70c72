/* SPDX-License-Identifier: MIT */
/* Tests of smp/pmu.h against a model of a processor's counters: which are found, and when an armed
 * one interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/msr.h"
#include "cpuid_model.h"
#include "smp/apic.h"
#include "smp/pmu.h"

uint64_t clock_tsc_hz = 2000000000, clock_epoch;
struct cpu_features cpu_features;

#define ENABLED (1u << 22)

/* One CPU. */
static struct {
    bool amd;
    unsigned bits;
    uint64_t select, counter, global, overflow;
    bool nmi;                       /* its entry of the local vector table is open */
    unsigned nmis;
    unsigned set_while_on;          /* writes to a counter that counts */
} cpu;

static uint64_t *find(uint32_t msr)
{
    switch (msr) {
    case 0x186: return cpu.amd ? NULL : &cpu.select;
    case 0xc1: return cpu.amd ? NULL : &cpu.counter;
    case 0x38f: return cpu.amd ? NULL : &cpu.global;
    case 0x390: return cpu.amd ? NULL : &cpu.overflow;
    case 0xc0010000: return cpu.amd ? &cpu.select : NULL;
    case 0xc0010004: return cpu.amd ? &cpu.counter : NULL;
    default: fail(); return NULL;
    }
}

bool msr_try_read(uint32_t msr, uint64_t *value)
{
    const uint64_t *at = find(msr);

    *value = at ? *at : 0;
    return at;
}

bool msr_try_write(uint32_t msr, uint64_t value)
{
    uint64_t *at = find(msr);

    if (!at)
        return false;
    if (at == &cpu.counter) {
        cpu.set_while_on += cpu.select & ENABLED ? 1 : 0;
        value = cpu.amd ? value : (uint64_t)(int64_t)(int32_t)value;
        value &= (1ull << cpu.bits) - 1;
    }
    *at = value;
    return true;
}

void apic_set_counter_nmi(bool on)
{
    cpu.nmi = on;
}

static bool counts(void)
{
    uint64_t wanted = ENABLED | 1u << 16 | 1u << 17 | 1u << 20 | (cpu.amd ? 0x76 : 0x3c);

    return cpu.select == wanted && (cpu.amd || cpu.global & 1);
}

static void run(uint64_t cycles)
{
    uint64_t before = cpu.counter;

    if (!counts())
        return;
    cpu.counter = (before + cycles) & ((1ull << cpu.bits) - 1);
    if (cpu.counter >= before)
        return;
    cpu.nmis += cpu.nmi;
    cpu.nmi = false;                /* SDM volume 3, 10.5.1 */
}

static void boot(const char *vendor, uint32_t eax, uint32_t ebx)
{
    static struct cpuid_row rows[] = {{0, 0, {.eax = 0x0a}}, {0x0a, 0, {0}}, CPUID_END};

    memset(&cpu, 0, sizeof cpu);
    rows[1].value.eax = eax;
    rows[1].value.ebx = ebx;
    processor = rows;
    strcpy(cpu_features.vendor, vendor);
    cpu.amd = !strcmp(vendor, "AuthenticAMD");
    cpu.bits = cpu.amd ? 48 : eax >> 16 & 255;
}

#define VERSION_2 0x07300802u       /* 8 counters of 48 bits, 7 events */

static void it_interrupts_when_its_time_is_over(void **state)
{
    (void)state;
    for (unsigned amd = 0; amd < 2; amd++) {
        boot(amd ? "AuthenticAMD" : "GenuineIntel", amd ? 0 : VERSION_2, 0);
        assert_true(pmu_find());
        for (unsigned round = 0; round < 3; round++) {
            pmu_arm(100);
            run(clock_tsc_hz / 10 - 1);
            assert_false(pmu_is_over());
            assert_int_equal(cpu.nmis, round);
            run(1);
            assert_true(pmu_is_over());
            run(clock_tsc_hz);
            assert_int_equal(cpu.nmis, round + 1);
        }
        assert_int_equal(cpu.set_while_on, 0);
    }
}

static void armed_anew_it_begins_anew(void **state)
{
    (void)state;
    boot("GenuineIntel", VERSION_2, 0);
    assert_true(pmu_find());
    for (unsigned i = 0; i < 100; i++) {
        pmu_arm(100);
        run(clock_tsc_hz / 20);
    }
    assert_int_equal(cpu.nmis, 0);
    pmu_stop();
    run(clock_tsc_hz);
    assert_int_equal(cpu.nmis, 0);
}

/* A longer time than the register holds is the longest that it does. */
static void no_longer_than_the_counter_is_wide(void **state)
{
    (void)state;
    boot("GenuineIntel", VERSION_2, 0);
    assert_true(pmu_find());
    assert_int_equal(pmu_most_ms(), (1ull << 31) / 2000000);
    pmu_arm(4000);
    run((1ull << 31) - 1);
    assert_false(pmu_is_over());
    run(1);
    assert_true(pmu_is_over() && cpu.nmis == 1);
    boot("AuthenticAMD", 0, 0);
    assert_true(pmu_find() && pmu_most_ms() > 4000);
    pmu_arm(4000);
    run(4 * clock_tsc_hz - 1);
    assert_false(pmu_is_over());
}

static void other_counters_are_left_on(void **state)
{
    (void)state;
    boot("GenuineIntel", VERSION_2, 0);
    cpu.global = 6;
    assert_true(pmu_find());
    pmu_arm(100);
    assert_int_equal(cpu.global, 7);
    assert_int_equal(cpu.overflow, 1);
}

static void a_processor_without_it_has_none(void **state)
{
    static const struct {
        const char *vendor;
        uint32_t eax, ebx;
    } none[] = {
        {"GenuineIntel", 0, 0}, {"GenuineIntel", VERSION_2 & ~0xffu, 0},
        {"GenuineIntel", VERSION_2 & ~0xff00u, 0}, {"GenuineIntel", VERSION_2, 1},
        {"GenuineIntel", VERSION_2 & 0xffffff, 0}, {"GenuineIntel", 0x07100802, 0},
        {"CentaurHauls", 0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        boot(none[i].vendor, none[i].eax, none[i].ebx);
        assert_false(pmu_find());
    }
    boot("CentaurHauls", VERSION_2, 0);
    assert_true(pmu_find());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_interrupts_when_its_time_is_over),
        cmocka_unit_test(armed_anew_it_begins_anew),
        cmocka_unit_test(no_longer_than_the_counter_is_wide),
        cmocka_unit_test(other_counters_are_left_on),
        cmocka_unit_test(a_processor_without_it_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
