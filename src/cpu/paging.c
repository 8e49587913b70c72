/* SPDX-License-Identifier: MIT */
/* Builds and changes the page tables: SDM volume 3, 4.5; 4.10.4.2 (when to flush); 11.12 for the
 * page attribute table (PAT).
 *
 * Tables are frames below 4 GiB (pages.c hands out the lowest first) and so always readable through
 * the identity map, by start.asm's tables as well as by these. */
#include "cpu/paging.h"

#include "cpu/features.h"
#include "cpu/image.h"
#include "cpu/pages.h"
#include "cpu/spinlock.h"
#include "cpu/stacks.h"

#define LEVELS 4
#define ENTRIES 512
#define LARGE_PAGE (2ull << 20)
#define FIRST_MIB (1ull << 20)
#define NEEDS_TABLE \
    (PTE_PRESENT | PTE_WRITE | PTE_USER) /* the leaf decides; the levels above allow everything */

#define PAT_COMBINED_SHIFT 8        /* entry 1: PWT alone */
#define PAT_ENTRY 0x7ull
#define PAT_WRITE_COMBINING 0x1ull

extern char boot_guard[];           /* iststorm.ld: below the stack that main runs on */
extern char rodata_start[], rodata_end[];

uint64_t paging_root;
static struct spinlock lock;
static uint64_t tables;

static unsigned index_at(uintptr_t address, unsigned level)
{
    return address >> (12 + 9 * level) & (ENTRIES - 1);
}

/* The entry for the address at a level (0: 4 KiB page, 1: 2 MiB page); NULL where a table is
 * missing and may not be, or cannot be, made. */
static uint64_t *walk(uintptr_t address, unsigned to_level, bool make)
{
    uint64_t *table = (uint64_t *)paging_root;

    for (unsigned level = LEVELS - 1; level > to_level; level--) {
        uint64_t *entry = &table[index_at(address, level)];
        if (!(*entry & PTE_PRESENT)) {
            uint64_t page = make ? page_alloc() : 0;
            if (!page)
                return NULL;
            *entry = page | NEEDS_TABLE;
            tables++;
        }
        if (*entry & PTE_LARGE)
            return NULL;
        table = (uint64_t *)(*entry & PTE_ADDRESS);
    }
    return &table[index_at(address, to_level)];
}

uint64_t paging_tables(void)
{
    return __atomic_load_n(&tables, __ATOMIC_RELAXED);
}

bool paging_map(uintptr_t address, uint64_t page, uint64_t flags)
{
    uint64_t saved = spinlock_take(&lock);
    uint64_t *entry = walk(address, 0, true);

    if (entry)
        *entry = page | flags;
    spinlock_release(&lock, saved);
    return entry != NULL;
}

/* Changes the entry of one page and returns what it was. */
static uint64_t change_entry(uintptr_t address, uint64_t keep)
{
    uint64_t saved = spinlock_take(&lock);
    uint64_t *entry = walk(address, 0, false);
    uint64_t was = entry ? *entry : 0;

    if (entry)
        *entry &= keep;
    spinlock_release(&lock, saved);
    invalidate_page(address);
    return was;
}

void paging_hide(uintptr_t low, uintptr_t high)
{
    for (uintptr_t at = low; at < high; at += PAGE_SIZE)
        change_entry(at, ~PTE_PRESENT);
}

void paging_free(uintptr_t low, uintptr_t high)
{
    for (uintptr_t at = low; at < high; at += PAGE_SIZE) {
        uint64_t page = change_entry(at, 0) & PTE_ADDRESS;
        if (page)
            page_free(page);
    }
}

bool paging_map_new(uintptr_t low, uintptr_t high, uint64_t flags)
{
    for (uintptr_t at = low; at < high; at += PAGE_SIZE) {
        uint64_t page = page_alloc();
        if (page && paging_map(at, page, flags))
            continue;
        if (page)
            page_free(page);
        paging_free(low, at);
        return false;
    }
    return true;
}

/* Identity-maps whole pages around [start, end), in 2 MiB pages where they fit and are not split
 * already. */
static bool map_identity(uint64_t start, uint64_t end, uint64_t flags, bool large)
{
    start &= ~(uint64_t)(PAGE_SIZE - 1);
    while (start < end) {
        bool fits = large && start % LARGE_PAGE == 0 && end - start >= LARGE_PAGE;
        uint64_t *entry = walk(start, fits ? 1 : 0, true);
        if (!entry)
            return false;
        if (!(*entry & PTE_PRESENT) || !fits)
            *entry = start | flags | (fits ? PTE_LARGE : 0);
        start += fits ? LARGE_PAGE : PAGE_SIZE;
    }
    return true;
}

/* A range of memory without the image's frames, which must be changed by no other address. */
static bool map_but_image(uint64_t start, uint64_t end)
{
    uint64_t low = image_load_address, high = image_physical(image_end);

    if (end <= low || high <= start)
        return map_identity(start, end, PAGE_DATA, true);
    return (start >= low || map_identity(start, low, PAGE_DATA, true)) &&
           (end <= high || map_identity(high, end, PAGE_DATA, true));
}

