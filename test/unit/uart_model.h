/* SPDX-License-Identifier: MIT */
/*
 * 16550 UARTs for tests: what lib/port.h and lib/mmio.h ask of a hosted build, and what was
 * transmitted. `uart` is the first; the second is at UART_BASE_2. A third is the first one seen
 * through memory: its registers are uart.stride bytes apart, and want accesses of uart.width.
 */
#ifndef ISTSTORM_TEST_UART_MODEL_H
#define ISTSTORM_TEST_UART_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mmio.h"
#include "lib/port.h"

#define UART_BASE 0x3f8
#define UART_BASE_2 0x2f8
#define UART_MEMORY ((volatile void *)0x40000000)
#define UART_SENT_MAX (16 * 1024 * 1024)

static struct uart_model {
    bool present, modem, scratch, fifo, stuck;
    uint64_t accesses, stop_at; /* at the end of access number stop_at, on_stop is called */
    void (*on_stop)(bool out);
    bool is_ram;
    uint8_t ram[8];
    uint8_t ier, lcr, mcr, scr, fcr, divisor_low, divisor_high;
    unsigned held, sent_too_early;
    uint64_t status_reads;
    uint32_t length;
    unsigned stride, width;
    char sent[UART_SENT_MAX];
} uart, uart_2;

static void uart_reset(void)
{
    uart_2.present = uart_2.modem = uart_2.scratch = uart_2.fifo = true;
    uart_2.stuck = false;
    uart_2.length = uart_2.held = uart_2.sent_too_early = 0;
    uart.present = uart.modem = uart.scratch = uart.fifo = true;
    uart.stuck = uart.is_ram = false;
    uart.accesses = uart.stop_at = uart.status_reads = 0;
    uart.length = uart.held = uart.sent_too_early = 0;
    uart.ier = uart.lcr = uart.mcr = uart.scr = uart.fcr = uart.divisor_low = uart.divisor_high = 0;
}

static void uart_access(struct uart_model *u, bool out)
{
    if (++u->accesses == u->stop_at)
        u->on_stop(out);
}

static uint8_t uart_status(struct uart_model *u)
{
    u->status_reads++;
    if (u->stuck)
        return 0;
    bool leaving = u->held > 0;
    u->held = 0; /* by now all is in the shift register, and at the next look it has left */
    return leaving ? 0x20 : 0x60;
}

static uint8_t uart_read(struct uart_model *u, unsigned reg)
{
    uart_access(u, false);
    if (!u->present)
        return 0xff;
    if (u->is_ram)
        return u->ram[reg];
    switch (reg) {
    case 0:
        return u->lcr & 0x80 ? u->divisor_low : 0;
    case 1:
        return u->lcr & 0x80 ? u->divisor_high : 0;
    case 2:
        return u->fifo && (u->fcr & 1) ? 0xc1 : 0x01;
    case 5:
        return uart_status(u);
    case 6: /* loopback: DTR, RTS, OUT1, OUT2 as DSR, CTS, RI, DCD */
        if (!u->modem || !(u->mcr & 0x10))
            return 0;
        return (u->mcr & 1) << 5 | (u->mcr & 2) << 3 | (u->mcr & 0xc) << 4;
    case 7:
        return u->scratch ? u->scr : 0xff;
    default:
        return 0;
    }
}

static void uart_transmit(struct uart_model *u, uint8_t value)
{
    if (u->held == (u->fifo ? 16 : 1))
        u->sent_too_early++;
    u->held++;
    if (u->length < UART_SENT_MAX)
        u->sent[u->length++] = (char)value;
}

static void uart_write(struct uart_model *u, unsigned reg, uint8_t value)
{
    bool divisor = u->lcr & 0x80;

    if (u->is_ram)
        u->ram[reg] = value;
    switch (reg) {
    case 0:
        if (divisor)
            u->divisor_low = value;
        else
            uart_transmit(u, value);
        break;
    case 1:
        if (divisor)
            u->divisor_high = value;
        else
            u->ier = value;
        break;
    case 2:
        u->fcr = value;
        break;
    case 3:
        u->lcr = value;
        break;
    case 4:
        u->mcr = value;
        break;
    case 7:
        u->scr = value;
        break;
    }
    uart_access(u, true); /* last: the byte is out, and the driver does not know it yet */
}

static struct uart_model *uart_at(uint16_t port)
{
    return (port & ~7) == UART_BASE_2 ? &uart_2 : &uart;
}

uint8_t port_in8(uint16_t port)
{
    return uart_read(uart_at(port), port & 7);
}

void port_out8(uint16_t port, uint8_t value)
{
    uart_write(uart_at(port), port & 7, value);
}

/* 8, which is no register, where nothing of the UART is. */
static unsigned uart_register(const volatile void *at, unsigned width)
{
    uintptr_t offset = (uintptr_t)at - (uintptr_t)UART_MEMORY;

    return width == uart.width && offset % uart.stride == 0 && offset < 8 * uart.stride
               ? (unsigned)(offset / uart.stride) : 8;
}

/* The bytes around a narrow register in a wide access may be anything. */
uint32_t mmio_in(const volatile void *at, unsigned width)
{
    return uart_read(&uart, uart_register(at, width)) | (width > 1 ? 0xd00u : 0);
}

void mmio_out(volatile void *at, unsigned width, uint32_t value)
{
    uart_write(&uart, uart_register(at, width), (uint8_t)value);
}

#endif
