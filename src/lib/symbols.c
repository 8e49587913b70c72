/* SPDX-License-Identifier: MIT */
/*
 * Names for addresses of the image's own code (System V ABI, chapter 4, "Sections" and "Symbol
 * Table"). The loader writes each section's place in memory into sh_addr, also of sections that
 * are not part of the image, such as .symtab.
 */
#include "lib/symbols.h"

#include "lib/bytes.h"
#include "lib/string.h"

enum {
    SECTION_SIZE = 64,              /* Elf64_Shdr */
    SECTION_TYPE = 4,
    SECTION_ADDRESS = 16,
    SECTION_BYTES = 32,
    SECTION_LINK = 40,
    SECTION_ENTRY_SIZE = 56,
    SHT_SYMTAB = 2,
    SHT_STRTAB = 3,

    SYMBOL_SIZE = 24,               /* Elf64_Sym */
    SYMBOL_NAME = 0,
    SYMBOL_INFO = 4,
    SYMBOL_SECTION = 6,
    SYMBOL_VALUE = 8,
    SHN_UNDEF = 0,
    SHN_ABS = 0xfff1,               /* a constant, not a place */
    STT_NOTYPE = 0,                 /* what NASM's labels are */
    STT_FUNC = 2,

    TABLE_BYTES_MAX = 16 << 20,     /* more than any image of ours has, by far */
};

struct symbol {
    uint64_t address;
    const char *name;
};

/* The two sections, where the loader put them. */
struct source {
    const uint8_t *symbols;
    size_t count;
    const char *strings;
    size_t strings_size;
    const struct symbol_text *text;
};

/* Sorted by address; one symbol an address. Written once, before other CPUs or handlers ask. */
static struct {
    const struct symbol *symbols;
    size_t count;
    struct symbol_text text;
} table;

/* The bytes of section `index`, or NULL unless it is of this type and readable. */
static const uint8_t *section_bytes(const struct symbol_sections *sections,
                                    const struct physical *physical, uint32_t index, uint32_t type,
                                    size_t *size)
{
    const uint8_t *section;
    uint64_t bytes;

    if (index >= sections->count)
        return NULL;
    section = (const uint8_t *)sections->headers + (size_t)index * sections->entry_size;
    bytes = bytes_read64(section + SECTION_BYTES);
    if (bytes_read32(section + SECTION_TYPE) != type || bytes == 0 || bytes > TABLE_BYTES_MAX)
        return NULL;
    *size = bytes;
    return physical->at(physical, bytes_read64(section + SECTION_ADDRESS), bytes);
}

static bool find_source(const struct symbol_sections *sections, const struct physical *physical,
                        const struct symbol_text *text, struct source *source)
{
    size_t size;

    if (sections->headers == NULL || sections->entry_size < SECTION_SIZE)
        return false;
    for (uint32_t i = 0; i < sections->count; i++) {
        const uint8_t *section =
            (const uint8_t *)sections->headers + (size_t)i * sections->entry_size;

        source->symbols = section_bytes(sections, physical, i, SHT_SYMTAB, &size);
        if (source->symbols == NULL || bytes_read64(section + SECTION_ENTRY_SIZE) != SYMBOL_SIZE)
            continue;
        source->count = size / SYMBOL_SIZE;
        source->strings = (const char *)section_bytes(sections, physical,
                                                      bytes_read32(section + SECTION_LINK),
                                                      SHT_STRTAB, &source->strings_size);
        source->text = text;
        /* A last NUL ends every string that begins inside. */
        return source->strings != NULL && source->strings[source->strings_size - 1] == '\0';
    }
    return false;
}

/* The symbol at `index`, if it names a place in the text. */
static bool code_symbol(const struct source *source, size_t index, struct symbol *out)
{
    const uint8_t *symbol = source->symbols + index * SYMBOL_SIZE;
    unsigned type = symbol[SYMBOL_INFO] & 0xf;
    unsigned section = bytes_read16(symbol + SYMBOL_SECTION);
    uint32_t name = bytes_read32(symbol + SYMBOL_NAME);

    out->address = bytes_read64(symbol + SYMBOL_VALUE);
    if ((type != STT_NOTYPE && type != STT_FUNC) || section == SHN_UNDEF || section == SHN_ABS ||
        out->address < source->text->start || out->address >= source->text->end ||
        name >= source->strings_size || source->strings[name] == '\0')
        return false;
    out->name = source->strings + name;
    return true;
}

/* How many symbols there are to copy, and the bytes of their names. */
static size_t count_symbols(const struct source *source, size_t *name_bytes)
{
    struct symbol symbol;
    size_t count = 0;

    *name_bytes = 0;
    for (size_t i = 0; i < source->count; i++) {
        if (!code_symbol(source, i, &symbol))
            continue;
        count++;
        *name_bytes += strlen(symbol.name) + 1;
    }
    return count;
}

/* Heapsort's step: lets symbols[root] sink to its place among the first `count`. */
static void sink(struct symbol *symbols, size_t root, size_t count)
{
    struct symbol sinking = symbols[root];

    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && symbols[child + 1].address > symbols[child].address)
            child++;
        if (symbols[child].address <= sinking.address)
            break;
        symbols[root] = symbols[child];
        root = child;
    }
    symbols[root] = sinking;
}

/* Heapsort: in place, without recursion, and never slow. */
static void sort_symbols(struct symbol *symbols, size_t count)
{
    for (size_t root = count / 2; root-- > 0;)
        sink(symbols, root, count);
    for (size_t left = count; left-- > 1;) {
        struct symbol largest = symbols[0];

        symbols[0] = symbols[left];
        symbols[left] = largest;
        sink(symbols, 0, left);
    }
}

size_t symbols_needed(const struct symbol_sections *sections, const struct physical *physical,
                      const struct symbol_text *text)
{
    struct source source;
    size_t count, name_bytes;

    if (!find_source(sections, physical, text, &source))
        return 0;
    count = count_symbols(&source, &name_bytes);
    return count * sizeof(struct symbol) + name_bytes;
}

bool symbols_init(const struct symbol_sections *sections, const struct physical *physical,
                  const struct symbol_text *text, void *memory, size_t size)
{
    struct symbol *symbols = memory;
    struct source source;
    size_t count, name_bytes;
    char *names;

    memset(&table, 0, sizeof table);
    if (!find_source(sections, physical, text, &source))
        return false;
    count = count_symbols(&source, &name_bytes);
    if (count == 0 || count * sizeof *symbols + name_bytes > size)
        return false;
    names = (char *)(symbols + count);
    for (size_t i = 0, filled = 0; i < source.count; i++) {
        struct symbol symbol;

        if (!code_symbol(&source, i, &symbol))
            continue;
        name_bytes = strlen(symbol.name) + 1;
        memcpy(names, symbol.name, name_bytes);
        symbols[filled++] = (struct symbol){ symbol.address, names };
        names += name_bytes;
    }
    sort_symbols(symbols, count);
    table.text = *text;
    table.symbols = symbols;
    table.count = count;
    return true;
}

const char *symbol_find(uint64_t address, uint64_t *offset)
{
    size_t low = 0, high = table.count;

    if (address < table.text.start || address >= table.text.end)
        return NULL;
    while (low < high) {            /* the first symbol behind `address` */
        size_t middle = low + (high - low) / 2;

        if (table.symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    *offset = address - table.symbols[low - 1].address;
    return table.symbols[low - 1].name;
}
