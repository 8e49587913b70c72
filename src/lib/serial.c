/* SPDX-License-Identifier: MIT */
/*
 * Polled output to a 16550 UART (PC16550D data sheet, chapter 8 "Registers").
 *
 * Ports that nobody answers read as 0xff, and real boards have UARTs whose other end never takes
 * a byte: neither may stop the run, so presence is tested first and every wait is counted.
 */
#include "lib/serial.h"

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
    LSR_THRE = 0x20,
    MSR_CTS = 0x10,
    MSR_DCD = 0x80,
    MSR_STATES = 0xf0,
};

#define UART_BAUD_MAX 115200 /* the PC's 1.8432 MHz clock over 16 (8.3, table III) */
#define UART_DIVISOR_MAX 0xffff
#define FIFO_BYTES 16

/*
 * The FIFO of 16 empties in 1.4 ms at the top speed. A port read takes 0.1 to 1 us where there
 * is a UART, so this many are 70 to 700 times that, and the bound grows as the speed falls.
 */
#define READS_BOUND 10000000
/* A port that moves and sticks again and again would cost a wait each time: so often, no more. */
#define STUCK_TIMES_MAX 8

/*
 * The scratch register keeps what is written; in loopback the modem outputs come back as modem
 * inputs, RTS as CTS and OUT2 as DCD, at once (8.5). No empty port does both.
 */
static bool uart_answers(uint16_t port)
{
    uint8_t states;

    port_out8(port + UART_SCR, 0xa5);
    if (port_in8(port + UART_SCR) != 0xa5)
        return false;
    port_out8(port + UART_SCR, 0x5a);
    if (port_in8(port + UART_SCR) != 0x5a)
        return false;
    port_out8(port + UART_MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
    states = port_in8(port + UART_MSR) & MSR_STATES;
    port_out8(port + UART_MCR, MCR_DTR_RTS);
    return states == (MSR_DCD | MSR_CTS);
}

static uint32_t divisor_of(uint32_t baud)
{
    uint32_t divisor;

    if (baud == 0 || baud > UART_BAUD_MAX)
        return 1;
    divisor = UART_BAUD_MAX / baud;
    return divisor > UART_DIVISOR_MAX ? UART_DIVISOR_MAX : divisor;
}

static void uart_program(struct serial *serial, uint32_t divisor)
{
    uint16_t port = serial->port;

    port_out8(port + UART_IER, 0);
    port_out8(port + UART_LCR, LCR_DLAB | LCR_8N1);
    port_out8(port + UART_THR, divisor & 0xff);
    port_out8(port + UART_IER, divisor >> 8);
    port_out8(port + UART_LCR, LCR_8N1);
    port_out8(port + UART_FCR, FCR_ENABLE | FCR_CLEAR_BOTH);
    port_out8(port + UART_MCR, MCR_DTR_RTS);
    /* The first 16550 reported a FIFO that did not work with one bit alone: it gets 1 byte. */
    if ((port_in8(port + UART_IIR) & IIR_FIFO_MASK) == IIR_FIFO_MASK)
        serial->fifo_bytes = FIFO_BYTES;
    else
        serial->fifo_bytes = 1;
}

bool serial_open(struct serial *serial, uint16_t port, uint32_t baud)
{
    uint32_t divisor = divisor_of(baud);

    *serial = (struct serial){.port = port};
    if (!uart_answers(port))
        return false;
    serial->reads_bound = divisor > UINT32_MAX / READS_BOUND ? UINT32_MAX : divisor * READS_BOUND;
    uart_program(serial, divisor);
    return true;
}

static bool holding_empty(const struct serial *serial)
{
    return (port_in8(serial->port + UART_LSR) & LSR_THRE) != 0;
}

bool serial_wait(struct serial *serial)
{
    if (serial->stuck)
        return false;
    if (serial->room > 0)
        return true;
    for (uint32_t i = 0; i < serial->reads_bound; i++) {
        if (holding_empty(serial)) {
            serial->room = serial->fifo_bytes;
            return true;
        }
    }
    serial->stuck = true;
    serial->stuck_times++;
    return false;
}

void serial_send(struct serial *serial, uint8_t byte)
{
    /* First: a sender stopped here and seized from leaves room too small by one, never too big. */
    serial->room--;
    port_out8(serial->port + UART_THR, byte);
}

bool serial_revive(struct serial *serial)
{
    if (serial->stuck_times > STUCK_TIMES_MAX || !holding_empty(serial))
        return false;
    serial->stuck = false;
    return true;
}
