/* SPDX-License-Identifier: MIT */
/* Exceptions without an IST code: to their handlers, to a fix-up, or to an oops. SDM volume 3,
 * 6.15. */
#include "cpu/trap.h"

#include <stddef.h>

#include "cpu/fault.h"
#include "cpu/oops.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"

#define TRAP_VECTORS 64

void trap_handler(struct trap_frame *frame);     /* called by entry.asm alone */

static void (*handlers[TRAP_VECTORS])(struct trap_frame *frame);

static const char *const names[VECTOR_COUNT] = {
#define VECTOR_NAME(number, symbol, name, entry, ist, dpl) [number] = name,
    VECTORS(VECTOR_NAME)
#undef VECTOR_NAME
};

const char *vector_name(unsigned vector)
{
    return vector < VECTOR_COUNT && names[vector] ? names[vector] : "reserved";
}

void trap_set_handler(unsigned vector, void (*handler)(struct trap_frame *frame))
{
    handlers[vector] = handler;
}

/* Instructions that may fault, and where to go on: the linker gathers them. */
struct fixup {
    uint64_t fault_rip, resume_rip;
};
extern const struct fixup fixups_start[], fixups_end[];

static bool fix_up(struct trap_frame *frame)
{
    for (const struct fixup *f = fixups_start; f < fixups_end; f++) {
        if (frame->rip == f->fault_rip) {
            frame->rip = f->resume_rip;
            return true;
        }
    }
    return false;
}

bool msr_try_read(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0;
    bool read = false;

    __asm__ volatile("1: rdmsr\n\t"
                     "movb $1, %2\n"
                     "2:\n\t"
                     ".pushsection .fixups, \"a\"\n\t"
                     ".quad 1b, 2b\n\t"
                     ".popsection"
                     : "+a"(low), "+d"(high), "+m"(read)
                     : "c"(msr));
    *value = (uint64_t)high << 32 | low;
    return read;
}

/* From ring 3 the frame lies at the very top of the thread's stack: the stack was empty. */
static void check_stack(const struct trap_frame *frame)
{
    if (!frame_from_user(frame) || (uintptr_t)(frame + 1) == this_cpu->tss.rsp[0])
        return;
    struct fault_place place = fault_here(vector_name(frame->vector));
    fault_report(CHECK_STACK, &place, "from ring 3 the frame ends at %p, not at RSP0 0x%lx",
                 (const void *)(frame + 1), this_cpu->tss.rsp[0]);
}

static void unexpected(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_PF)
        oops(frame, "#PF at 0x%lx, error code 0x%lx%s", read_cr2(), frame->error_code,
             stack_find(read_cr2()).kind == GUARD_PAGE ? " (a guard page)" : "");
    oops(frame, "%s (vector %lu) that nobody asked for, error code 0x%lx",
         vector_name(frame->vector), frame->vector, frame->error_code);
}

void trap_handler(struct trap_frame *frame)
{
    check_stack(frame);
    if (frame->vector < TRAP_VECTORS && handlers[frame->vector])
        handlers[frame->vector](frame);
    else if (frame_from_user(frame) || !fix_up(frame))
        unexpected(frame);
}
