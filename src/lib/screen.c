/* SPDX-License-Identifier: MIT */
/*
 * The screen behind the console: a grid of characters, and the cells of it that differ from what
 * was drawn (multiboot2 3.6.12; PSF1 and PSF2 font files).
 *
 * Text goes into the grid; a flush draws what changed. So a burst of lines costs one redraw, and
 * scrolling moves a quarter of the grid at a time, as most of a 4K screen would else be
 * redrawn for each line, into memory that takes perhaps 100 MB/s.
 *
 * An owner may be stopped anywhere and the next goes on with what it finds: row and column are
 * always inside the grid, and a cell is marked as shown after it was drawn, never before.
 */
#include "lib/screen.h"

#include "lib/console.h"
#include "lib/port.h"
#include "lib/string.h"

#define COLUMNS_MAX 512
#define ROWS_MAX 160
#define SCROLL_PARTS 4

/* The font is enlarged while at least so many cells remain: 4K gets 240 x 67 of 16 x 32. */
#define COLUMNS_WANTED 160
#define ROWS_WANTED 50

#define TEXT_ATTRIBUTE 0x0700 /* light grey on black, in a VGA cell's high byte */
#define GREY_LEVEL 0xc0       /* of 0xff, for red, green and blue */

#define VGA_TEXT_BASE 0xb8000
#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CRTC_CURSOR_START 0x0a
#define CRTC_CURSOR_OFF 0x20

#define PSF1_MAGIC 0x0436
#define PSF1_MODE_512 0x01
#define PSF1_HEADER_BYTES 4
#define PSF2_MAGIC 0x864ab572
#define GLYPH_SIDE_MAX 64 /* pixels */

struct psf2_header {
    uint32_t magic, version, header_bytes, flags, count, glyph_bytes, height, width;
};

static struct {
    enum console_framebuffer_kind kind;
    volatile uint8_t *memory;
    struct screen_font font;
    uint32_t pitch, columns, rows, scale, pixel_bytes, ink;
    uint32_t column, row; /* where the next character goes */
    char text[ROWS_MAX][COLUMNS_MAX];
    char shown[ROWS_MAX][COLUMNS_MAX];
} screen;

static bool psf1_parse(const uint8_t *file, size_t length, struct screen_font *font)
{
    if (length < PSF1_HEADER_BYTES || (file[0] | file[1] << 8) != PSF1_MAGIC)
        return false;
    font->glyphs = file + PSF1_HEADER_BYTES;
    font->count = file[2] & PSF1_MODE_512 ? 512 : 256;
    font->width = 8;
    font->height = font->glyph_bytes = file[3];
    return font->height > 0 && length - PSF1_HEADER_BYTES >= font->count * font->glyph_bytes;
}

static bool psf2_parse(const uint8_t *file, size_t length, struct screen_font *font)
{
    struct psf2_header header;

    if (length < sizeof(header))
        return false;
    memcpy(&header, file, sizeof(header));
    if (header.magic != PSF2_MAGIC || header.header_bytes < sizeof(header) ||
        header.header_bytes > length || header.count == 0 ||
        header.width == 0 || header.width > GLYPH_SIDE_MAX ||
        header.height == 0 || header.height > GLYPH_SIDE_MAX)
        return false;
    *font = (struct screen_font){
        .glyphs = file + header.header_bytes,
        .count = header.count,
        .width = header.width,
        .height = header.height,
        .glyph_bytes = header.glyph_bytes,
    };
    return header.glyph_bytes >= (header.width + 7) / 8 * header.height &&
           (length - header.header_bytes) / header.glyph_bytes >= header.count;
}

