/* SPDX-License-Identifier: MIT */
/* SYSCALL: the entry that switches no stack by itself. SDM volume 3, 5.8.8; volume 2, SYSCALL. */
#ifndef ISTSTORM_CPU_SYSCALL_H
#define ISTSTORM_CPU_SYSCALL_H

#include <stdint.h>

#include "cpu/frame.h"

/* This CPU: SYSCALL from ring 3 goes to entry.asm's syscall_entry, and from there to whoever has
 * claimed it (cpu/claim.h). */
void syscall_enable(void);

/* The MSRs that direct SYSCALL, beside EFER. */
#define SYSCALL_MSRS 3
extern const struct syscall_msr {
    uint32_t msr;
    const char *name;
    uint64_t value;
} syscall_msrs[SYSCALL_MSRS];

#endif
