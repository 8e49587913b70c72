/* SPDX-License-Identifier: MIT */
/*
 * The console: whole lines, from any CPU in any context, in one order, to a serial port and a
 * screen. No call waits for another CPU without a bound, and none spins on a lock.
 *
 * Lines are queued in a ring and written out by whoever finds the consoles free and may; a caller
 * that may not (see console_may_drain) only queues. The text is ASCII: other bytes, and control
 * characters but for the newline, come out as '?'.
 */
#ifndef ISTSTORM_LIB_CONSOLE_H
#define ISTSTORM_LIB_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_LINE_MAX 4096 /* bytes of one record, its newlines included */

struct console_choice {
    bool serial;
    uint16_t serial_port; /* I/O port of the UART's first register */
    uint32_t serial_baud;
    bool screen;
};

enum console_framebuffer_kind {
    CONSOLE_FRAMEBUFFER_NONE,
    CONSOLE_FRAMEBUFFER_TEXT, /* VGA text cells; width and height count cells */
    CONSOLE_FRAMEBUFFER_RGB,  /* linear, one colour a pixel; width and height count pixels */
};

struct console_framebuffer {
    uint64_t address; /* physical */
    uint32_t pitch;   /* bytes from one row to the next */
    uint32_t width, height;
    uint8_t bits_per_pixel;
    uint8_t red_position, red_size; /* bits, as in the multiboot2 framebuffer tag */
    uint8_t green_position, green_size;
    uint8_t blue_position, blue_size;
    enum console_framebuffer_kind kind;
};

/*
 * Opens what is chosen and writes out what was queued before. Once, on one CPU, in thread
 * context. An absent serial port is said on what else there is.
 */
void console_init(const struct console_choice *choice);

/*
 * Gives the screen its memory: mapped points at fb->address. Without this call, or with a kind or
 * layout that cannot be drawn, the screen stays unused. Before console_init, or after it while no
 * other CPU runs.
 */
void console_set_framebuffer(const struct console_framebuffer *fb, volatile void *mapped);

/*
 * Queues one record of whole lines, never torn, and writes out what is queued if it may.
 * A missing last newline is added; what is longer than CONSOLE_LINE_MAX is cut.
 * False: the ring was full and the record is lost, counted, and its loss will be said.
 */
bool console_write(const char *text, size_t length);

/*
 * The same in two steps, for who formats straight into the ring and so needs no buffer: reserve
 * length bytes (at most CONSOLE_LINE_MAX), fill text[0 .. length - 1] with a newline at the end,
 * commit. Bytes left 0 are not written out. Between the two calls nothing behind this record is
 * written, so only formatting belongs there. False: lost, as above, and nothing to commit.
 */
struct console_record {
    char *text;
    size_t length;
    uint64_t position; /* in the ring; the console's own */
};

bool console_reserve(struct console_record *record, size_t length);
void console_commit(const struct console_record *record);

/*
 * Asks whether the calling context may write to the devices: set by the cpu room to a function
 * that is false in #NMI, #MC and #DF context. NULL: always.
 */
extern bool (*console_may_drain)(void);

/* Writes out what is queued, if no other CPU is at it. Any context. */
void console_drain(void);

/*
 * The last survivor takes the consoles by force and writes out everything, going on where the
 * stopped owner was. From then on every context drains. Only when all other CPUs are stopped
 * for good, and what the caller interrupted is never returned to. May be called again.
 */
void console_seize(void);

/* Records lost because the ring was full, and records cut off by a CPU that stopped. */
uint64_t console_dropped(void);

#endif
