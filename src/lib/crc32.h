/* SPDX-License-Identifier: MIT */
/* The CRC-32 of Ethernet (IEEE 802.3, 3.2.9), which zlib's crc32 computes too. `before` is that of
 * the bytes before these, 0 where there are none. Any context. */
#ifndef ISTSTORM_LIB_CRC32_H
#define ISTSTORM_LIB_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32(uint32_t before, const void *bytes, size_t length);

#endif
