/* SPDX-License-Identifier: MIT */
/* The screen: fonts that lie, layouts that cannot be drawn, and pixels of those that can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/console.h"
#include "lib/port.h"
#include "lib/screen.h"

#define GLYPH_HEIGHT 16
#define PSF1_BYTES (4 + 256 * GLYPH_HEIGHT)
#define INK 0x00c0c0c0u

static uint8_t psf1[PSF1_BYTES] = {0x36, 0x04, 0x00, GLYPH_HEIGHT};
static unsigned cursor_writes;

void port_out8(uint16_t port, uint8_t value)
{
    (void)value;
    assert_in_range(port, 0x3d4, 0x3d5);
    cursor_writes++;
}

/* Each glyph's rows are its own code; a blank's are empty. */
static struct screen_font test_font(void)
{
    struct screen_font font;

    for (int c = 0; c < 256; c++)
        memset(psf1 + 4 + c * GLYPH_HEIGHT, c == ' ' ? 0 : c, GLYPH_HEIGHT);
    assert_true(screen_font_parse(psf1, sizeof(psf1), &font));
    return font;
}

static struct console_framebuffer rgb(uint32_t width, uint32_t height, uint8_t bits)
{
    struct console_framebuffer fb = {
        .kind = CONSOLE_FRAMEBUFFER_RGB,
        .width = width,
        .height = height,
        .bits_per_pixel = bits,
        .pitch = width * ((bits + 7u) / 8) + 8,
        .red_position = 16, .red_size = 8,
        .green_position = 8, .green_size = 8,
        .blue_position = 0, .blue_size = 8,
    };

    if (bits == 16) {
        fb.red_position = 11, fb.green_position = 5;
        fb.red_size = fb.blue_size = 5, fb.green_size = 6;
    }
    return fb;
}

static void fonts_are_checked_to_their_last_glyph(void **state)
{
    struct screen_font font;
    uint32_t psf2[8 + 2 * 16] = {0x864ab572, 0, 32, 0, 2, 64, 32, 16};

    (void)state;
    test_font();
    for (size_t length = 0; length < sizeof(psf1); length += 7)
        assert_false(screen_font_parse(psf1, length, &font));
    assert_true(screen_font_parse(psf2, sizeof(psf2), &font));
    assert_int_equal(font.width, 16);
    assert_int_equal(font.height, 32);
    for (size_t length = 0; length < sizeof(psf2); length++)
        assert_false(screen_font_parse(psf2, length, &font));
    for (int word = 2; word < 8; word++) {
        uint32_t lie[8 + 2 * 16];

        if (word == 3) /* flags: any */
            continue;
        memcpy(lie, psf2, sizeof(lie));
        lie[word] = 0xffffffff;
        assert_false(screen_font_parse(lie, sizeof(lie), &font));
        lie[word] = 0;
        assert_false(screen_font_parse(lie, sizeof(lie), &font));
    }
}

static uint32_t pixel(const uint8_t *memory, const struct console_framebuffer *fb, uint32_t x,
                      uint32_t y)
{
    uint32_t value = 0;
    size_t bytes = (fb->bits_per_pixel + 7u) / 8;

    memcpy(&value, memory + (size_t)y * fb->pitch + x * bytes, bytes);
    return value;
}

static void check_glyph(const uint8_t *memory, const struct console_framebuffer *fb,
                        uint32_t column, uint32_t row, uint32_t scale, uint8_t c, uint32_t ink)
{
    for (uint32_t y = 0; y < GLYPH_HEIGHT * scale; y++) {
        for (uint32_t x = 0; x < 8 * scale; x++) {
            uint32_t want = c != ' ' && (c & 0x80 >> x / scale) ? ink : 0;

            assert_int_equal(pixel(memory, fb, column * 8 * scale + x,
                                   row * GLYPH_HEIGHT * scale + y), want);
        }
    }
}

static void draw_and_check(uint32_t width, uint32_t height, uint8_t bits, uint32_t scale,
                           uint32_t ink)
{
    struct console_framebuffer fb = rgb(width, height, bits);
    struct screen_font font = test_font();
    size_t bytes = (size_t)fb.pitch * height;
    uint8_t *memory = malloc(bytes); /* exactly: a byte past it is the sanitizer's */

    memset(memory, 0xee, bytes);
    assert_true(screen_open(&fb, memory, &font));
    screen_write("AU\nz", 4);
    check_glyph(memory, &fb, 0, 0, scale, ' ', ink); /* not before the flush */
    screen_flush();
    check_glyph(memory, &fb, 0, 0, scale, 'A', ink);
    check_glyph(memory, &fb, 1, 0, scale, 'U', ink);
    check_glyph(memory, &fb, 2, 0, scale, ' ', ink);
    check_glyph(memory, &fb, 0, 1, scale, 'z', ink);
    for (int i = 0; i < 1000; i++)
        screen_write("a line that is long enough to wrap on narrow screens, not on others\n", 69);
    screen_flush();
    free(memory);
}

