/* SPDX-License-Identifier: MIT */
/* The workload `irq`: interrupts nested through every priority class on the IRQ stack. SDM volume
 * 3, 10.8.3.
 *
 * The handler of class n sends its own CPU an interrupt of class n + 1 and lets it in before its
 * EOI, up to the highest: as deep as the APIC's priorities allow. Other CPUs' interrupts have
 * vectors of their own beside these, so that none merges with another: each one sent is
 * received. */
#include "cpu/irq.h"

#include "cpu/fault.h"
#include "cpu/inject.h"
#include "cpu/percpu.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "workloads/events.h"
#include "workloads/target.h"
#include "workloads/victim.h"
#include "workloads/workload.h"

#define NEST_PATIENCE \
    10000000 /* rounds of PAUSE for one's own interrupt, which the APIC delivers at once */
#define LOST_IRQ 10                 /* from this one to a CPU on, inject=lost-irq loses them */

static struct tally tallies[MAX_CPUS];
static struct target_claims claims;
static uint64_t chain_received[MAX_CPUS][STORM_CLASSES];
static uint64_t chain_softirqs[MAX_CPUS];
static uint64_t remote_received[MAX_CPUS], remote_sent[MAX_CPUS];

static void lost(uint32_t cpu, unsigned vector)
{
    struct fault_place place = {cpu, IRQ_STACK, 0, "interrupt"};
    fault_report(CHECK_ACCOUNT, &place, "lost: CPU %u sent vector %u, and it did not arrive",
                 cpu_index(), vector);
    tallies[cpu_index()].failed++;
}

/* In the handler of one class, interrupts on: the next class must come through. */
static void nest(unsigned level)
{
    volatile uint64_t *received = &chain_received[cpu_index()][level];
    uint64_t before = *received;
    unsigned rounds = 0;

    tallies[cpu_index()].sent++;
    apic_send_ipi(this_cpu->apic_id, STORM_VECTOR(level));
    interrupts_on();
    while (*received == before && rounds++ < NEST_PATIENCE)
        cpu_relax();
    interrupts_off();
    if (*received == before)
        lost(cpu_index(), STORM_VECTOR(level));
}

static void receive_chain(struct trap_frame *frame)
{
    unsigned level = frame->vector / 16 - STORM_CLASS_FIRST;

    count_event(EVENT_IPI);
    tallies[cpu_index()].received++;
    if (inject_planted(INJECT_EXHAUST_IRQ) && cpu_index() == inject_cpu())
        fault_overflow();
    chain_received[cpu_index()][level]++;
    softirq_raise(SOFTIRQ_NEST);
    if (level + 1 < STORM_CLASSES)
        nest(level + 1);
    apic_eoi();
}

static void receive_remote(struct trap_frame *frame)
{
    victim_check_entry(frame, "interrupt");
    count_event(EVENT_IPI);
    tallies[cpu_index()].received++;
    __atomic_fetch_add(&remote_received[cpu_index()], 1, __ATOMIC_RELEASE);
    if (inject_planted(INJECT_NO_EOI) && cpu_index() == inject_cpu())
        return;
    apic_eoi();
}

/* Raised at each depth of a chain, it runs once: when the outermost interrupt ends. */
static void receive_softirq(unsigned softirq)
{
    struct fault_place place = fault_here("softirq");

    (void)softirq;
    if (this_cpu->irq_nest != 0)
        fault_report(CHECK_STACK, &place, "raised inside interrupts, it runs at nest counter %d",
                     this_cpu->irq_nest);
    __atomic_fetch_add(&chain_softirqs[cpu_index()], 1, __ATOMIC_RELEASE);
}

static void prepare(void)
{
    softirq_set_handler(SOFTIRQ_NEST, receive_softirq);
    for (unsigned level = 0; level < STORM_CLASSES; level++) {
        irq_set_handler(STORM_VECTOR(level), receive_chain);
        irq_set_handler(STORM_VECTOR(level) + STORM_REMOTE, receive_remote);
    }
}

/* A chain through the classes from a random one up, and the one softirq behind it. */
static void send_chain(struct random *random)
{
    uint32_t cpu = cpu_index();
    unsigned level = random_below(random, STORM_CLASSES);
    uint64_t before = chain_received[cpu][level], softirqs = chain_softirqs[cpu];
    struct fault_place place = {cpu, IRQ_STACK, 0, "softirq"};

    tallies[cpu].sent++;
    apic_send_ipi(this_cpu->apic_id, STORM_VECTOR(level));
    if (!workload_wait_change(&chain_received[cpu][level], before, cpu))
        lost(cpu, STORM_VECTOR(level));
    else if (!workload_wait_change(&chain_softirqs[cpu], softirqs, cpu) ||
             chain_softirqs[cpu] != softirqs + 1)
        fault_report(CHECK_ACCOUNT, &place, "raised at %u depths, it ran %lu times",
                     STORM_CLASSES - level, chain_softirqs[cpu] - softirqs);
}

static void send_remote(uint32_t cpu, struct random *random)
{
    unsigned vector = STORM_VECTOR(random_below(random, STORM_CLASSES)) + STORM_REMOTE;
    uint64_t before = __atomic_load_n(&remote_received[cpu], __ATOMIC_ACQUIRE);

    tallies[cpu_index()].sent++;
    remote_sent[cpu]++;
    if (!(inject_planted(INJECT_LOST_IRQ) && cpu == inject_cpu() && before >= LOST_IRQ))
        apic_send_ipi(cpu_at(cpu)->apic_id, vector);
    if (!workload_wait_change(&remote_received[cpu], before, cpu))
        lost(cpu, vector);
}

static void send(uint32_t cpu, struct random *random)
{
    if (cpu == cpu_index())
        send_chain(random);
    else
        send_remote(cpu, random);
}

static void probe(struct random *random)
{
    send(cpu_index(), random);
}

static void run(void *random)
{
    while (!thread_stopping())
        target_turn(&claims, random, send);
}

static void account(void)
{
    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        struct fault_place place = {cpu, IRQ_STACK, 0, "interrupt"};
        if (remote_received[cpu] != remote_sent[cpu])
            fault_report(CHECK_ACCOUNT, &place, "%lu interrupts received of %lu sent to it",
                         remote_received[cpu], remote_sent[cpu]);
    }
}

WORKLOAD(irq) = {
    .name = "irq",
    .about = "interrupts nested through every priority class",
    .prepare = prepare,
    .probe = probe,
    .thread = run,
    .account = account,
    .tallies = tallies,
};
