/* SPDX-License-Identifier: MIT */
/* The page tables, one set for all CPUs. SDM volume 3, 4.5 (4-level paging), 4.6 (access rights).
 *
 *   the image        identity-mapped: text read-execute, constants read-only, the rest no-execute;
 *   page 0 not mapped RAM, the tables  identity-mapped, writable, no-execute CPU windows      upper
 *   half, stacks.h: everything between the stacks is not mapped thread slots     upper half,
 *   stacks.h devices          upper half, uncached, mapped on demand ring 3           USER_BASE and
 *   up
 *
 * Thread and IRQ context, unless it says otherwise. */
#ifndef ISTSTORM_CPU_PAGING_H
#define ISTSTORM_CPU_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/multiboot2.h"
#include "cpu/x86.h"
#include "lib/physical.h"

#define USER_BASE 0x0000700000000000ull
#define DEVICES_BASE 0xffffa00000000000ull

#define PAGE_DATA (PTE_PRESENT | PTE_WRITE | PTE_NO_EXECUTE)
#define PAGE_USER_DATA (PAGE_DATA | PTE_USER)
#define PAGE_USER_TEXT (PTE_PRESENT | PTE_USER)
#define PAGE_DEVICE (PAGE_DATA | PTE_CACHE_DISABLE | PTE_WRITE_THROUGH)
/* Writes to it are gathered. Entry 1 of the PAT, which nobody maps as what it is at reset, through
 * to memory. */
#define PAGE_COMBINED (PAGE_DATA | PTE_WRITE_THROUGH)

/* Builds the tables and loads them. Once, on the BSP, after pages_init. False: out of memory. */
bool paging_init(const struct boot_info *boot);

/* This CPU's control registers: the tables, what PAGE_COMBINED means, WP, NX, and SMEP, SMAP, UMIP
 * where the CPU has them. Any CPU. */
void paging_load(void);

/* Whether PAGE_COMBINED means on this CPU what it is to mean. */
bool paging_combines(void);

/* The tables' root: below 4 GiB, so that a starting CPU can load it in 32-bit mode. */
extern uint64_t paging_root;

/* Maps one page. False: out of memory for a table. */
bool paging_map(uintptr_t address, uint64_t page, uint64_t flags);

/* Frames that serve as tables; they are kept once made. */
uint64_t paging_tables(void);

/* Maps and fills new frames for [low, high); undoes everything and returns false when memory runs
 * out. */
bool paging_map_new(uintptr_t low, uintptr_t high, uint64_t flags);

/* Makes [low, high) fault, on this CPU at once and on others when they have reloaded CR3. Its
 * frames stay: they may be written to until then. */
void paging_hide(uintptr_t low, uintptr_t high);

/* Frees the frames of [low, high), hidden or not, which no other CPU has cached any more. */
void paging_free(uintptr_t low, uintptr_t high);

/* Device registers, uncached. NULL: out of memory or addresses. They stay mapped. */
volatile void *paging_map_device(uint64_t physical, size_t length);

/* The same for memory that is only written to, as a framebuffer: write-combining. */
volatile void *paging_map_combined(uint64_t physical, size_t length);

/* Reads firmware's tables: maps what is not mapped yet, read-only. NULL past the CPU's physical
 * addresses. */
extern const struct physical paging_physical;

/* Whether a read of [address, address + length) would not fault. Any context; takes no lock. */
bool paging_readable(uintptr_t address, size_t length);

#endif
