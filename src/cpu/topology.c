/* SPDX-License-Identifier: MIT */
/* Cuts the APIC id into its parts, whose widths CPUID says. */
#include "cpu/topology.h"

#include <cpuid.h>

#include "cpu/features.h"

#define LEAF_EXTENDED_V2 0x1f
#define LEAF_EXTENDED 0xb
#define LEVEL_SMT 1
#define MOST_LEVELS 8
#define HTT (1u << 28)

/* How many bits of the APIC id say the thread, and how many thread and core; the id itself. */
struct widths {
    uint32_t id, smt, package;
};

/* False: the leaf is not there, or says nothing. */
static int read_extended(uint32_t leaf, struct widths *w)
{
    uint32_t eax, ebx, ecx, edx, levels = 0;

    if (cpu_features.max_leaf < leaf)
        return 0;
    for (; levels < MOST_LEVELS; levels++) {
        __cpuid_count(leaf, levels, eax, ebx, ecx, edx);
        if (!(ebx & 0xffff) || !(ecx >> 8 & 0xff))
            break;
        w->id = edx;
        if ((ecx >> 8 & 0xff) == LEVEL_SMT)
            w->smt = eax & 31;
        w->package = eax & 31;
    }
    return levels > 0;
}

static uint32_t bits_for(uint32_t count)
{
    return count > 1 ? 32 - __builtin_clz(count - 1) : 0;
}

/* Leaf 1: most logical processors of a package; leaf 4: most cores of one. */
static void read_legacy(struct widths *w)
{
    uint32_t eax, ebx, ecx, edx, logical, cores = 1;

    __cpuid(1, eax, ebx, ecx, edx);
    w->id = ebx >> 24;
    logical = edx & HTT ? ebx >> 16 & 0xff : 1;
    if (cpu_features.max_leaf >= 4) {
        __cpuid_count(4, 0, eax, ebx, ecx, edx);
        cores = (eax >> 26) + 1;
    }
    w->package = bits_for(logical);
    w->smt = w->package > bits_for(cores) ? w->package - bits_for(cores) : 0;
}

struct cpu_topology topology_read(void)
{
    struct widths w = {0};

    if (!read_extended(LEAF_EXTENDED_V2, &w) && !read_extended(LEAF_EXTENDED, &w))
        read_legacy(&w);
    return (struct cpu_topology){
        .smt = w.id & ((1u << w.smt) - 1),
        .core = (w.id & ((1u << w.package) - 1)) >> w.smt,
        .package = w.id >> w.package,
    };
}
