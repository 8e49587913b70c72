/* SPDX-License-Identifier: MIT */
/*
 * The screen behind the console: a grid of cells, and those of them that differ from what was drawn
 * (multiboot2 3.6.12; PSF1 and PSF2 font files). The grid's upper rows are a page that others
 * write to cell by cell; below it text scrolls.
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

#define COLOURS 16
#define PAPER_SHIFT 4
#define INK_MASK 15

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

struct cell {
    char c;
    uint8_t colours; /* ink, and paper in the upper half: a VGA cell's attribute */
};

static const struct cell blank = {' ', SCREEN_PLAIN};

static struct {
    enum console_framebuffer_kind kind;
    volatile uint8_t *memory;
    struct screen_font font;
    uint32_t pitch, columns, rows, scale, pixel_bytes;
    uint32_t palette[COLOURS];
    uint32_t page_rows;
    uint32_t column, row; /* where the next character goes */
    bool changed;         /* some cell may differ from what is shown */
    struct cell cells[ROWS_MAX][COLUMNS_MAX];
    struct cell shown[ROWS_MAX][COLUMNS_MAX];
} screen;

static void fill(uint32_t first_row, uint32_t end_row)
{
    screen.changed = true;
    for (uint32_t row = first_row; row < end_row; row++)
        for (uint32_t column = 0; column < screen.columns; column++)
            screen.cells[row][column] = blank;
}

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

static void make_palette(const struct console_framebuffer *fb)
{
    static const uint8_t levels[COLOURS][3] = {
        {0x00, 0x00, 0x00}, {0x20, 0x40, 0x90}, {0x00, 0x80, 0x30}, {0x00, 0xa0, 0xa0},
        {0xb0, 0x20, 0x20}, {0xa0, 0x40, 0xa0}, {0xa0, 0x60, 0x00}, {0xc0, 0xc0, 0xc0},
        {0x70, 0x70, 0x70}, {0x60, 0x90, 0xff}, {0x50, 0xe0, 0x70}, {0x60, 0xe0, 0xe0},
        {0xff, 0x70, 0x70}, {0xff, 0x80, 0xff}, {0xff, 0xe0, 0x60}, {0xff, 0xff, 0xff},
    };

    for (unsigned i = 0; i < COLOURS; i++)
        screen.palette[i] = colour_bits(levels[i][0], fb->red_position, fb->red_size) |
                            colour_bits(levels[i][1], fb->green_position, fb->green_size) |
                            colour_bits(levels[i][2], fb->blue_position, fb->blue_size);
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
    screen.scale = font_scale(fb, font);
    screen.pixel_bytes = (fb->bits_per_pixel + 7u) / 8;
    screen.columns = at_most(fb->width / (font->width * screen.scale), COLUMNS_MAX);
    screen.rows = at_most(fb->height / (font->height * screen.scale), ROWS_MAX);
    make_palette(fb);
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
    screen.font = *font;
    screen.pitch = fb->pitch;
    screen.page_rows = screen.row = screen.column = 0;
    fill(0, screen.rows);
    memset(screen.shown, 0, sizeof(screen.shown)); /* unlike any cell: all is drawn once */
    screen.kind = fb->kind;
    screen_flush();
    return true;
}

void screen_size(uint32_t *columns, uint32_t *rows)
{
    bool used = screen.kind != CONSOLE_FRAMEBUFFER_NONE;

    *columns = used ? screen.columns : 0;
    *rows = used ? screen.rows : 0;
}

/* Moves the text up by some rows, out of its first ones. */
static void scroll(uint32_t away)
{
    for (uint32_t row = screen.page_rows; row + away < screen.rows; row++)
        memcpy(screen.cells[row], screen.cells[row + away], sizeof(screen.cells[row]));
    fill(screen.rows - away, screen.rows);
    screen.row -= away;
}

static void new_line(void)
{
    uint32_t away = (screen.rows - screen.page_rows) / SCROLL_PARTS;

    screen.column = 0;
    if (screen.row + 1 == screen.rows)
        scroll(away > 0 ? away : 1);
    screen.row++;
}

void screen_write(const char *text, size_t length)
{
    if (screen.kind == CONSOLE_FRAMEBUFFER_NONE)
        return;
    screen.changed = true;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            new_line();
        } else if (text[i] != '\0') {
            /* Wrapped when the next character comes, so that a full line costs no empty one. */
            if (screen.column >= screen.columns)
                new_line();
            screen.cells[screen.row][screen.column++] = (struct cell){text[i], SCREEN_PLAIN};
        }
    }
}

/* The text moves down, as far as there is room, or the page takes the place of its oldest lines. */
void screen_set_page(uint32_t rows)
{
    uint32_t lines = screen.row - screen.page_rows, first = screen.page_rows;

    if (screen.kind == CONSOLE_FRAMEBUFFER_NONE || rows >= screen.rows)
        return;
    if (rows == screen.page_rows) {
        fill(0, rows);
        return;
    }
    if (lines > screen.rows - rows - 1) {
        first += lines - (screen.rows - rows - 1);
        lines = screen.rows - rows - 1;
    }
    memmove(screen.cells[rows], screen.cells[first], (lines + 1) * sizeof(screen.cells[0]));
    screen.page_rows = rows;
    screen.row = rows + lines;
    fill(0, rows);
    fill(screen.row + 1, screen.rows);
}

