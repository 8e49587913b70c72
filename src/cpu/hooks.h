/* SPDX-License-Identifier: MIT */
/* Who expects an exception: the handlers ask here before they call it unexpected.
 *
 * A hook runs on the event's own stack with interrupts off, takes no lock, and prints through the
 * report alone. True: it was mine, and the frame says how to go on. */
#ifndef ISTSTORM_CPU_HOOKS_H
#define ISTSTORM_CPU_HOOKS_H

#include "cpu/frame.h"

/* By vector, below HOOK_VECTORS. Asked in the order in which they were added. On the BSP, before
 * the events can come. */
void hook_add(unsigned vector, bool (*hook)(struct trap_frame *frame));
#define HOOK_VECTORS 32
#define HOOKS_A_VECTOR 4

/* For hooks_take alone. */
extern bool (*hooks[HOOK_VECTORS][HOOKS_A_VECTOR + 1])(struct trap_frame *frame);
bool hooks_take_rest(struct trap_frame *frame);

/* Asks them, for a handler of this vector. False: nobody expected this. */
static inline bool hooks_take(unsigned vector, struct trap_frame *frame)
{
    return hooks[vector][0](frame) || hooks_take_rest(frame);
}

/* Goes on where the linker's list of fix-ups says that this faulting instruction may; false if it
 * is not in the list. An entry: the instruction's address, the address to go on at, in section
 * .fixups. */
bool fixup_apply(struct trap_frame *frame);

#endif
