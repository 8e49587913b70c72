/* SPDX-License-Identifier: MIT */
/* Fuzzes boot/multiboot2.h, and checks what it promises of any boot information it accepts. */
#include "boot/multiboot2.h"
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_memory(const struct memory_map *map)
{
    uint64_t end = 0;

    assert(map->count <= MEMORY_RANGES);
    for (unsigned i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->ranges[i];

        assert(range->length > 0 && range->base >= end);
        assert(range->base + range->length > range->base);
        assert(range->type >= MEMORY_AVAILABLE && range->type <= MEMORY_DEFECTIVE);
        end = range->base + range->length;
    }
}

static void check_inside(const void *part, size_t length, const uint8_t *whole, size_t size)
{
    if (part == NULL)
        return;
    assert((const uint8_t *)part >= whole);
    assert(length <= size - (size_t)((const uint8_t *)part - whole));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct boot_info info;
    uint8_t *copy = exact_copy(data, size);
    char error[128] = { 0 };

    if (multiboot2_parse(MULTIBOOT2_MAGIC, copy, size, &info, error, sizeof error)) {
        assert(error[0] == '\0');
        assert(strlen(info.command_line) == info.command_line_length);
        check_memory(&info.memory);
        check_inside(info.symbols.headers,
                     (size_t)info.symbols.count * info.symbols.entry_size, copy, size);
    } else {
        assert(error[0] != '\0');
    }
    free_copy(copy);
    return 0;
}
