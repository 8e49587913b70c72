/* SPDX-License-Identifier: MIT */
/* The five IST events' handlers: which stack they must be on, and who is told (cpu/hooks.h).
 * SDM volume 3, 6.14.5 and 6.15. */
#ifndef ISTSTORM_CPU_IST_H
#define ISTSTORM_CPU_IST_H

#include "cpu/frame.h"
#include "cpu/stacks.h"

/* Is told of each NMI, after it was counted: on the NMI stack, interrupts off. Set before they
 * come. */
extern void (*nmi_hook)(struct trap_frame *frame);

/* Ends the guilty thread of a #DF or #SS by changing the frame, and says so. Set by the scheduler;
 * false: what was interrupted is not a thread that can be ended. */
extern bool (*ist_end_thread)(struct trap_frame *frame);

#endif
