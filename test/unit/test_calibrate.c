/* SPDX-License-Identifier: MIT */
/* Tests of smp/calibrate.h against a machine whose time goes by with each access to a clock: every
 * source alone, sources that disagree, and sources that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/paging.h"
#include "cpuid_model.h"
#include "lib/mmio.h"
#include "lib/port.h"
#include "lib/report.h"
#include "smp/apic.h"
#include "smp/calibrate.h"
#include "smp/ioapic.h"

enum { PM_PORT = 0x608, PIT_DATA = 0x40, PIT_COMMAND = 0x43, HPET_BASE = 0xfed00000 };
enum { HPET_PERIOD = 0x04, HPET_CONFIG = 0x10, HPET_COUNT = 0xf0, HPET_TIMER = 0x100 };
#define TSC_HZ 2893200000ull
#define APIC_HZ 24000000ull
#define HPET_FS 69841279ull         /* 14.31818 MHz */
#define PM_HZ 3579545ull
#define PIT_HZ 1193182ull
#define NS 1000ull                  /* picoseconds */

static struct machine {
    uint64_t now_ps, access_ns;     /* of a port */
    uint64_t tsc_hz, apic_hz, pm_hz, hpet_hz, pit_hz; /* 0: there is none, or it stands still */
    uint64_t pm_first;              /* its count at time 0 */
    bool pm_is_noise, hypervisor;
    uint32_t smis;                  /* the seed of SMIs, which take 300 us; 0: none come */
    unsigned accesses, glitch_at;
    uint32_t hpet_config, hpet_timer[2];
    uint64_t apic_began_ps;
    uint8_t pit_mode;
    uint64_t pit_began_ps;
    uint16_t pit_latched;
    bool pit_high;                  /* the next read is of the upper byte */
    uint8_t hpet_space[0x400], pm_space[4];
} m;
static struct acpi_fadt_facts fadt;
static uint8_t hpet_table[56];
static char notes[512];
static const struct cpuid_row silent[] = {{0, 0, {.eax = 0xd}}, CPUID_END};

uint64_t clock_tsc_hz, clock_epoch;
struct cpu_features cpu_features;

static uint64_t ticks(uint64_t ps, uint64_t hz)
{
    return (uint64_t)((unsigned __int128)ps * hz / 1000000000000ull);
}

static void port_access(void)
{
    m.now_ps += m.access_ns * NS;
    if (m.smis) {
        m.smis = m.smis * 1664525 + 1013904223;
        m.now_ps += (m.smis >> 31) * 300000 * NS;
    }
}

uint64_t read_tsc(void)
{
    m.now_ps += 10 * NS;
    return 1000 + ticks(m.now_ps, m.tsc_hz);
}

void clock_start(uint64_t tsc_hz)
{
    clock_tsc_hz = tsc_hz;
}

void clock_join(void)
{
}

void apic_timer_start(uint32_t initial_count, bool periodic)
{
    assert_false(periodic);
    assert_true(initial_count == 0 || initial_count == UINT32_MAX);
    m.apic_began_ps = m.now_ps;
}

uint32_t apic_timer_read(void)
{
    m.now_ps += 100 * NS;
    return UINT32_MAX - (uint32_t)ticks(m.now_ps - m.apic_began_ps, m.apic_hz);
}

bool features_hypervisor(void)
{
    return m.hypervisor;
}

bool ioapic_find_input(const struct machine_topology *topology, uint32_t gsi,
                       struct ioapic_input *out)
{
    (void)topology;
    (void)gsi;
    (void)out;
    fail();
    return false;
}

bool ioapic_aim_nmi(const struct ioapic_input *input, uint32_t apic_id)
{
    (void)input;
    (void)apic_id;
    fail();
    return false;
}

void report_note(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(notes + strlen(notes), sizeof notes - strlen(notes), fmt, args);
    va_end(args);
}

volatile void *paging_map_device(uint64_t physical, size_t length)
{
    (void)length;
    return physical == HPET_BASE ? m.hpet_space : m.pm_space;
}

static uint32_t pm_count(void)
{
    m.accesses++;
    if (m.pm_is_noise)
        return m.accesses % 2;
    if (m.accesses == m.glitch_at)
        return (uint32_t)ticks(m.now_ps, m.pm_hz) - 100;
    if (!m.pm_hz)
        return UINT32_MAX;
    return (uint32_t)(m.pm_first + ticks(m.now_ps, m.pm_hz)) &
           (fadt.pm_timer_bits == 32 ? UINT32_MAX : 0xffffff);
}

