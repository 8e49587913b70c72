/* SPDX-License-Identifier: MIT */
/* How a constant crosses from C to NASM: each room's offsets.c computes those that its assembly
 * needs, and the makefile turns the compiler's output into %defines, which are included as
 * ROOM/offsets.inc. Nothing of an offsets.c is linked. */
#ifndef ISTSTORM_LIB_OFFSETS_H
#define ISTSTORM_LIB_OFFSETS_H

#include <stdint.h>

#define OFFSETS                                                                                    \
    void offsets(void);                                                                            \
    void offsets(void)
#define DEFINE(name, value)                                                                        \
    __asm__ volatile(".ascii \"->" #name " %0\"" : : "i"((uint64_t)(value)))

#endif
