/* SPDX-License-Identifier: MIT */
/* Sets AMD's bit for LFENCE: see lfence.h. */
#include "cpu/hardware/lfence.h"

#include <stdbool.h>
#include <stddef.h>

#include "cpu/features.h"
#include "cpu/msr.h"
#include "lib/cpuid.h"
#include "lib/string.h"

#define MSR_DE_CFG 0xc0011029
#define DE_CFG_LFENCE (1ull << 1)
#define LEAF_EXTENDED_2 0x80000021
#define LFENCE_ALWAYS (1u << 2)

static bool some_does_not;

static bool by_amd(void)
{
    return strcmp(cpu_features.vendor, "AuthenticAMD") == 0 ||
           strcmp(cpu_features.vendor, "HygonGenuine") == 0;
}

/* Newer ones say so; of the older ones those without the MSR. */
static bool always_does(void)
{
    return cpu_features.family == 0xf || cpu_features.family == 0x11 ||
           (cpuid_has(LEAF_EXTENDED_2) && cpuid_read(LEAF_EXTENDED_2, 0).eax & LFENCE_ALWAYS);
}

static bool is_set(uint64_t *config)
{
    return msr_try_read(MSR_DE_CFG, config) && *config & DE_CFG_LFENCE;
}

/* A hypervisor may keep the register to itself: what counts is what is read back. */
void lfence_serialise(void)
{
    uint64_t config = 0;

    if (!by_amd() || always_does() || is_set(&config))
        return;
    msr_try_write(MSR_DE_CFG, config | DE_CFG_LFENCE);
    if (!is_set(&config))
        __atomic_store_n(&some_does_not, true, __ATOMIC_RELAXED);
}

const char *lfence_name(void)
{
    if (!by_amd() && !cpu_features.intel)
        return NULL;
    return __atomic_load_n(&some_does_not, __ATOMIC_RELAXED) ? "does-not" : "serialises";
}
