/* SPDX-License-Identifier: MIT */
/* Tests of smp/apic.h against a model of an xAPIC: how it is set up, what is sent in which order,
 * and a delivery status that stays set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "machine.h"
#include "smp/apic.c"

enum { REGISTERS = 0x400 / 16, WRITES = 64 };

struct cpu_features cpu_features;
static uint32_t apic[REGISTERS];
static uint64_t base_msr, cr8, icr_reads, pending_reads;
static struct {
    unsigned reg;
    uint32_t value;
} written[WRITES];
static unsigned writes, faults;
static struct machine_topology topology;

uint32_t mmio_in(const volatile void *at, unsigned width)
{
    unsigned reg = (const volatile uint8_t *)at - registers;

    assert_int_equal(width, 4);
    if (reg != APIC_ICR_LOW)
        return apic[reg / 16];
    return apic[reg / 16] | (icr_reads++ < pending_reads ? ICR_PENDING : 0);
}

void mmio_out(volatile void *at, unsigned width, uint32_t value)
{
    unsigned reg = (volatile uint8_t *)at - registers;

    assert_int_equal(width, 4);
    assert_in_range(writes, 0, WRITES - 1);
    written[writes].reg = reg;
    written[writes++].value = value;
    apic[reg / 16] = value;
}

uint64_t read_msr(uint32_t msr)
{
    assert_int_equal(msr, MSR_APIC_BASE);
    return base_msr;
}

void write_msr(uint32_t msr, uint64_t value)
{
    assert_int_equal(msr, MSR_APIC_BASE);
    base_msr = value;
}

void write_cr8(uint64_t value)
{
    cr8 = value;
}

bool paging_map(uintptr_t address, uint64_t physical, uint64_t flags)
{
    (void)address;
    (void)physical;
    (void)flags;
    return true;
}

void check_failed(enum check check, const char *event, const char *fmt, ...)
{
    assert_int_equal(check, CHECK_HARDWARE);
    assert_string_equal(event, "APIC");
    assert_non_null(strstr(fmt, "delivery status stays set"));
    faults++;
}

static int begin(void **state)
{
    (void)state;
    machine_make(2);
    memset(apic, 0, sizeof apic);
    memset(&topology, 0, sizeof topology);
    memset(&cpu_features, 0, sizeof cpu_features);
    base_msr = 0xfee00100;
    cr8 = icr_reads = pending_reads = writes = faults = firmware_thermal = 0;
    assert_null(apic_init(&topology, false));
    return 0;
}

static void is_sent(unsigned at, uint32_t destination, uint32_t command)
{
    assert_int_equal(writes, at + 2);
    assert_int_equal(written[at].reg, APIC_ICR_HIGH);
    assert_int_equal(written[at].value, destination << 24);
    assert_int_equal(written[at + 1].reg, APIC_ICR_LOW);
    assert_int_equal(written[at + 1].value, command);
    assert_true(hosted.interrupts);
}

static void the_destination_is_written_first(void **state)
{
    (void)state;
    apic_send_ipi(0xab, 0x52);
    is_sent(0, 0xab, 0x4052);
    apic_send_nmi(1);
    is_sent(2, 1, 0x4400);
    apic_send_init(2);
    is_sent(4, 2, 0x4500);
    apic_send_startup(3, 0x9f);
    is_sent(6, 3, 0x469f);
    machine_be(1);
    apic_send_nmi_to_self();
    is_sent(8, 1, 0x4400);
    assert_int_equal(icr_reads, 5);
    assert_int_equal(hosted.times_off, 5);
}

static void what_is_pending_is_waited_for(void **state)
{
    (void)state;
    pending_reads = ICR_PATIENCE - 1;
    apic_send_ipi(1, 0x52);
    is_sent(0, 1, 0x4052);
    assert_int_equal(icr_reads, ICR_PATIENCE);
    assert_int_equal(faults, 0);
}

/* It may be the status alone that is wrong: what follows is sent all the same. */
static void what_stays_pending_is_told_once(void **state)
{
    (void)state;
    pending_reads = UINT64_MAX;
    apic_send_ipi(1, 0x52);
    is_sent(0, 1, 0x4052);
    assert_int_equal(icr_reads, ICR_PATIENCE);
    assert_int_equal(faults, 1);
    assert_ptr_equal(apic_aim(1), registers + APIC_ICR_LOW);
    assert_int_equal(writes, 3);
    assert_int_equal(written[2].value, 1 << 24);
    assert_int_equal(icr_reads, 2 * ICR_PATIENCE);
    assert_int_equal(faults, 1);
}

static uint32_t at(enum apic_register reg)
{
    return apic[reg / 16];
}

static void it_is_set_up_whatever_firmware_left(void **state)
{
    (void)state;
    memset(apic, 0xff, sizeof apic);
    apic[APIC_VERSION / 16] = 0x60014;      /* seven entries */
    cpu_features.thermal_monitor = true;
    topology.nmi_count = 1;
    topology.nmis[0] = (struct madt_nmi){.processor_uid = MADT_ALL_PROCESSORS, .lint = 1};
    apic_enable(&topology);
    assert_int_equal(base_msr, 0xfee00900);
    assert_int_equal(at(APIC_SVR), 0x1ff);
    assert_int_equal(cr8, 1);               /* TPR 0x10 */
    assert_int_equal(at(APIC_LVT_TIMER), 0x10000 | VECTOR_TIMER);
    assert_int_equal(at(APIC_LVT_CMCI), VECTOR_CMCI);
    assert_int_equal(at(APIC_LVT_THERMAL), VECTOR_THERMAL);
    assert_int_equal(at(APIC_LVT_PERFORMANCE), 0x10000);
    assert_int_equal(at(APIC_LVT_LINT0), 0x10000);
    assert_int_equal(at(APIC_LVT_LINT1), 0x400);
    assert_int_equal(at(APIC_LVT_ERROR), VECTOR_APIC_ERROR);
    assert_int_equal(at(APIC_TIMER_DIVIDE), 0xb);
    assert_int_equal(at(APIC_ESR), 0);
}

static void a_vector_has_its_bit(void **state)
{
    (void)state;
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++) {
        apic[(APIC_IRR + vector / 32 * 16) / 16] = 1u << vector % 32;
        for (unsigned other = 0; other < VECTOR_COUNT; other++)
            assert_int_equal(apic_has(APIC_IRR, other), other == vector);
        assert_false(apic_has(APIC_ISR, vector));
        apic[(APIC_IRR + vector / 32 * 16) / 16] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_destination_is_written_first, begin),
        cmocka_unit_test_setup(what_is_pending_is_waited_for, begin),
        cmocka_unit_test_setup(what_stays_pending_is_told_once, begin),
        cmocka_unit_test_setup(it_is_set_up_whatever_firmware_left, begin),
        cmocka_unit_test_setup(a_vector_has_its_bit, begin),
    };

    return cmocka_run_group_tests_name("apic", tests, NULL, NULL);
}
