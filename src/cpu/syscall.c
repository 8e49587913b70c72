/* SPDX-License-Identifier: MIT */
/* Enables SYSCALL, and checks its entry. SDM volume 3, 5.8.8 (the MSRs). */
#include "cpu/syscall.h"

#include <stddef.h>

#include "cpu/claim.h"
#include "cpu/percpu.h"
#include "cpu/trap.h"
#include "cpu/x86.h"

/* STAR: the selectors of SYSCALL, and the base from which SYSRET would count. */
#define STAR_VALUE ((uint64_t)KERNEL_CS << 32 | (uint64_t)KERNEL_DS << 48)

extern char syscall_entry[];
void syscall_handler(struct trap_frame *frame);     /* called by entry.asm alone */

/* The flags that SYSCALL clears: no interrupt or trap may come before there is a stack, and the C
 * ABI and the checks expect the others clear. */
#define SFMASK_VALUE (RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC)

const struct syscall_msr syscall_msrs[SYSCALL_MSRS] = {
    {MSR_STAR, "STAR", STAR_VALUE},
    {MSR_LSTAR, "LSTAR", (uintptr_t)syscall_entry},
    {MSR_SFMASK, "SFMASK", SFMASK_VALUE},
};

void syscall_enable(void)
{
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SCE);
    for (unsigned i = 0; i < SYSCALL_MSRS; i++)
        write_msr(syscall_msrs[i].msr, syscall_msrs[i].value);
}

void syscall_handler(struct trap_frame *frame)
{
    trap_check_user_entry(frame);
    syscall_hook(FRAME_OF_HANDLER());
}
