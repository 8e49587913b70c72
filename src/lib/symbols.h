/* SPDX-License-Identifier: MIT */
/*
 * Names for addresses of the image's own code, from its ELF symbol table (System V ABI, chapter 4),
 * which the boot loader loads and multiboot2 tag 9 tells of.
 *
 * Machine-free.
 */
#ifndef ISTSTORM_LIB_SYMBOLS_H
#define ISTSTORM_LIB_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/physical.h"

/* The section headers of the image, as its loader left them: count * entry_size readable bytes. */
struct symbol_sections {
    const void *headers;            /* NULL: the loader kept none */
    uint32_t count;
    uint32_t entry_size;            /* bytes */
};

/* The addresses [start, end) of the image's code. */
struct symbol_text {
    uint64_t start, end;
};

/*
 * How many bytes of memory symbols_init wants; 0 when the image came without symbols, or with ones
 * that are not well-formed. Thread context.
 */
size_t symbols_needed(const struct symbol_sections *sections, const struct physical *physical,
                      const struct symbol_text *text);

/*
 * Copies the symbols of the text into `memory`, of `size` bytes and aligned to 8, which is theirs
 * from then on; the loader's own copy may be overwritten after this. False, and no symbols, when
 * there are none or `size` is too small. Thread context, once, before the APs run.
 */
bool symbols_init(const struct symbol_sections *sections, const struct physical *physical,
                  const struct symbol_text *text, void *memory, size_t size);

/*
 * The name of the last symbol at or before `address`, and how far behind it `address` is. NULL
 * outside the text and without symbols. Any context: it takes no lock and writes nothing but
 * `*offset`.
 */
const char *symbol_find(uint64_t address, uint64_t *offset);

#endif
