/* SPDX-License-Identifier: MIT */
/* The workload `softirq`: softirqs raised in interrupts and in threads, and storms of them past the
 * restart limit. The rules stand in cpu/softirq.h.
 *
 * A softirq raised twice before it runs runs once, so a number is drawn at each raise and the
 * handler notes the last one it has seen: what was raised is done when that number is reached. */
#include "cpu/softirq.h"

#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/inject.h"
#include "cpu/claim.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/softirqd.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "workloads/run/collisions.h"
#include "workloads/run/flight.h"
#include "workloads/run/known.h"
#include "workloads/run/target.h"
#include "workloads/workload.h"

#define STORM_ONE_IN 64
#define STORM_ROUNDS (3 * SOFTIRQ_RESTARTS)

static struct tally CPU_TABLE(tallies);

/* By CPU, and softirq; written by that CPU alone. */
/* Each of them has a vector, whose interrupt raises it. */
#define SOFTIRQS 4
#define CLASS 4
static unsigned softirqs[SOFTIRQS], vectors[SOFTIRQS];

static struct state {
    struct {
        uint64_t raised, done;
    } softirqs[SOFTIRQS];
    uint32_t rounds_left;           /* of a storm: the handler raises itself again */
    uint64_t storms;
    uint32_t asked; /* by another CPU, and raised: a bit a softirq */
} CPU_TABLE(states);

/* By target, and softirq; and by sender. */
static struct slot CPU_TABLE(slots, [SOFTIRQS]);
static struct {
    struct flight flight;
    unsigned n;
} CPU_TABLE(sent);

static unsigned index_of(const unsigned *numbers, unsigned number)
{
    unsigned n = 0;

    while (numbers[n] != number)
        n++;
    return n;
}

/* The topmost word of the IRQ stack says where on which other stack it was left for. */
static bool back_link_is_whole(void)
{
    uintptr_t link = ((const uintptr_t *)this_cpu->irq_stack_top)[-1];
    enum stack_kind kind = stack_find(link).kind;

    return kind == THREAD_STACK || (kind < CPU_STACK_KINDS && kind != IRQ_STACK);
}

static void check_context(unsigned softirq)
{
    enum stack_kind stack = stack_find(read_rsp()).kind;

    if (!back_link_is_whole())
        check_failed(CHECK_STACK, "softirq", "the back-link of the IRQ stack leads to no stack");
    if (stack != IRQ_STACK || this_cpu->irq_nest != 0 || !(read_flags() & RFLAGS_IF))
        check_failed(CHECK_STACK, "softirq",
                     "softirq %u runs at nest counter %d, interrupts %s, not on the IRQ stack at 0",
                     softirq, this_cpu->irq_nest, read_flags() & RFLAGS_IF ? "on" : "off");
}

/* Interrupts off. */
static void raise_one(unsigned n)
{
    states[cpu_index()].softirqs[n].raised++;
    tallies[cpu_index()].sent++;
    softirq_raise(softirqs[n]);
}

static void receive(unsigned softirq)
{
    struct state *state = &states[cpu_index()];
    unsigned n = index_of(softirqs, softirq);
    enum collision before = collision_enter_softirq();

    check_context(softirq);
    interrupts_off();               /* against the interrupt that raises: not between these */
    tallies[cpu_index()].received++;
    __atomic_store_n(&state->softirqs[n].done, state->softirqs[n].raised, __ATOMIC_RELEASE);
    if (state->asked >> n & 1) {
        state->asked &= ~(1u << n);
        slot_empty(&slots[cpu_index()][n]);
    }
    if (state->rounds_left) {
        state->rounds_left--;
        raise_one(n);
    }
    collision_leave(before);
    interrupts_on();
}

/* A CPU asks for a softirq by interrupt: it is raised at whatever depth that comes. */
static void raise_in_interrupt(struct trap_frame *frame)
{
    unsigned n = index_of(vectors, frame->vector);
    enum collision before = collision_enter(COLLISION_HARDIRQ, frame);

    count_event(EVENT_IPI);
    if (slot_is_taken(&slots[cpu_index()][n]))
        states[cpu_index()].asked |= 1u << n;
    raise_one(n);
    collision_leave(before);
    apic_eoi();
}

static void prepare(void)
{
    for (unsigned n = 0; n < SOFTIRQS; n++) {
        softirqs[n] = claim_softirq("softirq", receive);
        vectors[n] = claim_vector(CLASS, "softirq", raise_in_interrupt);
    }
}

