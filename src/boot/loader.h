/* SPDX-License-Identifier: MIT */
/*
 * The loader that started the image, and its information. A reader for another loader's language is
 * one more file beside multiboot2.c and one more line in loader.c.
 *
 * Thread context, once, on the BSP, with start.asm's page tables.
 */
#ifndef ISTSTORM_BOOT_LOADER_H
#define ISTSTORM_BOOT_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/boot_info.h"
#include "lib/physical.h"

/* start.asm maps the first 4 GiB, where they are; main has them until paging_init. */
#define BOOT_MAPPED_BYTES (1ull << 32)
extern const struct physical boot_physical;

/*
 * Reads what the loader has left at `info`; `magic` is what eax held. Under QEMU its user's command
 * line, the fw_cfg file opt/iststorm/cmdline, replaces the loader's. False: `error` says in words
 * what is wrong, for the refusal; `out` then holds what was read before, and in which emulator this
 * is.
 */
bool loader_read(uint32_t magic, const void *info, struct boot_info *out, char *error,
                 size_t error_size);

#endif
