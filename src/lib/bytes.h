/* SPDX-License-Identifier: MIT */
/*
 * Reading numbers out of bytes that may lie at any alignment.
 *
 * Firmware tables promise no alignment, and a C pointer to a wider type does: so each access goes
 * through memcpy, which both compilers turn into one load. x86 is little-endian, as are all the
 * formats read here but fw_cfg's. Machine-free; any context. The caller has checked the length.
 */
#ifndef ISTSTORM_LIB_BYTES_H
#define ISTSTORM_LIB_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/string.h"

static inline uint16_t bytes_read16(const void *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t bytes_read32(const void *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t bytes_read64(const void *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

/* The sum of `length` bytes modulo 256: 0 where an ACPI or SMBIOS checksum is right. */
static inline uint8_t bytes_sum(const void *at, size_t length)
{
    const uint8_t *bytes = at;
    uint8_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum;
}

#endif
