/* SPDX-License-Identifier: MIT */
/* Machine checks: errors that the hardware found in itself. SDM volume 3, chapter 15.
 *
 * An uncorrected error is a failure of the check `hardware`. Corrected errors are counted, and
 * reported with the heartbeat: a record for each CPU and bank that has new ones, a few at a time,
 * so that a flood of errors is no flood of lines. More of them in an hour than corrected= allows
 * are a failure, too. */
#ifndef ISTSTORM_CPU_HARDWARE_MCE_H
#define ISTSTORM_CPU_HARDWARE_MCE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/features.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "cpu/hardware/mca.h"

/* Sets how many corrected errors an hour are no failure. Once, before the run. */
void mce_allow(uint32_t corrected_an_hour);

/* Makes every bank of this CPU report, by CMCI too where there is one. Errors that earlier runs
 * left are reported as such. */
void mce_enable(void);

/* In the #MC handler: whether a machine check is in progress. INT 18 raises the vector alone. */
static inline bool machine_check_in_progress(void)
{
    if (inject_planted(INJECT_MACHINE_CHECK))
        return cpu_index() == inject_cpu();
    return cpu_features.mca && read_msr(MSR_MCG_STATUS) & MCG_STATUS_MCIP;
}

/* Takes the machine check: reports and clears the banks' errors. Ends the run where the manual does
 * not allow to resume. */
void machine_check_take(void);

/* Now and then, on each CPU: takes corrected errors out of its banks. Thread or IRQ context. */
void mce_poll(void);

/* The same, in the handler of a CMCI. */
void mce_on_cmci(void);

/* Writes the records of new errors: all of them, or a few, and the rest at later calls. Thread
 * context. */
void mce_report(bool all);

/* The number of this CPU's banks whose registers are not known. */
unsigned mce_banks_out_of_reach(void);

/* All CPUs, so far. */
uint64_t mce_corrected(void);

#endif
