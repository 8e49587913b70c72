/* SPDX-License-Identifier: MIT */
/*
 * A 16550 UART that transmits by polling (National Semiconductor PC16550D data sheet, chapter 8).
 *
 * One owner at a time (the console sees to that); any context. Every wait is bounded: an absent
 * port is never waited on, each wait in vain halves the port's next one down to a least, and each
 * other doubles it again.
 */
#ifndef ISTSTORM_LIB_SERIAL_H
#define ISTSTORM_LIB_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

#define SERIAL_REGISTERS 8

/* Where a UART's registers are, and how fast its line is. */
struct serial_place {
    uint64_t address;  /* of the first register: an I/O port, or physical memory */
    bool in_memory;
    bool named;        /* somebody says that it is there: no guess, which would have to prove it */
    uint8_t stride;    /* bytes from one register to the next */
    uint8_t width;     /* bytes of an access: 1, 2 or 4; I/O ports are accessed by bytes */
    uint32_t baud;     /* 0: as the firmware has left it */
};

struct serial {
    struct serial_place place;
    volatile void *mapped;
    bool planted;         /* a fault on purpose: it never takes a byte */
    bool stuck;           /* it took no byte within the bound; nothing is written to it */
    uint8_t fifo_bytes;   /* what fits once the holding register is empty: 16, or 1 without FIFO */
    uint8_t room;         /* bytes that can be sent before the next look */
    uint16_t found_divisor; /* of the speed that the firmware had left */
    uint64_t patience;      /* reads of the line status register before it is called stuck */
    uint64_t full_patience;
};

/*
 * Looks for the UART and programs it: 8 data bits, no parity, 1 stop bit. Registers in memory are
 * mapped, uncached, at `mapped`. False: there is none.
 */
bool serial_open(struct serial *serial, const struct serial_place *place, volatile void *mapped);
/* Gives an open port another speed; 0 is that which serial_open found. */
void serial_set_speed(struct serial *serial, uint32_t baud);
/* Waits, bounded, until a byte can be sent. False: the port is stuck. */
bool serial_wait(struct serial *serial);
/* Sends one byte; only after serial_wait said true. */
void serial_send(struct serial *serial, uint8_t byte);
/* Waits, bounded, until the last byte has left: what ends the machine would take it along. */
void serial_finish(struct serial *serial);
/* One look at a stuck port: true when it moves again (a reader that had paused, say). */
bool serial_revive(struct serial *serial);
/* At the run's end: a chance more, with all the patience that there is. */
void serial_forgive(struct serial *serial);

#endif
