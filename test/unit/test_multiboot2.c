/* SPDX-License-Identifier: MIT */
/* Tests of boot/multiboot2.h: each tag, and each way in which a tag can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "boot/multiboot2.h"
#include "foreign.h"

static struct buffer b;
static struct boot_info info;
static char error[256];

static void begin(void)
{
    b.length = 0;
    put64(&b, 0);
}

/*
 * Begins a tag whose body has `length` bytes. The padding before it passes for a colour's size.
 */
static void tag(uint32_t type, size_t length)
{
    while (b.length % 8 != 0)
        put8(&b, 8);
    put32(&b, type);
    put32(&b, (uint32_t)(8 + length));
}

static void memory_tag(void)
{
    tag(6, 8 + 24);
    put32(&b, 24);
    put32(&b, 0);
    put64(&b, 0);
    put64(&b, 0x9f000);
    put32(&b, 1);
    put32(&b, 0);
}

static void string_tag(uint32_t type, const char *text)
{
    tag(type, strlen(text) + 1);
    put_string(&b, text);
}

static bool parse_with(uint32_t magic, size_t limit)
{
    uint8_t *copy = exact_copy(b.bytes, limit);
    bool ok;

    memset(error, 0, sizeof error);
    ok = multiboot2_parse(magic, copy, limit, &info, error, sizeof error);
    free_copy(copy);
    assert_int_equal(ok, error[0] == '\0');
    return ok;
}

/* Ends the tags, and parses. */
static bool parse(void)
{
    tag(0, 0);
    set32(&b, 0, (uint32_t)b.length);
    return parse_with(MULTIBOOT2_MAGIC, b.length);
}

static void assert_error(const char *wanted)
{
    if (strstr(error, wanted) == NULL)
        fail_msg("the error is \"%s\", without \"%s\"", error, wanted);
}

static void test_everything_is_read(void **state)
{
    (void)state;
    begin();
    string_tag(1, "run=storm time=5s");
    memory_tag();
    tag(99, 3);
    put(&b, "abc", 3);
    tag(14, 20);
    put(&b, "RSD PTR old--------.", 20);
    tag(15, 36);
    put(&b, "RSD PTR new------------------------.", 36);
    tag(12, 8);
    put64(&b, 0x123456789abcdef0);
    tag(9, 12 + 128);
    put32(&b, 2);
    put32(&b, 64);
    put32(&b, 1);
    put_zeroes(&b, 128);
    assert_true(parse());
    assert_string_equal(info.command_line, "run=storm time=5s");
    assert_int_equal(info.command_line_length, 17);
    assert_int_equal(info.memory.count, 1);
    assert_int_equal(info.memory.skipped, 0);
    assert_true(info.acpi.old_copied);
    assert_memory_equal(info.acpi.old_copy, "RSD PTR old--------.", 20);
    assert_true(info.acpi.new_copied);
    assert_memory_equal(info.acpi.new_copy, "RSD PTR new------------------------.", 36);
    assert_true(info.efi_system_table == 0x123456789abcdef0);
    assert_true(info.efi_is_64);
    assert_int_equal(info.symbols.count, 2);
    assert_int_equal(info.symbols.entry_size, 64);
    assert_int_equal(info.framebuffer.kind, CONSOLE_FRAMEBUFFER_NONE);
}

static void test_what_is_absent_is_empty(void **state)
{
    (void)state;
    begin();
    memory_tag();
    assert_true(parse());
    assert_string_equal(info.command_line, "");
    assert_false(info.acpi.old_copied);
    assert_false(info.acpi.new_copied);
    assert_null(info.symbols.headers);
    assert_true(info.efi_system_table == 0);
}

static void test_the_64_bit_system_table_wins(void **state)
{
    (void)state;
    begin();
    memory_tag();
    tag(12, 8);
    put64(&b, UINT64_C(0x100000000));
    tag(11, 4);
    put32(&b, 0x5000);
    assert_true(parse());
    assert_true(info.efi_is_64);
    assert_true(info.efi_system_table == UINT64_C(0x100000000));
    begin();
    memory_tag();
    tag(11, 4);
    put32(&b, 0x5000);
    assert_true(parse());
    assert_false(info.efi_is_64);
    assert_true(info.efi_system_table == 0x5000);
}

