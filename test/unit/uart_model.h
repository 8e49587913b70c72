/* SPDX-License-Identifier: MIT */
/* A 16550 UART for tests: what lib/port.h asks of a hosted build, and what was transmitted. */
#ifndef ISTSTORM_TEST_UART_MODEL_H
#define ISTSTORM_TEST_UART_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/port.h"

#define UART_BASE 0x3f8
#define UART_SENT_MAX (16 * 1024 * 1024)

static struct {
    bool present, modem, fifo, stuck;
    uint64_t accesses, stop_at; /* at the end of access number stop_at, on_stop is called */
    void (*on_stop)(bool out);
    uint8_t lcr, mcr, scr, fcr, divisor_low, divisor_high;
    unsigned held, sent_too_early;
    uint64_t status_reads;
    uint32_t length;
    char sent[UART_SENT_MAX];
} uart;

static void uart_reset(void)
{
    uart.present = uart.modem = uart.fifo = true;
    uart.stuck = false;
    uart.accesses = uart.stop_at = uart.status_reads = 0;
    uart.length = uart.held = uart.sent_too_early = 0;
    uart.lcr = uart.mcr = uart.scr = uart.fcr = uart.divisor_low = uart.divisor_high = 0;
}

static void uart_access(bool out)
{
    if (++uart.accesses == uart.stop_at)
        uart.on_stop(out);
}

static uint8_t uart_status(void)
{
    uart.status_reads++;
    if (uart.stuck)
        return 0;
    uart.held = 0; /* by now all is shifted out */
    return 0x60;
}

uint8_t port_in8(uint16_t port)
{
    uart_access(false);
    if (!uart.present)
        return 0xff;
    switch (port - UART_BASE) {
    case 2:
        return uart.fifo && (uart.fcr & 1) ? 0xc1 : 0x01;
    case 5:
        return uart_status();
    case 6: /* loopback: DTR, RTS, OUT1, OUT2 as DSR, CTS, RI, DCD */
        if (!uart.modem || !(uart.mcr & 0x10))
            return 0;
        return (uart.mcr & 1) << 5 | (uart.mcr & 2) << 3 | (uart.mcr & 0xc) << 4;
    case 7:
        return uart.scr;
    default:
        return 0;
    }
}

static void uart_transmit(uint8_t value)
{
    if (uart.held == (uart.fifo ? 16 : 1))
        uart.sent_too_early++;
    uart.held++;
    if (uart.length < UART_SENT_MAX)
        uart.sent[uart.length++] = (char)value;
}

void port_out8(uint16_t port, uint8_t value)
{
    bool divisor = uart.lcr & 0x80;

    switch (port - UART_BASE) {
    case 0:
        if (divisor)
            uart.divisor_low = value;
        else
            uart_transmit(value);
        break;
    case 1:
        if (divisor)
            uart.divisor_high = value;
        break;
    case 2:
        uart.fcr = value;
        break;
    case 3:
        uart.lcr = value;
        break;
    case 4:
        uart.mcr = value;
        break;
    case 7:
        uart.scr = value;
        break;
    }
    uart_access(true); /* last: the byte is out, and the driver does not know it yet */
}

#endif