void screen_put(uint32_t row, uint32_t column, uint8_t colours, const char *text, size_t length)
{
    if (screen.kind == CONSOLE_FRAMEBUFFER_NONE || row >= screen.page_rows)
        return;
    screen.changed = true;
    for (size_t i = 0; i < length && column < screen.columns; i++, column++)
        screen.cells[row][column] = (struct cell){text[i], colours};
}

static const uint8_t *glyph_of(uint8_t c)
{
    return screen.font.glyphs + (size_t)(c < screen.font.count ? c : 0) * screen.font.glyph_bytes;
}

/* Whether the big letter has ink there: the glyph, drawn two rows to a cell. */
static bool has_ink(uint8_t c, uint32_t x, uint32_t y)
{
    uint32_t row_bytes = (screen.font.width + 7) / 8;

    return y < screen.font.height && x < screen.font.width &&
           glyph_of(c)[y * row_bytes + x / 8] & 0x80 >> x % 8;
}

static void put_big_row(uint32_t row, uint32_t column, uint8_t colours, uint8_t letter, uint32_t y)
{
    static const char halves[] = {' ', SCREEN_UPPER_HALF, SCREEN_LOWER_HALF, SCREEN_FULL};

    for (uint32_t x = 0; x < SCREEN_BIG_COLUMNS; x++) {
        unsigned upper = has_ink(letter, x, 2 * y), lower = has_ink(letter, x, 2 * y + 1);

        screen_put(row + y, column + x, colours, &halves[upper | lower << 1], 1);
    }
}

void screen_put_big(uint32_t row, uint32_t column, uint8_t colours, const char *word)
{
    if (!screen.font.glyphs)
        return;
    for (; *word; word++, column += SCREEN_BIG_COLUMNS)
        for (uint32_t y = 0; y < SCREEN_BIG_ROWS; y++)
            put_big_row(row, column, colours, (uint8_t)*word, y);
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

/* Ink or paper, for a cell's halves, which fonts have at different places or not at all. */
static bool half_has_ink(char c, uint32_t y, uint32_t height)
{
    return c == SCREEN_FULL || (c == SCREEN_UPPER_HALF) == (y < height / 2);
}

static bool is_half(char c)
{
    return c == SCREEN_FULL || c == SCREEN_UPPER_HALF || c == SCREEN_LOWER_HALF;
}

/* `bits`: one row of the glyph, each pixel of which is `scale` wide on the screen. */
static void draw_row(volatile uint8_t *at, const uint8_t *bits, uint32_t ink, uint32_t paper)
{
    for (uint32_t x = 0; x < screen.font.width; x++) {
        uint32_t colour = bits[x / 8] & 0x80 >> x % 8 ? ink : paper;

        for (uint32_t i = 0; i < screen.scale; i++, at += screen.pixel_bytes)
            draw_pixel(at, colour);
    }
}

static void draw_pixels(uint32_t row, uint32_t column, struct cell cell)
{
    static const uint8_t all[GLYPH_SIDE_MAX / 8] = {[0 ... GLYPH_SIDE_MAX / 8 - 1] = 0xff};
    static const uint8_t none[GLYPH_SIDE_MAX / 8];
    const struct screen_font *font = &screen.font;
    uint32_t row_bytes = (font->width + 7) / 8, height = font->height * screen.scale;
    const uint8_t *glyph = glyph_of((uint8_t)cell.c);
    volatile uint8_t *at = screen.memory + (size_t)row * height * screen.pitch +
                           (size_t)column * font->width * screen.scale * screen.pixel_bytes;

    for (uint32_t y = 0; y < height; y++, at += screen.pitch) {
        const uint8_t *bits = glyph + y / screen.scale * row_bytes;

        if (is_half(cell.c))
            bits = half_has_ink(cell.c, y, height) ? all : none;
        draw_row(at, bits, screen.palette[cell.colours & INK_MASK],
                 screen.palette[cell.colours >> PAPER_SHIFT & INK_MASK]);
    }
}

static void draw_cell(uint32_t row, uint32_t column)
{
    struct cell cell = screen.cells[row][column];

    if (screen.kind == CONSOLE_FRAMEBUFFER_TEXT)
        ((volatile uint16_t *)(screen.memory + (size_t)row * screen.pitch))[column] =
            (uint16_t)(cell.colours << 8 | (uint8_t)cell.c);
    else
        draw_pixels(row, column, cell);
    screen.shown[row][column] = cell;
}

static bool is_shown(uint32_t row, uint32_t column)
{
    return screen.cells[row][column].c == screen.shown[row][column].c &&
           screen.cells[row][column].colours == screen.shown[row][column].colours;
}

void screen_flush(void)
{
    if (screen.kind == CONSOLE_FRAMEBUFFER_NONE || !screen.changed)
        return;
    for (uint32_t row = 0; row < screen.rows; row++)
        for (uint32_t column = 0; column < screen.columns; column++)
            if (!is_shown(row, column))
                draw_cell(row, column);
    screen.changed = false;
    /* Combined writes to a framebuffer go there now: no later one may come. */
    __asm__ volatile("sfence" : : : "memory");
}
