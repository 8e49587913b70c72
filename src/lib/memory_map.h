/* SPDX-License-Identifier: MIT */
/*
 * The memory map: which physical addresses are memory, and for what (ACPI Specification 6.x,
 * section 15, table 15.2). The list of ranges of any loader ends up here.
 *
 * Machine-free. Read in any context once it is filled.
 */
#ifndef ISTSTORM_LIB_MEMORY_MAP_H
#define ISTSTORM_LIB_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_RANGES 512
#define MEMORY_ENTRY_BYTES 24       /* of a list's entry, at least: base, length, type, reserved */

/* Every other number means reserved, and is turned into MEMORY_RESERVED. */
enum memory_type {
    MEMORY_AVAILABLE = 1,
    MEMORY_RESERVED = 2,
    MEMORY_ACPI_RECLAIMABLE = 3,
    MEMORY_ACPI_NVS = 4,
    MEMORY_DEFECTIVE = 5,
};

struct memory_range {
    uint64_t base;                  /* physical address */
    uint64_t length;                /* bytes, never 0; base + length does not wrap */
    enum memory_type type;
};

struct memory_map {
    struct memory_range ranges[MEMORY_RANGES]; /* sorted, no overlaps, equal neighbours joined */
    unsigned count;
    unsigned skipped;               /* entries of length 0, or that wrap */
};

/*
 * Fills an empty map from a loader's list: `count` entries of `entry_bytes` each, in any order,
 * which may overlap. Where two overlap, the type that forbids more holds. Thread context. False:
 * there are more than MEMORY_RANGES of them.
 */
bool memory_map_fill(struct memory_map *map, const void *entries, size_t count, size_t entry_bytes);

/* The range that an address lies in. NULL: in none. */
const struct memory_range *memory_range_of(const struct memory_map *map, uint64_t address);

#endif
