/* SPDX-License-Identifier: MIT */
/*
 * The boot information that a multiboot2 boot loader leaves (Multiboot2 Specification 2.0,
 * section 3.6), copied or bounds-checked, so that nobody after this parser meets a raw tag.
 *
 * Machine-free. Thread context, once, on the BSP.
 */
#ifndef ISTSTORM_BOOT_MULTIBOOT2_H
#define ISTSTORM_BOOT_MULTIBOOT2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/console.h"

enum {
    MULTIBOOT2_MAGIC = 0x36d76289,  /* in eax on entry (section 3.5) */
    BOOT_COMMAND_LINE_SIZE = 4096,  /* bytes, with the terminating NUL */
    BOOT_LOADER_NAME_SIZE = 64,
    BOOT_MEMORY_RANGES = 512,
    BOOT_RSDP_OLD_SIZE = 20,        /* ACPI 1.0 */
    BOOT_RSDP_NEW_SIZE = 36,        /* ACPI 2.0 and later */
};

/* Section 3.6.8. Every other number means reserved, and is turned into BOOT_MEMORY_RESERVED. */
enum boot_memory_type {
    BOOT_MEMORY_AVAILABLE = 1,
    BOOT_MEMORY_RESERVED = 2,
    BOOT_MEMORY_ACPI_RECLAIMABLE = 3,
    BOOT_MEMORY_ACPI_NVS = 4,
    BOOT_MEMORY_DEFECTIVE = 5,
};

struct boot_memory_range {
    uint64_t base;                  /* physical address */
    uint64_t length;                /* bytes, never 0; base + length does not wrap */
    enum boot_memory_type type;
};

/* The section headers of the image, in the boot information itself: see `struct boot_info`. */
struct boot_elf_sections {
    const void *headers;            /* count * entry_size readable bytes; NULL without tag 9 */
    uint32_t count;
    uint32_t entry_size;            /* bytes */
    uint32_t string_index;          /* of the section names' section */
};

/* The EFI memory map, in the boot information itself. */
struct boot_efi_memory_map {
    const void *descriptors;        /* size_bytes readable bytes; NULL without tag 17 */
    uint32_t size_bytes;            /* a multiple of descriptor_size */
    uint32_t descriptor_size;       /* bytes; may be more than the version's structure has */
    uint32_t descriptor_version;
};

/*
 * Everything is a copy, but for `elf.headers` and `efi_memory_map.descriptors`: these point into
 * the loader's boot information, which may lie in low memory, and are to be used up before that
 * is written to.
 */
struct boot_info {
    char command_line[BOOT_COMMAND_LINE_SIZE];  /* "" when the loader gave none */
    size_t command_line_length;
    char loader_name[BOOT_LOADER_NAME_SIZE];    /* cut to fit; "" when not given */

    /* Sorted by base, no overlaps, equal neighbours joined. */
    struct boot_memory_range memory[BOOT_MEMORY_RANGES];
    unsigned memory_count;
    unsigned memory_skipped;                    /* entries of length 0, or that wrap */

    bool rsdp_old_given, rsdp_new_given;        /* neither is an error of the parser */
    uint8_t rsdp_old[BOOT_RSDP_OLD_SIZE];       /* not yet validated: smp/acpi.h does */
    uint8_t rsdp_new[BOOT_RSDP_NEW_SIZE];

    struct console_framebuffer framebuffer;     /* of no kind when absent or unusable */
    struct boot_elf_sections elf;
    struct boot_efi_memory_map efi_memory_map;
    uint64_t efi_system_table;                  /* physical; 0 when not booted through EFI */
    bool efi_is_64;                             /* the size of its pointers */
    uint64_t efi_image_handle;                  /* 0 when not given */
    uint32_t load_base;                         /* physical; 0 when not given */
};

/*
 * Reads the boot information at `info`, of which no more than `limit` bytes may be touched. `magic`
 * is what eax held. The first tag of a type counts. False: `error` says in words what is wrong and
 * names the tag, for the refusal; `out` then holds what was read before.
 */
bool multiboot2_parse(uint32_t magic, const void *info, size_t limit, struct boot_info *out,
                      char *error, size_t error_size);

#endif