uint32_t port_in32(uint16_t port)
{
    assert_int_equal(port, PM_PORT);
    port_access();
    return pm_count();
}

uint8_t port_in8(uint16_t port)
{
    assert_int_equal(port, PIT_DATA);
    port_access();
    m.pit_high = !m.pit_high;
    if (!m.pit_hz)
        return 0xff;
    return (uint8_t)(m.pit_latched >> (m.pit_high ? 0 : 8));
}

void port_out8(uint16_t port, uint8_t value)
{
    assert_true(port == PIT_DATA || port == PIT_COMMAND);
    port_access();
    if (port == PIT_DATA)
        assert_int_equal(value, 0xff);
    else if (value == 0)
        m.pit_latched = (uint16_t)(0xffff - ticks(m.now_ps - m.pit_began_ps, m.pit_hz));
    else
        m.pit_mode = value;
    if (port == PIT_DATA || value)
        m.pit_began_ps = m.now_ps;
}

uint16_t port_in16(uint16_t port)
{
    fail_msg("%x", port);
    return 0;
}

void port_out16(uint16_t port, uint16_t value)
{
    fail_msg("%x=%x", port, value);
}

void port_out32(uint16_t port, uint32_t value)
{
    fail_msg("%x=%x", port, value);
}

uint32_t mmio_in(const volatile void *at, unsigned width)
{
    size_t offset = (const volatile uint8_t *)at - m.hpet_space;

    assert_int_equal(width, 4);
    m.now_ps += 500 * NS;
    if (at == m.pm_space)
        return pm_count();
    if (offset == 0)
        return (2 - 1) << 8;
    if (offset == HPET_PERIOD)
        return m.hpet_hz ? (uint32_t)HPET_FS : UINT32_MAX;
    if (offset == HPET_CONFIG)
        return m.hpet_config;
    if (offset == HPET_COUNT)
        return m.hpet_config & 1 ? (uint32_t)(0xfffff000 + ticks(m.now_ps, m.hpet_hz)) : 7;
    return m.hpet_timer[(offset - HPET_TIMER) / 0x20];
}

void mmio_out(volatile void *at, unsigned width, uint32_t value)
{
    size_t offset = (volatile uint8_t *)at - m.hpet_space;

    assert_int_equal(width, 4);
    if (offset == HPET_CONFIG)
        m.hpet_config = value;
    else
        m.hpet_timer[(offset - HPET_TIMER) / 0x20] = value;
}

/* A machine that has nothing but a TSC and a local APIC. */
static int begin(void **state)
{
    (void)state;
    m = (struct machine){.tsc_hz = TSC_HZ, .apic_hz = APIC_HZ, .now_ps = 12345 * NS,
                         .access_ns = 600};
    fadt = (struct acpi_fadt_facts){0};
    notes[0] = '\0';
    processor = silent;
    clock_tsc_hz = 0;
    calibrated_apic_hz = 0;
    return 0;
}

static void have_pm_timer(uint64_t hz, unsigned bits)
{
    m.pm_hz = hz;
    fadt.pm_timer = (struct acpi_register){ACPI_SPACE_PORT, PM_PORT};
    fadt.pm_timer_bits = bits;
}

static void have_hpet(uint64_t hz)
{
    uint64_t base = HPET_BASE;

    m.hpet_hz = hz;
    memcpy(hpet_table + 44, &base, sizeof base);
    hpet_table[4] = sizeof hpet_table;
}

#define HPET_HZ (1000000000000000ull / HPET_FS)

static const char *run(void)
{
    return calibrate(&fadt, m.hpet_hz ? (const struct acpi_header *)hpet_table : NULL);
}

static void assert_near(uint64_t found, uint64_t wanted)
{
    assert_in_range(found, wanted - wanted / 2000, wanted + wanted / 2000);
}

/* By this source, and nothing to say. */
static void assert_measured_by(const char *source)
{
    const char *found = run();

    assert_non_null(found);
    assert_string_equal(found, source);
    assert_near(clock_tsc_hz, TSC_HZ);
    assert_near(calibrated_apic_hz, APIC_HZ);
    assert_string_equal(notes, "");
    assert_in_range(m.now_ps, 20000000 * NS, 300000000 * NS);
}