static void pixels_are_right_at_each_depth(void **state)
{
    (void)state;
    draw_and_check(640, 480, 32, 1, INK);
    draw_and_check(640, 480, 24, 1, INK);
    draw_and_check(640, 480, 16, 1, 24 << 11 | 48 << 5 | 24);
}

static void big_screens_get_a_bigger_font(void **state)
{
    (void)state;
    draw_and_check(3840, 2160, 32, 2, INK);
    draw_and_check(1920, 1080, 32, 1, INK);
    draw_and_check(24, 32, 32, 1, INK); /* six cells */
}

static void bad_layouts_are_refused(void **state)
{
    struct screen_font font = test_font();
    static uint32_t memory[64 * 64];
    struct console_framebuffer good = rgb(64, 32, 32), fb;

    (void)state;
    good.pitch = 256;
    assert_true(screen_open(&good, memory, &font));
    assert_false(screen_open(&good, NULL, &font));
#define REFUSED(change)                                                                            \
    fb = good;                                                                                     \
    fb.change;                                                                                     \
    assert_false(screen_open(&fb, memory, &font))
    REFUSED(pitch = 255);
    REFUSED(pitch = 258);
    REFUSED(bits_per_pixel = 8);
    REFUSED(bits_per_pixel = 64);
    REFUSED(red_position = 25);
    REFUSED(blue_size = 0);
    REFUSED(green_size = 33);
    REFUSED(width = 0);
    REFUSED(width = 65);
    REFUSED(width = 7);
    REFUSED(height = 15);
    REFUSED(kind = CONSOLE_FRAMEBUFFER_NONE);
    REFUSED(kind = (enum console_framebuffer_kind)9);
    screen_write("x", 1); /* refused is unused */
    screen_flush();
}

static void expect_text(const uint16_t *cells, const char *text)
{
    for (; *text != '\0'; text++, cells++)
        assert_int_equal(*cells, 0x0700 | (uint8_t)*text);
}

static void text_cells_wrap_and_scroll(void **state)
{
    static uint16_t cells[25 * 80];
    struct console_framebuffer fb = {.kind = CONSOLE_FRAMEBUFFER_TEXT, .address = 0xb8000,
                                     .width = 80, .height = 25, .pitch = 160};
    char line[100];

    (void)state;
    cursor_writes = 0;
    assert_true(screen_open(&fb, cells, &(struct screen_font){0}));
    assert_int_equal(cursor_writes, 2);
    memset(line, 'w', sizeof(line));
    line[80] = '!';
    line[99] = '\n';
    screen_write(line, 80); /* a full line and its newline take one row */
    screen_write("\n", 1);
    screen_write(line, sizeof(line));
    screen_write("end", 3);
    screen_flush();
    expect_text(cells + 80, "www");
    expect_text(cells + 160, "!ww");
    expect_text(cells + 240, "end ");
    for (int i = 0; i < 22; i++)
        screen_write("\n", 1);
    screen_write("last", 4);
    screen_flush();
    /* Row 25 does not exist: all went up by six rows, a quarter. */
    expect_text(cells + 19 * 80, "last ");
    expect_text(cells + 24 * 80, "     ");
}

static uint16_t vga[25 * 80];

static void open_vga(void)
{
    static const struct console_framebuffer fb = {.kind = CONSOLE_FRAMEBUFFER_TEXT, .width = 80,
                                                  .height = 25, .pitch = 160};
    struct screen_font font = test_font();

    assert_true(screen_open(&fb, vga, &font));
}

