/* SPDX-License-Identifier: MIT */
/* The workload `user`: ring 3 threads that take every kind of event, and that do what they may not.
 * SDM volume 3, 5.11 (pages), 6.12.1.3 (IDT privilege), 5.8.8 (SYSCALL).
 *
 * Each case is a thread of its own. An allowed event comes back and is counted. A forbidden one
 * ends the thread, by the vector that the manual names. */
#include "sched/user.h"

#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/claim.h"
#include "cpu/image.h"
#include "cpu/late.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "sched/thread.h"
#include "workloads/run/known.h"
#include "workloads/storm/user_events.h"
#include "workloads/storm/user_words.h"
#include "workloads/workload.h"

#define EVENTS_A_THREAD 24

static struct tally CPU_TABLE(tallies);

/* U(behaviour, the vector that ends it) */
#define USER_CASES(U)                                                                              \
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
    unsigned vector;
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

static void take_syscall(struct trap_frame *frame)
{
    if (!user_events_take_syscall(frame))
        thread_exit();
}

/* Ring 0 at ring 3's page, on purpose: SMAP forbids to read it, SMEP to run it (SDM volume 3,
 * 4.6.1). A fetch leaves RIP at the page itself; the call that led there is undone. */
static struct {
    bool asked;
    uint64_t page_faults;
} CPU_TABLE(guards);

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

static void probe_guard(const char *name, bool have, const char *trigger)
{
    struct known_event reach = {.name = name, .trigger = trigger, .operand = USER_BASE};

    if (!have)
        return;
    guards[cpu_index()].page_faults = 0;
    guards[cpu_index()].asked = true;
    known_raise(&reach);
    guards[cpu_index()].asked = false;
    if (guards[cpu_index()].page_faults != 1)
        check_failed_on(CHECK_ACCOUNT, cpu_index(), THREAD_STACK, 0, name,
                        "ring 0 reached ring 3's page");
}

static void prepare(void)
{
    user_events_prepare();
    claim_exception(VECTOR_PF, "user", take_page_fault);
    claim_syscall("user", take_syscall);
}

/* Runs a thread to its end. False: it could not be made, as the reaper is behind: another turn. */
static bool run_thread(const char *name, void (*entry)(void *argument), void *argument,
                       struct thread_end *end)
{
    struct thread_life life = thread_run_expecting(end, name, cpu_index(), entry, argument);

    if (!life.thread)
        return false;
    if (thread_join(life))
        return true;
    check_failed_on(CHECK_ACCOUNT, cpu_index(), THREAD_STACK, 0, "ring 3", "thread %s does not end",
                    name);
    verdict_fatal();                      /* it still uses what lies on this stack */
}

static void fail(const char *name, const struct thread_end *end)
{
    check_failed_on(CHECK_ACCOUNT, cpu_index(), THREAD_STACK, 0, "ring 3", "%s: %s by vector %lu",
                    name, end->ended ? "ended" : "not ended", end->vector);
    tallies[cpu_index()].failed++;
}

static void try_case(const struct user_case *what)
{
    struct user_run run = {.what = what};

    if (!run_thread("user", enter, &run, &run.end))
        return;
    tallies[cpu_index()].sent++;
    tallies[cpu_index()].received += run.end.ended;
    if (!run.end.ended || run.end.vector != what->vector)
        fail(what->name, &run.end);
}

static void try_events(struct random *random, bool each)
{
    struct user_events run = {.random = random, .each = each, .wanted = EVENTS_A_THREAD};
    struct thread_end end = {0};

    if (!run_thread("events", user_events_enter, &run, &end))
        return;
    tallies[cpu_index()].sent += run.raised;
    tallies[cpu_index()].received += run.raised - run.failed;
    tallies[cpu_index()].failed += run.failed;
    if (end.ended)
        fail(run.event.name, &end);
}

static void probe(struct random *random)
{
    try_events(random, true);
    probe_guard("SMAP", cpu_features.smap, known_read);
    probe_guard("SMEP", cpu_features.smep, known_fetch);
    for (unsigned i = 0; i < CASES; i++)
        try_case(&cases[i]);
}

static void run(void *random)
{
    while (!thread_stopping()) {
        uint32_t what = random_below(random, CASES + 1);
        if (what < CASES)
            try_case(&cases[what]);
        else
            try_events(random, false);
    }
}

WORKLOAD(user) = {
    .name = "user",
    .about = "ring 3: events that come back, and threads that end for what they may not do",
    .prepare = prepare,
    .probe = probe,
    .thread = run,
    .tallies = tallies,
};
