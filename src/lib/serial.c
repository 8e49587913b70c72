/* SPDX-License-Identifier: MIT */
/*
 * Polled output to a 16550 UART (PC16550D data sheet, chapter 8 "Registers").
 *
 * Ports that nobody answers read as 0xff, and real boards have UARTs whose other end never takes
 * a byte: neither may stop the run, so presence is tested first and every wait is counted.
 *
 * A port that is only guessed may be anything's, so it must prove that it is a UART. One that
 * somebody named is believed as soon as its transmitter is free: what stands behind serial-over-LAN
 * has been seen without a scratch register, and without loopback.
 */
#include "lib/serial.h"

#include "lib/mmio.h"
#include "lib/port.h"

enum {
    UART_THR = 0, /* transmitter holding, write; with DLAB the divisor's low byte */
    UART_IER = 1, /* interrupt enable; with DLAB the divisor's high byte */
    UART_FCR = 2, /* FIFO control, write */
    UART_IIR = 2, /* interrupt identification, read */
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_MSR = 6,
    UART_SCR = 7,

    FCR_ENABLE = 0x01,
    FCR_CLEAR_BOTH = 0x06,
    IIR_FIFO_MASK = 0xc0, /* both bits: a FIFO that works (8.6) */
    LCR_8N1 = 0x03,
    LCR_DLAB = 0x80,
    MCR_DTR_RTS = 0x03,
    MCR_OUT2 = 0x08,
    MCR_RTS = 0x02,
    MCR_LOOP = 0x10,
    LSR_NOBODY = 0xff,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40, /* the shift register is empty too */
    MSR_CTS = 0x10,
    MSR_DCD = 0x80,
    MSR_STATES = 0xf0,
};

#define UART_BAUD_MAX 115200 /* the PC's 1.8432 MHz clock over 16 (8.3, table III) */
#define UART_DIVISOR_MAX 0xffff
#define FIFO_BYTES 16

/*
 * The FIFO of 16 empties in 1.4 ms at the top speed. A register read takes 0.1 to 1 us where there
 * is a UART, so this many are 70 to 700 times that, and the bound grows as the speed falls.
 */
#define READS_BOUND 1000000
/* Waits in vain halve it down to this: still longer than a FIFO takes. */
#define READS_LEAST (READS_BOUND / 50)
/* Reads until the transmitter of a named port is free, which may have firmware's last byte. */
#define READS_PRESENT 100000
/* So often as many for a chance at the run's end, when nothing else is kept waiting: before it is
 * said that the port is stuck, then for the verdict, and once more before the machine is left. */
#define LAST_CHANCE 10

static uint8_t get(const struct serial *serial, unsigned reg)
{
    const struct serial_place *place = &serial->place;

    if (place->in_memory)
        return (uint8_t)mmio_in((volatile char *)serial->mapped + reg * place->stride,
                                place->width);
    return port_in8((uint16_t)(place->address + reg * place->stride));
}

static void set(const struct serial *serial, unsigned reg, uint8_t value)
{
    const struct serial_place *place = &serial->place;

    if (place->in_memory)
        mmio_out((volatile char *)serial->mapped + reg * place->stride, place->width, value);
    else
        port_out8((uint16_t)(place->address + reg * place->stride), value);
}

/*
 * The scratch register keeps what is written; in loopback the modem outputs come back as modem
 * inputs, RTS as CTS and OUT2 as DCD, at once (8.5). No empty port does both.
 */
