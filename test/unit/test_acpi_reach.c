/* SPDX-License-Identifier: MIT */
/* Tests of smp/acpi/reach.h and lib/register.h: which registers are in reach, and how each of them
 * is read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/paging.h"
#include "lib/mmio.h"
#include "lib/port.h"
#include "smp/acpi/reach.h"

static uint8_t mapped[4];
static uint32_t pci_address;
static char last;                   /* the width of the last access: b, w or l; capitals: memory */
static uint16_t last_port;
static uint32_t last_value;

volatile void *paging_map_device(uint64_t physical, size_t length)
{
    return physical + length <= UINT64_C(0x1000000000) ? mapped : NULL;
}

static void note(uint16_t port, char width, uint32_t value)
{
    last_port = port;
    last = width;
    last_value = value;
}

#define IN(bits, type, letter)                                                                     \
    type port_in##bits(uint16_t port)                                                              \
    {                                                                                              \
        note(port, letter, 0);                                                                     \
        return (type)0x12345678;                                                                   \
    }
IN(8, uint8_t, 'b')
IN(16, uint16_t, 'w')
IN(32, uint32_t, 'l')

void port_out8(uint16_t port, uint8_t value)
{
    note(port, 'b', value);
}

void port_out16(uint16_t port, uint16_t value)
{
    note(port, 'w', value);
}

void port_out32(uint16_t port, uint32_t value)
{
    if (port == 0xcf8)
        pci_address = value;
    else
        note(port, 'l', value);
}

uint32_t mmio_in(const volatile void *at, unsigned width)
{
    assert_ptr_equal(at, mapped);
    note(0, "?BW?L"[width], 0);
    return 0x9abcdef0;
}

void mmio_out(volatile void *at, unsigned width, uint32_t value)
{
    assert_ptr_equal(at, mapped);
    note(0, "?BW?L"[width], value);
}

static struct device_register reach(enum acpi_space space, uint64_t address, unsigned width)
{
    struct acpi_register named = {space, address};

    return acpi_reach(&named, width);
}

static bool in_reach(enum acpi_space space, uint64_t address, unsigned width)
{
    struct device_register found = reach(space, address, width);

    return register_exists(&found);
}

static uint64_t pci(uint64_t device, uint64_t function, uint64_t offset)
{
    return device << 32 | function << 16 | offset;
}

static void what_is_out_of_reach(void **state)
{
    (void)state;
    assert_false(in_reach(ACPI_SPACE_PORT, 0, 1));
    assert_false(in_reach(ACPI_SPACE_MEMORY, 0, 1));
    assert_true(in_reach(ACPI_SPACE_PORT, 0xffff, 1));
    assert_false(in_reach(ACPI_SPACE_PORT, 0xffff, 2));
    assert_false(in_reach(ACPI_SPACE_PORT, 0x10cf9, 1));
    assert_true(in_reach(ACPI_SPACE_MEMORY, UINT64_C(0xfffffffff), 1));
    assert_false(in_reach(ACPI_SPACE_MEMORY, UINT64_C(0xfffffffff), 2));
    assert_true(in_reach(ACPI_SPACE_PCI, pci(31, 7, 0xff), 1));
    assert_false(in_reach(ACPI_SPACE_PCI, pci(32, 0, 0x40), 1));
    assert_false(in_reach(ACPI_SPACE_PCI, pci(1, 8, 0x40), 1));
    assert_false(in_reach(ACPI_SPACE_PCI, pci(1, 0, 0x100), 1));
    assert_false(in_reach(ACPI_SPACE_PCI, pci(1, 0, 0x43), 2));
}

static void ports(void **state)
{
    struct device_register r = reach(ACPI_SPACE_PORT, 0x604, 4);

    (void)state;
    assert_int_equal(register_read(&r, 1), 0x78);
    assert_int_equal(last, 'b');
    assert_int_equal(register_read(&r, 2), 0x5678);
    assert_int_equal(last, 'w');
    assert_int_equal(register_read(&r, 4), 0x12345678);
    assert_int_equal(last, 'l');
    assert_int_equal(last_port, 0x604);
    for (unsigned width = 1; width <= 4; width *= 2) {
        register_write(&r, width, 0xfedcba98);
        assert_int_equal(last, "?bw?l"[width]);
        assert_int_equal(last_value, 0xfedcba98 & (UINT32_MAX >> (32 - 8 * width)));
        assert_int_equal(last_port, 0x604);
    }
}

static void memory(void **state)
{
    struct device_register r = reach(ACPI_SPACE_MEMORY, 0xfed00000, 4);

    (void)state;
    for (unsigned width = 1; width <= 4; width *= 2) {
        assert_int_equal(register_read(&r, width), 0x9abcdef0);
        assert_int_equal(last, "?BW?L"[width]);
        register_write(&r, width, 0x77);
        assert_int_equal(last, "?BW?L"[width]);
        assert_int_equal(last_value, 0x77);
    }
}

static void pci_configuration(void **state)
{
    struct device_register r = reach(ACPI_SPACE_PCI, pci(0x1f, 3, 0x46), 2);

    (void)state;
    assert_int_equal(register_read(&r, 2), 0x5678);
    assert_int_equal(pci_address, 0x8000fb44);
    assert_int_equal(last_port, 0xcfe);
    pci_address = 0;
    register_write(&r, 1, 0x0e);
    assert_int_equal(pci_address, 0x8000fb44);
    assert_int_equal(last_port, 0xcfe);
    assert_int_equal(last, 'b');
    assert_int_equal(last_value, 0x0e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_out_of_reach),
        cmocka_unit_test(ports),
        cmocka_unit_test(memory),
        cmocka_unit_test(pci_configuration),
    };

    return cmocka_run_group_tests_name("acpi_reach", tests, NULL, NULL);
}
