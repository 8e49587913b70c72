/* SPDX-License-Identifier: MIT */
/* Tests of lib/symbols.h: which symbols are taken, where addresses fall, and broken sections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/symbols.h"
#include "foreign.h"

enum {
    SYMTAB_ADDRESS = 0x30001,
    STRTAB_ADDRESS = 0x40003,
    NOTYPE = 0, OBJECT = 1, FUNC = 2, SECTION = 3, GLOBAL = 0x10,
};

static const struct symbol_text TEXT = { 0x1000, 0x2000 };

static struct memory memory;
static struct buffer symtab, strtab, headers;
static struct symbol_sections sections;
static uint8_t *headers_copy;
static void *table;

static void header(uint32_t type, uint64_t address, uint64_t size, uint32_t link,
                   uint64_t entry_size)
{
    put32(&headers, 0);
    put32(&headers, type);
    put64(&headers, 0);
    put64(&headers, address);
    put64(&headers, 0);
    put64(&headers, size);
    put32(&headers, link);
    put32(&headers, 0);
    put64(&headers, 1);
    put64(&headers, entry_size);
}

static void symbol_in(const char *name, uint8_t type, uint64_t value, uint16_t section)
{
    put32(&symtab, (uint32_t)strtab.length);
    put8(&symtab, type);
    put8(&symtab, 0);
    put16(&symtab, section);
    put64(&symtab, value);
    put64(&symtab, 0);
    put_string(&strtab, name);
}

static void symbol(const char *name, uint8_t type, uint64_t value)
{
    symbol_in(name, type, value, 1);
}

static int begin(void **state)
{
    (void)state;
    memory_open(&memory);
    symtab.length = strtab.length = headers.length = 0;
    put8(&strtab, 0);
    put_zeroes(&symtab, 24);
    table = NULL;
    headers_copy = NULL;
    return 0;
}

static int end(void **state)
{
    static const struct symbol_sections nothing;

    (void)state;
    symbols_init(&nothing, &memory.physical, &TEXT, NULL, 0);
    memory_close(&memory);
    if (headers_copy != NULL)
        free_copy(headers_copy);
    free(table);
    return 0;
}

static void load_headers(void)
{
    memory_add(&memory, SYMTAB_ADDRESS, symtab.bytes, symtab.length);
    memory_add(&memory, STRTAB_ADDRESS, strtab.bytes, strtab.length);
    headers_copy = exact_copy(headers.bytes, headers.length);
    sections = (struct symbol_sections){
        .headers = headers_copy, .count = (uint32_t)(headers.length / 64), .entry_size = 64,
    };
}

static void load(void)
{
    header(0, 0, 0, 0, 0);
    header(1, TEXT.start, TEXT.end - TEXT.start, 0, 0);
    header(2, SYMTAB_ADDRESS, symtab.length, 3, 24);
    header(3, STRTAB_ADDRESS, strtab.length, 0, 0);
    load_headers();
}

/* Initialises in memory of exactly the size that was asked for. */
static bool init(void)
{
    size_t needed = symbols_needed(&sections, &memory.physical, &TEXT);

    table = malloc(needed == 0 ? 1 : needed);
    return symbols_init(&sections, &memory.physical, &TEXT, table, needed);
}

static void assert_found(uint64_t address, const char *name, uint64_t wanted)
{
    uint64_t offset = 0;
    const char *found = symbol_find(address, &offset);

    assert_non_null(found);
    assert_string_equal(found, name);
    assert_int_equal(offset, wanted);
}

static void assert_not_found(uint64_t address)
{
    uint64_t offset;

    assert_null(symbol_find(address, &offset));
}

static void test_lookup(void **state)
{
    (void)state;
    symbol("late", GLOBAL | FUNC, 0x1800);
    symbol("first", FUNC, 0x1010);
    symbol("stub.loop", NOTYPE, 0x1204);
    symbol("stub", GLOBAL | NOTYPE, 0x1200);
    symbol("data", OBJECT, 0x1300);
    symbol("section", SECTION, 0x1301);
    symbol("before", FUNC, 0xfff);
    symbol("behind", FUNC, 0x2000);
    symbol_in("constant", NOTYPE, 0x1400, 0xfff1);
    symbol_in("undefined", NOTYPE, 0x1500, 0);
    symbol("", NOTYPE, 0x1600);
    load();
    assert_int_equal(symbols_needed(&sections, &memory.physical, &TEXT),
                     4 * 16 + sizeof "late" + sizeof "first" + sizeof "stub.loop" + sizeof "stub");
    assert_true(init());
    /* The loader's copy is gone after this. */
    memory_close(&memory);
    memory_open(&memory);
    assert_not_found(0);
    assert_not_found(0xfff);
    assert_not_found(0x1000);
    assert_not_found(0x100f);
    assert_found(0x1010, "first", 0);
    assert_found(0x11ff, "first", 0x1ef);
    assert_found(0x1200, "stub", 0);
    assert_found(0x1203, "stub", 3);
    assert_found(0x1204, "stub.loop", 0);
    assert_found(0x17ff, "stub.loop", 0x5fb);
    assert_found(0x1800, "late", 0);
    assert_found(0x1fff, "late", 0x7ff);
    assert_not_found(0x2000);
    assert_not_found(UINT64_MAX);
}

