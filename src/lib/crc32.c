/* SPDX-License-Identifier: MIT */
/* The CRC-32 of Ethernet (IEEE 802.3, 3.2.9), four bits at a time: its table has one cache line. */
#include "lib/crc32.h"

/* For each nibble, what is left of it when the polynomial 0xedb88320 (its bits in the order in
 * which they are sent) has been taken out as often as it goes. */
static const uint32_t left_of[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t crc32(uint32_t before, const void *bytes, size_t length)
{
    uint32_t crc = ~before;

    for (const uint8_t *byte = bytes; length > 0; byte++, length--) {
        crc = left_of[(crc ^ *byte) & 15] ^ crc >> 4;
        crc = left_of[(crc ^ *byte >> 4) & 15] ^ crc >> 4;
    }
    return ~crc;
}