static void page_stays_while_the_text_scrolls(void **state)
{
    uint32_t columns, rows;

    (void)state;
    open_vga();
    screen_size(&columns, &rows);
    assert_int_equal(columns, 80);
    assert_int_equal(rows, 25);
    screen_write("one\ntwo\nthr", 11);
    screen_set_page(10);
    screen_put(0, 0, SCREEN_PLAIN, "top", 3);
    screen_put(9, 78, SCREEN_COLOURS(SCREEN_WHITE, SCREEN_RED), "edge", 4);
    screen_put(10, 0, SCREEN_PLAIN, "not on the page", 15);
    screen_write("ee\n", 3);
    screen_flush();
    expect_text(vga, "top ");
    assert_int_equal(vga[9 * 80 + 78], 0x4f00 | 'e');
    assert_int_equal(vga[9 * 80 + 79], 0x4f00 | 'd');
    expect_text(vga + 10 * 80, "one ");
    expect_text(vga + 12 * 80, "three ");
    for (int i = 0; i < 12; i++)
        screen_write("x\n", 2);
    screen_write("last", 4);
    screen_flush();
    expect_text(vga, "top ");
    expect_text(vga + 10 * 80, "x ");
    expect_text(vga + 22 * 80, "last ");
    screen_set_page(20); /* the newest lines stay */
    screen_flush();
    expect_text(vga, "     ");
    expect_text(vga + 23 * 80, "x ");
    expect_text(vga + 24 * 80, "last ");
    screen_set_page(25); /* no room for text: as it was */
    screen_write("+", 1);
    screen_flush();
    expect_text(vga + 24 * 80, "last+ ");
    screen_set_page(0);
    screen_flush();
    expect_text(vga + 4 * 80, "last+ ");
}

/* Each glyph's row is its code: 'A' is 0x41, a letter of two columns, all rows alike. */
static void big_words_are_made_of_half_cells(void **state)
{
    (void)state;
    open_vga();
    screen_set_page(9);
    screen_put_big(1, 70, SCREEN_PLAIN, "AU");
    screen_flush();
    for (int row = 1; row < 9; row++) {
        const uint16_t *cells = vga + row * 80 + 70;

        for (int x = 0; x < 8; x++)
            assert_int_equal(cells[x], 0x0700 | ('A' & 0x80 >> x ? 0xdb : ' '));
        assert_int_equal(cells[8], 0x0720);
        assert_int_equal(cells[9], 0x07db);
    }
}

static void halves_and_colours_are_drawn_without_a_font(void **state)
{
    static uint32_t pixels[32 * 32];
    struct console_framebuffer fb = rgb(32, 16 * 2, 32);
    struct screen_font font = test_font();
    static const char halves[] = {SCREEN_FULL, SCREEN_UPPER_HALF, SCREEN_LOWER_HALF};

    (void)state;
    fb.pitch = 128;
    assert_true(screen_open(&fb, pixels, &font));
    screen_set_page(1);
    screen_put(0, 0, SCREEN_COLOURS(SCREEN_WHITE, SCREEN_BLACK), halves, 3);
    screen_put(0, 3, SCREEN_COLOURS(SCREEN_BLACK, SCREEN_GREY), " ", 1);
    screen_flush();
    for (uint32_t y = 0; y < 16; y++) {
        assert_int_equal(pixels[y * 32], 0xffffff);
        assert_int_equal(pixels[y * 32 + 15], y < 8 ? 0xffffff : 0);
        assert_int_equal(pixels[y * 32 + 16], y < 8 ? 0 : 0xffffff);
        assert_int_equal(pixels[y * 32 + 31], INK);
    }
}

/* Only cells that changed are written: video memory is slow. */
static void unchanged_cells_are_not_drawn(void **state)
{
    (void)state;
    open_vga();
    screen_set_page(2);
    screen_put(0, 0, SCREEN_PLAIN, "ab", 2);
    screen_flush();
    memset(vga, 0, sizeof(vga));
    screen_set_page(2); /* a new page of the same size */
    screen_put(0, 0, SCREEN_PLAIN, "ac", 2);
    screen_flush();
    for (size_t i = 0; i < sizeof(vga) / sizeof(vga[0]); i++)
        assert_int_equal(vga[i], i == 1 ? 0x0700 | 'c' : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fonts_are_checked_to_their_last_glyph),
        cmocka_unit_test(pixels_are_right_at_each_depth),
        cmocka_unit_test(big_screens_get_a_bigger_font),
        cmocka_unit_test(bad_layouts_are_refused),
        cmocka_unit_test(text_cells_wrap_and_scroll),
        cmocka_unit_test(page_stays_while_the_text_scrolls),
        cmocka_unit_test(big_words_are_made_of_half_cells),
        cmocka_unit_test(halves_and_colours_are_drawn_without_a_font),
        cmocka_unit_test(unchanged_cells_are_not_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
