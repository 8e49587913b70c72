/* SPDX-License-Identifier: MIT */
/* The five IST events' handlers: which stack they must be on, and who is told. SDM volume 3, 6.14.5
 * and 6.15.
 *
 * Hooks are called on the event's own stack with interrupts off; they take no lock and print only
 * through the report. Set a hook before its events can come. */
#ifndef ISTSTORM_CPU_IST_H
#define ISTSTORM_CPU_IST_H

#include "cpu/frame.h"
#include "cpu/stacks.h"

/* Is told of each NMI, after it was counted. */
extern void (*nmi_hook)(struct trap_frame *frame);

/* Is told of each #DB with DR6 (already reset), and of each #BP; false: nobody expected it. */
extern bool (*debug_hook)(struct trap_frame *frame, uint64_t dr6);
extern bool (*breakpoint_hook)(struct trap_frame *frame);

/* Is told of each #MC; false: nobody expected it. */
extern bool (*machine_check_hook)(struct trap_frame *frame);

#endif
