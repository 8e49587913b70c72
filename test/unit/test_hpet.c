/* SPDX-License-Identifier: MIT */
/* Tests of smp/hpet.h against a model of its timers: which are taken, and when and to whom they
 * send their NMIs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/paging.h"
#include "lib/mmio.h"
#include "lib/port.h"
#include "smp/hpet.h"
#include "smp/ioapic.h"

enum { TIMERS = 4, SPACE = 0x400, INPUTS = 24, BASE = 0xfed00000 };
enum { ENABLE = 1, LEGACY = 2, TIMER_ENABLE = 4, TIMER_32 = 0x100 };
#define FEMTOSECONDS 10000000u      /* 100 MHz, as QEMU's */
#define COUNTS_A_MS 100000u

static struct {
    uint32_t config, period, routes[TIMERS], timer_config[TIMERS], comparator[TIMERS];
    uint64_t counter;
    uint32_t firmwares;             /* inputs that are */
    int aimed[INPUTS];              /* the CPU that each input's NMIs go to, or -1 */
    unsigned nmis[INPUTS];
    unsigned set_while_on;
    uint8_t space[SPACE], ioapic[0x20];
} m;
static const struct machine_topology topology;
static const struct acpi_header table;

uint64_t acpi_read_hpet(const struct acpi_header *hpet)
{
    assert_ptr_equal(hpet, &table);
    return BASE;
}

volatile void *paging_map_device(uint64_t physical, size_t length)
{
    assert_true(physical == BASE && length == SPACE);
    return m.space;
}

bool ioapic_find_input(const struct machine_topology *of, uint32_t gsi, struct ioapic_input *out)
{
    assert_ptr_equal(of, &topology);
    *out = (struct ioapic_input){m.ioapic, gsi};
    return gsi < INPUTS && !(m.firmwares >> gsi & 1);
}

bool ioapic_aim_nmi(const struct ioapic_input *input, uint32_t apic_id)
{
    assert_ptr_equal(input->ioapic, m.ioapic);
    m.aimed[input->pin] = (int)apic_id;
    return true;
}

void port_out8(uint16_t port, uint8_t value)
{
    assert_true(port == 0x43 && value == 0x32);
}

static uint32_t *timer_register(size_t offset)
{
    unsigned timer = (offset - 0x100) / 0x20;

    assert_in_range(timer, 0, TIMERS - 1);
    switch ((offset - 0x100) % 0x20) {
    case 0: return &m.timer_config[timer];
    case 4: return &m.routes[timer];
    case 8: return &m.comparator[timer];
    default: fail(); return NULL;
    }
}

uint32_t mmio_in(const volatile void *at, unsigned width)
{
    size_t offset = (const volatile uint8_t *)at - m.space;

    assert_int_equal(width, 4);
    switch (offset) {
    case 0: return (TIMERS - 1) << 8 | 1;
    case 4: return m.period;
    case 0x10: return m.config;
    case 0xf0: return (uint32_t)m.counter;
    default: return *timer_register(offset);
    }
}

void mmio_out(volatile void *at, unsigned width, uint32_t value)
{
    size_t offset = (volatile uint8_t *)at - m.space;

    assert_int_equal(width, 4);
    m.set_while_on += offset >= 0xf0 && m.config & ENABLE ? 1 : 0;
    switch (offset) {
    case 0x10: m.config = value; break;
    case 0xf0: m.counter = (m.counter & ~0xffffffffull) | value; break;
    case 0xf4: m.counter = (m.counter & 0xffffffffull) | (uint64_t)value << 32; break;
    default:
        assert_int_not_equal((offset - 0x100) % 0x20, 4);
        *timer_register(offset) = value;
    }
}

/* Edges, by each timer in 32-bit mode whose comparator the counter passes. */
static void pass_ms(unsigned ms)
{
    uint64_t before = m.counter;

    if (!(m.config & ENABLE))
        return;
    m.counter += (uint64_t)ms * COUNTS_A_MS;
    for (unsigned t = 0; t < TIMERS; t++) {
        uint32_t input = m.timer_config[t] >> 9 & 31;
        if (m.timer_config[t] & TIMER_ENABLE && before < m.comparator[t] &&
            m.counter >= m.comparator[t]) {
            assert_true(m.timer_config[t] & TIMER_32 && m.aimed[input] >= 0);
            m.nmis[input]++;
        }
    }
}

