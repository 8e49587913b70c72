/* SPDX-License-Identifier: MIT */
/*
 * How the parsers of firmware tables read memory that somebody else has filled.
 *
 * The addresses come from firmware and may be anything. The parsers therefore never turn one into
 * a pointer themselves; they ask the caller, who knows what is mapped and safe to read (device
 * registers are not), and who in the hosted tests hands out malloc'ed pieces.
 */
#ifndef ISTSTORM_LIB_PHYSICAL_H
#define ISTSTORM_LIB_PHYSICAL_H

#include <stddef.h>
#include <stdint.h>

struct physical {
    /*
     * Where the bytes [address, address + length) of physical memory can be read, or NULL when any
     * of them cannot be, which includes a range that wraps. The bytes stay readable, and
     * need not be aligned. Called in thread context, before the APs run.
     */
    const void *(*at)(const struct physical *self, uint64_t address, size_t length);
};

#endif
