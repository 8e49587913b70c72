/* SPDX-License-Identifier: MIT */
/* The workload `fault`: #SS and #DF of every kind, resumed or survived. SDM volume 3, 6.15,
 * interrupts 8 and 12.
 *
 * Those of which a thread dies are given a thread of their own, and what ended it is compared. */
#include <stddef.h>

#include "cpu/fault.h"
#include "cpu/features.h"
#include "cpu/gdt.h"
#include "cpu/hooks.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/thread.h"
#include "workloads/events.h"
#include "workloads/workload.h"

#define NOT_MAPPED (THREAD_SLOTS_BASE - THREAD_SIZE)

static struct tally tallies[MAX_CPUS];

/* What this CPU's last exception said, while its thread asks for one. Some emulators raise another
 * vector, `or_wanted`; it is the same where there is no such excuse. */
static struct seen {
    bool asked;
    uint64_t wanted, or_wanted;
    uint64_t count, vector, error_code;
} seen[MAX_CPUS];

void fault_double(void)
{
    uint64_t flags = interrupts_save();

    idt_load_without_gp(true);
    fault_read(NOT_CANONICAL);
    idt_load_without_gp(false);
    interrupts_restore(flags);
}

/* One more of the same inside its handler, for ever. */
static void exhaust(uint64_t vector)
{
    if (cpu_index() != inject_cpu())
        return;
    if (inject_planted(INJECT_EXHAUST_STACKFAULT) && vector == VECTOR_SS)
        fault_load_ss(ABSENT_SS);
    if (inject_planted(INJECT_EXHAUST_DOUBLEFAULT) && vector == VECTOR_DF)
        fault_double();
}

static bool take(struct trap_frame *frame)
{
    struct seen *s = &seen[cpu_index()];

    bool wanted = frame->vector == s->wanted || frame->vector == s->or_wanted;

    if (!s->asked || !wanted || !fixup_apply(frame))
        return false;
    s->count++;
    exhaust(frame->vector);
    s->vector = frame->vector;
    s->error_code = frame->error_code;
    return true;
}

static void prepare(void)
{
    hook_add(VECTOR_SS, take);
    hook_add(VECTOR_DF, take);
    hook_add(VECTOR_GP, take);
}

/* What the manual says, and what an emulator may raise instead. */
static uint64_t unless_emulated(uint64_t vector, uint64_t of_emulators)
{
    return cpu_features.emulated ? of_emulators : vector;
}

static struct seen *ask(uint64_t vector, uint64_t or_vector)
{
    struct seen *s = &seen[cpu_index()];

    *s = (struct seen){.asked = true, .wanted = vector, .or_wanted = or_vector};
    tallies[cpu_index()].sent++;
    return s;
}

static void fail(const char *event, uint64_t vector, uint64_t expected)
{
    struct fault_place place = {cpu_index(), THREAD_STACK, 0, event};

    fault_report(CHECK_ACCOUNT, &place, "vector %lu came of it, not %lu", vector, expected);
    tallies[cpu_index()].failed++;
}

static void verify(struct seen *s, const char *event, uint64_t error_code)
{
    s->asked = false;
    tallies[cpu_index()].received += s->count;
    if (s->count != 1 || s->error_code != error_code)
        fail(event, s->count ? s->vector : VECTOR_COUNT, s->wanted);
}

static void absent_segment(void)
{
    struct seen *s = ask(VECTOR_SS, VECTOR_SS);

    fault_load_ss(ABSENT_SS);
    verify(s, "absent SS", ABSENT_SS);
}

static void non_canonical_operand(void)
{
    struct seen *s = ask(VECTOR_SS, unless_emulated(VECTOR_SS, VECTOR_GP));

    fault_read_through_rbp(NOT_CANONICAL);
    verify(s, "non-canonical RBP", 0);
}

/* #GP, whose gate is not present: #NP, contributory to #GP: #DF, with an error code of 0. */
static void contributory_pair(void)
{
    struct seen *s = ask(VECTOR_DF, VECTOR_DF);

    fault_double();
    verify(s, "contributory pair", 0);
}

static void overflow(void *unused)
{
    (void)unused;
    fault_overflow();
}

static void lose_stack(void *rsp)
{
    fault_lose_stack((uintptr_t)rsp);
}

/* A thread that dies, of a vector that the manual names. */
static void die(const char *event, void (*entry)(void *argument), uintptr_t argument,
                uint64_t vector, uint64_t or_vector)
{
    struct thread_end end = {0};
    struct thread *thread = thread_create(event, cpu_index(), entry, (void *)argument);
    uint64_t generation;

    if (!thread)
        return;                         /* the reaper is behind: another turn */
    generation = thread->generation;
    thread->end = &end;
    tallies[cpu_index()].sent++;
    thread_wake(thread);
    bool joined = thread_join(thread, generation);
    tallies[cpu_index()].received += end.ended;
    if (!joined || !end.ended || (end.vector != vector && end.vector != or_vector))
        fail(event, end.ended ? end.vector : VECTOR_COUNT, vector);
}

/* Emulators may take a push to a non-canonical address for #GP, which then has no stack: #DF. */
static void probe(struct random *random)
{
    (void)random;
    absent_segment();
    non_canonical_operand();
    contributory_pair();
    die("overflow", overflow, 0, VECTOR_DF, VECTOR_DF);
    die("unmapped RSP", lose_stack, NOT_MAPPED, VECTOR_DF, VECTOR_DF);
    die("non-canonical RSP", lose_stack, NOT_CANONICAL, VECTOR_SS,
                unless_emulated(VECTOR_SS, VECTOR_DF));
}

static void run(void *random)
{
    while (!thread_stopping()) {
        switch (random_below(random, 6)) {
        case 0: absent_segment(); break;
        case 1: non_canonical_operand(); break;
        case 2: contributory_pair(); break;
        case 3: die("overflow", overflow, 0, VECTOR_DF, VECTOR_DF); break;
        case 4: die("unmapped RSP", lose_stack, NOT_MAPPED, VECTOR_DF, VECTOR_DF); break;
        case 5:
            die("non-canonical RSP", lose_stack, NOT_CANONICAL, VECTOR_SS,
                unless_emulated(VECTOR_SS, VECTOR_DF));
            break;
        }
    }
}

WORKLOAD(fault) = {
    .name = "fault",
    .about = "#SS and #DF, resumed or survived",
    .prepare = prepare,
    .probe = probe,
    .thread = run,
    .tallies = tallies,
};
