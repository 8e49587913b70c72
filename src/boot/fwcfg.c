/* SPDX-License-Identifier: MIT */
/*
 * QEMU's firmware configuration device (QEMU, docs/specs/fw_cfg, "Legacy register layout": the
 * selector is written as 16 bits, the data read a byte at a time). Numbers in it are big-endian.
 */
#include "boot/fwcfg.h"

#include "lib/port.h"
#include "lib/string.h"

enum {
    PORT_SELECTOR = 0x510,
    PORT_DATA = 0x511,
    KEY_SIGNATURE = 0x0000,
    KEY_DIRECTORY = 0x0019,
    NAME_SIZE = 56,                 /* with the NUL */
    FILES_MAX = 0x3fe0,             /* keys 0x20 to 0x3fff are files */
};

static void read_bytes(void *out, size_t length)
{
    uint8_t *bytes = out;

    for (size_t i = 0; i < length; i++)
        bytes[i] = port_in8(PORT_DATA);
}

static uint32_t read_number(size_t length)
{
    uint32_t number = 0;

    for (size_t i = 0; i < length; i++)
        number = number << 8 | port_in8(PORT_DATA);
    return number;
}

/* Finds a file in the directory: `count`, then for each size, key, a reserved word and the name. */
static bool find_file(const char *name, uint32_t *size, uint16_t *key)
{
    char entry_name[NAME_SIZE];
    uint32_t count;

    port_out16(PORT_SELECTOR, KEY_DIRECTORY);
    count = read_number(4);
    for (uint32_t i = 0; i < count && i < FILES_MAX; i++) {
        *size = read_number(4);
        *key = (uint16_t)read_number(2);
        read_number(2);
        read_bytes(entry_name, sizeof entry_name);
        if (strncmp(entry_name, name, sizeof entry_name) == 0)
            return true;
    }
    return false;
}

bool fwcfg_present(void)
{
    char signature[4];

    port_out16(PORT_SELECTOR, KEY_SIGNATURE);
    read_bytes(signature, sizeof signature);
    return memcmp(signature, "QEMU", sizeof signature) == 0;
}

long fwcfg_read(const char *name, char *out, size_t size)
{
    uint32_t length;
    uint16_t key;

    if (!fwcfg_present() || !find_file(name, &length, &key))
        return -1;
    if (length <= size) {
        port_out16(PORT_SELECTOR, key);
        read_bytes(out, length);
    }
    return (long)length;
}
