/* SPDX-License-Identifier: MIT */
/* Page frames, handed out from the bottom of the memory map and kept in a list when they come
 * back. */
#include "cpu/pages.h"

#include <stddef.h>

#include "cpu/inject.h"
#include "cpu/lastword.h"
#include "cpu/spinlock.h"
#include "cpu/stacks.h"
#include "lib/string.h"

#define LOW_MEMORY_END 0xa0000ull
#define FIRST_MIB (1ull << 20)

extern char image_end[];

static const struct boot_info *boot;
static struct spinlock lock;
static unsigned range;              /* of the map, from which frames are now taken */
static uint64_t next;               /* the next frame in it, or below it: none taken yet */
static uint64_t free_list;          /* the first word of a free frame is the next one's address */
static uint64_t in_use, total;

/* The usable part of a range: whole pages above the first MiB and the image. */
static void usable(const struct boot_memory_range *r, uint64_t *start, uint64_t *end)
{
    uint64_t first = (uint64_t)image_end > FIRST_MIB ? (uint64_t)image_end : FIRST_MIB;

    *start = (r->base + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    *end = (r->base + r->length) & ~(uint64_t)(PAGE_SIZE - 1);
    if (*start < first)
        *start = first;
    if (r->type != BOOT_MEMORY_AVAILABLE || *end < *start)
        *end = *start;
}

void pages_init(const struct boot_info *info)
{
    boot = info;
    for (unsigned i = 0; i < boot->memory_count; i++) {
        uint64_t start, end;
        usable(&boot->memory[i], &start, &end);
        total += (end - start) / PAGE_SIZE;
        if (start <= LASTWORD_BASE && LASTWORD_END <= end)
            total -= (LASTWORD_END - LASTWORD_BASE) / PAGE_SIZE;
    }
}

/* The next frame of a range that is to be handed out: not one of the last word's. */
static uint64_t skip_kept(uint64_t frame)
{
    return frame >= LASTWORD_BASE && frame < LASTWORD_END ? LASTWORD_END : frame;
}

static uint64_t take_fresh(void)
{
    for (; range < boot->memory_count; range++) {
        uint64_t start, end;
        usable(&boot->memory[range], &start, &end);
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

    for (unsigned i = 0; i < boot->memory_count; i++) {
        const struct boot_memory_range *r = &boot->memory[i];
        uint64_t end = r->base + r->length;
        if (end > LOW_MEMORY_END)
            end = LOW_MEMORY_END;
        end &= ~(uint64_t)(PAGE_SIZE - 1);
        if (r->type == BOOT_MEMORY_AVAILABLE && end >= r->base + PAGE_SIZE && end > PAGE_SIZE)
            found = end - PAGE_SIZE;
    }
    return found;
}
