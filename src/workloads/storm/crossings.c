/* SPDX-License-Identifier: MIT */
/* An interrupt at each instruction of what interrupts must not come between. SDM volume 3, 4.6 (AC
 * and SMAP), 10.6.1 (the xAPIC's ICR), 17.3.1.4 (single step).
 *
 * A function is single-stepped up to its nth instruction. There the #DB's handler makes an
 * interrupt pending, whose own handler does what collides: it sends, wakes the same thread, raises
 * a softirq. Where interrupts are off it has to wait, and does no harm; where they should be off
 * and are not, an interrupt goes to the wrong CPU, a wake-up is lost, or a lock is taken twice.
 * Then the same with the next instruction, until the function is over before it is interrupted. */
#include "workloads/storm/crossings.h"

#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/claim.h"
#include "cpu/features.h"
#include "cpu/late.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "sched/thread.h"
#include "sched/user.h"
#include "smp/apic.h"
#include "workloads/run/target.h"

#define CLASS 13
static unsigned own_vector, message_vector, elsewhere_vector;
static unsigned raised, colliding;  /* softirqs: by the function, and by the interrupt in it */

struct crossing {
    const char *name;
    void (*act)(void);
    void (*collide)(void);
    bool (*is_right)(void);         /* afterwards */
};

static struct state {
    const struct crossing *crossing;
    struct thread *thread, *sleeper;
    uint32_t other;                 /* the CPU that is sent to */
    uint64_t steps, at;
    bool is_sent;                   /* the interrupt */
    bool is_last;                   /* it was over before */
    uint64_t interrupts, with_ac;   /* that came; those that came while AC was set */
    uint64_t sent_to;               /* what `other` has received before */
    uint64_t naps, naps_before;     /* of the sleeper */
    uint64_t softirqs[2], softirqs_before[2];
} CPU_TABLE(states);
static uint64_t CPU_TABLE(received); /* from the one CPU that sends there */

static struct state *mine(void)
{
    return &states[cpu_index()];
}

/* The interrupted code may be between its two writes to the ICR, so the first half is put back. */
static void send_to_self(void)
{
    uint32_t high = apic_x2apic ? 0 : apic_read(APIC_ICR_HIGH);

    apic_send_ipi(this_cpu->apic_id, own_vector);
    if (!apic_x2apic)
        apic_write(APIC_ICR_HIGH, high);
}

/* A thread that blocks takes TF along to the next one, where it is over. */
static bool take_step(struct trap_frame *frame)
{
    struct state *state = mine();
    bool is_away = thread_current() != state->thread;

    if (!state->crossing || !(this_cpu->dr6 & DR6_BS))
        return false;
    state->steps++;
    if (state->steps < state->at && !is_away)
        return true;
    frame->rflags &= ~(uint64_t)RFLAGS_TF;
    state->is_sent = true;
    state->is_last = is_away;
    send_to_self();
    return true;
}

static void take_interrupt(struct trap_frame *frame)
{
    count_event(EVENT_IPI);
    mine()->interrupts++;
    mine()->with_ac += !frame_from_user(frame) && frame->rflags & RFLAGS_AC;
    if (mine()->crossing)
        mine()->crossing->collide();
    apic_eoi();
}

static void take_message(struct trap_frame *frame)
{
    (void)frame;
    count_event(EVENT_IPI);
    __atomic_fetch_add(&received[cpu_index()], 1, __ATOMIC_RELEASE);
    apic_eoi();
}

static void take_softirq(unsigned softirq)
{
    mine()->softirqs[softirq != raised]++;
}

static void nap(void *unused)
{
    (void)unused;
    while (!thread_stopping()) {
        __atomic_fetch_add(&mine()->naps, 1, __ATOMIC_RELEASE);
        thread_block();
    }
}

static void send(void)
{
    apic_send_ipi(cpu_at(mine()->other)->apic_id, message_vector);
}

/* The account of windows.c. */
static void send_elsewhere(void)
{
    apic_send_ipi(this_cpu->apic_id, elsewhere_vector);
}

static bool has_arrived(void)
{
    const struct state *state = mine();

    return workload_wait_change(&received[state->other], state->sent_to, state->other) &&
           (cpu_is_lost(state->other) || received[state->other] == state->sent_to + 1);
}