static void by_the_pm_timer(void **state)
{
    have_pm_timer(PM_HZ, 24);
    assert_measured_by("acpi-pm");
    begin(state);
    have_pm_timer(PM_HZ, 24);
    m.pm_first = 0xffff00;          /* it wraps meanwhile */
    assert_measured_by("acpi-pm");
    begin(state);
    have_pm_timer(PM_HZ, 32);
    m.pm_first = 0xfffffff0;
    assert_measured_by("acpi-pm");
    begin(state);
    have_pm_timer(PM_HZ, 24);
    m.access_ns = 50;               /* as of an emulator: many reads until it moves */
    assert_measured_by("acpi-pm");
}

static void by_a_pm_timer_in_memory(void **state)
{
    (void)state;
    have_pm_timer(PM_HZ, 32);
    fadt.pm_timer = (struct acpi_register){ACPI_SPACE_MEMORY, 0xfe000000};
    assert_measured_by("acpi-pm");
}

/* One that stands is let run, and stands again; its timers interrupt for nobody. */
static void by_the_hpet(void **state)
{
    have_hpet(HPET_HZ);
    m.hpet_timer[1] = 0x4104;
    assert_measured_by("hpet");
    assert_int_equal(m.hpet_config, 0);
    assert_int_equal(m.hpet_timer[1], 0x4100);
    begin(state);
    have_hpet(HPET_HZ);
    m.hpet_config = 1;              /* one that runs is firmware's, and is left as it is */
    m.hpet_timer[1] = 0x4104;
    assert_measured_by("hpet");
    assert_int_equal(m.hpet_config, 1);
    assert_int_equal(m.hpet_timer[1], 0x4104);
}

static void by_the_8254(void **state)
{
    (void)state;
    m.pit_hz = PIT_HZ;
    assert_measured_by("pit");
    assert_int_equal(m.pit_mode, 0x32);
}

static void both_counters_take_the_time_of_one(void **state)
{
    (void)state;
    have_pm_timer(PM_HZ, 24);
    have_hpet(HPET_HZ);
    m.pit_hz = PIT_HZ;
    assert_measured_by("acpi-pm");
    assert_int_equal(m.pit_mode, 0);
}

/* Between the reading of one clock and the next, every other time. */
static void in_spite_of_smis(void **state)
{
    for (uint32_t seed = 1; seed < 12; seed++) {
        begin(state);
        have_pm_timer(PM_HZ, 24);
        m.smis = seed * 0x9e3779b9;
        assert_measured_by("acpi-pm");
    }
}

/* A reading that is too low: it is not 4 s later. */
static void in_spite_of_a_wrong_reading(void **state)
{
    (void)state;
    have_pm_timer(PM_HZ, 24);
    m.glitch_at = 20;
    assert_measured_by("acpi-pm");
}

static void as_cpuid_states(void **state)
{
    static const struct cpuid_row crystal[] = {
        {0, 0, {.eax = 0x15}}, {0x15, 0, {2, 482, 12005809, 0}}, CPUID_END,
    };
    static const struct cpuid_row base[] = {
        {0, 0, {.eax = 0x16}}, {0x15, 0, {2, 241, 0, 0}}, {0x16, 0, {2893, 4000, 100, 0}},
        CPUID_END,
    };
    static const struct cpuid_row timing[] = {
        {0, 0, {.eax = 0xd}}, {0x40000000, 0, {.eax = 0x40000010}},
        {0x40000010, 0, {2893200, 1000000, 0, 0}}, CPUID_END,
    };

    processor = crystal;
    assert_measured_by("cpuid-15h");
    assert_true(clock_tsc_hz == 12005809ull * 482 / 2);
    begin(state);
    processor = base;
    assert_measured_by("cpuid-16h");
    assert_true(clock_tsc_hz == 2893000000);
    begin(state);
    processor = timing;
    m.hypervisor = true;
    assert_measured_by("hypervisor");
    assert_true(clock_tsc_hz == 2893200000);
    begin(state);
    processor = timing;             /* on metal that leaf is nobody's */
    assert_null(run());
}