static void test_many_symbols_are_sorted(void **state)
{
    uint32_t random = 1;
    char name[8] = "f";

    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        uint64_t address;

        random = random * 1664525 + 1013904223;
        address = 0x1000 + (random >> 16) % 0x1000;
        for (unsigned digit = 0; digit < 4; digit++)
            name[1 + digit] = "0123456789abcdef"[address >> (12 - 4 * digit) & 15];
        symbol(name, FUNC, address);
    }
    load();
    assert_true(init());
    for (uint64_t address = 0x1000, last = 0; address < 0x2000; address++) {
        uint64_t offset;
        const char *found = symbol_find(address, &offset);

        if (found == NULL) {
            assert_true(last == 0);
            continue;
        }
        last = strtoull(found + 1, NULL, 16);
        assert_true(last + offset == address);
        /* No other symbol lies between the one found and the address. */
        for (size_t i = 24; i < symtab.length; i += 24) {
            uint64_t value;

            memcpy(&value, symtab.bytes + i + 8, 8);
            assert_false(value > last && value <= address);
        }
    }
}

static void test_no_symbols(void **state)
{
    (void)state;
    sections = (struct symbol_sections){ 0 };
    assert_false(init());
    assert_not_found(0x1010);
}

static void test_too_little_memory(void **state)
{
    size_t needed;

    (void)state;
    symbol("a", FUNC, 0x1010);
    load();
    needed = symbols_needed(&sections, &memory.physical, &TEXT);
    table = malloc(needed);
    assert_false(symbols_init(&sections, &memory.physical, &TEXT, table, needed - 1));
    assert_not_found(0x1010);
    assert_true(symbols_init(&sections, &memory.physical, &TEXT, table, needed));
    assert_found(0x1010, "a", 0);
}

/* One good symbol, behind headers that `damage` makes bad. */
static void refuse(void (*damage)(void))
{
    end(NULL);
    begin(NULL);
    symbol("a", FUNC, 0x1010);
    damage();
    load_headers();
    assert_int_equal(symbols_needed(&sections, &memory.physical, &TEXT), 0);
    assert_false(symbols_init(&sections, &memory.physical, &TEXT, headers.bytes,
                              sizeof headers.bytes));
    assert_not_found(0x1010);
}

static void no_symtab(void)
{
    header(3, STRTAB_ADDRESS, strtab.length, 0, 0);
}

static void link_too_far(void)
{
    header(2, SYMTAB_ADDRESS, symtab.length, 1, 24);
}

static void link_to_itself(void)
{
    header(2, SYMTAB_ADDRESS, symtab.length, 0, 24);
}

static void wrong_entry_size(void)
{
    header(2, SYMTAB_ADDRESS, symtab.length, 1, 16);
    header(3, STRTAB_ADDRESS, strtab.length, 0, 0);
}

static void symtab_runs_past_memory(void)
{
    header(2, SYMTAB_ADDRESS, symtab.length + 24, 1, 24);
    header(3, STRTAB_ADDRESS, strtab.length, 0, 0);
}

static void strtab_runs_past_memory(void)
{
    header(2, SYMTAB_ADDRESS, symtab.length, 1, 24);
    header(3, STRTAB_ADDRESS, strtab.length + 1, 0, 0);
}

static void strtab_without_last_nul(void)
{
    header(2, SYMTAB_ADDRESS, symtab.length, 1, 24);
    header(3, STRTAB_ADDRESS, strtab.length - 1, 0, 0);
}

static void empty_strtab(void)
{
    header(2, SYMTAB_ADDRESS, symtab.length, 1, 24);
    header(3, STRTAB_ADDRESS, 0, 0, 0);
}

static void absurd_size(void)
{
    header(2, SYMTAB_ADDRESS, UINT64_MAX, 1, 24);
    header(3, STRTAB_ADDRESS, strtab.length, 0, 0);
}

static void name_outside(void)
{
    set32(&symtab, 24, (uint32_t)strtab.length);
    header(2, SYMTAB_ADDRESS, symtab.length, 1, 24);
    header(3, STRTAB_ADDRESS, strtab.length, 0, 0);
}

static void test_broken_sections(void **state)
{
    (void)state;
    refuse(no_symtab);
    refuse(link_too_far);
    refuse(link_to_itself);
    refuse(wrong_entry_size);
    refuse(symtab_runs_past_memory);
    refuse(strtab_runs_past_memory);
    refuse(strtab_without_last_nul);
    refuse(empty_strtab);
    refuse(absurd_size);
    refuse(name_outside);
}

static void test_short_section_headers(void **state)
{
    (void)state;
    symbol("a", FUNC, 0x1010);
    load();
    sections.entry_size = 63;
    assert_false(init());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lookup, begin, end),
        cmocka_unit_test_setup_teardown(test_many_symbols_are_sorted, begin, end),
        cmocka_unit_test_setup_teardown(test_no_symbols, begin, end),
        cmocka_unit_test_setup_teardown(test_too_little_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_broken_sections, begin, end),
        cmocka_unit_test_setup_teardown(test_short_section_headers, begin, end),
    };

    return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
