/* SPDX-License-Identifier: MIT */
/* The workload `softirq`: softirqs raised in interrupts and in threads, and storms of them past the
 * restart limit. The rules stand in cpu/softirq.h.
 *
 * A softirq raised twice before it runs runs once, so a number is drawn at each raise and the
 * handler notes the last one it has seen: what was raised is done when that number is reached. */
#include "cpu/softirq.h"

#include "cpu/fault.h"
#include "cpu/irq.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/softirqd.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "workloads/target.h"
#include "workloads/workload.h"

#define STORM_ONE_IN 64
#define STORM_ROUNDS (3 * SOFTIRQ_RESTARTS)

static struct tally tallies[MAX_CPUS];
static struct target_claims claims;

/* By CPU, and softirq; written by that CPU alone. */
static struct state {
    struct {
        uint64_t raised, done;
    } softirqs[SOFTIRQ_STORM_COUNT];
    uint32_t rounds_left;           /* of a storm: the handler raises itself again */
    uint64_t storms;
} states[MAX_CPUS];

/* The topmost word of the IRQ stack says where on which other stack it was left for. */
static bool back_link_is_whole(void)
{
    uintptr_t link = ((const uintptr_t *)this_cpu->irq_stack_top)[-1];
    enum stack_kind kind = stack_find(link).kind;

    return kind == THREAD_STACK || (kind < CPU_STACK_KINDS && kind != IRQ_STACK);
}

static void check_context(unsigned softirq)
{
    struct fault_place place = fault_here("softirq");

    if (!back_link_is_whole())
        fault_report(CHECK_STACK, &place, "the back-link of the IRQ stack leads to no stack");
    if (place.stack != IRQ_STACK || this_cpu->irq_nest != 0 || !(read_flags() & RFLAGS_IF))
        fault_report(CHECK_STACK, &place,
                     "softirq %u runs at nest counter %d, interrupts %s, not on the IRQ stack at 0",
                     softirq, this_cpu->irq_nest, read_flags() & RFLAGS_IF ? "on" : "off");
}

/* Interrupts off. */
static void raise_one(unsigned n)
{
    states[cpu_index()].softirqs[n].raised++;
    tallies[cpu_index()].sent++;
    softirq_raise(SOFTIRQ_STORM + n);
}

static void receive(unsigned softirq)
{
    struct state *state = &states[cpu_index()];
    unsigned n = softirq - SOFTIRQ_STORM;

    check_context(softirq);
    interrupts_off();               /* against the interrupt that raises: not between these */
    tallies[cpu_index()].received++;
    __atomic_store_n(&state->softirqs[n].done, state->softirqs[n].raised, __ATOMIC_RELEASE);
    if (state->rounds_left) {
        state->rounds_left--;
        raise_one(n);
    }
    interrupts_on();
}

/* A CPU asks for a softirq by interrupt: it is raised at whatever depth that comes. */
static void raise_in_interrupt(struct trap_frame *frame)
{
    count_event(EVENT_IPI);
    raise_one(frame->vector - VECTOR_STORM_SOFTIRQ);
    apic_eoi();
}

static void prepare(void)
{
    for (unsigned i = 0; i < SOFTIRQ_STORM_COUNT; i++)
        softirq_set_handler(SOFTIRQ_STORM + i, receive);
    for (unsigned i = 0; i < SOFTIRQ_STORM_COUNT; i++)
        irq_set_handler(VECTOR_STORM_SOFTIRQ + i, raise_in_interrupt);
}

static void wait_done(uint32_t cpu, unsigned n, uint64_t before)
{
    if (workload_wait_change(&states[cpu].softirqs[n].done, before, cpu))
        return;
    struct fault_place place = {cpu, IRQ_STACK, 0, "softirq"};
    fault_report(CHECK_ACCOUNT, &place, "lost: softirq %u raised %lu times, seen up to %lu", n,
                 states[cpu].softirqs[n].raised, states[cpu].softirqs[n].done);
    tallies[cpu_index()].failed++;
}

static void send(uint32_t cpu, struct random *random)
{
    unsigned n = random_below(random, SOFTIRQ_STORM_COUNT);
    uint64_t before = __atomic_load_n(&states[cpu].softirqs[n].done, __ATOMIC_ACQUIRE);

    apic_send_ipi(cpu_at(cpu)->apic_id, VECTOR_STORM_SOFTIRQ + n);
    wait_done(cpu, n, before);
}

/* From thread context, through the same counter; sometimes with so many restarts that the softirq
 * thread gets them. */
static void raise_in_thread(struct random *random)
{
    struct state *state = &states[cpu_index()];
    unsigned n = random_below(random, SOFTIRQ_STORM_COUNT);

    interrupts_off();
    uint64_t before = state->softirqs[n].done;
    if (random_below(random, STORM_ONE_IN) == 0) {
        state->rounds_left = STORM_ROUNDS;
        state->storms++;
    }
    raise_one(n);
    interrupts_on();
    softirq_flush();
    wait_done(cpu_index(), n, before);
}

static void probe(struct random *random)
{
    for (unsigned i = 0; i < 4 * SOFTIRQ_STORM_COUNT; i++)
        raise_in_thread(random);
}

static void run(void *random)
{
    while (!thread_stopping()) {
        raise_in_thread(random);
        target_turn(&claims, random, send);
    }
}

static void account_cpu(uint32_t cpu)
{
    struct fault_place place = {cpu, IRQ_STACK, 0, "softirq"};

    for (unsigned n = 0; n < SOFTIRQ_STORM_COUNT; n++)
        if (states[cpu].softirqs[n].done != states[cpu].softirqs[n].raised)
            fault_report(CHECK_ACCOUNT, &place, "softirq %u raised %lu times, but seen up to %lu",
                         n, states[cpu].softirqs[n].raised, states[cpu].softirqs[n].done);
    if (states[cpu].storms && !softirqd_runs(cpu))
        fault_report(CHECK_ACCOUNT, &place, "%lu storms, but none reached the softirq thread",
                     states[cpu].storms);
    tallies[cpu].coalesced = tallies[cpu].sent - tallies[cpu].received;
}

static void account(void)
{
    for (uint32_t i = 0; i < target_count; i++)
        account_cpu(target_cpus[i]);
}

WORKLOAD(softirq) = {
    .name = "softirq",
    .about = "softirqs from interrupts and threads, and past the restart limit",
    .prepare = prepare,
    .probe = probe,
    .thread = run,
    .account = account,
    .tallies = tallies,
};