static int begin(void **state)
{
    static const uint32_t q35 = 0xff0104;

    (void)state;
    memset(&m, 0, sizeof m);
    m.period = FEMTOSECONDS;
    for (unsigned t = 0; t < TIMERS; t++)
        m.routes[t] = q35;
    for (unsigned i = 0; i < INPUTS; i++)
        m.aimed[i] = -1;
    return 0;
}

static void each_timer_has_an_input_of_its_own(void **state)
{
    (void)state;
    m.config = LEGACY | ENABLE;
    m.timer_config[3] = TIMER_ENABLE;
    assert_null(hpet_start(&table, &topology));
    assert_int_equal(hpet_timers(), HPET_TIMERS);
    assert_int_equal(m.timer_config[0], TIMER_32 | 2 << 9);
    assert_int_equal(m.timer_config[1], TIMER_32 | 23 << 9);
    assert_int_equal(m.timer_config[2], TIMER_32 | 22 << 9);
    assert_int_equal(m.timer_config[3], 0);     /* firmware's interrupts no more */
    assert_int_equal(m.config, 0);
}

static void firmwares_inputs_are_left_alone(void **state)
{
    (void)state;
    m.firmwares = 1u << 2 | 1u << 23;
    m.routes[1] = 1u << 23;
    assert_null(hpet_start(&table, &topology));
    assert_int_equal(hpet_timers(), 3);
    assert_int_equal(m.timer_config[0] >> 9, 22);
    assert_int_equal(m.timer_config[1], 0);
    assert_int_equal(m.timer_config[2] >> 9, 21);
    assert_int_equal(m.timer_config[3] >> 9, 20);
}

static void timers_that_share_an_input_are_one(void **state)
{
    (void)state;
    for (unsigned t = 0; t < TIMERS; t++)
        m.routes[t] = 1u << 2;                  /* as on an i440FX */
    assert_null(hpet_start(&table, &topology));
    assert_int_equal(hpet_timers(), 1);
    for (unsigned t = 0; t < TIMERS; t++)
        m.routes[t] = 1u << 31;
    assert_non_null(hpet_start(&table, &topology));
    m.period = 0;
    assert_non_null(hpet_start(&table, &topology));
}

static void they_send_one_after_the_other_to_different_cpus(void **state)
{
    static const uint32_t inputs[] = {2, 23, 22}, first[] = {5, 6, 7}, second[] = {9, 0, 1};

    (void)state;
    assert_null(hpet_start(&table, &topology));
    hpet_arm(4000, first);
    pass_ms(3999);
    hpet_arm(4000, second);
    for (unsigned i = 0; i < 3; i++) {
        pass_ms(3999);
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(m.nmis[inputs[k]], k < i);
        assert_true(i > 0 || !hpet_is_over());
        assert_int_equal(hpet_sent(), i);
        pass_ms(1);
        assert_true(hpet_is_over());
        assert_int_equal(hpet_sent(), i + 1);
        assert_int_equal(m.nmis[inputs[i]], 1);
        assert_int_equal(m.aimed[inputs[i]], second[i]);
    }
    assert_int_equal(m.set_while_on, 0);
    hpet_arm(4000, first);
    assert_false(hpet_is_over());
    hpet_stop();
    pass_ms(5000);
    assert_int_equal(m.nmis[2], 1);
}

/* It would come at once, at the counter's low half. */
static void one_that_is_due_after_the_wrap_stays_off(void **state)
{
    static const uint32_t ids[] = {1, 2, 3};

    (void)state;
    assert_null(hpet_start(&table, &topology));
    hpet_arm(20000, ids);
    assert_true(m.timer_config[1] & TIMER_ENABLE && !(m.timer_config[2] & TIMER_ENABLE));
    hpet_arm(4000, ids);
    assert_true(m.timer_config[2] & TIMER_ENABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_timer_has_an_input_of_its_own, begin),
        cmocka_unit_test_setup(firmwares_inputs_are_left_alone, begin),
        cmocka_unit_test_setup(timers_that_share_an_input_are_one, begin),
        cmocka_unit_test_setup(they_send_one_after_the_other_to_different_cpus, begin),
        cmocka_unit_test_setup(one_that_is_due_after_the_wrap_stays_off, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
