/* SPDX-License-Identifier: MIT */
/*
 * The machine's identity, as its firmware says (DMTF DSP0134, System Management BIOS 3.x: the entry
 * points of section 5.2, structures of types 0 and 1).
 *
 * Machine-free. Thread context, once, on the BSP.
 */
#ifndef ISTSTORM_BOOT_SMBIOS_H
#define ISTSTORM_BOOT_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/physical.h"

enum {
    SMBIOS_TEXT_SIZE = 65,          /* with the NUL; longer texts are cut */
    SMBIOS_UUID_SIZE = 37,
};

/*
 * All are terminated, of printable ASCII ('?' stands for anything else), without blanks at their
 * end, and "" when the firmware does not say.
 */
struct smbios_identity {
    char manufacturer[SMBIOS_TEXT_SIZE];
    char product[SMBIOS_TEXT_SIZE];
    char serial[SMBIOS_TEXT_SIZE];
    char uuid[SMBIOS_UUID_SIZE];    /* 8-4-4-4-12 lower-case hexadecimal digits */
    char bios_vendor[SMBIOS_TEXT_SIZE];
    char bios_version[SMBIOS_TEXT_SIZE];
};

/*
 * `entry3` and `entry` are the addresses of the _SM3_ and _SM_ entry points from EFI's tables, 0
 * when it names none; where neither is good, 0xF0000-0xFFFFF is scanned. False: no SMBIOS was
 * found, and `out` is all "".
 */
bool smbios_read(const struct physical *physical, uint64_t entry3, uint64_t entry,
                 struct smbios_identity *out);

#endif
