/* SPDX-License-Identifier: MIT */
/* Exceptions and software interrupts that have no IST code: they run on the interrupted stack, or
 * on RSP0 from ring 3. SDM volume 3, 6.15.
 *
 * Handlers run with interrupts off. cpu/claim.h says who is called; an exception that nobody takes
 * is an oops. */
#ifndef ISTSTORM_CPU_TRAP_H
#define ISTSTORM_CPU_TRAP_H

#include "cpu/frame.h"

/* The frame of a handler that an entry calls: right above the return address. The handler finds it
 * there again, so it saves no register for it. The address is computed anew each time, since the
 * compiler would otherwise save it. */
#define FRAME_OF_HANDLER() frame_above(__builtin_frame_address(0))

static inline struct trap_frame *frame_above(const void *frame_pointer)
{
    struct trap_frame *frame;

    __asm__ volatile("lea %c2(%1), %0"
                     : "=r"(frame)
                     : "r"(frame_pointer), "i"(2 * sizeof(uintptr_t)));
    return frame;
}

/* Checks the stacks at a trap or SYSCALL from ring 3: no event is under way, and the thread's stack
 * is empty. */
void trap_check_user_entry(const struct trap_frame *frame);

#endif