bool screen_font_parse(const void *file, size_t length, struct screen_font *font)
{
    return psf1_parse(file, length, font) || psf2_parse(file, length, font);
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

static bool open_text(const struct console_framebuffer *fb)
{
    if (fb->width == 0 || fb->height == 0 || fb->pitch / sizeof(uint16_t) < fb->width ||
        fb->pitch % sizeof(uint16_t) != 0)
        return false;
    screen.columns = at_most(fb->width, COLUMNS_MAX);
    screen.rows = at_most(fb->height, ROWS_MAX);
    if (fb->address == VGA_TEXT_BASE) { /* a blinking cursor would stay where GRUB left it */
        port_out8(CRTC_INDEX, CRTC_CURSOR_START);
        port_out8(CRTC_DATA, CRTC_CURSOR_OFF);
    }
    return true;
}

static uint32_t colour_bits(uint32_t level, uint8_t position, uint8_t size)
{
    return (size < 8 ? level >> (8 - size) : level << (size - 8)) << position;
}

static bool colour_fits(uint8_t position, uint8_t size, uint8_t bits)
{
    return size > 0 && size <= 16 && position + size <= bits;
}

static bool pixels_drawable(const struct console_framebuffer *fb)
{
    uint8_t bits = fb->bits_per_pixel;
    uint32_t bytes = (bits + 7u) / 8;

    if (bytes < 2 || bytes > 4 || fb->width == 0 || fb->pitch / bytes < fb->width)
        return false;
    if (bytes != 3 && (fb->pitch % bytes != 0 || fb->address % bytes != 0))
        return false; /* each pixel is one aligned store */
    return colour_fits(fb->red_position, fb->red_size, bits) &&
           colour_fits(fb->green_position, fb->green_size, bits) &&
           colour_fits(fb->blue_position, fb->blue_size, bits);
}

static uint32_t font_scale(const struct console_framebuffer *fb, const struct screen_font *font)
{
    uint32_t across = fb->width / (font->width * COLUMNS_WANTED);
    uint32_t down = fb->height / (font->height * ROWS_WANTED);
    uint32_t scale = at_most(across, down);

    return scale > 0 ? scale : 1;
}

static bool open_rgb(const struct console_framebuffer *fb, const struct screen_font *font)
{
    if (!pixels_drawable(fb) || fb->width < font->width || fb->height < font->height)
        return false;
    screen.font = *font;
    screen.scale = font_scale(fb, font);
    screen.pixel_bytes = (fb->bits_per_pixel + 7u) / 8;
    screen.columns = at_most(fb->width / (font->width * screen.scale), COLUMNS_MAX);
    screen.rows = at_most(fb->height / (font->height * screen.scale), ROWS_MAX);
    screen.ink = colour_bits(GREY_LEVEL, fb->red_position, fb->red_size) |
                 colour_bits(GREY_LEVEL, fb->green_position, fb->green_size) |
                 colour_bits(GREY_LEVEL, fb->blue_position, fb->blue_size);
    return true;
}

bool screen_open(const struct console_framebuffer *fb, volatile void *mapped,
                 const struct screen_font *font)
{
    screen.kind = CONSOLE_FRAMEBUFFER_NONE;
    if (!mapped || (fb->kind == CONSOLE_FRAMEBUFFER_TEXT ? !open_text(fb) :
                    fb->kind != CONSOLE_FRAMEBUFFER_RGB || !open_rgb(fb, font)))
        return false;
    screen.memory = mapped;
    screen.pitch = fb->pitch;
    screen.row = screen.column = 0;
    memset(screen.text, ' ', sizeof(screen.text));
    memset(screen.shown, 0, sizeof(screen.shown)); /* unlike any text: all is drawn once */
    screen.kind = fb->kind;
    screen_flush();
    return true;
}

static void scroll(void)
{
    uint32_t away = screen.rows / SCROLL_PARTS;

    if (away == 0)
        away = 1;
    for (uint32_t row = 0; row < screen.rows; row++) {
        if (row + away < screen.rows)
            memcpy(screen.text[row], screen.text[row + away], screen.columns);
        else
            memset(screen.text[row], ' ', screen.columns);
    }
    screen.row = screen.rows - away;
}

static void new_line(void)
{
    screen.column = 0;
    if (screen.row + 1 < screen.rows)
        screen.row++;
    else
        scroll();
}

void screen_write(const char *text, size_t length)
{
    if (screen.kind == CONSOLE_FRAMEBUFFER_NONE)
        return;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            new_line();
        } else if (text[i] != '\0') {
            /* Wrapped when the next character comes, so that a full line costs no empty one. */
            if (screen.column >= screen.columns)
                new_line();
            screen.text[screen.row][screen.column++] = text[i];
        }
    }
}

static void draw_pixel(volatile uint8_t *at, uint32_t colour)
{
    if (screen.pixel_bytes == 4) {
        *(volatile uint32_t *)at = colour;
    } else if (screen.pixel_bytes == 2) {
        *(volatile uint16_t *)at = (uint16_t)colour;
    } else {
        at[0] = (uint8_t)colour;
        at[1] = (uint8_t)(colour >> 8);
        at[2] = (uint8_t)(colour >> 16);
    }
}

/* y counts pixels of the screen inside the cell, scale of them for one of the glyph. */
static void draw_glyph_row(volatile uint8_t *at, const uint8_t *bits)
{
    for (uint32_t x = 0; x < screen.font.width; x++) {
        uint32_t colour = bits[x / 8] & 0x80 >> x % 8 ? screen.ink : 0;

        for (uint32_t i = 0; i < screen.scale; i++, at += screen.pixel_bytes)
            draw_pixel(at, colour);
    }
}

static void draw_glyph(uint32_t row, uint32_t column, uint8_t c)
{
    const struct screen_font *font = &screen.font;
    uint32_t row_bytes = (font->width + 7) / 8, height = font->height * screen.scale;
    const uint8_t *glyph = font->glyphs + (size_t)(c < font->count ? c : 0) * font->glyph_bytes;
    volatile uint8_t *at = screen.memory + (size_t)row * height * screen.pitch +
                           (size_t)column * font->width * screen.scale * screen.pixel_bytes;

    for (uint32_t y = 0; y < height; y++, at += screen.pitch)
        draw_glyph_row(at, glyph + y / screen.scale * row_bytes);
}

static void draw_cell(uint32_t row, uint32_t column)
{
    uint8_t c = (uint8_t)screen.text[row][column];

    if (screen.kind == CONSOLE_FRAMEBUFFER_TEXT)
        ((volatile uint16_t *)(screen.memory + (size_t)row * screen.pitch))[column] =
            TEXT_ATTRIBUTE | c;
    else
        draw_glyph(row, column, c);
    screen.shown[row][column] = (char)c;
}

void screen_flush(void)
{
    if (screen.kind == CONSOLE_FRAMEBUFFER_NONE)
        return;
    for (uint32_t row = 0; row < screen.rows; row++) {
        for (uint32_t column = 0; column < screen.columns; column++) {
            if (screen.text[row][column] != screen.shown[row][column])
                draw_cell(row, column);
        }
    }
}
