/* SPDX-License-Identifier: MIT */
/* The workload `debug`: #DB and #BP of every kind on the debug stack, nested as deep as it has
 * levels under the entry discipline. SDM volume 3, 17.2, 17.3.
 *
 * The probe finds out whether the CPU has ICEBP, and whether an interrupt leaves the breakpoint of
 * the instruction alone that it comes before; the storm uses either only then. */
#include <stddef.h>

#include "cpu/discipline.h"
#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/claim.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/report.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "workloads/run/collisions.h"
#include "workloads/run/events.h"
#include "workloads/run/target.h"
#include "workloads/workload.h"

static struct tally CPU_TABLE(tallies);
static bool has_icebp[MAX_CPUS];

#define PROBE_CLASS 4
static unsigned probe_vector;

/* Interrupts that the probe has sent to itself, and whether RF was set in the frame of one. */
static struct {
    uint64_t interrupts;
    bool rf;
} CPU_TABLE(probes);

/* The events that a CPU's thread expects, and those that its handlers have seen. The
 * thread may lose the CPU meanwhile, to a thread that brings events of its own. */
static struct expectation {
    const struct thread *thread;    /* NULL: nothing is expected */
    uint32_t nest;                  /* #BPs still to be raised inside handlers */
    uint64_t debugs, breakpoints;
    uint64_t dr6, rip;              /* of the last #DB; DR6 of all, by OR */
    uint64_t word;                  /* under the data breakpoint */
} CPU_TABLE(expectations);

/* Raises the next #BP inside this event, on the next level of the same stack. */
static void nest(struct expectation *e)
{
    if (inject_planted(INJECT_EXHAUST_DEBUG) && cpu_index() == inject_cpu())
        e->nest = IST_LEVELS;
    if (e->nest == 0)
        return;
    e->nest--;
    known_raise(&event_int3);
}

/* #BPs inside an event of their stack; without an IST code they are on whatever stack there is. */
static uint32_t most_nested(void)
{
    return discipline->breakpoint_has_ist ? discipline->levels - 1 : IST_LEVELS - 1;
}

static bool is_expected(const struct expectation *e)
{
    return e->thread && e->thread == thread_current();
}

static bool take_debug(struct trap_frame *frame)
{
    struct expectation *e = &expectations[cpu_index()];
    uint64_t dr6 = this_cpu->dr6;

    if (!is_expected(e) || frame_from_user(frame))
        return false;
    enum collision before = collision_enter(COLLISION_DB, frame);
    e->debugs++;
    e->dr6 |= dr6;
    e->rip = frame->rip;
    if (dr6 & DR6_B(0))
        frame->rflags |= RFLAGS_RF; /* or the same breakpoint comes again, for ever (17.3.1.1) */
    nest(e);
    collision_leave(before);
    return true;
}

/* Only an event with known registers can see this: victims raise no breakpoints. */
static void plant_damage(struct trap_frame *frame)
{
    if (cpu_index() != inject_cpu())
        return;
    if (inject_planted(INJECT_LOST_BASE))
        write_msr(MSR_FS_BASE, 0);
    if (inject_planted(INJECT_LOST_FLAG))
        frame->rflags ^= RFLAGS_ID;
    if (inject_planted(INJECT_LOST_WORD))
        ((uint64_t *)frame->rsp)[KNOWN_FIRST_WORD] ^= 1;
}

static bool take_breakpoint(struct trap_frame *frame)
{
    struct expectation *e = &expectations[cpu_index()];

    if (!is_expected(e) || frame->rip != (uint64_t)known_int3_after)
        return false;
    enum collision before = collision_enter(COLLISION_BP, frame);
    e->breakpoints++;
    plant_damage(frame);
    nest(e);
    collision_leave(before);
    return true;
}

static void take_interrupt(struct trap_frame *frame)
{
    count_event(EVENT_IPI);
    probes[cpu_index()].rf |= (frame->rflags & RFLAGS_RF) != 0;
    probes[cpu_index()].interrupts++;
    apic_eoi();
}

static void prepare(void)
{
    claim_exception(VECTOR_DB, "debug", take_debug);
    claim_exception(VECTOR_BP, "debug", take_breakpoint);
    probe_vector = claim_vector(PROBE_CLASS, "debug", take_interrupt);
}

static struct expectation *expect(uint32_t nested)
{
    struct expectation *e = &expectations[cpu_index()];

    *e = (struct expectation){.nest = nested, .thread = thread_current()};
    return e;
}

