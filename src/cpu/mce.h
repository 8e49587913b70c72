/* SPDX-License-Identifier: MIT */
/* Machine checks: the banks that say what the hardware found. SDM volume 3, chapter 15. */
#ifndef ISTSTORM_CPU_MCE_H
#define ISTSTORM_CPU_MCE_H

#include <stdbool.h>
#include <stdint.h>

/* This CPU: every bank reports; what earlier runs left is cleared. */
void mce_enable(void);

/* In the #MC handler: reports and clears what the banks hold. False: no machine check is in
 * progress (INT 18 raises the vector alone). One that the manual does not let resume ends the
 * run. */
bool machine_check_take(void);

/* Now and then, in thread context: reports and clears corrected errors of this CPU's banks. */
void mce_poll(void);

#endif
