/* SPDX-License-Identifier: MIT */
/*
 * Foreign bytes for the hosted tests: a buffer to write tables into, and a physical memory that
 * hands out exact-size copies of them, so that AddressSanitizer sees each byte read too far. The
 * copies lie at odd addresses, so that UBSan sees each access that takes alignment for granted.
 */
#ifndef ISTSTORM_TEST_FOREIGN_H
#define ISTSTORM_TEST_FOREIGN_H

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/physical.h"

struct buffer {
    uint8_t bytes[1 << 16];
    size_t length;
};

static inline void put(struct buffer *b, const void *bytes, size_t length)
{
    assert(length <= sizeof b->bytes - b->length);
    if (length > 0)
        memcpy(b->bytes + b->length, bytes, length);
    b->length += length;
}

static inline void put8(struct buffer *b, uint8_t value)
{
    put(b, &value, sizeof value);
}

static inline void put16(struct buffer *b, uint16_t value)
{
    put(b, &value, sizeof value);
}

static inline void put32(struct buffer *b, uint32_t value)
{
    put(b, &value, sizeof value);
}

static inline void put64(struct buffer *b, uint64_t value)
{
    put(b, &value, sizeof value);
}

static inline void put_zeroes(struct buffer *b, size_t length)
{
    assert(length <= sizeof b->bytes - b->length);
    memset(b->bytes + b->length, 0, length);
    b->length += length;
}

/* With its NUL. */
static inline void put_string(struct buffer *b, const char *text)
{
    put(b, text, strlen(text) + 1);
}

/* A file, whose path is from the repository's root, in place of what is there. */
static inline void read_bytes(struct buffer *b, const char *path)
{
    FILE *file = fopen(path, "rb");

    assert(file);
    b->length = fread(b->bytes, 1, sizeof b->bytes, file);
    assert(b->length > 0 && b->length < sizeof b->bytes && fclose(file) == 0);
}

static inline void set32(struct buffer *b, size_t offset, uint32_t value)
{
    memcpy(b->bytes + offset, &value, sizeof value);
}

static inline void set64(struct buffer *b, size_t offset, uint64_t value)
{
    memcpy(b->bytes + offset, &value, sizeof value);
}

/* Makes the sum of bytes[start, end) zero through the byte at `checksum`. */
static inline void fix_sum(uint8_t *bytes, size_t start, size_t end, size_t checksum)
{
    uint8_t sum = 0;

    bytes[checksum] = 0;
    for (size_t i = start; i < end; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[checksum] = (uint8_t)-sum;
}

/* A copy that a read of one byte more leaves; free_copy gives it back. */
static inline uint8_t *exact_copy(const void *bytes, size_t length)
{
    uint8_t *copy = (uint8_t *)malloc(length + 1) + 1;

    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

static inline void free_copy(uint8_t *copy)
{
    free(copy - 1);
}

enum { MEMORY_REGIONS = 16 };

struct memory {
    struct physical physical;       /* first: see memory_at */
    struct memory_region {
        uint64_t base;
        size_t length;
        uint8_t *bytes;
    } regions[MEMORY_REGIONS];
    unsigned region_count;
    uint8_t **copies;
    size_t copy_count;
};

static inline const void *memory_at(const struct physical *self, uint64_t address, size_t length)
{
    struct memory *m = (struct memory *)self;

    for (unsigned i = 0; i < m->region_count; i++) {
        const struct memory_region *r = &m->regions[i];

        if (address < r->base || address - r->base > r->length ||
            length > r->length - (address - r->base))
            continue;
        m->copies = realloc(m->copies, (m->copy_count + 1) * sizeof *m->copies);
        m->copies[m->copy_count] = exact_copy(r->bytes + (address - r->base), length);
        return m->copies[m->copy_count++];
    }
    return NULL;
}

static inline void memory_open(struct memory *m)
{
    memset(m, 0, sizeof *m);
    m->physical.at = memory_at;
}

static inline void memory_add(struct memory *m, uint64_t base, const void *bytes, size_t length)
{
    assert(m->region_count < MEMORY_REGIONS);
    m->regions[m->region_count++] = (struct memory_region){
        .base = base, .length = length, .bytes = exact_copy(bytes, length),
    };
}

static inline void memory_close(struct memory *m)
{
    for (unsigned i = 0; i < m->region_count; i++)
        free_copy(m->regions[i].bytes);
    for (size_t i = 0; i < m->copy_count; i++)
        free_copy(m->copies[i]);
    free(m->copies);
}

#endif
