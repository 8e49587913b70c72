/* SPDX-License-Identifier: MIT */
/* Clears the bits that hide: see hidden.h. */
#include "cpu/hardware/hidden.h"

#include <stddef.h>

#include "cpu/msr.h"
#include "cpu/x86.h"
#include "lib/cpuid.h"
#include "lib/string.h"

#define LEAST_LEAVES 4              /* every processor that has the limit has more without it */
#define EXTENDED_NX (1u << 20)

uint64_t hidden_bits;

/* Intel's from Pentium M on: others need not have the register, and where a read faults there is no
 * handler yet. */
static bool has_misc_enable(void)
{
    struct cpuid_leaf root = cpuid_read(0, 0);
    uint32_t signature = cpuid_read(1, 0).eax, family = signature >> 8 & 15;
    uint32_t model = (signature >> 4 & 15) | (signature >> 12 & 0xf0);
    uint32_t vendor[3] = {root.ebx, root.edx, root.ecx};

    return memcmp(vendor, "GenuineIntel", sizeof(vendor)) == 0 &&
           (family > 6 || (family == 6 && model >= 0xd));
}

/* The bits that may hide a feature which seems to be missing. */
static uint64_t suspects(void)
{
    uint64_t bits = 0;

    if (!(cpuid_read(0x80000001, 0).edx & EXTENDED_NX))
        bits |= MISC_DISABLE_NX;
    if (cpuid_read(0, 0).eax < LEAST_LEAVES)
        bits |= MISC_LIMIT_CPUID;
    return bits;
}

void hidden_show(void)
{
    uint64_t value, bits = has_misc_enable() ? suspects() : 0;

    if (!bits || !msr_try_read(MSR_MISC_ENABLE, &value) || !(value & bits))
        return;
    hidden_bits = value & bits;
    msr_try_write(MSR_MISC_ENABLE, value & ~hidden_bits);
}

bool hidden_is_shown(void)
{
    uint64_t value;

    return !hidden_bits || (msr_try_read(MSR_MISC_ENABLE, &value) && !(value & hidden_bits));
}

const char *hidden_names(void)
{
    if (!(hidden_bits & MISC_LIMIT_CPUID))
        return hidden_bits & MISC_DISABLE_NX ? "no-execute pages (NX)" : NULL;
    return hidden_bits & MISC_DISABLE_NX ? "no-execute pages (NX) and CPUID's leaves above 3"
                                         : "CPUID's leaves above 3";
}
