/* SPDX-License-Identifier: MIT */
/*
 * QEMU's firmware configuration device: files that QEMU's user passes with -fw_cfg (QEMU, "QEMU
 * Firmware Configuration (fw_cfg) Device", docs/specs/fw_cfg).
 *
 * Uses I/O ports 0x510 and 0x511. Thread context, on one CPU at a time: the device keeps a state.
 */
#ifndef ISTSTORM_BOOT_FWCFG_H
#define ISTSTORM_BOOT_FWCFG_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the device answers with its signature. Also true on what imitates QEMU's. */
bool fwcfg_present(void);

/*
 * Reads the file `name` into `out`, of `size` bytes; no NUL is added. Its length in bytes, or -1
 * when there is none, or no device. With a length of more than `size`, nothing was read.
 */
long fwcfg_read(const char *name, char *out, size_t size);

#endif
