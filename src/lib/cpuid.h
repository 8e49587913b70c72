/* SPDX-License-Identifier: MIT */
/*
 * The CPUID instruction (SDM volume 2, CPUID).
 *
 * Callable in any context. A hosted build asks no processor: there the unit test supplies the
 * function and plays one, as for lib/port.h.
 */
#ifndef ISTSTORM_LIB_CPUID_H
#define ISTSTORM_LIB_CPUID_H

#include <stdbool.h>
#include <stdint.h>

struct cpuid_leaf {
    uint32_t eax, ebx, ecx, edx;
};

#if __STDC_HOSTED__

struct cpuid_leaf cpuid_read(uint32_t leaf, uint32_t subleaf);

#else

static inline struct cpuid_leaf cpuid_read(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_leaf r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "0"(leaf), "2"(subleaf));
    return r;
}

#endif

/* Whether there is such a leaf; one that is not there reads as another one. Each range of leaves,
 * basic, hypervisor's and extended, begins with the number of its last. */
static inline bool cpuid_has(uint32_t leaf)
{
    const uint32_t range = 0xf0000000;
    uint32_t last = cpuid_read(leaf & range, 0).eax;

    return (last & range) == (leaf & range) && last >= leaf;
}

#endif
