/* SPDX-License-Identifier: MIT */
/* Ends threads by exceptions: in ring 3 by any, in ring 0 by #DF and #SS, whose handlers have
 * stacks of their own to do it from. SDM volume 3, 6.15 (interrupts 8, 12 and 14). */
#include "sched/end.h"

#include <stddef.h>

#include "cpu/above.h"
#include "cpu/verdict.h"
#include "cpu/ist.h"
#include "cpu/oops.h"
#include "cpu/percpu.h"
#include "cpu/claim.h"
#include "cpu/trap.h"
#include "cpu/x86.h"
#include "lib/report.h"
#include "sched/thread.h"

extern char thread_end_from_user[]; /* switch.asm */

static void note_end(struct thread *thread, const struct trap_frame *frame)
{
    *thread->end = (struct thread_end){
        .ended = true,
        .vector = frame->vector,
        .error_code = frame->error_code,
        .rip = frame->rip,
        .address = read_cr2(),
    };
}

/* The end was not expected: it is reported in full, as a failure. */
static void tell_end(const struct thread *thread, const struct trap_frame *frame)
{
    struct stack_place on = stack_find((uintptr_t)frame);

    check_failed_on(CHECK_UNEXPECTED, cpu_index(), on.kind, on.level, vector_name(frame->vector),
                    "ring %u thread %s ends: error code 0x%lx, CR2 0x%lx (%s), at 0x%lx",
                    (unsigned)frame->cs & 3, thread->name, frame->error_code, read_cr2(),
                    stack_describe(read_cr2()), frame->rip);
    oops_report_frame(frame);
}

static void say(struct thread *thread, const struct trap_frame *frame)
{
    if (thread->end)
        note_end(thread, frame);
    else
        tell_end(thread, frame);
}

/* True: the exception interrupted a thread, not an interrupt, a softirq or a handler. */
static bool was_in_thread(void)
{
    return ist_events_all() == 1 && this_cpu->irq_nest < 0 && this_cpu->current &&
           !this_cpu->current->idle;
}

static bool end_thread(struct trap_frame *frame)
{
    struct thread *thread = this_cpu->current;
    bool user = frame_from_user(frame);

    if (!was_in_thread())
        return false;
    say(thread, frame);
    thread_mend(thread);
    frame->rip = user ? (uint64_t)thread_end_from_user : (uint64_t)thread_exit;
    frame->cs = KERNEL_CS;
    frame->ss = KERNEL_DS;
    frame->rflags = RFLAGS_FIXED;
    frame->rsp = thread_stack(thread) + THREAD_SIZE - sizeof(uint64_t);
    frame->rbp = 0;
    return true;
}

/* Runs on the thread's own stack, which was empty. */
static void end_user_thread(struct trap_frame *frame)
{
    say(this_cpu->current, frame);
    thread_exit();
}

void end_init(void)
{
    cpu_above.end_thread = end_thread;
    cpu_above.end_user_thread = end_user_thread;
}
