/* SPDX-License-Identifier: MIT */
/* Fuzzes boot/multiboot2.h, and checks what it promises of any boot information it accepts. */
#include "boot/multiboot2.h"
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_memory(const struct boot_info *info)
{
    uint64_t end = 0;

    assert(info->memory_count <= BOOT_MEMORY_RANGES);
    for (unsigned i = 0; i < info->memory_count; i++) {
        const struct boot_memory_range *range = &info->memory[i];

        assert(range->length > 0 && range->base >= end);
        assert(range->base + range->length > range->base);
        assert(range->type >= BOOT_MEMORY_AVAILABLE && range->type <= BOOT_MEMORY_DEFECTIVE);
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
        assert(strlen(info.loader_name) < BOOT_LOADER_NAME_SIZE);
        check_memory(&info);
        check_inside(info.elf.headers, (size_t)info.elf.count * info.elf.entry_size, copy, size);
        check_inside(info.efi_memory_map.descriptors, info.efi_memory_map.size_bytes, copy, size);
    } else {
        assert(error[0] != '\0');
    }
    free_copy(copy);
    return 0;
}
