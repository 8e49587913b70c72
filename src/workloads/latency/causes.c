/* SPDX-License-Identifier: MIT */
/* The ways to cause each event, and the handlers that take it. See latency_causes.h, and
 * latency.asm for the instructions themselves. */
#include "workloads/latency/causes.h"

#include <stddef.h>

#include "cpu/claim.h"
#include "cpu/verdict.h"
#include "cpu/inject.h"
#include "workloads/latency/marks.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "smp/apic.h"
#include "workloads/latency/vectors.h"
#include "workloads/run/events.h"
#include "workloads/latency/crew.h"
#include "workloads/latency/idts.h"

#define OUTER_ROUNDS 20000000
#define SLEEP_ROUNDS 20000000 /* for a thread to sleep, and to be seen awake */

/* latency.asm */
void latency_empty(void);
void latency_trap(void);
void latency_breakpoint(void);
void latency_machine_check(void);
void latency_step(void);
void latency_stack_fault(uint32_t selector);
void latency_double_fault(uint64_t address);
bool latency_fault_hook(struct trap_frame *frame);
void latency_softirq(void);
void latency_send(volatile uint32_t *icr, uint32_t command, uint32_t destination);
void latency_send_stamped(volatile uint32_t *icr, uint32_t command, uint32_t destination);
void latency_nmi(struct trap_frame *frame); /* latency_hook; nobody looks at what it returns */
void latency_irq(struct trap_frame *frame);
void latency_raise(struct trap_frame *frame);
void latency_softirq_handler(unsigned softirq);

/* Ring 3's: each entry is followed by INT VECTOR_BENCH_USER, with the stamps of both of its sides
 * in R8 and R9. */
extern const char latency_user[], latency_user_syscall[];

static void shoot_exception(const struct cause *event, const struct measure *m)
{
    (void)m;
    event->cause();
}

static void shoot_stack_fault(const struct cause *event, const struct measure *m)
{
    (void)event;
    (void)m;
    latency_stack_fault(ABSENT_SS);
}

static void shoot_double_fault(const struct cause *event, const struct measure *m)
{
    bool stamped = m->pass == PASS_STUB;

    (void)event;
    idt_load(latency_idt(stamped ? LATENCY_STAMPING_WITHOUT_GP : LATENCY_WITHOUT_GP));
    latency_double_fault(NOT_CANONICAL);
    idt_load(stamped ? latency_idt(LATENCY_STAMPING) : idt);
}

static void send(const struct cause *event, const struct measure *m)
{
    uint32_t id = cpu_at(m->to)->apic_id;

    if (m->pass == PASS_SEND)
        latency_send_stamped(apic_aim(id), event->command, id);
    else
        latency_send(apic_aim(id), event->command, id);
}

static void shoot_send(const struct cause *event, const struct measure *m)
{
    if (m->from != m->to || event->stack != IRQ_STACK) {
        send(event, m);
        return;
    }
    write_cr8(CR8_ALL_BUT_HIGHEST);
    interrupts_on();
    send(event, m);
    interrupts_off();
    write_cr8(CR8_NO_TRAPS);
}

/* The nested interrupt is caused in the handler of another one, of a less urgent class. */
#define OUTER_CLASS 13
static unsigned outer_vector;
static struct {
    const struct cause *event;
    const struct measure *measure;
    volatile bool over;
} nested;

static void take_outer(struct trap_frame *frame)
{
    (void)frame;
    shoot_send(nested.event, nested.measure);
    nested.over = true;
    apic_eoi();
}

static void shoot_nested(const struct cause *event, const struct measure *m)
{
    nested.event = event;
    nested.measure = m;
    nested.over = false;
    apic_send_ipi(this_cpu->apic_id, outer_vector);
    interrupts_on();
    for (unsigned i = 0; i < OUTER_ROUNDS && !nested.over; i++)
        cpu_relax();
    interrupts_off();
}

/* The other thread of a wake-up or a switch, on the CPU `to`. */
static struct thread *asker, *partner;

void cause_set_threads(struct thread *asking, struct thread *other)
{
    asker = asking;
    partner = other;
}

static void answer(void)
{
    marks.handler = read_tsc_in_order();
    marks.rsp = read_rsp();
    marks.service = read_tsc_in_order();
    marks.done = 1;
}

static void be_woken(void *unused)
{
    (void)unused;
    for (;;) {
        thread_block();
        if (thread_stopping())
            return;
        answer();
        if (asker->cpu == cpu_index())
            thread_wake(asker);
    }
}

static void be_switched_to(void *unused)
{
    (void)unused;
    while (!thread_stopping()) {
        thread_yield();
        answer();
    }
}

/* A wake-up of who is awake would be none. */
void cause_await_sleep(const struct measure *m)
{
    for (unsigned i = 0; i < SLEEP_ROUNDS; i++) {
        if (__atomic_load_n(&partner->state, __ATOMIC_ACQUIRE) == THREAD_BLOCKED)
            return;
        if (m->from == m->to)
            thread_yield();
        else
            cpu_relax();
    }
}

/* Of another CPU: it is seen to run. */
static void shoot_wake_there(void)
{
    marks.trigger = read_tsc_in_order();
    thread_wake(partner);
    for (unsigned i = 0; i < SLEEP_ROUNDS && !marks.done; i++)
        cpu_relax();
    marks.back = read_tsc_in_order();
}