static void test_the_first_tag_of_a_type_counts(void **state)
{
    (void)state;
    begin();
    memory_tag();
    string_tag(1, "first");
    string_tag(1, "second");
    assert_true(parse());
    assert_string_equal(info.command_line, "first");
}

static void test_bad_magic(void **state)
{
    (void)state;
    begin();
    memory_tag();
    tag(0, 0);
    set32(&b, 0, (uint32_t)b.length);
    assert_false(parse_with(0x2badb002, b.length));
    assert_error("0x2badb002");
}

static void test_bad_total_size(void **state)
{
    (void)state;
    begin();
    memory_tag();
    tag(0, 0);
    set32(&b, 0, 15);
    assert_false(parse_with(MULTIBOOT2_MAGIC, b.length));
    assert_error("15 bytes long");
    set32(&b, 0, (uint32_t)b.length + 1);
    assert_false(parse_with(MULTIBOOT2_MAGIC, b.length));
    assert_error("bytes long; from 16 to");
    set32(&b, 0, UINT32_MAX);
    assert_false(parse_with(MULTIBOOT2_MAGIC, b.length));
    for (size_t limit = 0; limit < 8; limit++)
        assert_false(parse_with(MULTIBOOT2_MAGIC, limit));
}

/* Every cut of a good one is an error, and none is read past its end. */
static void test_cut_anywhere(void **state)
{
    size_t whole;

    (void)state;
    begin();
    string_tag(1, "run=storm");
    memory_tag();
    assert_true(parse());
    whole = b.length;
    for (size_t length = 16; length < whole; length++) {
        set32(&b, 0, (uint32_t)length);
        assert_false(parse_with(MULTIBOOT2_MAGIC, length));
    }
}

static void test_no_end_tag(void **state)
{
    (void)state;
    begin();
    memory_tag();
    set32(&b, 0, (uint32_t)b.length);
    assert_false(parse_with(MULTIBOOT2_MAGIC, b.length));
    assert_error("no end tag (multiboot2 tag 0)");
}

static void test_bad_tag_size(void **state)
{
    static const uint32_t sizes[] = { 0, 7, 100, UINT32_MAX, UINT32_MAX - 6 };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        begin();
        memory_tag();
        string_tag(1, "x");
        set32(&b, b.length - 2 - 4, sizes[i]);
        assert_false(parse());
        assert_error("multiboot2 tag 1 at offset 48");
    }
}

static void test_each_tag_too_short(void **state)
{
    static const struct {
        uint32_t type;
        size_t least;
    } tags[] = {
        { 6, 8 }, { 8, 22 }, { 9, 12 }, { 11, 4 }, { 12, 8 }, { 14, 20 }, { 15, 36 },
    };
    char wanted[64];

    (void)state;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        begin();
        tag(tags[i].type, tags[i].least - 1);
        put_zeroes(&b, tags[i].least - 1);
        assert_false(parse());
        snprintf(wanted, sizeof wanted, "multiboot2 tag %u (", tags[i].type);
        assert_error(wanted);
        assert_error("at least");
    }
}

static void test_strings_without_nul(void **state)
{
    (void)state;
    begin();
    memory_tag();
    tag(1, 8);
    put(&b, "run=stor", 8);
    tag(99, 0);                     /* no NUL here either */
    assert_false(parse());
    assert_error("tag 1 (command line): no NUL");
}

static void test_command_line_length(void **state)
{
    static char text[5001];

    (void)state;
    memset(text, 'x', 4095);
    begin();
    memory_tag();
    string_tag(1, text);
    assert_true(parse());
    assert_int_equal(info.command_line_length, 4095);
    assert_int_equal(strlen(info.command_line), 4095);
    text[4095] = 'x';
    begin();
    memory_tag();
    string_tag(1, text);
    assert_false(parse());
    assert_error("the command line is 4096 bytes long; 4095 at most");
    memset(text, 'x', 5000);
    begin();
    memory_tag();
    string_tag(1, text);
    assert_false(parse());
    assert_error("the command line is 5000 bytes long; 4095 at most");
}

struct range {
    uint64_t base, length;
    uint32_t type;
};

