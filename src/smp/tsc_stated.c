/* SPDX-License-Identifier: MIT */
/* Reads the TSC's rate from CPUID: see tsc_stated.h. */
#include "smp/tsc_stated.h"

#include "lib/cpuid.h"

#define LEAF_CRYSTAL 0x15
#define LEAF_BASE 0x16
#define LEAF_TIMING 0x40000010
#define LEAST_HZ 100000000ull       /* no processor with 64 bits counts slower */
#define MOST_HZ 100000000000ull

static struct cpuid_leaf read_leaf(uint32_t leaf)
{
    return cpuid_has(leaf) ? cpuid_read(leaf, 0) : (struct cpuid_leaf){0};
}

static uint64_t plausible(uint64_t hz)
{
    return hz >= LEAST_HZ && hz <= MOST_HZ ? hz : 0;
}

uint64_t tsc_stated_by_hypervisor(void)
{
    return plausible(read_leaf(LEAF_TIMING).eax * 1000ull);
}

/* EBX / EAX cycles of the TSC to one of the crystal, whose rate is in ECX, on some processors. */
uint64_t tsc_stated_by_crystal(void)
{
    struct cpuid_leaf r = read_leaf(LEAF_CRYSTAL);

    return r.eax ? plausible((uint64_t)r.ecx * r.ebx / r.eax) : 0;
}

uint64_t tsc_stated_by_base(void)
{
    return plausible((read_leaf(LEAF_BASE).eax & 0xffff) * 1000000ull);
}
