/* SPDX-License-Identifier: MIT */
/* Power-off and reset against registers that only keep what was written: the order, and that each
 * wait ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/power.h"
#include "lib/mmio.h"
#include "lib/port.h"

enum { PM1A = 0x604, PM1B = 0x704, SMI = 0xb2, KEYBOARD = 0x64, ACPI_RESET = 0x64e };
enum { SLEEP_CONTROL = 0x405, SLEEP_STATUS = 0x401 };
static uint8_t memory[16];

static char written[512];           /* "port=value " for each write, in hexadecimal */
static unsigned long reads;
static uint16_t control[2];         /* what the PM1 registers hold */
static uint8_t keyboard_status;
static unsigned long enables_after; /* reads until SCI_EN, once firmware was asked; 0: never */

static void note_write(uint16_t port, unsigned value)
{
    size_t used = strlen(written);

    snprintf(written + used, sizeof(written) - used, "%x=%x ", port, value);
}

uint8_t port_in8(uint16_t port)
{
    reads++;
    return port == KEYBOARD ? keyboard_status : 0xff;
}

uint16_t port_in16(uint16_t port)
{
    reads++;
    if (enables_after && strstr(written, "b2=f0") && reads >= enables_after)
        control[0] |= 1;
    return control[port == PM1B];
}

uint32_t port_in32(uint16_t port)
{
    (void)port;
    fail();
    return 0;
}

void port_out32(uint16_t port, uint32_t value)
{
    note_write(port, value);
}

uint32_t mmio_in(const volatile void *at, unsigned width)
{
    assert_int_equal(width, 2);
    reads++;
    return *(const volatile uint16_t *)at;
}

/* Memory has the addresses 0 to 15 here, in which there are no ports. */
void mmio_out(volatile void *at, unsigned width, uint32_t value)
{
    note_write((uint16_t)((volatile uint8_t *)at - memory), value);
    assert_int_equal(width, (volatile uint8_t *)at == memory + 4 ? 2 : 1);
}

void port_out8(uint16_t port, uint8_t value)
{
    note_write(port, value);
}

void port_out16(uint16_t port, uint16_t value)
{
    note_write(port, value);
    control[port == PM1B] = (uint16_t)(value & ~0x2000); /* SLP_EN reads as 0 */
}

static int fresh(void **state)
{
    (void)state;
    written[0] = '\0';
    reads = enables_after = 0;
    keyboard_status = 0;
    control[0] = control[1] = 0x0001;
    power_registers = (struct power_registers){
        .acpi_enable = {.port = SMI}, .acpi_enable_value = 0xf0,
        .control = {{.port = PM1A}, {.port = PM1B}}, .sleep_types = {5, 6},
        .reset = {.port = ACPI_RESET}, .reset_value = 0x0e,
    };
    return 0;
}

/* Types, then both again with the enable bit; the bits of others stay. */
static void both_registers_are_changed_in_two_steps(void **state)
{
    (void)state;
    control[0] = 0x8003 | 1 << 10;
    control[1] = 0x0203;
    power_off();
    assert_string_equal(written, "604=9403 704=1a03 604=b403 704=3a03 ");
    assert_in_range(reads, 1000000, 1000100);
}

static void one_register_is_enough(void **state)
{
    (void)state;
    power_registers.control[1] = (struct device_register){0};
    power_off();
    assert_string_equal(written, "604=1401 604=3401 ");
}

static void firmware_is_asked_for_acpi_mode_first(void **state)
{
    (void)state;
    control[0] = 0;
    enables_after = 500;
    power_off();
    assert_string_equal(written, "b2=f0 604=1401 704=1801 604=3401 704=3801 ");
    fresh(state);
    control[0] = 0; /* and it never comes */
    power_off();
    assert_string_equal(written, "b2=f0 604=1400 704=1801 604=3400 704=3801 ");
    assert_in_range(reads, 2000000, 2000100);
}

static void without_a_register_nothing_is_written(void **state)
{
    (void)state;
    assert_true(power_can_switch_off());
    power_registers = (struct power_registers){0};
    assert_false(power_can_switch_off());
    power_off();
    assert_string_equal(written, "");
    assert_int_equal(reads, 0);
}

static void pm1_may_be_in_memory(void **state)
{
    (void)state;
    memory[4] = 3;
    power_registers.control[0] = (struct device_register){.mapped = memory + 4};
    power_registers.control[1] = (struct device_register){0};
    power_off();
    assert_string_equal(written, "4=1403 4=3403 ");
}

/* The wake-up of before is cleared first; ACPI mode and PM1 count for nothing. */
static void hardware_reduced_sleeps_by_its_control_register(void **state)
{
    (void)state;
    power_registers.sleep_control = (struct device_register){.port = SLEEP_CONTROL};
    power_registers.sleep_status = (struct device_register){.port = SLEEP_STATUS};
    assert_true(power_can_switch_off());
    power_off();
    assert_string_equal(written, "401=80 405=34 ");
    assert_in_range(reads, 1000000, 1000100);
    fresh(state);
    power_registers = (struct power_registers){
        .sleep_control = {.mapped = memory + 8}, .sleep_types = {5},
    };
    assert_true(power_can_switch_off());
    power_off();
    assert_string_equal(written, "8=34 ");
}

static void the_reset_register_may_be_anywhere(void **state)
{
    (void)state;
    power_registers.reset = (struct device_register){.mapped = memory + 8};
    power_reset();
    assert_string_equal(written, "8=e 64=fe cf9=2 cf9=6 ");
    fresh(state);
    power_registers.reset = (struct device_register){.pci = PCI_CONFIGURATION(0x1f, 3, 0x46)};
    power_reset();
    assert_string_equal(written, "cf8=8000fb44 cfe=e 64=fe cf9=2 cf9=6 ");
}

static void each_way_to_reset_is_tried(void **state)
{
    (void)state;
    power_reset();
    assert_string_equal(written, "64e=e 64=fe cf9=2 cf9=6 ");
    assert_in_range(reads, 300000, 300100);
    fresh(state);
    power_registers.reset = (struct device_register){0};
    keyboard_status = 0xff; /* no controller: it is never ready */
    power_reset();
    assert_string_equal(written, "64=fe cf9=2 cf9=6 ");
    assert_in_range(reads, 300000, 300100);
}

static void bochs_is_told_letter_by_letter(void **state)
{
    (void)state;
    power_off_bochs();
    assert_string_equal(written, "8900=53 8900=68 8900=75 8900=74 "
                                 "8900=64 8900=6f 8900=77 8900=6e ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(both_registers_are_changed_in_two_steps, fresh),
        cmocka_unit_test_setup(one_register_is_enough, fresh),
        cmocka_unit_test_setup(firmware_is_asked_for_acpi_mode_first, fresh),
        cmocka_unit_test_setup(without_a_register_nothing_is_written, fresh),
        cmocka_unit_test_setup(pm1_may_be_in_memory, fresh),
        cmocka_unit_test_setup(hardware_reduced_sleeps_by_its_control_register, fresh),
        cmocka_unit_test_setup(the_reset_register_may_be_anywhere, fresh),
        cmocka_unit_test_setup(each_way_to_reset_is_tried, fresh),
        cmocka_unit_test_setup(bochs_is_told_letter_by_letter, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
