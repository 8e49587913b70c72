/* SPDX-License-Identifier: MIT */
/* The workload `fault`: #SS and #DF of every kind, resumed or survived; #PF and software traps,
 * which have no stack of their own. SDM volume 3, 6.15, interrupts 8, 12 and 14.
 *
 * Those of which a thread dies are given a thread of their own, and what ended it is compared. */
#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/gdt.h"
#include "cpu/claim.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/thread.h"
#include "workloads/run/collisions.h"
#include "workloads/run/events.h"
#include "workloads/run/flight.h"
#include "workloads/workload.h"

#define NOT_MAPPED (THREAD_SLOTS_BASE - THREAD_SIZE)

static struct tally CPU_TABLE(tallies);

/* The last exception of this CPU, while its thread asks for one. Some emulators raise another
 * vector, `or_wanted`; it is the same where there is no such excuse. */
static struct seen {
    bool asked;
    uint64_t wanted, or_wanted;
    uint64_t count, vector, error_code;
} CPU_TABLE(seen);

/* One more of the same inside its handler, for ever. */
static void exhaust(uint64_t vector)
{
    if (cpu_index() != inject_cpu())
        return;
    if (inject_planted(INJECT_EXHAUST_STACKFAULT) && vector == VECTOR_SS)
        known_raise(&event_absent_ss);
    if (inject_planted(INJECT_EXHAUST_DOUBLEFAULT) && vector == VECTOR_DF)
        event_double_fault();
}

static bool take(struct trap_frame *frame)
{
    struct seen *s = &seen[cpu_index()];

    bool wanted = frame->vector == s->wanted || frame->vector == s->or_wanted;

    if (!s->asked || !wanted || !fixup_apply(frame))
        return false;
    enum collision before = collision_enter(collision_of_vector(frame->vector), frame);
    s->count++;
    exhaust(frame->vector);
    collision_leave(before);
    s->vector = frame->vector;
    s->error_code = frame->error_code;
    return true;
}

static void prepare(void)
{
    claim_exception(VECTOR_SS, "fault", take);
    claim_exception(VECTOR_DF, "fault", take);
    claim_exception(VECTOR_GP, "fault", take);
    claim_exception(VECTOR_PF, "fault", take);
}

/* The vector of the manual, and the vector that an emulator may raise instead. */
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
    check_failed_on(CHECK_ACCOUNT, cpu_index(), THREAD_STACK, 0, event,
                    "it raised vector %lu, not %lu", vector, expected);
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

    known_raise(&event_absent_ss);
    verify(s, event_absent_ss.name, ABSENT_SS);
}

static void non_canonical_operand(void)
{
    struct known_event read = {
        .name = "non-canonical RBP", .trigger = known_read_stack, .operand = NOT_CANONICAL};
    struct seen *s = ask(VECTOR_SS, unless_emulated(VECTOR_SS, VECTOR_GP));

    known_raise(&read);
    verify(s, read.name, 0);
}

/* Without an IST code: on the thread's own stack. */
static void page_fault(void)
{
    struct seen *s = ask(VECTOR_PF, VECTOR_PF);

    known_raise(&event_page_fault);
    verify(s, event_page_fault.name, 0);
}

static void software_trap(void)
{
    struct known_event trap = {.name = "software trap", .trigger = known_trap};
    uint64_t before = known_traps(0);

    tallies[cpu_index()].sent++;
    known_raise(&trap);
    tallies[cpu_index()].received += known_traps(0) - before;
    if (known_traps(0) != before + 1)
        fail(trap.name, VECTOR_COUNT, VECTOR_SOFTWARE);
}

/* #GP, whose gate is not present: #NP, contributory to #GP: #DF, with an error code of 0. */
static void contributory_pair(void)
{
    struct seen *s = ask(VECTOR_DF, VECTOR_DF);

    event_double_fault();
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

/* A CPU's thread that dies, of a vector that the manual names. */
static struct dying {
    struct life_flight flight;
    struct thread_end end;
    const char *event;
    uint64_t vector, or_vector;
} CPU_TABLE(dying);

static bool flying(void)
{
    struct dying *d = &dying[cpu_index()];
    enum flight_state state = life_look(&d->flight);

    if (state == FLIGHT_OVER)
        tallies[cpu_index()].received += d->end.ended;
    if (state == FLIGHT_LOST || (state == FLIGHT_OVER && (!d->end.ended ||
        (d->end.vector != d->vector && d->end.vector != d->or_vector))))
        fail(d->event, d->end.ended ? d->end.vector : VECTOR_COUNT, d->vector);
    if (state == FLIGHT_LOST)
        verdict_fatal();                /* its slot and its stack are lost */
    return state == FLIGHT_ON_ITS_WAY;
}

static void die(const char *event, void (*entry)(void *argument), uintptr_t argument,
                uint64_t vector, uint64_t or_vector)
{
    struct dying *d = &dying[cpu_index()];

    if (flying())
        return;
    *d = (struct dying){.event = event, .vector = vector, .or_vector = or_vector};
    if (life_begin(&d->flight, thread_run_expecting(&d->end, event, cpu_index(), entry,
                                                    (void *)argument)))
        tallies[cpu_index()].sent++;
}

/* Emulators may take a push to a non-canonical address for #GP, which then has no stack: #DF. */
static void die_of(unsigned which)
{
    switch (which) {
    case 0: die("overflow", overflow, 0, VECTOR_DF, VECTOR_DF); break;
    case 1: die("unmapped RSP", lose_stack, NOT_MAPPED, VECTOR_DF, VECTOR_DF); break;
    case 2:
        die("non-canonical RSP", lose_stack, NOT_CANONICAL, VECTOR_SS,
            unless_emulated(VECTOR_SS, VECTOR_DF));
        break;
    }
}
#define DEATHS 3

static void probe(struct random *random)
{
    (void)random;
    absent_segment();
    non_canonical_operand();
    contributory_pair();
    page_fault();
    software_trap();
    for (unsigned i = 0; i < DEATHS; i++) {
        die_of(i);
        if (dying[cpu_index()].flight.life.thread)
            thread_join(dying[cpu_index()].flight.life);
        flying();
    }
}

static void turn(struct random *random)
{
    switch (random_below(random, 6)) {
    case 0: absent_segment(); break;
    case 1: non_canonical_operand(); break;
    case 2: contributory_pair(); break;
    case 3: page_fault(); break;
    case 4: software_trap(); break;
    case 5: die_of(random_below(random, DEATHS)); break;
    }
}

WORKLOAD(fault) = {
    .name = "fault",
    .about = "#SS and #DF, resumed or survived; #PF, and software traps",
    .prepare = prepare,
    .probe = probe,
    .turn = turn,
    .flying = flying,
    .tallies = tallies,
};
