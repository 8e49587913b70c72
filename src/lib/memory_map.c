/* SPDX-License-Identifier: MIT */
/* Sorts a loader's list of ranges, which firmware may have left in any order and with overlaps. */
#include "lib/memory_map.h"

#include "lib/bytes.h"

/* A loader's list. */
struct list {
    const uint8_t *entries;
    size_t count, entry_size;
};

static enum memory_type type_of(uint32_t number)
{
    switch (number) {
    case MEMORY_AVAILABLE:
    case MEMORY_ACPI_RECLAIMABLE:
    case MEMORY_ACPI_NVS:
    case MEMORY_DEFECTIVE:
        return (enum memory_type)number;
    default:
        return MEMORY_RESERVED;
    }
}

/* Where two entries overlap, the one with the higher number holds. */
static unsigned restriction(enum memory_type type)
{
    switch (type) {
    case MEMORY_AVAILABLE:
        return 1;
    case MEMORY_ACPI_RECLAIMABLE:
        return 2;
    case MEMORY_ACPI_NVS:
        return 3;
    case MEMORY_RESERVED:
        return 4;
    case MEMORY_DEFECTIVE:
        return 5;
    }
    return 0;
}

/* False for an entry that says nothing: of length 0, or one that wraps. */
static bool entry_range(const struct list *list, size_t index, struct memory_range *range)
{
    const uint8_t *entry = list->entries + index * list->entry_size;

    range->base = bytes_read64(entry);
    range->length = bytes_read64(entry + 8);
    range->type = type_of(bytes_read32(entry + 16));
    return range->length != 0 && range->base + range->length > range->base;
}

/*
 * The longest stretch from `from` on that the same entries cover: `piece->base` is `from`, and
 * `piece->length` runs to the next place where any entry begins or ends. Its type is the most
 * restrictive of those that cover it. `*covered` is false for a hole. False past the last entry.
 */
static bool next_piece(const struct list *list, uint64_t from, struct memory_range *piece,
                       bool *covered)
{
    uint64_t next = UINT64_MAX;
    bool more = false;

    *covered = false;
    piece->base = from;
    for (size_t i = 0; i < list->count; i++) {
        struct memory_range range;

        if (!entry_range(list, i, &range) || range.base + range.length <= from)
            continue;
        more = true;
        if (range.base > from) {
            next = range.base < next ? range.base : next;
            continue;
        }
        next = range.base + range.length < next ? range.base + range.length : next;
        if (!*covered || restriction(range.type) > restriction(piece->type))
            piece->type = range.type;
        *covered = true;
    }
    piece->length = next - from;
    return more;
}

/* False when the array is full. */
static bool append_range(struct memory_map *map, const struct memory_range *piece)
{
    struct memory_range *last = NULL;

    if (map->count > 0)
        last = &map->ranges[map->count - 1];
    if (last != NULL && last->type == piece->type && last->base + last->length == piece->base) {
        last->length += piece->length;
        return true;
    }
    if (map->count == MEMORY_RANGES)
        return false;
    map->ranges[map->count++] = *piece;
    return true;
}

/* Walks over the edges of all entries: no scratch memory, and a cost that grows with the square
 * of their number, which is why that is bounded first. */
bool memory_map_fill(struct memory_map *map, const void *entries, size_t count, size_t entry_bytes)
{
    struct list list = {entries, count, entry_bytes};
    struct memory_range piece;
    bool covered;

    if (count > MEMORY_RANGES)
        return false;
    for (size_t i = 0; i < count; i++)
        map->skipped += !entry_range(&list, i, &piece);
    for (uint64_t from = 0; next_piece(&list, from, &piece, &covered); from += piece.length)
        if (covered && !append_range(map, &piece))
            return false;
    return true;
}

const struct memory_range *memory_range_of(const struct memory_map *map, uint64_t address)
{
    for (unsigned i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->ranges[i];

        if (address >= range->base && address - range->base < range->length)
            return range;
    }
    return NULL;
}