static bool uart_answers(const struct serial *serial)
{
    uint8_t states;

    set(serial, UART_SCR, 0xa5);
    if (get(serial, UART_SCR) != 0xa5)
        return false;
    set(serial, UART_SCR, 0x5a);
    if (get(serial, UART_SCR) != 0x5a)
        return false;
    set(serial, UART_MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
    states = get(serial, UART_MSR) & MSR_STATES;
    set(serial, UART_MCR, MCR_DTR_RTS);
    return states == (MSR_DCD | MSR_CTS);
}

/* Nobody's port reads as all ones, nobody's memory often as 0. */
static bool transmitter_is_free(const struct serial *serial)
{
    for (unsigned reads = 0; reads < READS_PRESENT; reads++) {
        uint8_t status = get(serial, UART_LSR);
        if (status == LSR_NOBODY)
            return false;
        if (status & LSR_THRE)
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

/* A read of FCR's address reads IIR, where these bits are never set together: only RAM keeps them,
 * as a framebuffer's at an address that is wrong. */
static bool is_no_ram(const struct serial *serial)
{
    set(serial, UART_FCR, FCR_ENABLE | FCR_CLEAR_BOTH);
    return get(serial, UART_IIR) != (FCR_ENABLE | FCR_CLEAR_BOTH);
}

static bool is_there(const struct serial *serial)
{
    if (serial->place.named)
        return transmitter_is_free(serial) && is_no_ram(serial);
    return uart_answers(serial);
}

static uint32_t divisor_of(uint32_t baud)
{
    uint32_t divisor;

    if (baud > UART_BAUD_MAX)
        return 1;
    divisor = UART_BAUD_MAX / baud;
    return divisor > UART_DIVISOR_MAX ? UART_DIVISOR_MAX : divisor;
}

/* Divisors are behind DLAB, where the interrupt enable register is otherwise. */
static uint16_t read_divisor(const struct serial *serial)
{
    uint16_t divisor;

    set(serial, UART_LCR, LCR_DLAB | LCR_8N1);
    divisor = (uint16_t)(get(serial, UART_THR) | get(serial, UART_IER) << 8);
    set(serial, UART_LCR, LCR_8N1);
    return divisor;
}

static void write_divisor(const struct serial *serial, uint32_t divisor)
{
    set(serial, UART_LCR, LCR_DLAB | LCR_8N1);
    set(serial, UART_THR, divisor & 0xff);
    set(serial, UART_IER, (uint8_t)(divisor >> 8));
    set(serial, UART_LCR, LCR_8N1);
}

void serial_set_speed(struct serial *serial, uint32_t baud)
{
    uint32_t divisor = baud ? divisor_of(baud) : serial->found_divisor;

    if (divisor != read_divisor(serial)) /* writing it disturbs a byte on its way */
        write_divisor(serial, divisor);
    serial->place.baud = baud;
    serial->full_patience = (uint64_t)READS_BOUND * (divisor > 0 ? divisor : 1);
    serial->patience = serial->full_patience;
}

static void program_fifo(struct serial *serial)
{
    set(serial, UART_FCR, FCR_ENABLE | FCR_CLEAR_BOTH);
    /* The first 16550 reported a FIFO that did not work with one bit alone: it gets 1 byte. */
    if ((get(serial, UART_IIR) & IIR_FIFO_MASK) == IIR_FIFO_MASK)
        serial->fifo_bytes = FIFO_BYTES;
    else
        serial->fifo_bytes = 1;
}

bool serial_open(struct serial *serial, const struct serial_place *place, volatile void *mapped)
{
    *serial = (struct serial){.place = *place, .mapped = mapped};
    if (!is_there(serial))
        return false;
    serial->found_divisor = read_divisor(serial);
    set(serial, UART_IER, 0); /* DLAB is off by now, however it was found */
    serial_set_speed(serial, place->baud);
    program_fifo(serial);
    set(serial, UART_MCR, MCR_DTR_RTS);
    return true;
}

static bool holding_empty(const struct serial *serial)
{
    return !serial->planted && (get(serial, UART_LSR) & LSR_THRE) != 0;
}

/* A wait in vain halves the next one: a port that moves now and then holds up nobody for long. */
static bool wait_in_vain(struct serial *serial)
{
    uint64_t least = serial->full_patience / (READS_BOUND / READS_LEAST);

    serial->stuck = true;
    serial->patience = serial->patience / 2 > least ? serial->patience / 2 : least;
    return false;
}

/* And each that was not doubles it again: what held the port up has passed. */
static bool wait_done(struct serial *serial)
{
    serial->room = serial->fifo_bytes;
    if (serial->patience < serial->full_patience)
        serial->patience = serial->patience * 2 < serial->full_patience ? serial->patience * 2
                                                                        : serial->full_patience;
    return true;
}

bool serial_wait(struct serial *serial)
{
    if (serial->stuck)
        return false;
    if (serial->room > 0)
        return true;
    for (uint64_t reads = 0; reads <= serial->patience; reads++) {
        if (holding_empty(serial))
            return wait_done(serial);
        __builtin_ia32_pause();
    }
    return wait_in_vain(serial);
}

void serial_send(struct serial *serial, uint8_t byte)
{
    /* First: a sender stopped here and seized from leaves room too small by one, never too big. */
    serial->room--;
    set(serial, UART_THR, byte);
}

void serial_finish(struct serial *serial)
{
    if (serial->stuck)
        return;
    for (uint64_t reads = 0; reads <= serial->patience; reads++) {
        if (get(serial, UART_LSR) & LSR_TEMT)
            return;
        __builtin_ia32_pause();
    }
}

bool serial_revive(struct serial *serial)
{
    if (!holding_empty(serial))
        return false;
    serial->stuck = false;
    return true;
}

void serial_forgive(struct serial *serial)
{
    serial->stuck = false;
    if (serial->patience < READS_BOUND * LAST_CHANCE)
        serial->patience = READS_BOUND * LAST_CHANCE;
}