static void verify(struct expectation *e, const char *event, uint64_t debugs, uint64_t breakpoints,
                   uint64_t dr6_bits, const void *rip)
{
    struct tally *tally = &tallies[cpu_index()];

    e->thread = NULL;
    tally->sent += debugs + breakpoints;
    tally->received += e->debugs + e->breakpoints;
    if (e->debugs == debugs && e->breakpoints == breakpoints &&
        (e->dr6 & DR6_REASONS) == dr6_bits &&
        (!rip || e->rip == (uint64_t)rip))
        return;
    tally->failed++;
    check_failed_on(CHECK_ACCOUNT, cpu_index(), DEBUG_STACK, 0, event,
                    "%lu #DB of %lu, %lu #BP of %lu, DR6 0x%lx (bits 0x%lx), RIP 0x%lx", e->debugs,
                    debugs, e->breakpoints, breakpoints, e->dr6, dr6_bits, e->rip);
}

static void breakpoint(uint32_t nested)
{
    struct expectation *e = expect(nested);

    known_raise(&event_int3);
    verify(e, event_int3.name, 0, 1 + nested, 0, NULL);
}

static void single_step(uint32_t nops)
{
    struct known_event step = {
        .name = "single step", .trigger = known_step_end - nops, .flags = RFLAGS_TF};
    struct expectation *e = expect(0);

    known_raise(&step);
    verify(e, step.name, nops + STEPS_BESIDE_NOPS, 0, DR6_BS, NULL);
}

static void execution_breakpoint(uint32_t nested)
{
    struct known_event execute = {.name = "execution breakpoint", .trigger = known_execute};
    struct expectation *e = expect(nested);

    write_dr0((uint64_t)known_execute_target);
    write_dr7(DR7_IDLE | DR7_LOCAL(0) | DR7_EXECUTE(0));
    known_raise(&execute);
    write_dr7(DR7_IDLE);
    verify(e, execute.name, 1, nested, DR6_B(0), known_execute_target);
}

static void data_breakpoint(uint32_t nested)
{
    struct expectation *e = expect(nested);

    event_data_breakpoint(&e->word);
    verify(e, "data breakpoint", 1, nested, DR6_B(1), known_write_after);
}

/* DR6 says nothing of it (17.2.3). */
static void icebp(uint32_t nested)
{
    struct known_event event = {.name = "ICEBP", .trigger = known_icebp};
    struct expectation *e = expect(nested);

    has_icebp[cpu_index()] = !known_raise(&event);
    if (has_icebp[cpu_index()])
        verify(e, event.name, 1, nested, 0, NULL);
    e->thread = NULL;
}

/* RF in an interrupt's frame suppresses the breakpoint of the instruction that it returns to. */
static void look_at_interrupt(void)
{
    uint32_t cpu = cpu_index();
    uint64_t before = probes[cpu].interrupts;

    known_interrupt("interrupt", probe_vector);
    if (!workload_wait_change(&probes[cpu].interrupts, before, cpu))
        check_failed(CHECK_ACCOUNT, "interrupt",
                     "lost: this CPU sent itself vector %u, and it did not arrive", probe_vector);
}

static void execution_breakpoint_in_peace(void)
{
    uint64_t flags = interrupts_save();

    execution_breakpoint(0);
    interrupts_restore(flags);
}

static void probe(struct random *random)
{
    look_at_interrupt();
    breakpoint(0);
    breakpoint(most_nested());
    single_step(1 + random_below(random, KNOWN_MOST_STEPS));
    execution_breakpoint_in_peace();
    data_breakpoint(0);
    icebp(0);
}

/* An event by chance, as the events' weights say. Those in DR7 are rare: an emulator translates its
 * code anew for each. */
static void raise(struct random *random, uint32_t nested)
{
    uint32_t dice = random_below(random, 64);

    if (dice < 44)
        breakpoint(nested);
    else if (dice < 58)
        single_step(1 + random_below(random, KNOWN_MOST_STEPS));
    else if (dice < 62 && has_icebp[cpu_index()])
        icebp(nested);
    else if (dice == 62)
        data_breakpoint(nested);
    else if (dice == 63 && !probes[cpu_index()].rf)
        execution_breakpoint(nested);
}

static void turn(struct random *random)
{
    if (!known_claim_breakpoints())
        return;
    raise(random, random_below(random, most_nested() + 1));
    known_release_breakpoints();
}

static void account(void)
{
    if (probes[target_cpus[0]].rf)
        report_note("interrupts have RF set in their frames here, which swallows breakpoints: the "
                    "storm used none on instructions (check=shadow.interrupt-rf)");
}

WORKLOAD(debug) = {
    .name = "debug",
    .about = "INT3, single step, execution and data breakpoints, nested",
    .prepare = prepare,
    .probe = probe,
    .turn = turn,
    .more_turns = 11,
    .account = account,
    .tallies = tallies,
};
