/* SPDX-License-Identifier: MIT */
/* Cuts the APIC id into its parts, whose widths CPUID says. */
#include "cpu/hardware/topology.h"

#include <stdbool.h>

#include "lib/cpuid.h"

#define LEAF_EXTENDED_V2 0x1f
#define LEAF_EXTENDED 0xb
#define LEAF_CACHES 4
#define LEAF_AMD_FEATURES 0x80000001
#define LEAF_AMD_SIZES 0x80000008
#define LEAF_AMD_TOPOLOGY 0x8000001e
#define LEVEL_SMT 1
#define MOST_LEVELS 8
#define HTT (1u << 28)
#define TOPOLOGY_EXTENSIONS (1u << 22)  /* LEAF_AMD_TOPOLOGY is there */

/* The bits of the APIC id that hold the thread, and those that hold thread and core. */
struct widths {
    uint32_t smt, package;
};

/* False: the leaf is not there, or says nothing. */
static bool read_extended(uint32_t leaf, struct widths *w)
{
    uint32_t level = 0;

    for (; cpuid_has(leaf) && level < MOST_LEVELS; level++) {
        struct cpuid_leaf r = cpuid_read(leaf, level);
        if (!(r.ebx & 0xffff) || !(r.ecx >> 8 & 0xff))
            break;
        if ((r.ecx >> 8 & 0xff) == LEVEL_SMT)
            w->smt = r.eax & 31;
        w->package = r.eax & 31;
    }
    return level > 0;
}

static uint32_t bits_for(uint32_t count)
{
    return count > 1 ? 32 - __builtin_clz(count - 1) : 0;
}

/* Leaf 1: most logical processors of a package. */
static uint32_t logical_bits(void)
{
    struct cpuid_leaf one = cpuid_read(1, 0);

    return one.edx & HTT ? bits_for(one.ebx >> 16 & 0xff) : 0;
}

/* Intel's: leaf 4 has the most cores of a package. */
static bool read_caches(struct widths *w)
{
    struct cpuid_leaf r = {0};
    uint32_t core_bits;

    if (cpuid_has(LEAF_CACHES))
        r = cpuid_read(LEAF_CACHES, 0);
    if (!(r.eax & 31)) /* no kind of cache: the leaf says nothing */
        return false;
    core_bits = bits_for((r.eax >> 26) + 1);
    w->package = logical_bits();
    w->smt = w->package > core_bits ? w->package - core_bits : 0;
    return true;
}

/* AMD's, which has no leaf 4: the cores of a package, and how many bits of the id they take. Two
 * cores of a family 15h compute unit share all but the integer pipelines: they count as threads of
 * a core, as Linux and Windows count them. */
static bool read_amd(struct widths *w)
{
    uint32_t sizes = cpuid_has(LEAF_AMD_SIZES) ? cpuid_read(LEAF_AMD_SIZES, 0).ecx : 0;
    uint32_t threads = 1;

    if (!(sizes & 0xf0ff))
        return false;
    if (cpuid_read(LEAF_AMD_FEATURES, 0).ecx & TOPOLOGY_EXTENSIONS && cpuid_has(LEAF_AMD_TOPOLOGY))
        threads += cpuid_read(LEAF_AMD_TOPOLOGY, 0).ebx >> 8 & 0xff;
    w->package = sizes >> 12 & 15 ? sizes >> 12 & 15 : bits_for((sizes & 0xff) + 1);
    w->smt = bits_for(threads) < w->package ? bits_for(threads) : w->package;
    return true;
}

struct cpu_topology topology_of(uint32_t apic_id)
{
    struct widths w = {0};

    if (!read_extended(LEAF_EXTENDED_V2, &w) && !read_extended(LEAF_EXTENDED, &w) &&
        !read_caches(&w) && !read_amd(&w))
        w.package = w.smt = logical_bits();
    return (struct cpu_topology){
        .smt = apic_id & ((1u << w.smt) - 1),
        .core = (apic_id & ((1u << w.package) - 1)) >> w.smt,
        .package = apic_id >> w.package,
    };
}
