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
#include "workloads/run/collisions.h"
#include "workloads/run/flight.h"
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

static void enter(void *argument)
{
    const struct user_case *what = argument;
    struct user_words words = {
        .kernel_data = (uintptr_t)this_cpu->self,
        .kernel_text = (uintptr_t)text_start,
    };

    user_enter(what->code, &words, sizeof(words));
}

static void take_syscall(struct trap_frame *frame)
{
    enum collision before = collision_enter(COLLISION_SYSCALL, frame);
    bool goes_on = user_events_take_syscall(frame);

    collision_leave(before);
    if (!goes_on)
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

/* A CPU's thread in ring 3: a case, or a row of events. Several are under way at a time. */
#define TURN_ONE_IN 2
#define TASKS 3
static struct task {
    struct life_flight flight;
    struct thread_end end;
    struct random random;
    const struct user_case *what;       /* or NULL: the events */
    struct user_events events;
} CPU_TABLE(tasks, [TASKS]);

static void fail(const char *name, const struct thread_end *end)
{
    check_failed_on(CHECK_ACCOUNT, cpu_index(), THREAD_STACK, 0, "ring 3", "%s: %s by vector %lu",
                    name, end->ended ? "ended" : "not ended", end->vector);
    tallies[cpu_index()].failed++;
}

static void verify_case(const struct task *task)
{
    tallies[cpu_index()].sent++;
    tallies[cpu_index()].received += task->end.ended;
    if (!task->end.ended || task->end.vector != task->what->vector)
        fail(task->what->name, &task->end);
}

static void verify_events(const struct task *task)
{
    const struct user_events *events = &task->events;

    tallies[cpu_index()].sent += events->raised;
    tallies[cpu_index()].received += events->raised - events->failed;
    tallies[cpu_index()].failed += events->failed;
    if (task->end.ended)
        fail(events->event.name, &task->end);
}

static bool is_flying(struct task *task)
{
    enum flight_state state = life_look(&task->flight);

    if (state == FLIGHT_OVER && task->what)
        verify_case(task);
    else if (state == FLIGHT_OVER)
        verify_events(task);
    if (state != FLIGHT_LOST)
        return state == FLIGHT_ON_ITS_WAY;
    check_failed_on(CHECK_ACCOUNT, cpu_index(), THREAD_STACK, 0, "ring 3",
                    "the thread of %s does not end",
                    task->what ? task->what->name : task->events.event.name);
    verdict_fatal();                    /* it still uses the task */
}

static bool flying(void)
{
    bool any = false;

    for (unsigned i = 0; i < TASKS; i++)
        any |= is_flying(&tasks[cpu_index()][i]);
    return any;
}

static void start_case(struct task *task, const struct user_case *what)
{
    task->what = what;
    task->end = (struct thread_end){0};
    life_begin(&task->flight,
               thread_run_expecting(&task->end, "user", cpu_index(), enter, (void *)what));
}

static void start_events(struct task *task, struct random *random, bool each)
{
    random_seed(&task->random, random_next(random));
    task->what = NULL;
    task->end = (struct thread_end){0};
    task->events =
        (struct user_events){.random = &task->random, .each = each, .wanted = EVENTS_A_THREAD};
    life_begin(&task->flight, thread_run_expecting(&task->end, "events", cpu_index(),
                                                   user_events_enter, &task->events));
}

static void wait_for(struct task *task)
{
    if (task->flight.life.thread)
        thread_join(task->flight.life);
    is_flying(task);
}

static void probe(struct random *random)
{
    struct task *task = &tasks[cpu_index()][0];

    start_events(task, random, true);
    wait_for(task);
    probe_guard("SMAP", cpu_features.smap, known_read);
    probe_guard("SMEP", cpu_features.smep, known_fetch);
    for (unsigned i = 0; i < CASES; i++) {
        start_case(task, &cases[i]);
        wait_for(task);
    }
}

static void turn(struct random *random)
{
    struct task *task = &tasks[cpu_index()][random_below(random, TASKS)];
    uint32_t what = random_below(random, CASES + 1);

    if (random_below(random, TURN_ONE_IN) || is_flying(task))
        return;
    if (what < CASES)
        start_case(task, &cases[what]);
    else
        start_events(task, random, false);
}

WORKLOAD(user) = {
    .name = "user",
    .about = "ring 3: events that come back, and threads that end for what they may not do",
    .prepare = prepare,
    .probe = probe,
    .turn = turn,
    .flying = flying,
    .tallies = tallies,
};
