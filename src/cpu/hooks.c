/* SPDX-License-Identifier: MIT */
/* The lists of hooks, and of instructions that may fault. */
#include "cpu/hooks.h"

#include <stddef.h>

#include "cpu/fault.h"
#include "cpu/x86.h"

/* Ends each list; the first place of each is never empty, so that hooks_take need not look. */
static bool nobody(struct trap_frame *frame)
{
    (void)frame;
    return false;
}

bool (*hooks[HOOK_VECTORS][HOOKS_A_VECTOR + 1])(struct trap_frame *frame) = {
    [0 ... HOOK_VECTORS - 1] = {[0 ... HOOKS_A_VECTOR] = nobody}};

void hook_add(unsigned vector, bool (*hook)(struct trap_frame *frame))
{
    unsigned i = 0;

    while (i < HOOKS_A_VECTOR - 1 && hooks[vector][i] != nobody && hooks[vector][i] != hook)
        i++;
    hooks[vector][i] = hook;
}

struct fixup {
    uint64_t fault_rip, resume_rip;
};
extern const struct fixup fixups_start[], fixups_end[];

bool fixup_apply(struct trap_frame *frame)
{
    if (frame_from_user(frame))
        return false;
    for (const struct fixup *f = fixups_start; f < fixups_end; f++) {
        if (frame->rip == f->fault_rip) {
            frame->rip = f->resume_rip;
            frame->rflags &= ~RFLAGS_RF;    /* it was the faulting instruction's */
            return true;
        }
    }
    return false;
}

bool hooks_take_rest(struct trap_frame *frame)
{
    for (unsigned i = 1; hooks[frame->vector][i] != nobody; i++)
        if (hooks[frame->vector][i](frame))
            return true;
    return false;
}
