/* SPDX-License-Identifier: MIT */
/* The CPU's identity and features: SDM volume 2, CPUID. */
#ifndef ISTSTORM_CPU_FEATURES_H
#define ISTSTORM_CPU_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

struct cpu_features {
    char vendor[13], model[49];
    char hypervisor[13];            /* "" on metal */
    uint32_t signature;             /* leaf 1, EAX */
    uint32_t family, model_number, stepping;
    uint32_t physical_bits;
    uint32_t max_leaf;
    bool emulated;                  /* each instruction: TCG, Bochs */
    bool intel;
    bool mtrr, mca;
    bool clflush, clwb;
    bool invariant_tsc;             /* one rate in all states; no promise about its start */
    bool scalable_mca;              /* AMD's machine-check banks */
    bool effective_frequency;       /* APERF and MPERF */
    bool thermal_sensor;
    bool thermal_monitor;           /* it throttles, and interrupts when it does */
    bool package_thermal, power_limit;
    bool limit_logs;                /* of the current's and of other domains' limits */
    bool x2apic, smep, smap, umip, fred;
};

/* Filled by features_read on the BSP, constant afterwards. */
extern struct cpu_features cpu_features;

/* Reads CPUID. NULL, or the name of a needed feature that this CPU lacks. */
const char *features_read(void);

/* Whether CPUID says that there is a hypervisor (or emulator). Before features_read too. */
bool features_hypervisor(void);

/* "emulated", "virtual" or "metal": the domain of every record. */
const char *features_domain(void);

#endif