static void what_cpuid_cannot_mean(void **state)
{
    static const struct cpuid_row odd[] = {
        {0, 0, {.eax = 0x16}}, {0x15, 0, {0, 100, 24000000, 0}}, {0x16, 0, {3, 0, 0, 0}},
        {0x40000000, 0, {.eax = 0x4000000f}}, {0x40000010, 0, {2893200, 0, 0, 0}}, CPUID_END,
    };
    static const struct cpuid_row past[] = {{0, 0, {.eax = 0x14}}, CPUID_END};

    processor = odd;
    m.hypervisor = true;
    assert_null(run());
    begin(state);
    processor = past;
    assert_null(run());
}

static const struct cpuid_row crystal_24_mhz[] = {
    {0, 0, {.eax = 0x15}}, {0x15, 0, {1, 1, TSC_HZ, 0}}, CPUID_END,
};

static void what_another_confirms_is_believed(void **state)
{
    have_pm_timer(PM_HZ * 2, 24);   /* as some chipsets' did */
    have_hpet(HPET_HZ);
    processor = crystal_24_mhz;
    assert_string_equal(run(), "hpet");
    assert_near(clock_tsc_hz, TSC_HZ);
    assert_near(calibrated_apic_hz, APIC_HZ);
    assert_string_equal(notes, "clocks disagree: the TSC has 1446600000 Hz by acpi-pm, but "
                        "2893200000 Hz by hpet, which is believed");
    begin(state);
    have_pm_timer(PM_HZ, 24);
    have_hpet(HPET_HZ * 103 / 100);
    processor = crystal_24_mhz;
    assert_string_equal(run(), "acpi-pm");
    assert_non_null(strstr(notes, " by hpet, but 2893200000 Hz by acpi-pm, which is believed"));
}

static void of_two_the_first_is_believed(void **state)
{
    have_pm_timer(PM_HZ, 24);
    have_hpet(HPET_HZ / 2);
    assert_string_equal(run(), "acpi-pm");
    assert_near(clock_tsc_hz, TSC_HZ);
    assert_non_null(strstr(notes, "by hpet, but 2893200000 Hz by acpi-pm, which is believed"));
    begin(state);
    m.pit_hz = PIT_HZ / 2;
    processor = crystal_24_mhz;
    assert_string_equal(run(), "cpuid-15h");
    assert_near(calibrated_apic_hz, APIC_HZ);
    assert_non_null(strstr(notes, " Hz by pit, but 2893200000 Hz by cpuid-15h, which is believed"));
}

static void what_stands_still_is_none(void **state)
{
    have_pm_timer(0, 24);
    have_hpet(HPET_HZ);
    assert_string_equal(run(), "hpet");
    assert_near(clock_tsc_hz, TSC_HZ);
    assert_string_equal(notes, "");
    begin(state);
    have_pm_timer(0, 32);
    assert_null(run());
    assert_in_range(m.now_ps, 0, 1000000000 * NS);
}

/* Values that change, and never get there: the wait has an end. */
static void noise_is_no_counter(void **state)
{
    for (unsigned first = 0; first < 2; first++) {
        begin(state);
        have_pm_timer(PM_HZ, 24);
        m.pm_is_noise = true;
        m.accesses = first;
        assert_null(run());
        assert_in_range(m.now_ps, 0, 10000000000 * NS);
    }
}

static void without_an_apic_timer_there_is_no_clock(void **state)
{
    (void)state;
    have_pm_timer(PM_HZ, 24);
    m.apic_hz = 0;
    assert_null(run());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(by_the_pm_timer, begin),
        cmocka_unit_test_setup(by_a_pm_timer_in_memory, begin),
        cmocka_unit_test_setup(by_the_hpet, begin),
        cmocka_unit_test_setup(by_the_8254, begin),
        cmocka_unit_test_setup(both_counters_take_the_time_of_one, begin),
        cmocka_unit_test_setup(in_spite_of_smis, begin),
        cmocka_unit_test_setup(in_spite_of_a_wrong_reading, begin),
        cmocka_unit_test_setup(as_cpuid_states, begin),
        cmocka_unit_test_setup(what_cpuid_cannot_mean, begin),
        cmocka_unit_test_setup(what_another_confirms_is_believed, begin),
        cmocka_unit_test_setup(of_two_the_first_is_believed, begin),
        cmocka_unit_test_setup(what_stands_still_is_none, begin),
        cmocka_unit_test_setup(noise_is_no_counter, begin),
        cmocka_unit_test_setup(without_an_apic_timer_there_is_no_clock, begin),
    };

    return cmocka_run_group_tests_name("calibrate", tests, NULL, NULL);
}
