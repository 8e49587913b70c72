/* SPDX-License-Identifier: MIT */
/*
 * The screen: a page of cells on top, and lines of text that scroll below it, on VGA text cells or
 * on a linear framebuffer with a PSF font (multiboot2 3.6.12 "Framebuffer info"; VGA text memory;
 * the Linux console's PSF1 and PSF2).
 *
 * One owner at a time (the console sees to that); any context. Video memory is only written,
 * never read: it is not cached, and reading it back to scroll would take seconds.
 */
#ifndef ISTSTORM_LIB_SCREEN_H
#define ISTSTORM_LIB_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct console_framebuffer;

struct screen_font {
    const uint8_t *glyphs; /* rows of (width + 7) / 8 bytes, leftmost pixel in the top bit */
    uint32_t count, width, height, glyph_bytes;
};

/* False unless every glyph lies inside file[0 .. length - 1]. The glyph of 'A' is number 65. */
bool screen_font_parse(const void *file, size_t length, struct screen_font *font);

/* Clears the screen. False: no kind or layout that can be drawn; then nothing was touched. */
bool screen_open(const struct console_framebuffer *fb, volatile void *mapped,
                 const struct screen_font *font);

/* VGA's colours, of which the first eight can be paper; a cell's ink and paper in one byte. */
enum screen_colour {
    SCREEN_BLACK,
    SCREEN_BLUE,
    SCREEN_GREEN,
    SCREEN_CYAN,
    SCREEN_RED,
    SCREEN_GREY = 7,
    SCREEN_DARK_GREY,
    SCREEN_LIGHT_GREEN = 10,
    SCREEN_LIGHT_RED = 12,
    SCREEN_YELLOW = 14,
    SCREEN_WHITE,
};
#define SCREEN_COLOURS(ink, paper) ((uint8_t)((ink) | (paper) << 4))
#define SCREEN_PLAIN SCREEN_COLOURS(SCREEN_GREY, SCREEN_BLACK)

/* Characters that are drawn without a font: a cell in its ink, or one half of it. */
#define SCREEN_FULL '\xdb'
#define SCREEN_LOWER_HALF '\xdc'
#define SCREEN_UPPER_HALF '\xdf'

/* Cells there are; 0 and 0 where no screen is open. */
void screen_size(uint32_t *columns, uint32_t *rows);
/* The page on top has so many rows from now on, all blank; the text goes on below it. */
void screen_set_page(uint32_t rows);
/* Writes on the page; what falls off it is cut. */
void screen_put(uint32_t row, uint32_t column, uint8_t colours, const char *text, size_t length);

/* A word in letters of SCREEN_BIG_ROWS rows and SCREEN_BIG_COLUMNS columns each, on the page. */
#define SCREEN_BIG_ROWS 8
#define SCREEN_BIG_COLUMNS 8
void screen_put_big(uint32_t row, uint32_t column, uint8_t colours, const char *word);

/* Adds text below the page, wrapping long lines; shown at the next flush. */
void screen_write(const char *text, size_t length);
/* Draws the cells that changed. */
void screen_flush(void);

#endif