static bool map_memory(const struct memory_map *memory)
{
    for (unsigned i = 0; i < memory->count; i++) {
        const struct memory_range *r = &memory->ranges[i];
        if (r->type != MEMORY_RESERVED && r->type != MEMORY_DEFECTIVE &&
            !map_but_image(r->base, r->base + r->length))
            return false;
    }
    return map_identity(0, FIRST_MIB, PAGE_DATA, false);
}

/* A part of the image, where it is linked. */
static bool map_image(const char *from, const char *to, uint64_t flags)
{
    for (const char *at = from; at < to; at += PAGE_SIZE)
        if (!paging_map((uintptr_t)at, image_physical(at), flags))
            return false;
    return true;
}

bool paging_init(const struct memory_map *memory)
{
    paging_root = page_alloc();
    if (!paging_root || !map_memory(memory) || !map_image(text_start, text_end, PTE_PRESENT) ||
        !map_image(rodata_start, rodata_end, PTE_PRESENT | PTE_NO_EXECUTE) ||
        !map_image(rodata_end, image_end, PAGE_DATA))
        return false;
    *walk(0, 0, false) = 0;
    *walk((uintptr_t)boot_guard, 0, false) = 0;
    paging_load();
    return true;
}

bool paging_combines(void)
{
    return (read_msr(MSR_PAT) >> PAT_COMBINED_SHIFT & PAT_ENTRY) == PAT_WRITE_COMBINING;
}

/* No page has been mapped by this entry yet, so no line is cached by it (11.12.4). */
static void set_combining(void)
{
    uint64_t others = read_msr(MSR_PAT) & ~(PAT_ENTRY << PAT_COMBINED_SHIFT);

    write_msr(MSR_PAT, others | PAT_WRITE_COMBINING << PAT_COMBINED_SHIFT);
}

void paging_load(void)
{
    uint64_t cr4 = CR4_PAE | CR4_DE | CR4_MCE;

    if (cpu_features.smep)
        cr4 |= CR4_SMEP;
    if (cpu_features.smap)
        cr4 |= CR4_SMAP;
    if (cpu_features.umip)
        cr4 |= CR4_UMIP;
    set_combining();
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_NXE); /* before a table with NX set is walked */
    write_cr3(paging_root);
    write_cr4(cr4);
    write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
}

static volatile void *map_physical(uint64_t physical, size_t length, uint64_t flags)
{
    static uintptr_t next = DEVICES_BASE;
    uint64_t page = physical & ~(uint64_t)(PAGE_SIZE - 1);

    if (physical + length < physical || (physical + length - 1) >> cpu_features.physical_bits)
        return NULL;
    uintptr_t mapped = __atomic_fetch_add(
        &next, (physical + length - page + PAGE_SIZE - 1) & -(uintptr_t)PAGE_SIZE,
        __ATOMIC_RELAXED);

    for (uint64_t at = page; at < physical + length; at += PAGE_SIZE)
        if (!paging_map(mapped + (at - page), at, flags))
            return NULL;
    return (volatile void *)(mapped + (physical - page));
}

volatile void *paging_map_device(uint64_t physical, size_t length)
{
    return map_physical(physical, length, PAGE_DEVICE);
}

volatile void *paging_map_combined(uint64_t physical, size_t length)
{
    return map_physical(physical, length, PAGE_COMBINED);
}

/* Page 0 stays unmapped, so what firmware keeps there (the EBDA's segment) is read through another
 * address. */
static const void *physical_at(const struct physical *self, uint64_t address, size_t length)
{
    (void)self;
    if (address + length < address || (address + length) >> cpu_features.physical_bits)
        return NULL;
    if (address < PAGE_SIZE)
        return (const void *)paging_map_device(address, length);
    for (uint64_t at = address & ~(uint64_t)(PAGE_SIZE - 1); at < address + length; at += PAGE_SIZE)
        if (!paging_readable(at, 1) &&
            !map_identity(at, at + PAGE_SIZE, PTE_PRESENT | PTE_NO_EXECUTE, false))
            return NULL;
    return (const void *)address;
}

const struct physical paging_physical = {.at = physical_at};

static bool page_present(uintptr_t address)
{
    const uint64_t *table = (const uint64_t *)paging_root;

    if ((uintptr_t)((intptr_t)(address << 16) >> 16) != address || !paging_root)
        return false;
    for (unsigned level = LEVELS - 1;; level--) {
        uint64_t entry = table[index_at(address, level)];
        if (!(entry & PTE_PRESENT))
            return false;
        if (level == 0 || entry & PTE_LARGE)
            return true;
        table = (const uint64_t *)(entry & PTE_ADDRESS);
    }
}

bool paging_readable(uintptr_t address, size_t length)
{
    if (address + length < address)
        return false;
    for (uintptr_t page = address & -(uintptr_t)PAGE_SIZE; page < address + length;
         page += PAGE_SIZE)
        if (!page_present(page))
            return false;
    return true;
}
