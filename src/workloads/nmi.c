/* SPDX-License-Identifier: MIT */
/* The workload `nmi`: NMIs from every CPU to every CPU, on the NMI stack. SDM volume 3, 6.7 and
 * 10.6.1.
 *
 * An NMI carries nothing, and while one is handled only one more is latched: NMIs merge. So a
 * target has one sender at a time. A paced NMI is waited for: each is received. Of a burst at least
 * one is received, and the rest may have merged; one that was latched may even arrive after the
 * sender has let go, so the account of bursts is made at rest:
 *     paced + bursts <= received <= sent. */
#include "cpu/fault.h"
#include "cpu/inject.h"
#include "cpu/ist.h"
#include "cpu/percpu.h"
#include "lib/report.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "smp/ipi.h"
#include "workloads/events.h"
#include "workloads/target.h"
#include "workloads/victim.h"
#include "workloads/workload.h"

#define BURST_ONE_IN 16
#define BURST_MOST 8
#define LOST_NMI 10 /* from this one to a CPU on, inject=lost-nmi loses them */

static struct tally tallies[MAX_CPUS];
static struct target_claims claims;

/* By target; written under its claim. */
static struct {
    uint64_t sent, least;
} expected[MAX_CPUS];

static void receive(struct trap_frame *frame)
{
    victim_check_entry(frame, "NMI");
    tallies[this_cpu->index].received++;
    if (inject_planted(INJECT_EXHAUST_NMI) && cpu_index() == inject_cpu()) {
        apic_send_nmi(this_cpu->apic_id);
        fault_read(0); /* its IRET lets the NMI in that was latched */
    }
}

static void prepare(void)
{
    nmi_hook = receive;
}

static void send(uint32_t cpu, struct random *random)
{
    uint32_t count =
        random_below(random, BURST_ONE_IN) ? 1 : 2 + random_below(random, BURST_MOST - 1);
    uint64_t before = __atomic_load_n(&tallies[cpu].received, __ATOMIC_ACQUIRE);

    expected[cpu].sent += count;
    expected[cpu].least++;
    tallies[cpu_index()].sent += count;
    if (inject_planted(INJECT_LOST_NMI) && cpu == inject_cpu() && expected[cpu].least >= LOST_NMI)
        count = 0;
    for (uint32_t i = 0; i < count; i++)
        apic_send_nmi(cpu_at(cpu)->apic_id);
    if (workload_wait_change(&tallies[cpu].received, before, cpu))
        return;
    struct fault_place place = {cpu, NMI_STACK, 0, "NMI"};
    fault_report(CHECK_ACCOUNT, &place, "lost: CPU %u sent it, and %lu have arrived in all",
                 cpu_index(), before);
    tallies[cpu_index()].failed++;
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

/* More than were sent: somebody else's (a watchdog, the host). Counted, and no fault: an NMI
 * carries no hidden meaning. */
static void account(void)
{
    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        struct fault_place place = {cpu, NMI_STACK, 0, "NMI"};
        uint64_t received = tallies[cpu].received;
        if (received < expected[cpu].least)
            fault_report(CHECK_ACCOUNT, &place, "%lu received of at least %lu", received,
                         expected[cpu].least);
        else if (received > expected[cpu].sent)
            nmis_unexplained[cpu] += received - expected[cpu].sent;
        else
            tallies[cpu].coalesced = expected[cpu].sent - received;
    }
}

WORKLOAD(nmi) = {
    .name = "nmi",
    .about = "NMIs to self, neighbours, anybody, all others",
    .prepare = prepare,
    .probe = probe,
    .thread = run,
    .account = account,
    .tallies = tallies,
};
