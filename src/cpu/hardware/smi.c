/* SPDX-License-Identifier: MIT */
/* Reads the counter of SMIs: see smi.h. Intel's processors have it since Nehalem, 32 bits wide, and
 * QEMU and KVM whatever the vendor. Bochs answers any number with 0. */
#include "cpu/hardware/smi.h"

#include "cpu/features.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/msr.h"
#include "cpu/x86.h"
#include "lib/report.h"

static struct {
    bool known;
    uint32_t last;
    uint64_t count;
} CPU_TABLE(states);

bool smi_read(uint64_t *count)
{
    bool may_be = cpu_features.hypervisor[0] || (cpu_features.intel && !cpu_features.emulated);

    return may_be && msr_try_read(MSR_SMI_COUNT, count);
}

int64_t smi_begin(void)
{
    uint64_t now;

    return smi_read(&now) ? (int64_t)(uint32_t)now : REPORT_UNKNOWN;
}

int64_t smi_since(int64_t begin)
{
    uint64_t now;

    return begin != REPORT_UNKNOWN && smi_read(&now) ? (uint32_t)((uint32_t)now - (uint32_t)begin)
                                                     : REPORT_UNKNOWN;
}

/* Only where a look has shown that the MSR is there: a read that faults would return by an IRET,
 * and let NMIs into an NMI's handler. */
int64_t smi_since_look(void)
{
    uint32_t cpu = cpu_index();

    return smi_since(states[cpu].known ? states[cpu].last : REPORT_UNKNOWN);
}

/* The counter wraps; the sum does not. */
void smi_poll(void)
{
    uint32_t cpu = cpu_index();
    uint64_t now;

    if (!smi_read(&now))
        return;
    if (states[cpu].known)
        states[cpu].count += (uint32_t)((uint32_t)now - states[cpu].last);
    states[cpu].last = (uint32_t)now;
    states[cpu].known = true;
}

int64_t smi_count(uint32_t cpu)
{
    return states[cpu].known ? (int64_t)states[cpu].count : REPORT_UNKNOWN;
}
