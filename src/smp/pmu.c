/* SPDX-License-Identifier: MIT */
/* The counter's registers: see pmu.h. The same bits select the event on both makers' processors.
 * All of AMD's since the K7 have these counters. */
#include "smp/pmu.h"

#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/msr.h"
#include "lib/cpuid.h"
#include "lib/string.h"
#include "smp/apic.h"

#define PERFORMANCE_LEAF 0x0a
#define NO_CORE_CYCLES 1u           /* EBX: the event is not there */
#define INTEL_SELECT 0x186          /* IA32_PERFEVTSEL0 */
#define INTEL_COUNTER 0xc1          /* IA32_PMC0 */
#define INTEL_GLOBAL_CONTROL 0x38f
#define INTEL_GLOBAL_OVERFLOW 0x390
#define INTEL_MOST_COUNTS (1ull << 31)  /* WRMSR extends bit 31's sign (18.2.5) */
#define INTEL_CORE_CYCLES 0x3c
#define AMD_SELECT 0xc0010000       /* PERF_CTL0 */
#define AMD_COUNTER 0xc0010004      /* PERF_CTR0 */
#define AMD_BITS 48
#define AMD_CORE_CYCLES 0x76
#define SELECT_USER (1u << 16)
#define SELECT_KERNEL (1u << 17)
#define SELECT_INTERRUPT (1u << 20)
#define SELECT_ENABLE (1u << 22)
#define SELECT_ALWAYS (SELECT_USER | SELECT_KERNEL | SELECT_INTERRUPT | SELECT_ENABLE)

static struct {
    uint32_t select, counter;
    uint32_t event;
    unsigned bits;
    uint64_t most_counts;
    bool global;                    /* one register more switches all counters on */
} pmu;

static bool is_amd(void)
{
    return !strcmp(cpu_features.vendor, "AuthenticAMD") ||
           !strcmp(cpu_features.vendor, "HygonGenuine");
}

static bool find_architectural(void)
{
    struct cpuid_leaf leaf = {0};

    if (cpuid_has(PERFORMANCE_LEAF))
        leaf = cpuid_read(PERFORMANCE_LEAF, 0);
    unsigned version = leaf.eax & 255, counters = leaf.eax >> 8 & 255, bits = leaf.eax >> 16 & 255;

    if (!version || !counters || bits < 32 || leaf.eax >> 24 == 0 || leaf.ebx & NO_CORE_CYCLES)
        return false;
    pmu.select = INTEL_SELECT;
    pmu.counter = INTEL_COUNTER;
    pmu.event = INTEL_CORE_CYCLES;
    pmu.bits = bits;
    pmu.most_counts = INTEL_MOST_COUNTS;
    pmu.global = version >= 2;
    return true;
}

bool pmu_find(void)
{
    if (find_architectural())
        return true;
    if (!is_amd())
        return false;
    pmu.select = AMD_SELECT;
    pmu.counter = AMD_COUNTER;
    pmu.event = AMD_CORE_CYCLES;
    pmu.bits = AMD_BITS;
    pmu.most_counts = 1ull << (AMD_BITS - 1);
    pmu.global = false;
    return true;
}

static uint64_t counts_a_ms(void)
{
    return clock_tsc_hz / 1000;
}

uint32_t pmu_most_ms(void)
{
    uint64_t ms = pmu.most_counts / counts_a_ms();

    return ms < UINT32_MAX ? ms : UINT32_MAX;
}

/* The counter counts up to 0, and interrupts there. It is stopped while it is set. The entry of the
 * local vector table comes last: the processor masks it at each interrupt (10.5.1). */
void pmu_arm(uint32_t ms)
{
    uint64_t counts = ms * counts_a_ms(), global = 0;

    if (counts > pmu.most_counts)
        counts = pmu.most_counts;
    msr_try_write(pmu.select, 0);
    msr_try_write(pmu.counter, -counts & ((1ull << pmu.bits) - 1));
    if (pmu.global) {
        msr_try_write(INTEL_GLOBAL_OVERFLOW, 1);
        msr_try_read(INTEL_GLOBAL_CONTROL, &global);
        msr_try_write(INTEL_GLOBAL_CONTROL, global | 1);
    }
    msr_try_write(pmu.select, SELECT_ALWAYS | pmu.event);
    apic_set_counter_nmi(true);
}

void pmu_stop(void)
{
    msr_try_write(pmu.select, 0);
    apic_set_counter_nmi(false);
}

bool pmu_is_over(void)
{
    uint64_t count;

    return msr_try_read(pmu.counter, &count) && !(count >> (pmu.bits - 1) & 1);
}
