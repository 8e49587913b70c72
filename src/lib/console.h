/* SPDX-License-Identifier: MIT */
/*
 * The console: whole lines, from any CPU in any context, in one order, to serial ports and a
 * screen. No call waits for another CPU without a bound, and none spins on a lock.
 *
 * Lines are queued in a ring and written out by whoever finds the consoles free and may; a caller
 * that may not (lib/above.h) only queues. The text is ASCII: other bytes, and control
 * characters but for the newline, come out as '?'.
 */
#ifndef ISTSTORM_LIB_CONSOLE_H
#define ISTSTORM_LIB_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/serial.h"

#define CONSOLE_LINE_MAX 4096 /* bytes of one record, its newlines included */

#define CONSOLE_SERIALS 4 /* serial ports at once */

enum console_spcr {
    CONSOLE_SPCR_NO,
    CONSOLE_SPCR_IF_THERE,
    CONSOLE_SPCR_ASKED, /* it is said when there is none */
};

struct console_choice {
    struct serial_place serials[CONSOLE_SERIALS];
    unsigned serial_count;
    enum console_spcr spcr; /* the port that firmware's own console is on */
    uint32_t spcr_baud;     /* 0: as the table says */
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
 * Opens the chosen screen. Once, on one CPU, in thread context, before all that follows. Queued
 * lines wait for console_start, or for console_seize.
 */
void console_init(const struct console_choice *choice);

/*
 * Opens a serial port; one that is open already has the speed of `place` from here on, where 0
 * is the one that it was found with. Registers in memory are mapped at `mapped`, uncached; a port
 * without `mapped` counts as absent. An absent port is said on what else there is. Before
 * console_start.
 */
void console_add_serial(const struct serial_place *place, volatile void *mapped);

/* From here on what is queued, and was queued before, is written out. */
void console_start(void);

/* A fault on purpose: the serial port that was added last takes no byte. */
void console_plant_stuck(void);

/*
 * Gives the screen its memory: mapped points at fb->address. Without this call, or with a kind or
 * layout that cannot be drawn, the screen stays unused. Before console_init, or after it while no
 * other CPU runs.
 */
void console_set_framebuffer(const struct console_framebuffer *fb, volatile void *mapped);

/*
 * Queues one record of whole lines, never torn, in two steps, so that whoever formats it needs no
 * buffer: reserve length bytes (at most CONSOLE_LINE_MAX), fill text[0 .. length - 1] with a
 * newline at the end, commit, which writes out what is queued if it may. Bytes left 0 are not
 * written out. Between the two calls nothing behind this record is written, so only formatting
 * belongs there. False: the ring was full and the record is lost, counted, and its loss will be
 * said; there is nothing to commit.
 */
struct console_record {
    char *text;
    size_t length;
    uint64_t position; /* in the ring; the console's own */
};

bool console_reserve(struct console_record *record, size_t length);
void console_commit(const struct console_record *record);

/* Writes out what is queued, if no other CPU is at it. Any context. */
void console_drain(void);

/*
 * The last survivor takes the consoles by force and writes out everything, going on where the
 * stopped owner was. From then on every context drains. Only when all other CPUs are stopped
 * for good, and what the caller interrupted is never returned to. May be called again.
 */
void console_seize(void);

/*
 * Records lost because the ring was full, because a CPU stopped in the middle of them, or on a
 * serial port that took no byte for so long that the ring could not keep them for it.
 */
uint64_t console_dropped(void);

/* Writes out what is queued, giving each stuck port a last chance. Thread context. */
void console_settle(void);

/*
 * Lines are summed from this record on, which is reserved and not yet committed. console_sum() is
 * the CRC-32 of all of them that came so far, newlines included, in the order in which every port
 * has them: exact when nothing is queued and nobody else writes.
 */
void console_sum_from(const struct console_record *record);
uint32_t console_sum(void);

/*
 * For the writer of the page on top of the screen (lib/screen.h): makes this CPU the owner of the
 * consoles, and says how many cells the screen has. False: there is no screen, or somebody else
 * has the consoles just now. The page is drawn when this CPU gives them back. Any context that
 * may write to the devices.
 */
bool console_take_page(uint32_t *columns, uint32_t *rows);
void console_give_page(void);

struct console_failure {
    struct serial_place place;
    uint64_t waiting, lost; /* records */
};

/* The first serial port from *index on that is stuck or has lost records; *index moves past it. */
bool console_find_failure(unsigned *index, struct console_failure *failure);

/* The next record is to be the report's last: the console says nothing more of its own. */
void console_end_notes(void);

/* Whether a serial port still has records to come: it was stuck, and may move again. */
bool console_unfinished(void);

/* Whether a serial port, where there is one, has taken all that was said. */
bool console_is_out(void);

#endif
