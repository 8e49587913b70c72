/* SPDX-License-Identifier: MIT */
/* The oops: the report of an unexpected event, and the end of the run.
 *
 * Any context. */
#ifndef ISTSTORM_CPU_OOPS_H
#define ISTSTORM_CPU_OOPS_H

#include "cpu/frame.h"

/* Reports the failure, and the registers and backtrace of the interrupted code; then gives the
 * verdict. An oops inside an oops writes only its first line. */
_Noreturn __attribute__((format(printf, 2, 3))) void oops(struct trap_frame *frame,
                                                          const char *format, ...);

/* Reports registers and backtrace alone, for a CPU that is asked where it is. */
void oops_report_frame(const struct trap_frame *frame);

/* The end of a message on an exception that no hook takes; oops adds where. */
#define KERNEL_OR_MACHINE "kernel or machine wrong,"

#endif
