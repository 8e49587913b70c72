/* SPDX-License-Identifier: MIT */
/* The workload `irq`: interrupts nested through every priority class on the IRQ stack. SDM volume
 * 3, 10.8.3.
 *
 * The handler of class n sends its own CPU an interrupt of class n + 1 and lets it in before its
 * EOI, up to the highest: as deep as the APIC's priorities allow. Other CPUs' interrupts have
 * vectors of their own beside these, and one at a time is on its way to a target, so that none
 * merges with another: each one sent is received. Firmware may have left a device on that sends one
 * of these vectors: one that comes when none is on its way is a stray. */
#include "cpu/claim.h"

#include "cpu/verdict.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "smp/strays.h"
#include "workloads/run/collisions.h"
#include "workloads/run/events.h"
#include "workloads/run/flight.h"
#include "workloads/run/target.h"
#include "workloads/run/victim.h"
#include "workloads/workload.h"

#define NEST_PATIENCE \
    10000000        /* rounds of PAUSE for one's own interrupt, which the APIC delivers at once */
#define LOST_IRQ 10                 /* from this one to a CPU on, inject=lost-irq loses them */

static struct tally CPU_TABLE(tallies);
/* Two vectors in each of these priority classes: a chain's, and those that other CPUs send. */
#define CLASS_FIRST 4
#define CLASSES 10
static unsigned chain_vectors[CLASSES], remote_vectors[CLASSES], chain_softirq;

static uint64_t CPU_TABLE(chain_received, [CLASSES]);
static bool CPU_TABLE(chain_expected, [CLASSES]);
static struct {
    unsigned from;       /* the class that it begins with */
    int32_t base, depth;            /* the nest counter of its first, and the last one's above it */
} CPU_TABLE(chains);
static uint64_t CPU_TABLE(chain_softirqs);
/* By target; `sent` is written by the sender that has its slot. */
static struct remote {
    struct slot slot;
    uint64_t sent, received;
} CPU_TABLE(remotes);

/* By sender. */
static struct {
    struct flight flight;
    unsigned vector;
} CPU_TABLE(sent_remotes);

static void lost(uint32_t cpu, unsigned vector)
{
    check_failed_on(CHECK_ACCOUNT, cpu, IRQ_STACK, 0, "interrupt",
                    "lost: CPU %u sent vector %u, and it did not arrive", cpu_index(), vector);
    tallies[cpu_index()].failed++;
}

static void send_to_self(unsigned level)
{
    tallies[cpu_index()].sent++;
    chain_expected[cpu_index()][level] = true;
    known_interrupt("interrupt", chain_vectors[level]);
}

/* In the handler of one class, interrupts on: the next class must come through. */
static void nest(unsigned level)
{
    volatile uint64_t *received = &chain_received[cpu_index()][level];
    uint64_t before = *received;
    unsigned rounds = 0;

    send_to_self(level);
    interrupts_on();
    while (*received == before && rounds++ < NEST_PATIENCE)
        cpu_relax();
    interrupts_off();
    if (*received == before)
        lost(cpu_index(), chain_vectors[level]);
}

/* Each class of a chain is inside the one before. */
static void check_depth(unsigned level)
{
    uint32_t cpu = cpu_index();
    int32_t wanted = level - chains[cpu].from;

    if (wanted == 0)
        chains[cpu].base = this_cpu->irq_nest;
    chains[cpu].depth = this_cpu->irq_nest - chains[cpu].base;
    if (chains[cpu].depth != wanted)
        check_failed(CHECK_STACK, "interrupt",
                     "class %u of a chain that began with class %u nests %d deep, not %d", level,
                     chains[cpu].from, chains[cpu].depth, wanted);
}

static void receive_chain(struct trap_frame *frame)
{
    unsigned level = frame->vector / 16 - CLASS_FIRST;

    if (!chain_expected[cpu_index()][level]) {
        strays_take(frame);
        return;
    }
    enum collision before = collision_enter(COLLISION_HARDIRQ, frame);
    chain_expected[cpu_index()][level] = false;
    count_event(EVENT_IPI);
    check_depth(level);
    tallies[cpu_index()].received++;
    if (inject_planted(INJECT_EXHAUST_IRQ) && cpu_index() == inject_cpu())
        fault_overflow();
    chain_received[cpu_index()][level]++;
    softirq_raise(chain_softirq);
    if (inject_planted(INJECT_SHORT_CHAIN) && cpu_index() == inject_cpu() && level + 2 < CLASSES)
        level++;
    if (level + 1 < CLASSES)
        nest(level + 1);
    collision_leave(before);
    apic_eoi();
}

