/* SPDX-License-Identifier: MIT */
/*
 * A 16550 UART that transmits by polling (National Semiconductor PC16550D data sheet, chapter 8).
 *
 * One owner at a time (the console sees to that); any context. Every wait is bounded: an absent
 * port is never waited on, a stuck one is waited on once.
 */
#ifndef ISTSTORM_LIB_SERIAL_H
#define ISTSTORM_LIB_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

struct serial {
    uint16_t port;
    bool stuck;           /* it took no byte within the bound; nothing is written to it */
    uint8_t fifo_bytes;   /* what fits once the holding register is empty: 16, or 1 without FIFO */
    uint8_t room;         /* bytes that can be sent before the next look */
    uint32_t reads_bound; /* of the line status register, before the port is called stuck */
    unsigned stuck_times;
};

/* Looks for the UART and programs it: 8 data bits, no parity, 1 stop bit. False: none there. */
bool serial_open(struct serial *serial, uint16_t port, uint32_t baud);
/* Waits, bounded, until a byte can be sent. False: the port is stuck. */
bool serial_wait(struct serial *serial);
/* Sends one byte; only after serial_wait said true. */
void serial_send(struct serial *serial, uint8_t byte);
/* One look at a stuck port: true when it moves again (a reader that had paused, say). */
bool serial_revive(struct serial *serial);

#endif
