/* SPDX-License-Identifier: MIT */
/* Exceptions and software interrupts that have no IST code: they run on the interrupted stack, or
 * on RSP0 from ring 3. SDM volume 3, 6.15.
 *
 * Handlers run with interrupts off. Exceptions are the hooks' (cpu/hooks.h); whatever nobody takes
 * is an oops. */
#ifndef ISTSTORM_CPU_TRAP_H
#define ISTSTORM_CPU_TRAP_H

#include "cpu/frame.h"

/* For a handler that an entry calls: its frame is right above the return address, where it is found
 * again without having been kept: anew each time, since the compiler would keep what it found. */
#define FRAME_OF_HANDLER() frame_above(__builtin_frame_address(0))

static inline struct trap_frame *frame_above(const void *frame_pointer)
{
    struct trap_frame *frame;

    __asm__ volatile("lea %c2(%1), %0"
                     : "=r"(frame)
                     : "r"(frame_pointer), "i"(2 * sizeof(uintptr_t)));
    return frame;
}

/* For a software interrupt: a vector above the exceptions whose entry is TRAP in vectors.h. Set
 * once, before it can come. */
void trap_set_handler(unsigned vector, void (*handler)(struct trap_frame *frame));

/* What must hold when a trap or SYSCALL came from ring 3; reported if it does not. */
void trap_check_user_entry(const struct trap_frame *frame);

/* An exception in ring 3 that no hook took: ends the thread. Set by the scheduler. */
extern void (*trap_user_fault)(struct trap_frame *frame);

/* The vector's name, as "#PF"; "reserved" for those without. Any context. */
const char *vector_name(unsigned vector);

/* RDMSR with a fix-up: false where the MSR does not exist (#GP). Any context. */
bool msr_try_read(uint32_t msr, uint64_t *value);
/* WRMSR likewise: false where there is no such MSR, or not this bit. */
bool msr_try_write(uint32_t msr, uint64_t value);

#endif
