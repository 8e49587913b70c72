/* SPDX-License-Identifier: MIT */
/* SYSCALL: the entry that switches no stack by itself. SDM volume 3, 5.8.8; volume 2, SYSCALL. */
#ifndef ISTSTORM_CPU_SYSCALL_H
#define ISTSTORM_CPU_SYSCALL_H

#include "cpu/frame.h"

/* This CPU: SYSCALL from ring 3 goes to entry.asm's syscall_entry. */
void syscall_enable(void);

/* Told of each SYSCALL, with a frame as an interrupt would have left it, on the thread's stack with
 * interrupts off. Set before ring 3 runs. */
extern void (*syscall_hook)(struct trap_frame *frame);

#endif
