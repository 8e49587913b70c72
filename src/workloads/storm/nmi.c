/* SPDX-License-Identifier: MIT */
/* The workload `nmi`: NMIs from every CPU to every CPU, on the NMI stack. SDM volume 3, 6.7 and
 * 10.6.1.
 *
 * An NMI carries nothing, and while one is handled only one more is latched: NMIs merge. So a
 * target has one sender at a time. A paced NMI is waited for: each is received. Of a burst at least
 * one is received, and the rest may have merged; one that was latched may even arrive after the
 * first was seen, so the sender keeps the target until none of them can come any more. In the end
 *     paced + bursts <= received <= sent.
 * An NMI that comes when none is expected is foreign; one that comes amid a burst cannot be told
 * from it. */
#include "cpu/claim.h"
#include "cpu/verdict.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/nmi_owner.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "lib/report.h"
#include "sched/thread.h"
#include "smp/apic.h"
#include "smp/exchange.h"
#include "workloads/run/events.h"
#include "workloads/run/target.h"
#include "workloads/run/victim.h"
#include "workloads/workload.h"

#define BURST_ONE_IN 16
#define BURST_MOST 8
#define LOST_NMI 10 /* from this one to a CPU on, inject=lost-nmi loses them */

static struct tally CPU_TABLE(tallies);
static struct target_claims claims;

/* By target; written under its claim. */
static struct {
    uint64_t sent, bursts;
} CPU_TABLE(expected);

static __attribute__((noinline)) void use_nearly_all(void)
{
    volatile uint8_t room[EXCEPTION_STKSZ - STACK_MARGIN];

    room[0] = 0;
    (void)room[0];
}

extern char victim_text_start[], victim_text_end[];

/* Damages what the NMI's exit restores, as a wrong entry path would. Only victims are struck, since
 * other code would be lost before a check could see the damage. */
static void plant_damage(struct trap_frame *frame)
{
    bool here = this_cpu->index == inject_cpu();
    bool victim =
        here && frame->rip >= (uint64_t)victim_text_start && frame->rip < (uint64_t)victim_text_end;

    if (inject_planted(INJECT_CLOBBER_REGISTER) && victim)
        frame->r12 ^= 1;
    if (inject_planted(INJECT_CLOBBER_STACK) && victim)
        ((uint64_t *)frame->rsp)[20] ^= 1;
    if (inject_planted(INJECT_STACK_FILL) && here)
        *(uint64_t *)stack_top(this_cpu->index, NMI_STACK, 1) = 0;
    if (inject_planted(INJECT_UNUSED_LEVEL) && here)
        *((uint64_t *)stack_top(this_cpu->index, NMI_STACK, IST_LEVELS - 1) - 1) = 0;
    if (inject_planted(INJECT_DEEP_STACK) && here)
        use_nearly_all();
}

static bool receive(struct trap_frame *frame)
{
    bool exhausts = inject_planted(INJECT_EXHAUST_NMI) && cpu_index() == inject_cpu();

    victim_check_entry(frame, "NMI");
    plant_damage(frame);
    if (!nmi_is_expected() && !exhausts)
        return false;
    tallies[this_cpu->index].received++;
    if (exhausts) {
        apic_send_nmi(this_cpu->apic_id);
        known_raise(&event_page_fault); /* its IRET lets the NMI in that was latched */
    }
    return true;
}

static void prepare(void)
{
    claim_exception(VECTOR_NMI, "nmi", receive);
}

/* The answer to a question that is sent behind a burst comes behind the burst. */
static bool end_burst(uint32_t cpu)
{
    struct exchange exchange;
    bool over = exchange_times(cpu, thread_yield, &exchange);

    expected[cpu].bursts++;
    nmi_expect(cpu, 0);
    return over || cpu_is_lost(cpu);
}

static void lost(uint32_t cpu, const char *what, uint64_t before)
{
    check_failed_on(CHECK_ACCOUNT, cpu, NMI_STACK, 0, "NMI",
                    "lost: CPU %u sent %s, and %lu NMIs have arrived in all", cpu_index(), what,
                    before);
    tallies[cpu_index()].failed++;
}

static void send(uint32_t cpu, struct random *random)
{
    uint32_t count =
        random_below(random, BURST_ONE_IN) ? 1 : 2 + random_below(random, BURST_MOST - 1);
    uint64_t before = __atomic_load_n(&tallies[cpu].received, __ATOMIC_ACQUIRE);
    bool burst = count > 1;

    expected[cpu].sent += count;
    tallies[cpu_index()].sent += count;
    nmi_expect(cpu, count);
    if (inject_planted(INJECT_LOST_NMI) && cpu == inject_cpu() && expected[cpu].sent > LOST_NMI)
        count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (cpu == cpu_index())
            known_nmi("NMI");
        else
            apic_send_nmi(cpu_at(cpu)->apic_id);
    }
    if (!workload_wait_change(&tallies[cpu].received, before, cpu))
        lost(cpu, "it", before);
    else if (burst && !end_burst(cpu))
        lost(cpu, "an interrupt behind a burst", before);
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
    uint64_t bursts = 0;

    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        tallies[cpu].coalesced = expected[cpu].sent - tallies[cpu].received;
        bursts += expected[cpu].bursts;
    }
    if (bursts)
        report_note("%lu bursts of NMIs: a foreign one that came amid one cannot be told from it",
                    bursts);
}

WORKLOAD(nmi) = {
    .name = "nmi",
    .about = "NMIs to self, neighbours, anybody, all others",
    .keys = KEYS("target"),
    .prepare = prepare,
    .probe = probe,
    .thread = run,
    .account = account,
    .tallies = tallies,
};
