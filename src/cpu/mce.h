/* SPDX-License-Identifier: MIT */
/* Machine checks: the banks that say what the hardware found. SDM volume 3, chapter 15. */
#ifndef ISTSTORM_CPU_MCE_H
#define ISTSTORM_CPU_MCE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/features.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"

/* This CPU: every bank reports; what earlier runs left is cleared. */
void mce_enable(void);

/* In the #MC handler: whether a machine check is in progress. INT 18 raises the vector alone. */
#define MCG_STATUS_MCIP (1u << 2)
static inline bool machine_check_in_progress(void)
{
    if (inject_planted(INJECT_MACHINE_CHECK))
        return cpu_index() == inject_cpu();
    return cpu_features.mca && read_msr(MSR_MCG_STATUS) & MCG_STATUS_MCIP;
}

/* Then: reports and clears what the banks hold. One that the manual does not let resume ends the
 * run. */
void machine_check_take(void);

/* Now and then, in thread context: reports and clears corrected errors of this CPU's banks. */
void mce_poll(void);

#endif