static void lost(uint32_t cpu, unsigned n)
{
    check_failed_on(CHECK_ACCOUNT, cpu, IRQ_STACK, 0, "softirq",
                    "lost: softirq %u raised %lu times, seen up to %lu", n,
                    states[cpu].softirqs[n].raised, states[cpu].softirqs[n].done);
    tallies[cpu_index()].failed++;
}

/* Where the softirq thread has it, it runs when that has its turn. */
static void wait_done(unsigned n, uint64_t before)
{
    if (!workload_wait_change(&states[cpu_index()].softirqs[n].done, before, cpu_index()))
        lost(cpu_index(), n);
}

static void interrupt_self(unsigned n)
{
    uint64_t before = states[cpu_index()].softirqs[n].done;

    known_interrupt("interrupt", vectors[n]);
    wait_done(n, before);
}

static bool flying(void)
{
    struct flight *flight = &sent[cpu_index()].flight;
    uint32_t cpu = flight->patience.cpu;
    enum flight_state state = flight_look(flight);

    if (state == FLIGHT_LOST)
        lost(cpu, sent[cpu_index()].n);
    return state == FLIGHT_ON_ITS_WAY;
}

static void interrupt_other(uint32_t cpu, unsigned n)
{
    if (flying() || !flight_begin(&sent[cpu_index()].flight, &slots[cpu][n], cpu))
        return;
    sent[cpu_index()].n = n;
    apic_send_ipi(cpu_at(cpu)->apic_id, vectors[n]);
}

/* From thread context, through the same counter; sometimes with so many restarts that the softirq
 * thread gets them. */
static void raise_in_thread(struct random *random)
{
    struct state *state = &states[cpu_index()];
    unsigned n = random_below(random, SOFTIRQS);

    interrupts_off();
    uint64_t before = state->softirqs[n].done;
    if (random_below(random, STORM_ONE_IN) == 0) {
        state->rounds_left = STORM_ROUNDS;
        state->storms++;
    }
    raise_one(n);
    known_call("softirq", (const void *)softirq_run_pending, 0, 0);
    interrupts_on();
    wait_done(n, before);
}

static void probe(struct random *random)
{
    for (unsigned i = 0; i < 4 * SOFTIRQS; i++)
        raise_in_thread(random);
}

static void turn(struct random *random)
{
    if (inject_planted(INJECT_RARE_TURNS) && random_below(random, 1000))
        return;
    uint32_t other = target_other(random);
    unsigned n = random_below(random, SOFTIRQS);

    raise_in_thread(random);
    if (other != cpu_index())
        interrupt_other(other, n);
    if (target_includes_self() || other == cpu_index())
        interrupt_self(n);
}

/* A softirq thread that is still queued finds nothing to do at its turn, and sleeps. */
static void leave_one(void *unused)
{
    (void)unused;
    thread_yield();
    interrupts_off();
    this_cpu->softirq_pending |= SOFTIRQ_DEFERRED | 1 << softirqs[0];
    interrupts_on();
}

static void account_cpu(uint32_t cpu)
{
    for (unsigned n = 0; n < SOFTIRQS; n++)
        if (states[cpu].softirqs[n].done != states[cpu].softirqs[n].raised)
            check_failed_on(CHECK_ACCOUNT, cpu, IRQ_STACK, 0, "softirq",
                            "softirq %u raised %lu times, but seen up to %lu", n,
                            states[cpu].softirqs[n].raised, states[cpu].softirqs[n].done);
    if (states[cpu].storms && !softirqd_runs(cpu))
        check_failed_on(CHECK_ACCOUNT, cpu, IRQ_STACK, 0, "softirq",
                        "%lu storms, but none reached the softirq thread", states[cpu].storms);
    tallies[cpu].coalesced = tallies[cpu].sent - tallies[cpu].received;
}

static void account(void)
{
    for (uint32_t i = 0; i < target_count; i++)
        account_cpu(target_cpus[i]);
    if (inject_planted(INJECT_LATE_SOFTIRQ))
        thread_join(thread_run("softirq", inject_cpu(), leave_one, NULL));
}

WORKLOAD(softirq) = {
    .name = "softirq",
    .about = "softirqs from interrupts and threads, and past the restart limit",
    .keys = KEYS("target"),
    .prepare = prepare,
    .probe = probe,
    .turn = turn,
    .more_turns = 8,
    .flying = flying,
    .account = account,
    .tallies = tallies,
};
