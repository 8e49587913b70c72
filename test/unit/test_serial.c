/* SPDX-License-Identifier: MIT */
/* The UART driver against a model of the chip: set-up, FIFO, absent and stuck ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/serial.h"
#include "uart_model.h"

static struct serial_place at_baud(uint32_t baud)
{
    return (struct serial_place){.address = UART_BASE, .stride = 1, .width = 1, .baud = baud};
}

static bool open_at(struct serial *serial, uint32_t baud)
{
    struct serial_place place = at_baud(baud);

    return serial_open(serial, &place, NULL);
}

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
    assert_true(open_at(&serial, 115200));
    assert_int_equal(uart.divisor_low, 1);
    assert_int_equal(uart.divisor_high, 0);
    assert_int_equal(uart.lcr, 0x03);
    assert_int_equal(uart.mcr & 0x10, 0);
    assert_int_equal(uart.length, 0);
    assert_true(open_at(&serial, 300));
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 384);
    assert_true(open_at(&serial, 0)); /* as it is */
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 384);
    assert_true(open_at(&serial, 1000000));
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 1);
    assert_true(open_at(&serial, 1));
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 0xffff);
}

static void absent_port_is_not_waited_on(void **state)
{
    struct serial serial;

    (void)state;
    uart.present = false;
    assert_false(open_at(&serial, 115200));
    assert_in_range(uart.accesses, 1, 16);
    uart.present = true;
    uart.modem = false; /* memory that keeps a byte is no UART yet */
    assert_false(open_at(&serial, 115200));
}

/* A port behind serial-over-LAN is driven when it is named, and not when it is a guess. */
static void a_named_port_need_not_prove_itself(void **state)
{
    struct serial_place place = at_baud(115200);
    struct serial serial;

    (void)state;
    uart.scratch = uart.modem = false;
    assert_false(serial_open(&serial, &place, NULL));
    place.named = true;
    assert_true(serial_open(&serial, &place, NULL));
    uart.stuck = true; /* as memory that nobody answers for: all status reads are 0 */
    uart.status_reads = 0;
    assert_false(serial_open(&serial, &place, NULL));
    assert_in_range(uart.status_reads, 1000, 1000000);
    uart.is_ram = true; /* a framebuffer, say */
    uart.ram[5] = 0x60;
    assert_false(serial_open(&serial, &place, NULL));
    uart.present = false;
    uart.accesses = 0;
    assert_false(serial_open(&serial, &place, NULL));
    assert_in_range(uart.accesses, 1, 16);
}

/* Firmware may have left DLAB on: interrupt enable would be the divisor's high byte there. */
static void the_speed_that_was_found_is_kept(void **state)
{
    struct serial serial;

    (void)state;
    uart.lcr = 0x83;
    uart.ier = 0x0f;
    uart.divisor_high = 1;
    uart.divisor_low = 0x80;
    assert_true(open_at(&serial, 0));
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 384);
    assert_int_equal(uart.lcr, 0x03);
    assert_int_equal(uart.ier, 0);
    serial_set_speed(&serial, 115200);
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 1);
    serial_set_speed(&serial, 0);
    assert_int_equal(uart.divisor_high << 8 | uart.divisor_low, 384);
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
    open_at(&serial, 115200);
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
    open_at(&serial, 115200);
    send_text(&serial, 20);
    assert_int_equal(uart.sent_too_early, 0);
    assert_int_equal(uart.status_reads, 20);
}

