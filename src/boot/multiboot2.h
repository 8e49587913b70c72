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

#include "boot/boot_info.h"

#define MULTIBOOT2_MAGIC 0x36d76289      /* in eax on entry (section 3.5) */

/*
 * Reads the boot information at `info`, of which no more than `limit` bytes may be touched. `magic`
 * is what eax held. The first tag of a type counts. False: `error` says in words what is wrong and
 * names the tag, for the refusal; `out` then holds what was read before.
 */
bool multiboot2_parse(uint32_t magic, const void *info, size_t limit, struct boot_info *out,
                      char *error, size_t error_size);

#endif
