/* SPDX-License-Identifier: MIT */
/* The workload `nmi`: NMIs from every CPU to every CPU, on the NMI stack. SDM volume 3, 6.7 and
 * 10.6.1.
 *
 * An NMI carries nothing, and while one is handled only one more is latched: NMIs merge. So one is
 * on its way to a target at a time, and each that was sent is received. Of a burst at least one is
 * received, and the rest may have merged. A sender puts an interrupt behind its burst: when that
 * comes, none of the burst can come any more, since messages from one APIC to another keep their
 * order, and an NMI goes before an interrupt. In the end
 *     singles + bursts <= received <= sent.
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
#include "workloads/run/collisions.h"
#include "workloads/run/events.h"
#include "workloads/run/flight.h"
#include "workloads/run/target.h"
#include "workloads/run/victim.h"
#include "workloads/workload.h"

#define BURST_ONE_IN 16
#define BURST_MOST 8
#define BURST_END_CLASS 4
#define LOST_NMI 10 /* from this one to a CPU on, inject=lost-nmi loses them */

static struct tally CPU_TABLE(tallies);
static struct slot CPU_TABLE(slots);
static unsigned burst_end_vector;

/* By target; written by the sender that has its slot. */
static struct aim {
    uint64_t sent, bursts;
    uint64_t before; /* received, when the burst was sent */
    bool burst;      /* on its way */
} CPU_TABLE(targets);

/* By sender. */
static struct flight CPU_TABLE(to_self);
static struct flight CPU_TABLE(to_other);

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

static bool receive_nmi(struct trap_frame *frame)
{
    bool exhausts = inject_planted(INJECT_EXHAUST_NMI) && cpu_index() == inject_cpu();

    victim_check_entry(frame, "NMI");
    plant_damage(frame);
    if (!nmi_is_expected() && !exhausts)
        return false;
    tallies[this_cpu->index].received++;
    if (!targets[this_cpu->index].burst)
        slot_empty(&slots[this_cpu->index]);
    if (exhausts) {
        apic_send_nmi(this_cpu->apic_id);
        known_raise(&event_page_fault); /* its IRET lets the NMI in that was latched */
    }
    return true;
}

static bool receive(struct trap_frame *frame)
{
    enum collision before = collision_enter(COLLISION_NMI, frame);
    bool mine = receive_nmi(frame);

    collision_leave(before);
    return mine;
}

/* Behind a burst. One that lost all its NMIs keeps the slot, and its sender tells. */
static void end_burst(struct trap_frame *frame)
{
    uint32_t cpu = this_cpu->index;

    (void)frame;
    count_event(EVENT_IPI);
    if (tallies[cpu].received != targets[cpu].before) {
        nmi_expect(cpu, 0);
        targets[cpu].burst = false;
        slot_empty(&slots[cpu]);
    }
    apic_eoi();
}

static void prepare(void)
{
    claim_exception(VECTOR_NMI, "nmi", receive);
    burst_end_vector = claim_vector(BURST_END_CLASS, "nmi", end_burst);
}

static bool is_flying(struct flight *flight)
{
    uint32_t cpu = flight->patience.cpu;
    enum flight_state state = flight_look(flight);

    if (state != FLIGHT_LOST)
        return state == FLIGHT_ON_ITS_WAY;
    check_failed_on(CHECK_ACCOUNT, cpu, NMI_STACK, 0, "NMI",
                    "lost: CPU %u sent %s, and %lu NMIs have arrived in all", cpu_index(),
                    targets[cpu].burst ? "a burst and an interrupt behind it" : "it",
                    tallies[cpu].received);
    tallies[cpu_index()].failed++;
    return false;
}

/* Both are looked at. */
static bool flying(void)
{
    bool self = is_flying(&to_self[cpu_index()]);

    return is_flying(&to_other[cpu_index()]) || self;
}

/* The slot is taken. */
static void announce(uint32_t cpu, uint32_t count)
{
    targets[cpu].sent += count;
    targets[cpu].burst = count > 1;
    targets[cpu].before = __atomic_load_n(&tallies[cpu].received, __ATOMIC_ACQUIRE);
    tallies[cpu_index()].sent += count;
    nmi_expect(cpu, count);
}

static bool is_spared(uint32_t cpu)
{
    return inject_planted(INJECT_SPARED_CPU) && cpu == inject_cpu();
}

static bool is_to_be_lost(uint32_t cpu)
{
    return inject_planted(INJECT_LOST_NMI) && cpu == inject_cpu() && targets[cpu].sent > LOST_NMI;
}

static void send_to_self(void)
{
    uint32_t cpu = cpu_index();

    if (is_spared(cpu) || is_flying(&to_self[cpu]) ||
        !flight_begin(&to_self[cpu], &slots[cpu], cpu))
        return;
    announce(cpu, 1);
    if (!is_to_be_lost(cpu))
        known_nmi("NMI");
}

static void send_to_other(uint32_t cpu, struct random *random)
{
    struct flight *flight = &to_other[cpu_index()];
    uint32_t id = cpu_at(cpu)->apic_id;
    uint32_t count = 1;

    if (is_spared(cpu) || is_flying(flight) || !flight_begin(flight, &slots[cpu], cpu))
        return;
    if (random_below(random, BURST_ONE_IN) == 0)
        count = 2 + random_below(random, BURST_MOST - 1);
    announce(cpu, count);
    if (is_to_be_lost(cpu))
        return;
    for (uint32_t i = 0; i < count; i++)
        apic_send_nmi(id);
    if (count > 1) {
        targets[cpu].bursts++;
        apic_send_ipi(id, burst_end_vector);
    }
}

static void probe(struct random *random)
{
    (void)random;
    send_to_self();
}

static void turn(struct random *random)
{
    uint32_t other = target_other(random);

    if (other != cpu_index())
        send_to_other(other, random);
    if (target_includes_self() || other == cpu_index())
        send_to_self();
}

static void account(void)
{
    uint64_t bursts = 0;

    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        tallies[cpu].coalesced = targets[cpu].sent - tallies[cpu].received;
        bursts += targets[cpu].bursts;
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
    .turn = turn,
    .more_turns = 9,
    .flying = flying,
    .account = account,
    .tallies = tallies,
};
