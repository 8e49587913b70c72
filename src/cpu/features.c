/* SPDX-License-Identifier: MIT */
/* Reads CPUID, and names a missing feature: SDM volume 2, CPUID; leaf 0x40000000 as hypervisors
 * have it. */
#include "cpu/features.h"

#include <stddef.h>

#include "lib/cpuid.h"
#include "lib/string.h"

struct cpu_features cpu_features;

static void read_model(uint32_t max_extended)
{
    char *model = cpu_features.model;
    size_t skip = 0;

    for (uint32_t i = 0; i < 3 && max_extended >= 0x80000004; i++) {
        struct cpuid_leaf r = cpuid_read(0x80000002 + i, 0);
        memcpy(model + i * sizeof(r), &r, sizeof(r));
    }
    while (model[skip] == ' ')
        skip++;
    memmove(model, model + skip, sizeof(cpu_features.model) - skip);
}

static void read_vendor(char vendor[13], uint32_t first, uint32_t second, uint32_t third)
{
    memcpy(vendor, &first, 4);
    memcpy(vendor + 4, &second, 4);
    memcpy(vendor + 8, &third, 4);
}

/* The features that the image needs: leaf 1 EDX, and leaf 0x80000001 EDX. */
static const char *missing(uint32_t edx, uint32_t extended_edx)
{
    static const struct {
        uint8_t bit;
        bool extended;
        const char *name;
    } needed[] = {
        {4, false, "a time-stamp counter (TSC)"},
        {5, false, "MSRs"},
        {8, false, "CMPXCHG8B"},
        {9, false, "a local APIC"},
        {7, false, "machine-check exceptions (MCE)"},
        {16, false, "the page attribute table (PAT)"},
        {2, false, "debugging extensions (DE)"},
        {20, true, "no-execute pages (NX)"},
    };

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!((needed[i].extended ? extended_edx : edx) >> needed[i].bit & 1))
            return needed[i].name;
    return NULL;
}

const char *features_read(void)
{
    struct cpuid_leaf root = cpuid_read(0, 0), one = cpuid_read(1, 0), seven = {0}, six = {0};
    uint32_t max_extended = cpuid_read(0x80000000, 0).eax;
    uint32_t base_family = one.eax >> 8 & 15;

    cpu_features.max_leaf = root.eax;
    if (root.eax >= 6)
        six = cpuid_read(6, 0);
    if (root.eax >= 7)
        seven = cpuid_read(7, 0);
    read_vendor(cpu_features.vendor, root.ebx, root.edx, root.ecx);
    read_model(max_extended);
    if (features_hypervisor()) {
        struct cpuid_leaf h = cpuid_read(0x40000000, 0);
        read_vendor(cpu_features.hypervisor, h.ebx, h.ecx, h.edx);
    }
    cpu_features.emulated = strcmp(cpu_features.hypervisor, "TCGTCGTCGTCG") == 0 ||
                            strncmp(cpu_features.model, "Bochs", 5) == 0 ||
                            strncmp(cpu_features.model, "QEMU TCG", 8) == 0;
    cpu_features.family = base_family == 15 ? 15 + (one.eax >> 20 & 255) : base_family;
    cpu_features.signature = one.eax;
    cpu_features.model_number = one.eax >> 4 & 15;
    if (base_family == 6 || base_family == 15)
        cpu_features.model_number |= one.eax >> 12 & 0xf0;
    cpu_features.stepping = one.eax & 15;
    cpu_features.intel = strcmp(cpu_features.vendor, "GenuineIntel") == 0;
    cpu_features.physical_bits =
        max_extended >= 0x80000008 ? cpuid_read(0x80000008, 0).eax & 255 : 36;
    cpu_features.thermal_sensor = six.eax & 1;
    cpu_features.thermal_monitor = one.edx >> 22 & one.edx >> 29 & 1;
    cpu_features.power_limit = six.eax >> 4 & 1;
    cpu_features.package_thermal = six.eax >> 6 & 1;
    cpu_features.limit_logs = six.eax >> 7 & 1;
    cpu_features.scalable_mca =
        max_extended >= 0x80000007 && cpuid_read(0x80000007, 0).ebx >> 3 & 1 && !cpu_features.intel;
    cpu_features.invariant_tsc =
        max_extended >= 0x80000007 && cpuid_read(0x80000007, 0).edx >> 8 & 1;
    cpu_features.effective_frequency = six.ecx & 1;
    cpu_features.mtrr = one.edx >> 12 & 1;
    cpu_features.mca = one.edx >> 14 & 1;
    cpu_features.clflush = one.edx >> 19 & 1;
    cpu_features.clwb = seven.ebx >> 24 & 1;
    cpu_features.x2apic = one.ecx >> 21 & 1;
    cpu_features.smep = seven.ebx >> 7 & 1;
    cpu_features.smap = seven.ebx >> 20 & 1;
    cpu_features.umip = seven.ecx >> 2 & 1;
    cpu_features.fred = seven.eax >= 1 && cpuid_read(7, 1).eax >> 17 & 1;
    return missing(one.edx, cpuid_read(0x80000001, 0).edx);
}

bool features_hypervisor(void)
{
    return cpuid_read(1, 0).ecx >> 31;
}

const char *features_domain(void)
{
    if (cpu_features.emulated)
        return "emulated";
    return cpu_features.hypervisor[0] ? "virtual" : "metal";
}
