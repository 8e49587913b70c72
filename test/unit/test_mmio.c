/* SPDX-License-Identifier: MIT */
/* An access to a device's register has the width that is asked for, and touches no neighbour. The
 * header is taken as the image has it: unit.mk compiles this as freestanding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/mmio.h"

static union {
    uint8_t bytes[8];
    uint64_t all;
} registers;

static void a_write_has_its_width(void **state)
{
    static const struct {
        unsigned width;
        uint64_t left;
    } writes[] = {{1, 0xffffff44ffffffff}, {2, 0xffff3344ffffffff}, {4, 0x11223344ffffffff}};

    (void)state;
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        registers.all = UINT64_MAX;
        mmio_out(&registers.bytes[4], writes[i].width, 0x11223344);
        assert_int_equal(registers.all, writes[i].left);
    }
}

static void a_read_has_its_width(void **state)
{
    (void)state;
    registers.all = 0x1122334455667788;
    assert_int_equal(mmio_in(&registers.bytes[4], 1), 0x44);
    assert_int_equal(mmio_in(&registers.bytes[4], 2), 0x3344);
    assert_int_equal(mmio_in(&registers.bytes[4], 4), 0x11223344);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_has_its_width),
        cmocka_unit_test(a_read_has_its_width),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
