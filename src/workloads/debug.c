/* SPDX-License-Identifier: MIT */
/* The workload `debug`: #DB and #BP of every kind on the debug stack, nested as deep as it has
 * levels under the entry discipline. SDM volume 3, 17.2, 17.3.
 *
 * The probe finds out whether the CPU has ICEBP, and whether an interrupt leaves the breakpoint of
 * the instruction alone that it comes before; the storm uses either only then. */
#include <stddef.h>

#include "cpu/entries.h"
#include "cpu/fault.h"
#include "cpu/features.h"
#include "cpu/hooks.h"
#include "cpu/inject.h"
#include "cpu/irq.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/report.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "workloads/events.h"
#include "workloads/target.h"
#include "workloads/workload.h"

#define STEPS_TO_CLEAR_TF 3
#define STEPS_A_ROUND 2

static struct tally tallies[MAX_CPUS];
static bool has_icebp[MAX_CPUS];

/* Interrupts that the probe has sent to itself, and whether RF was set in the frame of one. */
static struct {
    uint64_t interrupts;
    bool rf;
} probes[MAX_CPUS];

/* What a CPU's thread expects, and what its handlers have seen. */
static struct expectation {
    bool active;
    uint32_t nest;                  /* #BPs still to be raised inside handlers */
    uint64_t debugs, breakpoints;
    uint64_t dr6, rip;              /* of the last #DB; DR6 of all, by OR */
    uint64_t word;                  /* under the data breakpoint */
} expectations[MAX_CPUS];

/* Raises the next #BP inside this event, on the next level of the same stack. */
static void nest(struct expectation *e)
{
    if (inject_planted(INJECT_EXHAUST_DEBUG) && cpu_index() == inject_cpu())
        e->nest = IST_LEVELS;
    if (e->nest == 0)
        return;
    e->nest--;
    debug_int3();
}

/* #BPs inside an event of their stack; without an IST code they are on whatever stack there is. */
static uint32_t most_nested(void)
{
    return entry_chosen->breakpoint_ist ? entry_chosen->levels - 1 : IST_LEVELS - 1;
}

static bool take_debug(struct trap_frame *frame)
{
    struct expectation *e = &expectations[cpu_index()];
    uint64_t dr6 = this_cpu->dr6;

    if (!e->active || frame_from_user(frame))
        return false;
    e->debugs++;
    e->dr6 |= dr6;
    e->rip = frame->rip;
    if (dr6 & DR6_B(0))
        frame->rflags |= RFLAGS_RF; /* or the same breakpoint comes again, for ever (17.3.1.1) */
    nest(e);
    return true;
}

static bool take_breakpoint(struct trap_frame *frame)
{
    struct expectation *e = &expectations[cpu_index()];

    if (!e->active || frame->rip != (uint64_t)debug_int3_after)
        return false;
    e->breakpoints++;
    nest(e);
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
    hook_add(VECTOR_DB, take_debug);
    hook_add(VECTOR_BP, take_breakpoint);
    irq_set_handler(VECTOR_DEBUG_PROBE, take_interrupt);
}

static struct expectation *expect(uint32_t nested)
{
    struct expectation *e = &expectations[cpu_index()];

    *e = (struct expectation){.nest = nested, .active = true};
    return e;
}

static void verify(struct expectation *e, const char *event, uint64_t debugs, uint64_t breakpoints,
                   uint64_t dr6_bits, const void *rip)
{
    struct tally *tally = &tallies[cpu_index()];
    struct fault_place place = {cpu_index(), DEBUG_STACK, 0, event};

    e->active = false;
    tally->sent += debugs + breakpoints;
    tally->received += e->debugs + e->breakpoints;
    if (e->debugs == debugs && e->breakpoints == breakpoints &&
        (e->dr6 & DR6_REASONS) == dr6_bits &&
        (!rip || e->rip == (uint64_t)rip))
        return;
    tally->failed++;
    fault_report(CHECK_ACCOUNT, &place,
                 "%lu #DB of %lu, %lu #BP of %lu, DR6 0x%lx (bits 0x%lx), RIP 0x%lx", e->debugs,
                 debugs, e->breakpoints, breakpoints, e->dr6, dr6_bits, e->rip);
}

static void breakpoint(uint32_t nested)
{
    struct expectation *e = expect(nested);

    debug_int3();
    verify(e, "INT3", 0, 1 + nested, 0, NULL);
}

static void single_step(uint64_t rounds)
{
    struct expectation *e = expect(0);

    debug_step(rounds);
    verify(e, "single step", STEPS_A_ROUND * rounds + STEPS_TO_CLEAR_TF, 0, DR6_BS, NULL);
}

static void execution_breakpoint(uint32_t nested)
{
    struct expectation *e = expect(nested);

    write_dr0((uint64_t)debug_execute_target);
    write_dr7(DR7_IDLE | DR7_LOCAL(0) | DR7_EXECUTE(0));
    debug_execute();
    write_dr7(DR7_IDLE);
    verify(e, "execution breakpoint", 1, nested, DR6_B(0), debug_execute_target);
}

static void data_breakpoint(uint32_t nested)
{
    struct expectation *e = expect(nested);

    write_dr1((uint64_t)&e->word);
    write_dr7(DR7_IDLE | DR7_LOCAL(1) | DR7_WRITE8(1));
    debug_write(&e->word, 1);
    write_dr7(DR7_IDLE);
    verify(e, "data breakpoint", 1, nested, DR6_B(1), debug_write_after);
}

/* DR6 says nothing of it (17.2.3). */
static void icebp(uint32_t nested)
{
    struct expectation *e = expect(nested);

    has_icebp[cpu_index()] = debug_icebp();
    if (has_icebp[cpu_index()])
        verify(e, "ICEBP", 1, nested, 0, NULL);
    e->active = false;
}

/* RF in an interrupt's frame suppresses the breakpoint of the instruction that it returns to. */
static void look_at_interrupt(void)
{
    uint32_t cpu = cpu_index();
    struct fault_place place = fault_here("IPI");
    uint64_t before = probes[cpu].interrupts;

    apic_send_ipi(this_cpu->apic_id, VECTOR_DEBUG_PROBE);
    if (!workload_wait_change(&probes[cpu].interrupts, before, cpu))
        fault_report(CHECK_ACCOUNT, &place, "lost: this CPU's to itself");
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
    single_step(1 + random_below(random, 8));
    execution_breakpoint_in_peace();
    data_breakpoint(0);
    icebp(0);
}

static void turn(struct random *random)
{
    uint32_t nested = random_below(random, most_nested() + 1);

    switch (random_below(random, has_icebp[cpu_index()] ? 5 : 4)) {
    case 0: breakpoint(nested); break;
    case 1: single_step(1 + random_below(random, 16)); break;
    case 2:
        if (!probes[cpu_index()].rf)
            execution_breakpoint(nested);
        break;
    case 3: data_breakpoint(nested); break;
    case 4: icebp(nested); break;
    }
}

static void run(void *random)
{
    while (!thread_stopping())
        turn(random);
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
    .thread = run,
    .account = account,
    .tallies = tallies,
};
