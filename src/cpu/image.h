/* SPDX-License-Identifier: MIT */
/* The image's place. It is linked in the topmost 2 GiB (iststorm.ld). From the first instruction in
 * 64-bit mode on, page tables map that range to the frames that the loader has put the image into.
 * All other physical memory is identity-mapped. */
#ifndef ISTSTORM_CPU_IMAGE_H
#define ISTSTORM_CPU_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/memory_map.h"

extern uint64_t image_load_address;         /* physical, of its first byte; set by boot/start.asm */
extern char text_start[], text_end[];       /* the image begins with its text */
extern char image_end[];

/* The physical address of an address in the image. There is no other conversion. */
static inline uint64_t image_physical(const void *address)
{
    return image_load_address + ((uintptr_t)address - (uintptr_t)text_start);
}

/* True: the memory map calls all of the image's memory available. Else `taken` is the first address
 * that is not. */
bool image_has_room(const struct memory_map *map, uint64_t *taken);

#endif
