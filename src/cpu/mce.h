/* SPDX-License-Identifier: MIT */
/* Machine checks: what the hardware found wrong with itself. SDM volume 3, chapter 15.
 *
 * An uncorrected error is a fault of the check `hardware`. Corrected errors are counted, and told
 * with the heartbeat: a record for each CPU and bank that has new ones, a few at a time, so that a
 * flood of errors is no flood of lines. More of them in an hour than corrected= allows are a
 * fault. */
#ifndef ISTSTORM_CPU_MCE_H
#define ISTSTORM_CPU_MCE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/features.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "lib/mca.h"

/* How many corrected errors an hour pass. Once, before the storm. */
void mce_allow(uint32_t corrected_an_hour);

/* This CPU: every bank reports, by CMCI too where there is one. What earlier runs left is told as
 * that. */
void mce_enable(void);

/* In the #MC handler: whether a machine check is in progress. INT 18 raises the vector alone. */
static inline bool machine_check_in_progress(void)
{
    if (inject_planted(INJECT_MACHINE_CHECK))
        return cpu_index() == inject_cpu();
    return cpu_features.mca && read_msr(MSR_MCG_STATUS) & MCG_STATUS_MCIP;
}

/* Then: reports and clears what the banks hold. One that the manual does not let resume ends the
 * run. */
void machine_check_take(void);

/* Now and then, on each CPU: takes corrected errors out of its banks. Thread or IRQ context. */
void mce_poll(void);

/* In the handler of a CMCI: likewise. */
void mce_on_cmci(void);

/* Writes the records of errors that are new; of all, or of some, the rest to follow. Thread
 * context. */
void mce_report(bool all);

/* Banks that this CPU counts and that no register is known for. */
unsigned mce_banks_out_of_reach(void);

/* All CPUs, so far. */
uint64_t mce_corrected(void);

#endif
