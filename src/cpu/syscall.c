/* SPDX-License-Identifier: MIT */
/* Enables SYSCALL, and checks what its entry made of it. SDM volume 3, 5.8.8 (the MSRs). */
#include "cpu/syscall.h"

#include <stddef.h>

#include "cpu/oops.h"
#include "cpu/percpu.h"
#include "cpu/trap.h"
#include "cpu/x86.h"

/* STAR: the selectors of SYSCALL, and the base from which SYSRET would count. */
#define STAR_VALUE ((uint64_t)KERNEL_CS << 32 | (uint64_t)KERNEL_DS << 48)

extern char syscall_entry[];
void syscall_handler(struct trap_frame *frame);     /* called by entry.asm alone */

static void unexpected(struct trap_frame *frame)
{
    oops(frame, "SYSCALL that nobody asked for");
}

void (*syscall_hook)(struct trap_frame *frame) = unexpected;

/* The flags that must be clear in the entry: no interrupt or trap before there is a stack, and what
 * the C ABI and the checks expect. */
void syscall_enable(void)
{
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SCE);
    write_msr(MSR_STAR, STAR_VALUE);
    write_msr(MSR_LSTAR, (uintptr_t)syscall_entry);
    write_msr(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
}

void syscall_handler(struct trap_frame *frame)
{
    trap_check_user_entry(frame);
    syscall_hook(FRAME_OF_HANDLER());
}
