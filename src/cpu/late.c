/* SPDX-License-Identifier: MIT */
/* Maps the variables that lie behind the image: see late.h. */
#include "cpu/late.h"

#include "cpu/paging.h"

/* The pages at both ends may hold a neighbour, too, and be mapped already. */
bool late_map(const void *start, size_t size)
{
    uintptr_t end = (uintptr_t)start + size;

    for (uintptr_t at = (uintptr_t)start & -(uintptr_t)PAGE_SIZE; at < end; at += PAGE_SIZE)
        if (!paging_readable(at, 1) && !paging_map_new(at, at + PAGE_SIZE, PAGE_DATA))
            return false;
    return true;
}

bool late_create(uint32_t count)
{
    for (const struct cpu_table *table = cpu_tables_start; table < cpu_tables_end; table++)
        if (!late_map(table->start, count * table->size))
            return false;
    return true;
}