/* Of the same CPU, the woken thread wakes the waker again. The main thread has the patience to
 * await that. */
static void shoot_wake(const struct cause *event, const struct measure *m)
{
    (void)event;
    if (m->from != m->to) {
        shoot_wake_there();
        return;
    }
    marks.trigger = read_tsc_in_order();
    thread_wake(partner);
    do {
        thread_block();
    } while (!marks.done);
    marks.back = read_tsc_in_order();
    if (inject_planted(INJECT_STRAY_WAKER) && m->to == inject_cpu())
        marks.rsp = read_rsp();
}

static void shoot_switch(const struct cause *event, const struct measure *m)
{
    (void)event;
    (void)m;
    marks.done = 0; /* a tick may have let the other one run before */
    marks.trigger = read_tsc_in_order();
    do {
        thread_yield();
    } while (!marks.done);
    marks.back = read_tsc_in_order();
}

/* A softirq's trigger is its raising, in a thread that then lets it run: `softirq`. Where the
 * handler of an interrupt raises it, it is that interrupt's sending, by its own CPU or another:
 * `irq-softirq`. */
#define IPI APIC_COMMAND_IPI
#define EXCEPTION(function) .shoot = shoot_exception, .cause = (function)
#define SENT(function, icr, taken) .shoot = (function), .command = (icr), .own = taken
#define SWITCHES .switches = true
#define IRQS(count) {.irqs = (count)}
#define NMIS(count) {.nmis = (count)}
#define PARTNER(function, entry) .shoot = (function), .partner = (entry)
#define RING_3(code) .shoot = NULL, .ring_3 = (code)
#define CAUSE(symbol, label, where, by_gate, ...) \
    const struct cause cause_##symbol = {         \
        .name = (label), .stack = (where), .gate = (by_gate), __VA_ARGS__}

CAUSE(null, "null", THREAD_STACK, false, .cause = latency_empty);
CAUSE(trap, "trap", THREAD_STACK, true, EXCEPTION(latency_trap));
CAUSE(user, "user", THREAD_STACK, true, RING_3(latency_user));
CAUSE(syscall, "syscall", THREAD_STACK, false, RING_3(latency_user_syscall));
CAUSE(irq, "irq", IRQ_STACK, true, SENT(shoot_send, IPI(VECTOR_BENCH_IRQ), IRQS(1)), SWITCHES);
CAUSE(nested, "irq-nested", IRQ_STACK, true,
      SENT(shoot_nested, IPI(VECTOR_BENCH_IRQ), IRQS(2)));
CAUSE(softirq, "softirq", IRQ_STACK, false, EXCEPTION(latency_softirq));
CAUSE(irq_softirq, "irq-softirq", IRQ_STACK, true,
      SENT(shoot_send, IPI(VECTOR_BENCH_RAISE), IRQS(1)), SWITCHES);
CAUSE(nmi, "nmi", NMI_STACK, true, SENT(shoot_send, APIC_COMMAND_NMI, NMIS(1)));
CAUSE(debug, "db", DEBUG_STACK, true, EXCEPTION(latency_step), .step = true);
CAUSE(breakpoint, "bp", DEBUG_STACK, true, EXCEPTION(latency_breakpoint));
CAUSE(machine_check, "mc", MCE_STACK, true, EXCEPTION(latency_machine_check));
CAUSE(stack_fault, "ss", STACKFAULT_STACK, true, .shoot = shoot_stack_fault);
CAUSE(double_fault, "df", DOUBLEFAULT_STACK, true, .shoot = shoot_double_fault);
CAUSE(wake, "wake", THREAD_STACK, false, PARTNER(shoot_wake, be_woken), .wakes = true);
CAUSE(switch, "switch", THREAD_STACK, false, PARTNER(shoot_switch, be_switched_to));

/* latency.asm raises it as a compiler would where the number is a constant: by one instruction. */
static void claim_the_softirq(void)
{
    unsigned softirq = claim_softirq("benchmark", latency_softirq_handler);

    if (softirq == LATENCY_SOFTIRQ)
        return;
    check_failed(CHECK_UNEXPECTED, "claim", "the benchmark has softirq %u, not %u: others have "
                 "claimed softirqs beside the timer", softirq, LATENCY_SOFTIRQ);
    verdict_fatal();
}

void cause_take_over_handlers(void)
{
    claim_this_vector(VECTOR_BENCH, "benchmark", latency_nmi);
    claim_this_vector(VECTOR_BENCH_IRQ, "benchmark", latency_irq);
    outer_vector = claim_vector(OUTER_CLASS, "benchmark's outer", take_outer);
    claim_this_vector(VECTOR_BENCH_RAISE, "benchmark's softirq", latency_raise);
    claim_the_softirq();
    claim_exception(VECTOR_NMI, "benchmark", latency_hook);
    claim_syscall("benchmark", latency_nmi);
    claim_exception(VECTOR_DB, "benchmark", latency_hook);
    claim_exception(VECTOR_BP, "benchmark", latency_hook);
    claim_exception(VECTOR_MC, "benchmark", latency_hook);
    claim_exception(VECTOR_SS, "benchmark", latency_fault_hook);
    claim_exception(VECTOR_DF, "benchmark", latency_fault_hook);
}
