/* SPDX-License-Identifier: MIT */
/* Tests of smp/ioapic.h against a model of I/O APICs: which entries are masked, and which stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/paging.h"
#include "lib/mmio.h"
#include "lib/port.h"
#include "smp/ioapic.h"

enum { PINS = 24, SELECT = 0x00, WINDOW = 0x10, SPACE = 0x20 };
#define MASKED 0x10000u
#define NMI_HERE 0x400u

static struct ioapic {
    uint8_t registers[SPACE];       /* only their addresses count */
    uint32_t selected, low[PINS], high[PINS];
} ioapics[2];
static struct machine_topology topology;
static unsigned interrupt_at;       /* so many writes from now on an interrupt comes; 0: none */
static int64_t masked_meanwhile;
static bool aimed_meanwhile;

volatile void *paging_map_device(uint64_t physical, size_t length)
{
    assert_int_equal(length, SPACE);
    return ioapics[physical].registers;
}

static struct ioapic *ioapic_at(const volatile void *at, unsigned width, size_t *offset)
{
    unsigned which = (const volatile uint8_t *)at >= ioapics[1].registers;

    assert_int_equal(width, 4);
    *offset = (const volatile uint8_t *)at - ioapics[which].registers;
    return &ioapics[which];
}

static uint32_t *entry_half(struct ioapic *ioapic)
{
    unsigned reg = ioapic->selected - 0x10;

    assert_in_range(reg, 0, 2 * PINS - 1);
    return reg % 2 ? &ioapic->high[reg / 2] : &ioapic->low[reg / 2];
}

uint32_t mmio_in(const volatile void *at, unsigned width)
{
    size_t offset;
    struct ioapic *ioapic = ioapic_at(at, width, &offset);

    assert_int_equal(offset, WINDOW);
    return ioapic->selected == 1 ? (PINS - 1) << 16 | 0x20 : *entry_half(ioapic);
}

/* A device's interrupt, and an NMI that aims the next one. */
static void take_interrupts(void)
{
    masked_meanwhile = ioapic_mask_vector(&topology, 0x52);
    aimed_meanwhile =
        ioapic_aim_nmi(&(struct ioapic_input){ioapics[0].registers, 5}, 0x55);
}

void mmio_out(volatile void *at, unsigned width, uint32_t value)
{
    size_t offset;
    struct ioapic *ioapic = ioapic_at(at, width, &offset);

    if (interrupt_at && --interrupt_at == 0)
        take_interrupts();
    if (offset == SELECT)
        ioapic->selected = value;
    else
        *entry_half(ioapic) = value;
}

void port_out8(uint16_t port, uint8_t value)
{
    (void)port;
    (void)value;
}

static int begin(void **state)
{
    (void)state;
    memset(ioapics, 0, sizeof ioapics);
    topology.ioapic_count = 2;
    for (unsigned i = 0; i < 2; i++) {
        topology.ioapics[i] = (struct madt_ioapic){.address = i, .gsi_base = i * PINS};
        for (unsigned pin = 0; pin < PINS; pin++) {
            ioapics[i].low[pin] = 0x8000 | (pin % 8) << 8 | pin;    /* all delivery modes */
            ioapics[i].high[pin] = pin << 24;
        }
    }
    return 0;
}

static void all_but_smi_is_masked(void **state)
{
    (void)state;
    ioapics[1].low[10] |= MASKED;
    ioapic_mask_all(&topology);
    for (unsigned i = 0; i < 2; i++)
        for (unsigned pin = 0; pin < PINS; pin++)
            if (pin % 8 != 2) {
                assert_int_equal(ioapics[i].low[pin], MASKED);
            } else {
                assert_int_equal(ioapics[i].low[pin] & ~MASKED, 0x8200 | pin);
                assert_int_equal(ioapics[i].low[pin] & MASKED, i == 1 && pin == 10 ? MASKED : 0);
                assert_int_equal(ioapics[i].high[pin], pin << 24);
            }
}

