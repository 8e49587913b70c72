/* SPDX-License-Identifier: MIT */
/* The UART driver against a model of the chip: set-up, FIFO, absent and stuck ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/serial.h"
#include "uart_model.h"

static int fresh_uart(void **state)
{
    (void)state;
    uart_reset();
    return 0;
}

static void port_is_programmed_as_asked(void **state)
{
    struct serial serial;

    (void)state;
    assert_true(serial_open(&serial, UART_BASE, 115200));
    assert_int_equal(uart.divisor_low, 1);
    assert_int_equal(uart.divisor_high, 0);
    assert_int_equal(uart.lcr, 0x03);
    assert_int_equal(uart.mcr & 0x10, 0);
    assert_int_equal(uart.length, 0);
    assert_true(serial_open(&serial, UART_BASE, 300));
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 384);
    assert_true(serial_open(&serial, UART_BASE, 0));
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 1);
    assert_true(serial_open(&serial, UART_BASE, 1));
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 0xffff);
}

static void absent_port_is_not_waited_on(void **state)
{
    struct serial serial;

    (void)state;
    uart.present = false;
    assert_false(serial_open(&serial, UART_BASE, 115200));
    assert_in_range(uart.accesses, 1, 16);
    uart.present = true;
    uart.modem = false; /* memory that keeps a byte is no UART yet */
    assert_false(serial_open(&serial, UART_BASE, 115200));
}

static void send_text(struct serial *serial, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_true(serial_wait(serial));
        serial_send(serial, (uint8_t)('a' + i % 26));
    }
}

static void fifo_is_filled_and_never_overrun(void **state)
{
    struct serial serial;

    (void)state;
    serial_open(&serial, UART_BASE, 115200);
    send_text(&serial, 160);
    assert_int_equal(uart.length, 160);
    assert_int_equal(uart.sent_too_early, 0);
    assert_int_equal(uart.status_reads, 10);
}

static void without_fifo_each_byte_waits(void **state)
{
    struct serial serial;

    (void)state;
    uart.fifo = false;
    serial_open(&serial, UART_BASE, 115200);
    send_text(&serial, 20);
    assert_int_equal(uart.sent_too_early, 0);
    assert_int_equal(uart.status_reads, 20);
}

static void stuck_port_is_waited_on_once_and_can_revive(void **state)
{
    struct serial serial;
    uint64_t reads;

    (void)state;
    serial_open(&serial, UART_BASE, 115200);
    uart.stuck = true;
    assert_false(serial_wait(&serial));
    assert_true(serial.stuck);
    reads = uart.status_reads;
    assert_false(serial_wait(&serial));
    assert_int_equal(uart.status_reads, reads);
    assert_false(serial_revive(&serial));
    assert_int_equal(uart.status_reads, reads + 1);
    uart.stuck = false;
    assert_true(serial_revive(&serial));
    send_text(&serial, 3);
}

static void port_that_sticks_too_often_is_left(void **state)
{
    struct serial serial;
    unsigned revived = 0;

    (void)state;
    serial_open(&serial, UART_BASE, 115200);
    for (; revived < 100; revived++) {
        uart.stuck = true;
        serial.room = 0;
        assert_false(serial_wait(&serial));
        uart.stuck = false;
        if (!serial_revive(&serial))
            break;
    }
    assert_in_range(revived, 1, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(port_is_programmed_as_asked, fresh_uart),
        cmocka_unit_test_setup(absent_port_is_not_waited_on, fresh_uart),
        cmocka_unit_test_setup(fifo_is_filled_and_never_overrun, fresh_uart),
        cmocka_unit_test_setup(without_fifo_each_byte_waits, fresh_uart),
        cmocka_unit_test_setup(stuck_port_is_waited_on_once_and_can_revive, fresh_uart),
        cmocka_unit_test_setup(port_that_sticks_too_often_is_left, fresh_uart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
