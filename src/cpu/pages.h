/* SPDX-License-Identifier: MIT */
/* Page frames: the memory that the boot loader's map calls available, less the first MiB, the image
 * and the last word's place.
 *
 * Thread and IRQ context. Addresses are physical, and the frame can be written at the same address
 * (identity map). */
#ifndef ISTSTORM_CPU_PAGES_H
#define ISTSTORM_CPU_PAGES_H

#include <stdint.h>

#include "lib/memory_map.h"

/* Once, on the BSP. The map must outlive the run. */
void pages_init(const struct memory_map *memory);

/* A zeroed frame; the lowest first, until frames come back. 0: there is none. */
uint64_t page_alloc(void);
void page_free(uint64_t page);

/* Frames that are in use, and frames in all. */
uint64_t pages_in_use(void);
uint64_t pages_total(void);

/* A free page below 640 KiB for the start-up trampoline, which is real-mode code; 0: there is
 * none. */
uint64_t pages_find_low(void);

#endif
