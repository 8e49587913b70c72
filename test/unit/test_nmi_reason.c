/* SPDX-License-Identifier: MIT */
/* Tests of cpu/hardware/nmi_reason.h against a port: what it says, and what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/hardware/nmi_reason.h"
#include "lib/port.h"

static uint8_t status;
static int written;                 /* the last byte; -1: none */

uint8_t port_in8(uint16_t port)
{
    assert_int_equal(port, 0x61);
    return status;
}

void port_out8(uint16_t port, uint8_t value)
{
    assert_int_equal(port, 0x61);
    written = value;
}

static void each_status_gives_its_reasons(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 0xff; i++) {
        unsigned off = (i >> 7 & 1) << 2 | (i >> 6 & 1) << 3;

        status = i;
        written = -1;
        assert_int_equal(nmi_read_reason(), i & 0xc0);
        assert_int_equal(written, off ? (int)((i & 0x0f) | off) : -1);
    }
}

static void a_port_that_nobody_answers_gives_none(void **state)
{
    (void)state;
    status = 0xff;
    written = -1;
    assert_int_equal(nmi_read_reason(), 0);
    assert_int_equal(written, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_gives_its_reasons),
        cmocka_unit_test(a_port_that_nobody_answers_gives_none),
    };

    return cmocka_run_group_tests_name("nmi_reason", tests, NULL, NULL);
}