/* A map of these entries, each `entry_size` bytes long. */
static void map(const struct range *ranges, size_t count, uint32_t entry_size)
{
    begin();
    tag(6, 8 + count * entry_size);
    put32(&b, entry_size);
    put32(&b, 0);
    for (size_t i = 0; i < count; i++) {
        put64(&b, ranges[i].base);
        put64(&b, ranges[i].length);
        put32(&b, ranges[i].type);
        put_zeroes(&b, entry_size - 20);
    }
}

static void test_no_memory_map(void **state)
{
    (void)state;
    begin();
    string_tag(1, "");
    assert_false(parse());
    assert_error("no memory map (multiboot2 tag 6)");
}

/* Entries may be longer than what is known of them. */
static void test_memory_map_is_read(void **state)
{
    static const struct range given[] = { { 0x100000, 0x1000, 1 }, { 0, 0x9f000, 3 } };
    static const uint32_t sizes[] = { 24, 40 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        map(given, 2, sizes[i]);
        assert_true(parse());
        assert_int_equal(info.memory.count, 2);
        assert_true(info.memory.ranges[0].length == 0x9f000);
        assert_int_equal(info.memory.ranges[0].type, MEMORY_ACPI_RECLAIMABLE);
        assert_true(info.memory.ranges[1].base == 0x100000);
    }
}

static void test_memory_map_entry_size(void **state)
{
    static const uint32_t sizes[] = { 0, 1, 23 };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        begin();
        memory_tag();
        set32(&b, 16, sizes[i]);
        assert_false(parse());
        assert_error("tag 6 (memory map): an entry is");
    }
    begin();
    memory_tag();
    set32(&b, 16, UINT32_MAX);
    assert_true(parse());
    assert_int_equal(info.memory.count, 0);
}

static void test_memory_map_limit(void **state)
{
    static struct range ranges[513];

    (void)state;
    for (unsigned i = 0; i < 513; i++)
        ranges[i] = (struct range){ (513 - i) * UINT64_C(0x2000), 0x1000, 1 };
    map(ranges, 512, 24);
    assert_true(parse());
    assert_int_equal(info.memory.count, 512);
    assert_true(info.memory.ranges[0].base == 0x4000);
    map(ranges, 513, 24);
    assert_false(parse());
    assert_error("tag 6 (memory map): more than 512 ranges");
    ranges[0] = (struct range){ 0, UINT64_C(0x2000) * 1000, 2 };
    for (unsigned i = 1; i < 512; i++)
        ranges[i].type = 5;
    map(ranges, 512, 24);
    assert_false(parse());
    assert_error("tag 6 (memory map): more than 512 ranges");
}

static void framebuffer(uint64_t address, uint32_t pitch, uint32_t width, uint32_t height,
                        uint8_t bits, uint8_t type, size_t colours)
{
    static const uint8_t positions[] = { 16, 8, 8, 8, 0, 8 };

    begin();
    memory_tag();
    tag(8, 24 + colours);
    put64(&b, address);
    put32(&b, pitch);
    put32(&b, width);
    put32(&b, height);
    put8(&b, bits);
    put8(&b, type);
    put16(&b, 0);
    put(&b, positions, colours);
}

static void test_framebuffer_kinds(void **state)
{
    (void)state;
    framebuffer(0x80000000, 4096, 1024, 768, 32, 1, 6);
    assert_true(parse());
    assert_int_equal(info.framebuffer.kind, CONSOLE_FRAMEBUFFER_RGB);
    assert_true(info.framebuffer.address == 0x80000000);
    assert_int_equal(info.framebuffer.pitch, 4096);
    assert_int_equal(info.framebuffer.width, 1024);
    assert_int_equal(info.framebuffer.height, 768);
    assert_int_equal(info.framebuffer.bits_per_pixel, 32);
    assert_int_equal(info.framebuffer.red_position, 16);
    assert_int_equal(info.framebuffer.green_position, 8);
    assert_int_equal(info.framebuffer.blue_size, 8);
    framebuffer(UINT64_C(0x3800000000), 4096, 1024, 768, 32, 1, 6);     /* above 4 GiB */
    assert_true(parse());
    assert_int_equal(info.framebuffer.kind, CONSOLE_FRAMEBUFFER_RGB);
    assert_true(info.framebuffer.address == UINT64_C(0x3800000000));
    framebuffer(0xb8000, 160, 80, 25, 16, 2, 0);
    assert_true(parse());
    assert_int_equal(info.framebuffer.kind, CONSOLE_FRAMEBUFFER_TEXT);
    assert_int_equal(info.framebuffer.width, 80);
}

