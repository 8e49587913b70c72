/* SPDX-License-Identifier: MIT */
/*
 * The boot information in no loader's language: the reader of a loader's language fills it, and all
 * later code reads it here.
 *
 * Everything is a copy, but for `symbols.headers`: these lie where the loader left them, which may
 * be low memory, and are to be used up before that is written to.
 */
#ifndef ISTSTORM_BOOT_BOOT_INFO_H
#define ISTSTORM_BOOT_BOOT_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/console.h"
#include "lib/memory_map.h"
#include "lib/symbols.h"
#include "smp/acpi/acpi.h"

#define BOOT_COMMAND_LINE_SIZE 4096             /* bytes, with the terminating NUL */

struct boot_info {
    char command_line[BOOT_COMMAND_LINE_SIZE];  /* "" when none was given */
    size_t command_line_length;
    struct memory_map memory;
    struct acpi_roots acpi;                     /* those that are known; none is no error yet */
    struct console_framebuffer framebuffer;     /* of no kind when absent or unusable */
    struct symbol_sections symbols;
    uint64_t efi_system_table;                  /* physical; 0 when not booted through EFI */
    bool efi_is_64;                             /* the size of its pointers */
    bool in_qemu, in_bochs;                     /* which can be told to exit; loader.h finds out */
};

#endif
