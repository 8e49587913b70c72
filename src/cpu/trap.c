/* SPDX-License-Identifier: MIT */
/* Exceptions without an IST code: to their handlers, to a fix-up, or to an oops. SDM volume 3,
 * 6.15. */
#include "cpu/trap.h"

#include <stddef.h>

#include "cpu/fault.h"
#include "cpu/hooks.h"
#include "cpu/ist.h"
#include "cpu/oops.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"

void trap_handler(struct trap_frame *frame); /* called by entry.asm alone */

void (*trap_user_fault)(struct trap_frame *frame);
static _Noreturn void unexpected(struct trap_frame *frame);
static void (*software_handlers[])(struct trap_frame *frame) = {
    [0 ... VECTOR_COUNT - HOOK_VECTORS - 1] = unexpected};

static const char *const names[VECTOR_COUNT] = {
#define VECTOR_NAME(number, symbol, name, entry, ist, dpl) [number] = name,
    VECTORS(VECTOR_NAME)
#undef VECTOR_NAME
};

const char *vector_name(unsigned vector)
{
    if (vector == VECTOR_SYSCALL)
        return "SYSCALL";
    return vector < VECTOR_COUNT && names[vector] ? names[vector] : "reserved";
}

void trap_set_handler(unsigned vector, void (*handler)(struct trap_frame *frame))
{
    software_handlers[vector - HOOK_VECTORS] = handler;
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

bool msr_try_write(uint32_t msr, uint64_t value)
{
    bool written = false;

    __asm__ volatile("1: wrmsr\n\t"
                     "movb $1, %0\n"
                     "2:\n\t"
                     ".pushsection .fixups, \"a\"\n\t"
                     ".quad 1b, 2b\n\t"
                     ".popsection"
                     : "+m"(written)
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
    return written;
}

/* Ring 3 left nothing behind: the thread's stack is empty, so the frame lies at its very top, and
 * the CPU's special stacks hold nothing that anybody would come back to. */
static __attribute__((cold, noinline)) void wrong_entry(const struct trap_frame *frame)
{
    struct fault_place place = fault_here(vector_name(frame->vector));

    if ((uintptr_t)(frame + 1) % THREAD_SIZE)
        fault_report(CHECK_STACK, &place, "from ring 3 the frame ends at %p, not a stack's top",
                     (const void *)(frame + 1));
    else
        fault_report(CHECK_REST, &place, "from ring 3, with %u IST events and nest counter %d",
                     ist_events_all(), this_cpu->irq_nest);
}

static inline bool ist_at_rest(void)
{
    uintptr_t window = (uintptr_t)this_cpu->self, differ = 0;

#define DIFFER(symbol, name, ist, size, levels)    \
    differ |= this_cpu->ist_next[symbol##_STACK] ^ \
              (window + offsetof(struct cpu_window, stack_##symbol) + (size) * (levels));
    CPU_STACKS(DIFFER)
#undef DIFFER
    return !differ;
}

/* Thread stacks are aligned to their size, so an empty one's frame ends where that divides. */
void trap_check_user_entry(const struct trap_frame *frame)
{
    bool empty = (uintptr_t)(frame + 1) % THREAD_SIZE == 0;

    if (__builtin_expect(!empty || this_cpu->irq_nest != -1 || !ist_at_rest(), 0))
        wrong_entry(frame);
}

/* The processor could not push an event's frame: the #PF comes after it, and the event is gone, so
 * nothing that expected it may go on (SDM volume 3, table 6-5). */
static bool is_exhaustion(const struct trap_frame *frame)
{
    return frame->vector == VECTOR_PF && !frame_from_user(frame) &&
           stack_find(read_cr2()).kind == GUARD_PAGE;
}

static _Noreturn void unexpected(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_PF)
        oops(frame, "#PF at 0x%lx (%s), error code 0x%lx%s", read_cr2(),
             stack_describe(read_cr2()), frame->error_code,
             is_exhaustion(frame) ? "; the event that came is lost" : "");
    oops(frame, "%s (vector %lu) that nobody asked for, error code 0x%lx",
         vector_name(frame->vector), frame->vector, frame->error_code);
}

static __attribute__((cold, noinline)) void ask_others(struct trap_frame *frame)
{
    if (hooks_take_rest(frame) || fixup_apply(frame))
        return;
    if (!frame_from_user(frame) || !trap_user_fault)
        unexpected(frame);
    trap_user_fault(frame);
}

static __attribute__((cold, noinline)) void take_page_fault(struct trap_frame *frame)
{
    if (is_exhaustion(frame))
        unexpected(frame);
    if (!hooks[VECTOR_PF][0](frame))
        ask_others(frame);
}

/* What is rare is called last, so that nothing must be kept across a call. */
void trap_handler(struct trap_frame *frame)
{
    if (frame_from_user(frame)) {
        trap_check_user_entry(frame);
        frame = FRAME_OF_HANDLER();
    }
    if (frame->vector >= HOOK_VECTORS)
        software_handlers[frame->vector - HOOK_VECTORS](frame);
    else if (__builtin_expect(frame->vector == VECTOR_PF, 0))
        take_page_fault(frame);
    else if (!hooks[frame->vector][0](frame))
        ask_others(FRAME_OF_HANDLER());
}