static void an_input_becomes_an_nmi(void **state)
{
    struct ioapic_input input;

    (void)state;
    ioapic_mask_all(&topology);
    assert_true(ioapic_find_input(&topology, PINS + 3, &input));
    assert_int_equal(ioapics[1].low[3], MASKED);
    for (uint32_t id = 0; ioapic_reaches(id); id++) {
        ioapic_aim_nmi(&input, id);
        assert_int_equal(ioapics[1].low[3], NMI_HERE);
        assert_int_equal(ioapics[1].high[3], id << 24);
    }
    assert_int_equal(ioapics[1].high[3], 0xfe000000);
    assert_false(ioapic_find_input(&topology, 2 * PINS, &input));
    assert_int_equal(ioapics[0].low[3], MASKED);
}

static void an_input_that_is_firmwares_does_not(void **state)
{
    struct ioapic_input input;

    (void)state;
    ioapic_mask_all(&topology);
    assert_false(ioapic_find_input(&topology, 2, &input));
    assert_int_equal(ioapics[0].low[2], 0x8202);
    assert_int_equal(ioapics[0].high[2], 2 << 24);
}

#define LEVEL 0x8000u
#define WAITS_FOR_EOI 0x4000u
#define SEND_PENDING 0x1000u

/* The level-triggered entry is masked, whole but for that bit: an edge is gone by itself, and
 * a delivery status that stays set, or an EOI that is waited for, change nothing. */
static void the_input_that_sends_a_vector_is_masked(void **state)
{
    const uint32_t open = LEVEL | WAITS_FOR_EOI | SEND_PENDING | 0x52;

    (void)state;
    ioapic_mask_all(&topology);
    ioapics[0].low[3] = 0x52;
    ioapics[0].low[4] = open | MASKED;
    ioapics[0].low[5] = LEVEL | NMI_HERE | 0x52;
    ioapics[0].low[6] = LEVEL | 0x53;
    assert_int_equal(ioapic_mask_vector(&topology, 0x52), -1);
    ioapics[1].low[7] = open;
    ioapics[1].low[9] = open | 0x100;
    assert_int_equal(ioapic_mask_vector(&topology, 0x52), PINS + 7);
    assert_int_equal(ioapics[1].low[7], open | MASKED);
    assert_int_equal(ioapics[1].low[9], open | 0x100);
    assert_int_equal(ioapic_mask_vector(&topology, 0x52), PINS + 9);
    assert_int_equal(ioapic_mask_vector(&topology, 0x52), -1);
    assert_int_equal(ioapics[0].low[3], 0x52);
    assert_int_equal(ioapics[0].low[5], LEVEL | NMI_HERE | 0x52);
    assert_int_equal(ioapics[0].low[6], LEVEL | 0x53);
}

/* Interrupted while it was at the registers, a handler leaves them alone, and masks the next
 * time. */
static void nobody_is_disturbed_at_the_registers(void **state)
{
    (void)state;
    ioapic_mask_all(&topology);
    struct ioapic_input input;

    assert_true(ioapic_find_input(&topology, 4, &input));
    for (unsigned at = 1; at <= 4; at++) {      /* the accesses of one aiming */
        ioapics[0].low[3] = LEVEL | 0x52;
        interrupt_at = at;
        aimed_meanwhile = true;
        assert_true(ioapic_aim_nmi(&input, at));
        assert_int_equal(interrupt_at, 0);
        assert_int_equal(masked_meanwhile, -1);
        assert_false(aimed_meanwhile);
        assert_int_equal(ioapics[0].low[4], NMI_HERE);
        assert_int_equal(ioapics[0].high[4], at << 24);
        assert_int_equal(ioapics[0].low[3], LEVEL | 0x52);
        assert_int_equal(ioapic_mask_vector(&topology, 0x52), 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_but_smi_is_masked, begin),
        cmocka_unit_test_setup(an_input_becomes_an_nmi, begin),
        cmocka_unit_test_setup(an_input_that_is_firmwares_does_not, begin),
        cmocka_unit_test_setup(the_input_that_sends_a_vector_is_masked, begin),
        cmocka_unit_test_setup(nobody_is_disturbed_at_the_registers, begin),
    };

    return cmocka_run_group_tests_name("ioapic", tests, NULL, NULL);
}
