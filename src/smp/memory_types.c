/* SPDX-License-Identifier: MIT */
/* Copies the BSP's MTRRs and PAT to a CPU that differs: SDM volume 3, 11.11.2 (the registers),
 * 11.11.7.2 and 11.11.8 (the way to change them). */
#include "smp/memory_types.h"

#include <stdint.h>

#include "cpu/features.h"
#include "cpu/x86.h"

#define MSR_MTRR_CAP 0xfe
#define MSR_MTRR_DEFAULT_TYPE 0x2ff
#define MSR_MTRR_VARIABLE(n) (0x200 + (n))
#define MTRR_CAP_FIXED (1u << 8)
#define MTRR_ENABLE (1u << 11)
#define MOST_VARIABLE 64            /* registers, two a range */

static const uint32_t fixed_msrs[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                      0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
#define FIXED (sizeof(fixed_msrs) / sizeof(fixed_msrs[0]))

static struct {
    uint64_t pat, default_type;
    uint64_t fixed[FIXED], variable[MOST_VARIABLE];
    unsigned fixed_count, variable_count;
} types;

void memory_types_read(void)
{
    uint64_t cap;

    types.pat = read_msr(MSR_PAT);
    if (!cpu_features.mtrr)
        return;
    cap = read_msr(MSR_MTRR_CAP);
    types.default_type = read_msr(MSR_MTRR_DEFAULT_TYPE);
    types.fixed_count = cap & MTRR_CAP_FIXED ? FIXED : 0;
    types.variable_count = (cap & 0xff) * 2 < MOST_VARIABLE ? (cap & 0xff) * 2 : MOST_VARIABLE;
    for (unsigned i = 0; i < types.fixed_count; i++)
        types.fixed[i] = read_msr(fixed_msrs[i]);
    for (unsigned i = 0; i < types.variable_count; i++)
        types.variable[i] = read_msr(MSR_MTRR_VARIABLE(i));
}

static bool same_as_bsp(void)
{
    bool same = read_msr(MSR_PAT) == types.pat;

    if (!cpu_features.mtrr)
        return same;
    same &= read_msr(MSR_MTRR_DEFAULT_TYPE) == types.default_type;
    for (unsigned i = 0; i < types.fixed_count; i++)
        same &= read_msr(fixed_msrs[i]) == types.fixed[i];
    for (unsigned i = 0; i < types.variable_count; i++)
        same &= read_msr(MSR_MTRR_VARIABLE(i)) == types.variable[i];
    return same;
}

static void write_back_caches_and_flush(void)
{
    write_back_caches();
    write_cr3(read_cr3());
}

static void write_types(void)
{
    write_msr(MSR_PAT, types.pat);
    if (!cpu_features.mtrr)
        return;
    write_msr(MSR_MTRR_DEFAULT_TYPE, types.default_type & ~(uint64_t)MTRR_ENABLE);
    for (unsigned i = 0; i < types.fixed_count; i++)
        write_msr(fixed_msrs[i], types.fixed[i]);
    for (unsigned i = 0; i < types.variable_count; i++)
        write_msr(MSR_MTRR_VARIABLE(i), types.variable[i]);
    write_msr(MSR_MTRR_DEFAULT_TYPE, types.default_type);
}

/* No line may be cached under two types: caches off and empty while they change. */
bool memory_types_apply(void)
{
    uint64_t cr0 = read_cr0();

    if (same_as_bsp())
        return false;
    write_cr0((cr0 | CR0_CD) & ~(uint64_t)CR0_NW);
    write_back_caches_and_flush();
    write_types();
    write_back_caches_and_flush();
    write_cr0(cr0);
    return true;
}
