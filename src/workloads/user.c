/* SPDX-License-Identifier: MIT */
/* The workload `user`: ring 3 threads that take every kind of event, and that do what they may not.
 * SDM volume 3, 5.11 (pages), 6.12.1.3 (IDT privilege), 5.8.8 (SYSCALL).
 *
 * Each case is a thread of its own. What it may do comes back and is counted; of what it may not,
 * the thread ends, by the vector that the manual names. */
#include "sched/user.h"

#include <stddef.h>

#include "cpu/fault.h"
#include "cpu/features.h"
#include "cpu/hooks.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "cpu/syscall.h"
#include "cpu/vectors.h"
#include "sched/thread.h"
#include "workloads/events.h"
#include "workloads/user_words.h"
#include "workloads/workload.h"

#define STEPS 4                     /* instructions of user_events that begin with TF set */

static struct tally tallies[MAX_CPUS];
extern char text_start[];

/* U(behaviour, the vector that ends it; -1: it leaves by itself) */
#define USER_CASES(U)                                                                              \
    U(events, -1)                                                                                  \
    U(invalid, VECTOR_UD)                                                                          \
    U(divide, VECTOR_DE)                                                                           \
    U(halt, VECTOR_GP)                                                                             \
    U(cli, VECTOR_GP)                                                                              \
    U(out, VECTOR_GP)                                                                              \
    U(int_closed, VECTOR_GP)                                                                       \
    U(read_kernel, VECTOR_PF)                                                                      \
    U(write_kernel, VECTOR_PF)                                                                     \
    U(jump_to_kernel, VECTOR_PF)                                                                   \
    U(write_text, VECTOR_PF)                                                                       \
    U(run_stack, VECTOR_PF)                                                                        \
    U(below_stack, VECTOR_PF)                                                                      \
    U(non_canonical, VECTOR_GP)                                                                    \
    U(absent_ss, VECTOR_SS)                                                                        \
    U(wrmsr, VECTOR_GP)

#define USER_LABEL(behaviour, vector) extern char user_##behaviour[];
USER_CASES(USER_LABEL)
#undef USER_LABEL

static const struct user_case {
    const char *name;
    const char *code;
    int vector;
} cases[] = {
#define USER_CASE(behaviour, vector) {#behaviour, user_##behaviour, vector},
    USER_CASES(USER_CASE)
#undef USER_CASE
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

/* One case, from the workload's thread to the thread in ring 3 and back. */
struct user_run {
    const struct user_case *what;
    struct thread_end end;
    uint64_t syscalls, breakpoints, steps;
};

static void enter(void *argument)
{
    struct user_run *run = argument;
    struct user_words words = {
        .kernel_data = (uintptr_t)this_cpu->self,
        .kernel_text = (uintptr_t)text_start,
    };

    user_enter(run->what->code, &words, sizeof(words));
}

/* The case that the current thread runs; NULL for any other thread. */
static struct user_run *current_run(const struct trap_frame *frame)
{
    struct thread *thread = thread_current();

    return frame_from_user(frame) && thread->entry == enter ? thread->argument : NULL;
}

static bool take_breakpoint(struct trap_frame *frame)
{
    struct user_run *run = current_run(frame);

    if (run)
        run->breakpoints++;
    return run != NULL;
}

static bool take_debug(struct trap_frame *frame)
{
    struct user_run *run = current_run(frame);

    if (run)
        run->steps++;
    return run != NULL;
}

static void take_syscall(struct trap_frame *frame)
{
    struct user_run *run = current_run(frame);

    if (frame->rax == 0 || !run)
        thread_exit();
    run->syscalls++;
    frame->rax = frame->rdi + 1;
}

/* Ring 0 at ring 3's page, on purpose: SMAP forbids to read it, SMEP to run it (SDM volume 3,
 * 4.6.1). A fetch leaves RIP at the page itself; the call that led there is undone. */
static struct {
    bool asked;
    uint64_t page_faults;
} guards[MAX_CPUS];

static bool take_page_fault(struct trap_frame *frame)
{
    if (!guards[cpu_index()].asked || frame_from_user(frame) || read_cr2() != USER_BASE)
        return false;
    guards[cpu_index()].page_faults++;
    if (frame->rip != USER_BASE)
        return fixup_apply(frame);
    frame->rip = *(uint64_t *)frame->rsp;
    frame->rsp += sizeof(uint64_t);
    return true;
}

static void probe_guard(const char *name, bool have, void (*reach)(uintptr_t address))
{
    struct fault_place place = {cpu_index(), THREAD_STACK, 0, name};

    if (!have)
        return;
    guards[cpu_index()].page_faults = 0;
    guards[cpu_index()].asked = true;
    reach(USER_BASE);
    guards[cpu_index()].asked = false;
    if (guards[cpu_index()].page_faults != 1)
        fault_report(CHECK_ACCOUNT, &place, "ring 0 reached ring 3's page");
}

static void call_page(uintptr_t address)
{
    ((void (*)(void))address)();
}

static void prepare(void)
{
    hook_add(VECTOR_BP, take_breakpoint);
    hook_add(VECTOR_DB, take_debug);
    hook_add(VECTOR_PF, take_page_fault);
    syscall_hook = take_syscall;
}

static bool as_expected(const struct user_run *run)
{
    if (run->what->vector >= 0)
        return run->end.ended && run->end.vector == (uint64_t)run->what->vector;
    return !run->end.ended && run->syscalls == USER_SYSCALLS && run->breakpoints == 1 &&
           run->steps == STEPS;
}

static void try_case(const struct user_case *what)
{
    struct user_run run = {.what = what};
    struct thread *thread = thread_create("user", cpu_index(), enter, &run);
    struct tally *tally = &tallies[cpu_index()];
    uint64_t generation;

    if (!thread)
        return;                         /* the reaper is behind: another turn */
    generation = thread->generation;
    thread->end = &run.end;
    tally->sent++;
    thread_wake(thread);
    bool joined = thread_join(thread, generation);
    tally->received += joined;
    if (joined && as_expected(&run))
        return;
    struct fault_place place = {cpu_index(), THREAD_STACK, 0, "ring 3"};
    fault_report(CHECK_ACCOUNT, &place, "%s: %s by vector %lu, %lu SYSCALLs, %lu #BP, %lu #DB",
                 what->name, run.end.ended ? "ended" : "not ended", run.end.vector, run.syscalls,
                 run.breakpoints, run.steps);
    tally->failed++;
    if (!joined)
        fault_fatal();                  /* it still uses what lies on this stack */
}

static void probe(struct random *random)
{
    (void)random;
    probe_guard("SMAP", cpu_features.smap, fault_read);
    probe_guard("SMEP", cpu_features.smep, call_page);
    for (unsigned i = 0; i < CASES; i++)
        try_case(&cases[i]);
}

static void run(void *random)
{
    while (!thread_stopping())
        try_case(&cases[random_below(random, CASES)]);
}

WORKLOAD(user) = {
    .name = "user",
    .about = "ring 3: events that come back, and threads that end for what they may not do",
    .prepare = prepare,
    .probe = probe,
    .thread = run,
    .tallies = tallies,
};
