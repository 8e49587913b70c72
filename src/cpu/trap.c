/* SPDX-License-Identifier: MIT */
/* Exceptions without an IST code: to their handlers, to a fix-up, or to an oops. SDM volume 3,
 * 6.15. */
#include "cpu/trap.h"

#include <stddef.h>

#include "cpu/above.h"
#include "cpu/verdict.h"
#include "cpu/claim.h"
#include "cpu/ist.h"
#include "cpu/oops.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"

void trap_handler(struct trap_frame *frame); /* called by entry.asm alone */


/* From ring 3 the thread's stack is empty, so the frame lies at its very top; and no event is under
 * way on the CPU's other stacks. */
static __attribute__((cold, noinline)) void wrong_entry(const struct trap_frame *frame)
{
    if ((uintptr_t)(frame + 1) % THREAD_SIZE)
        check_failed(CHECK_STACK, vector_name(frame->vector),
                     "from ring 3 the frame ends at %p, not a stack's top",
                     (const void *)(frame + 1));
    else
        check_failed(CHECK_REST, vector_name(frame->vector),
                     "from ring 3 with %u IST events under way and nest counter %d, not 0 and -1",
                     ist_events_all(), this_cpu->irq_nest);
}

static inline bool ist_at_rest(void)
{
    uintptr_t window = (uintptr_t)this_cpu->self, differ = 0;

#define STACK(symbol, name, ist, size, levels)     \
    differ |= this_cpu->ist_next[symbol##_STACK] ^ \
              (window + offsetof(struct cpu_window, stack_##symbol) + (size) * (levels));
#include "cpu/stacks.def"
#undef STACK
    return !differ;
}

/* Thread stacks are aligned to their size, so the frame on an empty one ends at a multiple of
 * it. */
void trap_check_user_entry(const struct trap_frame *frame)
{
    bool empty = (uintptr_t)(frame + 1) % THREAD_SIZE == 0;

    if (__builtin_expect(!empty || this_cpu->irq_nest != -1 || !ist_at_rest(), 0))
        wrong_entry(frame);
}

/* The processor could not push an event's frame. The #PF replaces the event, so code that expected
 * the event cannot go on (SDM volume 3, table 6-5). */
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
    oops(frame, "no hook expects %s (vector %lu, error code 0x%lx): " KERNEL_OR_MACHINE,
         vector_name(frame->vector), frame->vector, frame->error_code);
}

static __attribute__((cold, noinline)) void ask_others(struct trap_frame *frame)
{
    if (hooks_take_rest(frame) || fixup_apply(frame))
        return;
    if (frame_from_user(frame))
        cpu_above.end_user_thread(frame);
    unexpected(frame);
}

static __attribute__((cold, noinline)) void take_page_fault(struct trap_frame *frame)
{
    if (is_exhaustion(frame))
        unexpected(frame);
    if (!exception_hooks[VECTOR_PF][0](frame))
        ask_others(frame);
}

/* Slow paths are tail calls, so the fast path saves no registers. */
void trap_handler(struct trap_frame *frame)
{
    if (frame_from_user(frame)) {
        trap_check_user_entry(frame);
        frame = FRAME_OF_HANDLER();
    }
    if (frame->vector >= EXCEPTIONS)
        vector_handlers[frame->vector](frame);
    else if (__builtin_expect(frame->vector == VECTOR_PF, 0))
        take_page_fault(frame);
    else if (!exception_hooks[frame->vector][0](frame))
        ask_others(FRAME_OF_HANDLER());
}