static void read_user(void)
{
    uint64_t word;

    user_read(&word, USER_BASE, sizeof(word));
}

static void do_nothing(void)
{
}

/* Without SMAP, AC means nothing in ring 0, and a thread may find it as ring 3 left it. */
static bool came_without_ac(void)
{
    return !cpu_features.smap || mine()->with_ac == 0;
}

static void wake_sleeper(void)
{
    thread_wake(mine()->sleeper);
}

static bool has_woken(void)
{
    return workload_wait_change(&mine()->naps, mine()->naps_before, cpu_index());
}

static void wake_self(void)
{
    thread_wake(mine()->thread);
}

/* Had the wake-up been lost, it would not have come here. */
static bool is_awake(void)
{
    return true;
}

static void raise_softirq(void)
{
    interrupts_off();
    softirq_raise(raised);
    interrupts_on();
    softirq_flush();
}

static void raise_another(void)
{
    softirq_raise(colliding);
}

static bool both_ran(void)
{
    const struct state *state = mine();

    return workload_wait_change(&state->softirqs[0], state->softirqs_before[0], cpu_index()) &&
           workload_wait_change(&state->softirqs[1], state->softirqs_before[1], cpu_index());
}

static const struct crossing crossings[] = {
    {"an interrupt sent in another's sending", send, send_elsewhere, has_arrived},
    {"an interrupt while ring 3's memory is read", read_user, do_nothing, came_without_ac},
    {"a wake-up in a wake-up of the same thread", wake_sleeper, wake_sleeper, has_woken},
    {"a wake-up of a thread that blocks", thread_block, wake_self, is_awake},
    {"a softirq raised where another is", raise_softirq, raise_another, both_ran},
};
#define CROSSINGS (sizeof(crossings) / sizeof(crossings[0]))

void crossings_prepare(unsigned elsewhere)
{
    claim_exception(VECTOR_DB, "windows", take_step);
    own_vector = claim_vector(CLASS, "windows", take_interrupt);
    message_vector = claim_vector(CLASS, "windows", take_message);
    elsewhere_vector = elsewhere;
    raised = claim_softirq("windows", take_softirq);
    colliding = claim_softirq("windows", take_softirq);
}

/* The first trap comes behind the instruction that follows the POPFQ. */
static void step(void (*act)(void))
{
    __asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(RFLAGS_TF) : "memory", "cc");
    act();
    __asm__ volatile("pushfq; andq %0, (%%rsp); popfq" : : "i"(~RFLAGS_TF) : "memory", "cc");
}

/* Behind so many instructions. False: it was over before. */
static bool cross(const struct crossing *crossing, uint64_t at, struct tally *tally)
{
    struct state *state = mine();
    uint64_t interrupts = state->interrupts;

    state->steps = state->with_ac = 0;
    state->at = at;
    state->is_sent = state->is_last = false;
    state->other = target_after(1);
    state->sent_to = __atomic_load_n(&received[state->other], __ATOMIC_ACQUIRE);
    state->naps_before = state->naps;
    state->softirqs_before[0] = state->softirqs[0];
    state->softirqs_before[1] = state->softirqs[1];
    state->crossing = crossing;
    step(crossing->act);
    bool came = !state->is_sent ||
                workload_wait_change(&state->interrupts, interrupts, cpu_index());
    state->crossing = NULL;
    tally->sent += state->is_sent;
    tally->received += state->interrupts - interrupts;
    if (came && (!state->is_sent || crossing->is_right()))
        return state->is_sent && !state->is_last;
    check_failed_on(CHECK_ACCOUNT, cpu_index(), THREAD_STACK, 0, "crossing",
                    "%s: an interrupt behind instruction %lu went wrong; %lu came",
                    crossing->name, at, state->interrupts - interrupts);
    tally->failed++;
    return false;
}

void crossings_try(struct tally *tally)
{
    struct state *state = mine();

    state->thread = thread_current();
    state->sleeper = thread_create("sleeper", cpu_index(), nap, NULL);
    if (!state->sleeper)
        return;
    struct thread_life life = thread_life_of(state->sleeper);
    for (unsigned i = 0; i < CROSSINGS; i++)
        for (uint64_t at = 1; cross(&crossings[i], at, tally); at++)
            ;
    thread_stop_and_join(life);
}
