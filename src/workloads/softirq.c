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

/* By CPU; written by that CPU alone. */
static struct {
    uint64_t raised, done;
    uint32_t rounds_left;           /* of a storm: the handler raises itself again */
} state[MAX_CPUS];

static void check_context(unsigned softirq)
{
    struct fault_place place = fault_here("softirq");

    if (place.stack != IRQ_STACK || this_cpu->irq_nest != 0 || !(read_flags() & RFLAGS_IF))
        fault_report(CHECK_STACK, &place,
                     "softirq %u runs at nest counter %d, interrupts %s, not on the IRQ stack at 0",
                     softirq, this_cpu->irq_nest, read_flags() & RFLAGS_IF ? "on" : "off");
}

static void raise_one(void)
{
    uint32_t cpu = cpu_index();

    state[cpu].raised++;
    tallies[cpu].sent++;
    softirq_raise(SOFTIRQ_STORM + state[cpu].raised % SOFTIRQ_STORM_COUNT);
}

static void receive(unsigned softirq)
{
    uint32_t cpu = cpu_index();

    check_context(softirq);
    interrupts_off(); /* against the interrupt that raises: it must not come between these */
    tallies[cpu].received++;
    __atomic_store_n(&state[cpu].done, state[cpu].raised, __ATOMIC_RELEASE);
    if (state[cpu].rounds_left) {
        state[cpu].rounds_left--;
        raise_one();
    }
    interrupts_on();
}

/* Another CPU, or this one, asks for a softirq by interrupt: it is raised at whatever depth that
 * comes. */
static void raise_in_interrupt(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_IPI);
    raise_one();
    apic_eoi();
}

static void prepare(void)
{
    for (unsigned i = 0; i < SOFTIRQ_STORM_COUNT; i++)
        softirq_set_handler(SOFTIRQ_STORM + i, receive);
    irq_set_handler(VECTOR_STORM_SOFTIRQ, raise_in_interrupt);
}

static void wait_done(uint32_t cpu, uint64_t before)
{
    if (workload_wait_change(&state[cpu].done, before, cpu))
        return;
    struct fault_place place = {cpu, IRQ_STACK, 0, "softirq"};
    fault_report(CHECK_ACCOUNT, &place, "lost: raised %lu times, seen by the handler up to %lu",
                 state[cpu].raised, state[cpu].done);
    tallies[cpu_index()].failed++;
}

static void send(uint32_t cpu, struct random *random)
{
    (void)random;
    uint64_t before = __atomic_load_n(&state[cpu].done, __ATOMIC_ACQUIRE);

    apic_send_ipi(cpu_at(cpu)->apic_id, VECTOR_STORM_SOFTIRQ);
    wait_done(cpu, before);
}

/* From thread context, through the same counter; sometimes with so many restarts that the softirq
 * thread gets them. */
static void raise_in_thread(struct random *random)
{
    uint32_t cpu = cpu_index();

    interrupts_off();
    uint64_t before = state[cpu].done;
    if (random_below(random, STORM_ONE_IN) == 0)
        state[cpu].rounds_left = STORM_ROUNDS;
    raise_one();
    interrupts_on();
    softirq_flush();
    wait_done(cpu, before);
}

static void run(void *random)
{
    while (!thread_stopping()) {
        raise_in_thread(random);
        target_turn(&claims, random, send);
    }
}

static void account(void)
{
    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        struct fault_place place = {cpu, IRQ_STACK, 0, "softirq"};
        if (state[cpu].done != state[cpu].raised)
            fault_report(CHECK_ACCOUNT, &place, "raised %lu times, but seen only up to %lu",
                         state[cpu].raised, state[cpu].done);
        tallies[cpu].coalesced = tallies[cpu].sent - tallies[cpu].received;
    }
}

WORKLOAD(softirq) = {
    .name = "softirq",
    .about = "softirqs from interrupts and threads, and past the restart limit",
    .prepare = prepare,
    .probe = raise_in_thread,
    .thread = run,
    .account = account,
    .tallies = tallies,
};