static void stuck_port_is_waited_on_once_and_can_revive(void **state)
{
    struct serial serial;
    uint64_t reads;

    (void)state;
    open_at(&serial, 115200);
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

static void the_last_byte_is_waited_for(void **state)
{
    struct serial serial;
    uint64_t reads;

    (void)state;
    open_at(&serial, 115200);
    send_text(&serial, 3);
    reads = uart.status_reads;
    serial_finish(&serial);
    assert_int_equal(uart.status_reads, reads + 2);
    uart.stuck = true;
    serial_finish(&serial);
    assert_in_range(uart.status_reads - reads, 100, 10000000);
}

/* A wait in vain, and how many reads it took; then the port moves again. */
static uint64_t stall(struct serial *serial)
{
    uint64_t reads = uart.status_reads;

    uart.stuck = true;
    serial->room = 0;
    assert_false(serial_wait(serial));
    reads = uart.status_reads - reads;
    uart.stuck = false;
    assert_true(serial_revive(serial));
    return reads;
}

/* A port that moves for a moment, again and again, costs less each time, and is never given up. */
static void waits_in_vain_get_shorter(void **state)
{
    struct serial serial;
    uint64_t reads;

    (void)state;
    open_at(&serial, 115200);
    for (unsigned revived = 0; revived < 100; revived++)
        stall(&serial);
    assert_in_range(uart.status_reads, 1000000, 5000000);
    uart.stuck = true;
    reads = uart.status_reads;
    serial_forgive(&serial);
    assert_false(serial_wait(&serial));
    assert_true(uart.status_reads - reads > 1000000);
    reads = uart.status_reads;
    serial_forgive(&serial); /* the verdict has a chance of its own */
    assert_false(serial_wait(&serial));
    assert_true(uart.status_reads - reads > 1000000);
}

/* However often it was stuck, a port is given as long as its FIFO takes, and with each wait that is
 * none in vain more again. */
static void patience_has_a_least_and_comes_back(void **state)
{
    static const uint32_t divisors[] = {1, 12};
    struct serial serial;

    (void)state;
    for (size_t i = 0; i < sizeof(divisors) / sizeof(divisors[0]); i++) {
        uint64_t reads;
        uart_reset();
        open_at(&serial, 115200 / divisors[i]);
        for (unsigned stalls = 0; stalls < 100; stalls++)
            stall(&serial);
        reads = stall(&serial);
        assert_in_range(reads, 20000 * divisors[i], 20001 * divisors[i]);
        send_text(&serial, 16 * 6);
        reads = stall(&serial);
        assert_in_range(reads, 1000000 * divisors[i], 1000001 * divisors[i]);
    }
}

static void registers_in_memory_have_a_stride_and_a_width(void **state)
{
    static const struct {
        uint8_t stride, width;
    } shapes[] = {{1, 1}, {2, 2}, {4, 4}, {4, 1}, {4, 2}, {8, 4}};

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct serial_place place = {.address = 0xfe034000, .in_memory = true, .baud = 9600,
                                     .stride = shapes[i].stride, .width = shapes[i].width};
        struct serial serial;

        uart_reset();
        uart.stride = place.stride;
        uart.width = place.width;
        assert_true(serial_open(&serial, &place, UART_MEMORY));
        assert_int_equal(uart.divisor_low, 12);
        send_text(&serial, 40);
        assert_memory_equal(uart.sent, "abcdefghijklmnopqrstuvwxyzabcdefghijklmn", 40);
        assert_int_equal(uart.length, 40);
        assert_int_equal(uart.sent_too_early, 0);
        uart.width = place.width == 1 ? 2 : 1; /* a UART of another kind is none */
        assert_false(serial_open(&serial, &place, UART_MEMORY));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(port_is_programmed_as_asked, fresh_uart),
        cmocka_unit_test_setup(absent_port_is_not_waited_on, fresh_uart),
        cmocka_unit_test_setup(a_named_port_need_not_prove_itself, fresh_uart),
        cmocka_unit_test_setup(the_speed_that_was_found_is_kept, fresh_uart),
        cmocka_unit_test_setup(fifo_is_filled_and_never_overrun, fresh_uart),
        cmocka_unit_test_setup(without_fifo_each_byte_waits, fresh_uart),
        cmocka_unit_test_setup(stuck_port_is_waited_on_once_and_can_revive, fresh_uart),
        cmocka_unit_test_setup(the_last_byte_is_waited_for, fresh_uart),
        cmocka_unit_test_setup(waits_in_vain_get_shorter, fresh_uart),
        cmocka_unit_test_setup(patience_has_a_least_and_comes_back, fresh_uart),
        cmocka_unit_test_setup(registers_in_memory_have_a_stride_and_a_width, fresh_uart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