static void test_unusable_framebuffers_count_as_none(void **state)
{
    static const struct {
        uint64_t address;
        uint32_t pitch, width, height;
        uint8_t bits, type;
        size_t colours;
    } bad[] = {
        { 0xa0000, 320, 320, 200, 8, 0, 0 },            /* what GRUB says without VGA */
        { 0xa0000, 4096, 1024, 768, 32, 0, 6 },
        { 0x80000000, 4096, 1024, 768, 32, 1, 5 },      /* no room for the colours */
        { 0x80000000, 4095, 1024, 768, 32, 1, 6 },      /* lines shorter than their pixels */
        { 0x80000000, 4096, 1024, 768, 23, 1, 6 },      /* red lies outside the pixel */
        { 0x80000000, 8192, 1024, 768, 64, 1, 6 },
        { 0, 4096, 1024, 768, 32, 1, 6 },
        { 0x80000000, 4096, 0, 768, 32, 1, 6 },
        { 0x80000000, 4096, 1024, 0, 32, 1, 6 },
        { UINT64_MAX - 4096, 4096, 1024, 768, 32, 1, 6 },
        { 0x80000000, UINT32_MAX, UINT32_MAX, 768, 32, 1, 6 },
        { 0xb8000, 159, 80, 25, 16, 2, 0 },
        { 0xb8000, 160, 80, 25, 16, 3, 6 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        framebuffer(bad[i].address, bad[i].pitch, bad[i].width, bad[i].height, bad[i].bits,
                    bad[i].type, bad[i].colours);
        assert_true(parse());
        assert_int_equal(info.framebuffer.kind, CONSOLE_FRAMEBUFFER_NONE);
    }
}

static void elf_tag(uint32_t count, uint32_t entry_size, size_t bytes)
{
    begin();
    memory_tag();
    tag(9, 12 + bytes);
    put32(&b, count);
    put32(&b, entry_size);
    put32(&b, 0);
    put_zeroes(&b, bytes);
}

static void test_bad_elf_sections(void **state)
{
    (void)state;
    elf_tag(2, 64, 127);
    assert_false(parse());
    assert_error("tag 9 (ELF sections): the section headers run past");
    elf_tag(0x4000000, 64, 128);
    assert_false(parse());
    elf_tag(UINT32_MAX, UINT32_MAX, 128);
    assert_false(parse());
    elf_tag(2, 0, 128);
    assert_false(parse());
    assert_error("tag 9 (ELF sections): an entry is 0 bytes long");
}

/* An error buffer of no or little room is not written past. */
static void test_small_error_buffers(void **state)
{
    uint8_t *copy;

    (void)state;
    begin();
    put64(&b, 0);
    copy = exact_copy(b.bytes, b.length);
    for (size_t size = 0; size < 4; size++) {
        char *small = (char *)exact_copy("abcd", size);

        assert_false(multiboot2_parse(0, copy, b.length, &info, small, size));
        free_copy((uint8_t *)small);
    }
    free_copy(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_read),
        cmocka_unit_test(test_what_is_absent_is_empty),
        cmocka_unit_test(test_the_64_bit_system_table_wins),
        cmocka_unit_test(test_the_first_tag_of_a_type_counts),
        cmocka_unit_test(test_bad_magic),
        cmocka_unit_test(test_bad_total_size),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_no_end_tag),
        cmocka_unit_test(test_bad_tag_size),
        cmocka_unit_test(test_each_tag_too_short),
        cmocka_unit_test(test_strings_without_nul),
        cmocka_unit_test(test_command_line_length),
        cmocka_unit_test(test_no_memory_map),
        cmocka_unit_test(test_memory_map_is_read),
        cmocka_unit_test(test_memory_map_entry_size),
        cmocka_unit_test(test_memory_map_limit),
        cmocka_unit_test(test_framebuffer_kinds),
        cmocka_unit_test(test_unusable_framebuffers_count_as_none),
        cmocka_unit_test(test_bad_elf_sections),
        cmocka_unit_test(test_small_error_buffers),
    };

    return cmocka_run_group_tests_name("multiboot2", tests, NULL, NULL);
}
