/* SPDX-License-Identifier: MIT */
/* The oops: what is said when something came that nobody expected, and the end of the run.
 *
 * Any context. */
#ifndef ISTSTORM_CPU_OOPS_H
#define ISTSTORM_CPU_OOPS_H

#include "cpu/frame.h"

/* Reports the fault, the registers and the backtrace of what was interrupted, and gives the
 * verdict. An oops inside an oops says only its first line. */
_Noreturn __attribute__((format(printf, 2, 3))) void oops(struct trap_frame *frame,
                                                          const char *format, ...);

/* Registers and backtrace alone, for a CPU that is asked where it is. */
void oops_report_frame(const struct trap_frame *frame);

#endif
