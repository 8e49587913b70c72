/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes lib/symbols.h. The input is the memory at 4096, which begins with the section headers:
 * its first byte says how many there are.
 */
#include "lib/symbols.h"
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct symbol_text text = { 0x1000, 0x1100 };
    struct symbol_sections sections;
    struct memory memory;
    size_t needed;
    void *table;

    if (size < 1 || size - 1 < data[0] * 64u)
        return 0;
    memory_open(&memory);
    memory_add(&memory, 4096, data + 1, size - 1);
    sections = (struct symbol_sections){
        .headers = memory_at(&memory.physical, 4096, data[0] * 64u),
        .count = data[0],
        .entry_size = 64,
    };
    needed = symbols_needed(&sections, &memory.physical, &text);
    table = malloc(needed == 0 ? 1 : needed);
    assert(symbols_init(&sections, &memory.physical, &text, table, needed) == (needed != 0));
    for (uint64_t address = text.start - 1; address <= text.end; address++) {
        uint64_t offset = 0;
        const char *name = symbol_find(address, &offset);

        assert(name == NULL || (strlen(name) > 0 && offset <= address - text.start));
    }
    free(table);
    memory_close(&memory);
    return 0;
}
