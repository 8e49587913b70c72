/* SPDX-License-Identifier: MIT */
/*
 * The screen: lines of text on VGA text cells or on a linear framebuffer with a PSF font
 * (multiboot2 3.6.12 "Framebuffer info"; VGA text memory; the Linux console's PSF1 and PSF2).
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
/* Adds text, wrapping long lines; shown at the next flush. */
void screen_write(const char *text, size_t length);
/* Draws the cells that changed. */
void screen_flush(void);

#endif
