/* SPDX-License-Identifier: MIT */
/* Reads the microcode's revision: see microcode.h. */
#include "cpu/hardware/microcode.h"

#include "cpu/features.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/msr.h"
#include "cpu/x86.h"
#include "lib/cpuid.h"
#include "lib/report.h"

static int64_t CPU_TABLE(revisions);
static bool known[MAX_CPUS];

/* On Intel's, CPUID writes the revision into the upper half, when that was 0 before. */
void microcode_read(void)
{
    uint32_t cpu = cpu_index();
    uint64_t value;

    if (cpu_features.intel)
        msr_try_write(MSR_BIOS_SIGN_ID, 0);
    cpuid_read(1, 0);
    known[cpu] = msr_try_read(MSR_BIOS_SIGN_ID, &value);
    revisions[cpu] = cpu_features.intel ? (int64_t)(value >> 32) : (int64_t)(uint32_t)value;
}

int64_t microcode_of(uint32_t cpu)
{
    return known[cpu] ? revisions[cpu] : REPORT_UNKNOWN;
}
