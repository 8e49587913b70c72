/* SPDX-License-Identifier: MIT */
/* Asks the memory map about the image's place. */
#include "cpu/image.h"

#include <stddef.h>

uint64_t image_load_address;

bool image_has_room(const struct memory_map *map, uint64_t *taken)
{
    const struct memory_range *r;

    for (uint64_t at = image_load_address; at < image_physical(image_end);
         at = r->base + r->length) {
        r = memory_range_of(map, at);
        *taken = at;
        if (!r || r->type != MEMORY_AVAILABLE)
            return false;
    }
    return true;
}
