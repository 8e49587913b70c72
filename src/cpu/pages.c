/* SPDX-License-Identifier: MIT */
/* Page frames: handed out from the bottom of the memory map, and kept in a list when they come
 * back. */
#include "cpu/pages.h"

#include <stddef.h>

#include "cpu/image.h"
#include "cpu/inject.h"
#include "cpu/lastword.h"
#include "cpu/spinlock.h"
#include "cpu/stacks.h"
#include "lib/string.h"

#define LOW_MEMORY_END 0xa0000ull
#define FIRST_MIB (1ull << 20)

static const struct memory_map *map;
static struct spinlock lock;
static unsigned range;              /* of the map, from which frames are now taken */
static uint64_t next;               /* the next frame in it, or below it: none taken yet */
static uint64_t free_list;          /* the first word of a free frame is the next one's address */
static uint64_t in_use, total;

/* The usable part of a range: whole pages above the first MiB. */
static void usable(const struct memory_range *r, uint64_t *start, uint64_t *end)
{
    *start = (r->base + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    *end = (r->base + r->length) & ~(uint64_t)(PAGE_SIZE - 1);
    if (*start < FIRST_MIB)
        *start = FIRST_MIB;
    if (r->type != MEMORY_AVAILABLE || *end < *start)
        *end = *start;
}

/* The next frame that may be handed out: neither one of the image's nor one of the last word's. */
static uint64_t skip_kept(uint64_t frame)
{
    for (;;) {
        if (frame >= image_load_address && frame < image_physical(image_end))
            frame = image_physical(image_end);
        else if (frame >= LASTWORD_BASE && frame < LASTWORD_END)
            frame = LASTWORD_END;
        else
            return frame;
    }
}

static uint64_t first_after(uint64_t frame, uint64_t kept, uint64_t end)
{
    return kept > frame && kept < end ? kept : end;
}

static uint64_t count_frames(uint64_t start, uint64_t end)
{
    uint64_t count = 0, stop;

    for (uint64_t frame = skip_kept(start); frame < end; frame = skip_kept(stop)) {
        stop = first_after(frame, image_load_address, first_after(frame, LASTWORD_BASE, end));
        count += (stop - frame) / PAGE_SIZE;
    }
    return count;
}

void pages_init(const struct memory_map *memory)
{
    map = memory;
    for (unsigned i = 0; i < map->count; i++) {
        uint64_t start, end;
        usable(&map->ranges[i], &start, &end);
        total += count_frames(start, end);
    }
}

static uint64_t take_fresh(void)
{
    for (; range < map->count; range++) {
        uint64_t start, end;
        usable(&map->ranges[range], &start, &end);
        if (next < start)
            next = start;
        next = skip_kept(next);
        if (next < end) {
            next += PAGE_SIZE;
            return next - PAGE_SIZE;
        }
    }
    return 0;
}

uint64_t page_alloc(void)
{
    uint64_t flags = spinlock_take(&lock);
    uint64_t page = free_list;

    if (page)
        free_list = *(uint64_t *)page;
    else
        page = take_fresh();
    if (page)
        in_use++;
    spinlock_release(&lock, flags);
    if (page)
        memset((void *)page, 0, PAGE_SIZE);
    return page;
}

void page_free(uint64_t page)
{
    uint64_t flags = spinlock_take(&lock);

    *(uint64_t *)page = free_list;
    free_list = page;
    in_use--;
    spinlock_release(&lock, flags);
}

uint64_t pages_in_use(void)
{
    return __atomic_load_n(&in_use, __ATOMIC_RELAXED);
}

uint64_t pages_total(void)
{
    return total;
}

uint64_t pages_find_low(void)
{
    uint64_t found = 0;

    for (unsigned i = 0; i < map->count; i++) {
        const struct memory_range *r = &map->ranges[i];
        uint64_t end = r->base + r->length;
        if (end > LOW_MEMORY_END)
            end = LOW_MEMORY_END;
        end &= ~(uint64_t)(PAGE_SIZE - 1);
        if (r->type == MEMORY_AVAILABLE && end >= r->base + PAGE_SIZE && end > PAGE_SIZE)
            found = end - PAGE_SIZE;
    }
    return found;
}
