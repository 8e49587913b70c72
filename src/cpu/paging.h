/* SPDX-License-Identifier: MIT */
/* The page tables, one set for all CPUs. SDM volume 3, 4.5 (4-level paging), 4.6 (access rights).
 *
 *   0 and up           memory and firmware's tables, identity-mapped, no-execute; without page 0
 *                      and the image's frames
 *   USER_BASE          ring 3's code and stacks
 *   CPU_WINDOWS_BASE   a window a CPU (stacks.h): all between its stacks is unmapped
 *   THREAD_SLOTS_BASE  a slot a thread (stacks.h): its lower half, the guard, is unmapped
 *   DEVICES_BASE       device registers, uncached, mapped on demand
 *   the topmost 2 GiB  the image (image.h): text read-execute, constants read-only, the rest
 *                      no-execute
 *
 * Thread and IRQ context, unless it says otherwise. */
#ifndef ISTSTORM_CPU_PAGING_H
#define ISTSTORM_CPU_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/memory_map.h"
#include "cpu/x86.h"
#include "lib/physical.h"

#define USER_BASE 0x0000700000000000ull
#define DEVICES_BASE 0xffffa00000000000ull

#define PAGE_DATA (PTE_PRESENT | PTE_WRITE | PTE_NO_EXECUTE)
#define PAGE_USER_DATA (PAGE_DATA | PTE_USER)
#define PAGE_USER_TEXT (PTE_PRESENT | PTE_USER)
#define PAGE_DEVICE (PAGE_DATA | PTE_CACHE_DISABLE | PTE_WRITE_THROUGH)
/* Write-combining. Entry 1 of the PAT, which is write-through at reset and not used as that. */
#define PAGE_COMBINED (PAGE_DATA | PTE_WRITE_THROUGH)

/* Builds the tables and loads them. Once, on the BSP, after pages_init. False: out of memory. */
bool paging_init(const struct memory_map *memory);

/* Loads this CPU's control registers: the tables, the PAT, WP, NX, and SMEP, SMAP, UMIP where the
 * CPU has them. */
void paging_load(void);

/* True: PAGE_COMBINED is write-combining on this CPU. */
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

/* Device registers, uncached. NULL: out of memory, or past the CPU's physical addresses. They stay
 * mapped. */
volatile void *paging_map_device(uint64_t physical, size_t length);

/* The same for memory that is only written, as a framebuffer: write-combining. */
volatile void *paging_map_combined(uint64_t physical, size_t length);

/* Gives access to firmware's tables: maps pages that are not mapped yet, read-only. NULL past the
 * CPU's physical addresses. */
extern const struct physical paging_physical;

/* Whether a read of [address, address + length) would not fault. Any context; takes no lock. */
bool paging_readable(uintptr_t address, size_t length);

#endif