static void receive_remote(struct trap_frame *frame)
{
    struct remote *remote = &remotes[cpu_index()];

    victim_check_entry(frame, "interrupt");
    if (!slot_is_taken(&remote->slot)) {
        strays_take(frame);
        return;
    }
    enum collision before = collision_enter(COLLISION_HARDIRQ, frame);
    count_event(EVENT_IPI);
    tallies[cpu_index()].received++;
    remote->received++;
    slot_empty(&remote->slot);
    collision_leave(before);
    apic_eoi();
}

/* Raised at each depth of a chain, it runs once: when the outermost interrupt ends. */
static void receive_softirq(unsigned softirq)
{
    if (this_cpu->irq_nest != 0)
        check_failed(CHECK_STACK, "softirq", "softirq %u runs at nest counter %d, not 0", softirq,
                     this_cpu->irq_nest);
    __atomic_fetch_add(&chain_softirqs[cpu_index()], 1, __ATOMIC_RELEASE);
}

static void prepare(void)
{
    chain_softirq = claim_softirq("irq", receive_softirq);
    for (unsigned level = 0; level < CLASSES; level++) {
        chain_vectors[level] = claim_vector(CLASS_FIRST + level, "irq", receive_chain);
        remote_vectors[level] = claim_vector(CLASS_FIRST + level, "irq", receive_remote);
    }
}

/* A chain through the classes from a random one up, and the one softirq behind it. */
static void send_chain(struct random *random)
{
    uint32_t cpu = cpu_index();
    unsigned level = random_below(random, CLASSES);
    uint64_t before = chain_received[cpu][level], softirqs = chain_softirqs[cpu];

    chains[cpu].from = level;
    send_to_self(level);
    if (!workload_wait_change(&chain_received[cpu][level], before, cpu))
        lost(cpu, chain_vectors[level]);
    else if (chains[cpu].depth != (int32_t)(CLASSES - 1 - level))
        check_failed_on(CHECK_ACCOUNT, cpu, IRQ_STACK, 0, "softirq",
                        "a chain of %u classes ended %d deep, not %u", CLASSES - level,
                        chains[cpu].depth, CLASSES - 1 - level);
    else if (!workload_wait_change(&chain_softirqs[cpu], softirqs, cpu) ||
             chain_softirqs[cpu] != softirqs + 1)
        check_failed_on(CHECK_ACCOUNT, cpu, IRQ_STACK, 0, "softirq",
                        "a softirq raised at %u depths ran %lu times, not once", CLASSES - level,
                        chain_softirqs[cpu] - softirqs);
}

static bool flying(void)
{
    struct flight *flight = &sent_remotes[cpu_index()].flight;
    uint32_t cpu = flight->patience.cpu;
    enum flight_state state = flight_look(flight);

    if (state == FLIGHT_LOST)
        lost(cpu, sent_remotes[cpu_index()].vector);
    return state == FLIGHT_ON_ITS_WAY;
}

static void send_remote(uint32_t cpu, struct random *random)
{
    unsigned vector = remote_vectors[random_below(random, CLASSES)];
    struct remote *remote = &remotes[cpu];

    if (flying() || !flight_begin(&sent_remotes[cpu_index()].flight, &remote->slot, cpu))
        return;
    sent_remotes[cpu_index()].vector = vector;
    tallies[cpu_index()].sent++;
    remote->sent++;
    if (!(inject_planted(INJECT_LOST_IRQ) && cpu == inject_cpu() && remote->sent > LOST_IRQ))
        apic_send_ipi(cpu_at(cpu)->apic_id, vector);
}

static void probe(struct random *random)
{
    send_chain(random);
}

static void turn(struct random *random)
{
    uint32_t other = target_other(random);

    if (other != cpu_index())
        send_remote(other, random);
    if (target_includes_self() || other == cpu_index())
        send_chain(random);
}

static void account(void)
{
    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        if (remotes[cpu].received != remotes[cpu].sent)
            check_failed_on(CHECK_ACCOUNT, cpu, IRQ_STACK, 0, "interrupt",
                            "%lu interrupts received of %lu sent to this CPU",
                            remotes[cpu].received, remotes[cpu].sent);
    }
}

WORKLOAD(irq) = {
    .name = "irq",
    .about = "interrupts nested through every priority class",
    .keys = KEYS("target"),
    .prepare = prepare,
    .probe = probe,
    .turn = turn,
    .more_turns = 2,
    .flying = flying,
    .account = account,
    .tallies = tallies,
};
