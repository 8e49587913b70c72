/* SPDX-License-Identifier: MIT */
/* The workload `latency`: what it costs to be interrupted onto each stack. SDM volume
 * 3, 6.12, 6.14, 10.6.
 *
 * It runs alone and ends by itself. Each measurement takes one event, one way of causing it, one
 * mode, from one CPU to one CPU. Ticks are held off (CR8) while an interrupt to oneself is
 * measured; whoever else is interrupted meanwhile takes his interrupts as they come, and the
 * outliers say so. */
#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/entries.h"
#include "cpu/fault.h"
#include "cpu/gdt.h"
#include "cpu/hooks.h"
#include "cpu/irq.h"
#include "cpu/ist.h"
#include "cpu/marks.h"
#include "cpu/softirq.h"
#include "cpu/topology.h"
#include "cpu/trap.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/random.h"
#include "lib/report.h"
#include "sched/thread.h"
#include "sched/user.h"
#include "smp/apic.h"
#include "smp/ipi.h"
#include "workloads/events.h"
#include "workloads/latency_crew.h"
#include "workloads/latency_measure.h"
#include "workloads/target.h"
#include "workloads/workload.h"

#define SAMPLES 10000      /* what 99.9 % needs */
#define SAMPLES_OTHER 1000 /* of modes other than warm, and of parts: 99 % */
#define SAMPLES_PAIR 200
#define SAMPLES_FEWER 10 /* part of them where each instruction counts: they are alike */
#define WARM_UP 64
#define LIMIT_MS 500
#define LIMIT_PAIR_MS 100
#define MOST_SELF 2   /* CPUs on which events to oneself are measured: they differ little */
#define MOST_PAIR_CPUS 16    /* evenly spread among all */
#define LIMIT_PAIRS_MS 15000 /* for all of them */
#define OUTER_ROUNDS 20000000

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
bool latency_hook(struct trap_frame *frame);
void latency_nmi(struct trap_frame *frame); /* the same; nobody looks at what it returns */
void latency_irq(struct trap_frame *frame);
void latency_raise(struct trap_frame *frame);
void latency_softirq_handler(unsigned softirq);
extern const char latency_user[];

static struct tally tallies[MAX_CPUS];
static struct random dice;

struct cause {
    const char *name;
    enum stack_kind stack;
    void (*shoot)(const struct cause *event, const struct measure *m);
    void (*cause)(void); /* an exception's */
    uint32_t command;    /* of the ICR */
    bool step;           /* POPFQ sets it up: no part of the event */
};

struct shooting {
    const struct cause *event;
    struct measure measure;
};

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
    (void)event;
    (void)m;
    idt_load_without_gp(true);
    latency_double_fault(NOT_CANONICAL);
    idt_load_without_gp(false);
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
    write_cr8(CR8_ALL_BUT_BENCH);
    interrupts_on();
    send(event, m);
    interrupts_off();
    write_cr8(0);
}

/* The nested interrupt is caused in the handler of another one. */
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
    apic_send_ipi(this_cpu->apic_id, VECTOR_BENCH_OUTER);
    interrupts_on();
    for (unsigned i = 0; i < OUTER_ROUNDS && !nested.over; i++)
        cpu_relax();
    interrupts_off();
}

/* The other thread of a wake-up or a switch, on the CPU `to`. */
static struct thread *asker, *partner;

static void answer(void)
{
    marks.dispatch = read_tsc_in_order();
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

/* Of the same CPU, the woken thread wakes the waker again; of another, it is seen to run. */
static void shoot_wake(const struct cause *event, const struct measure *m)
{
    (void)event;
    marks.trigger = read_tsc_in_order();
    thread_wake(partner);
    if (m->from != m->to)
        while (!marks.done)
            cpu_relax();
    else
        do {
            thread_block();
        } while (!marks.done);
    marks.back = read_tsc_in_order();
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
static const struct cause
    event_null = {"null", THREAD_STACK, NULL, latency_empty, 0, false},
    event_trap = {"trap", THREAD_STACK, shoot_exception, latency_trap, 0, false},
    event_user = {"user", THREAD_STACK, NULL, NULL, 0, false},
    event_irq = {"irq", IRQ_STACK, shoot_send, NULL, IPI(VECTOR_BENCH_IRQ), false},
    event_nested = {"irq-nested", IRQ_STACK, shoot_nested, NULL, IPI(VECTOR_BENCH_IRQ), false},
    event_softirq = {"softirq", IRQ_STACK, shoot_exception, latency_softirq, 0, false},
    event_irq_softirq = {"irq-softirq",           IRQ_STACK, shoot_send, NULL,
                         IPI(VECTOR_BENCH_RAISE), false},
    event_nmi = {"nmi", NMI_STACK, shoot_send, NULL, APIC_COMMAND_NMI, false},
    event_debug = {"db", DEBUG_STACK, shoot_exception, latency_step, 0, true},
    event_breakpoint = {"bp", DEBUG_STACK, shoot_exception, latency_breakpoint, 0, false},
    event_machine_check = {"mc", MCE_STACK, shoot_exception, latency_machine_check, 0, false},
    event_stack_fault = {"ss", STACKFAULT_STACK, shoot_stack_fault, NULL, 0, false},
    event_double_fault = {"df", DOUBLEFAULT_STACK, shoot_double_fault, NULL, 0, false},
    event_wake = {"wake", THREAD_STACK, shoot_wake, NULL, 0, false},
    event_switch = {"switch", THREAD_STACK, shoot_switch, NULL, 0, false};

static const struct cause *const self_events[] = {
    &event_trap,          &event_irq,         &event_nested,       &event_softirq,
    &event_irq_softirq,   &event_nmi,         &event_debug,        &event_breakpoint,
    &event_machine_check, &event_stack_fault, &event_double_fault,
};
static const struct cause *const cross_events[] = {&event_irq, &event_irq_softirq, &event_nmi};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Ring 3 has stamped both sides of its INT. */
static const struct measure *user_measure;

static void take_user(struct trap_frame *frame)
{
    marks.trigger = frame->r8;
    marks.back = frame->r9;
    if (!latency_take(user_measure))
        thread_exit();
}

static void take_over_handlers(void)
{
    trap_set_handler(VECTOR_BENCH, latency_nmi);
    trap_set_handler(VECTOR_BENCH_USER, take_user);
    irq_set_handler(VECTOR_BENCH_IRQ, latency_irq);
    irq_set_handler(VECTOR_BENCH_OUTER, take_outer);
    irq_set_handler(VECTOR_BENCH_RAISE, latency_raise);
    softirq_set_handler(SOFTIRQ_STORM, latency_softirq_handler);
    nmi_hook = latency_nmi;
    hook_add(VECTOR_DB, latency_hook);
    hook_add(VECTOR_BP, latency_hook);
    hook_add(VECTOR_MC, latency_hook);
    hook_add(VECTOR_SS, latency_fault_hook);
    hook_add(VECTOR_DF, latency_fault_hook);
}

/* Until the time has come: later than that already, at once. */
static void wait_for_intended(const struct measure *m)
{
    uint64_t mean = m->interval_cycles;

    marks.intended += mean / 2 + random_next(&dice) % mean;
    while (read_tsc() < marks.intended)
        cpu_relax();
}

/* On the CPU `from`. */
static void shoot_all(const void *argument)
{
    const struct shooting *s = argument;
    const struct measure *m = &s->measure;
    bool more;

    latency_begin(m);
    marks.done = marks.back = 0;
    marks.intended = read_tsc();
    do {
        crew_prepare_sample(m);
        if (m->interval_cycles)
            wait_for_intended(m);
        uint64_t flags = interrupts_save();
        s->event->shoot(s->event, m);
        tallies[m->from].sent++;
        tallies[m->to].received += marks.done;
        more = latency_take(m); /* before another interrupt leaves its stub's stamp */
        interrupts_restore(flags);
    } while (more);
    latency_end();
}

static void load_idt(const void *table)
{
    uint64_t flags = interrupts_save();

    gdt_load_idt(table);
    interrupts_restore(flags);
}

static bool partner_entry(const struct cause *event, void (**entry)(void *))
{
    *entry = event == &event_wake ? be_woken : event == &event_switch ? be_switched_to : NULL;
    return *entry != NULL;
}

/* With the threads that it needs beside it. */
static void shoot_with_partner(const void *argument)
{
    const struct shooting *s = argument;
    void (*entry)(void *);
    uint64_t generation = 0;

    asker = thread_current();
    partner = NULL;
    if (partner_entry(s->event, &entry)) {
        partner = thread_create("partner", s->measure.to, entry, NULL);
        if (!partner)
            return;
        generation = partner->generation;
        thread_wake(partner);
        thread_sleep_ms(1); /* until it blocks */
    }
    shoot_all(s);
    if (partner) {
        thread_stop(partner);
        thread_join(partner, generation);
    }
}

static void enter_ring_3(void *unused)
{
    (void)unused;
    user_enter(latency_user, &dice, sizeof(dice));
}

static void shoot_from_ring_3(const void *argument)
{
    const struct shooting *s = argument;
    struct thread *thread = thread_create("ring 3", s->measure.from, enter_ring_3, NULL);

    if (!thread)
        return;
    uint64_t generation = thread->generation;
    user_measure = &s->measure;
    latency_begin(user_measure);
    marks.done = marks.back = 0;
    thread_wake(thread);
    thread_join(thread, generation);
    latency_end();
}

/* A pair of stamps with nothing, or nothing but a gate, between them. */
static void shoot_without_handler(const void *argument)
{
    const struct shooting *s = argument;
    const struct measure *m = &s->measure;

    latency_begin(m);
    do {
        uint64_t flags = interrupts_save();
        marks.rsp = read_rsp();
        s->event->cause();
        interrupts_restore(flags);
        marks.done = 1;
    } while (latency_take(m));
    latency_end();
}

static void (*shooter(const struct cause *event, enum pass pass))(const void *argument)
{
    if (pass == PASS_EMPTY || pass == PASS_BARE)
        return shoot_without_handler;
    return event == &event_user ? shoot_from_ring_3 : shoot_with_partner;
}

/* With the IDT that the pass needs on the CPU that takes the events. */
static void take_samples(struct shooting *s, const struct gate *table)
{
    struct measure *m = &s->measure;

    if (latency_counts_instructions())
        m->samples = m->samples / SAMPLES_FEWER + 1;
    m->event = s->event->name;
    m->step = s->event->step;
    if (m->pass != PASS_BARE)
        m->stack = s->event->stack;
    m->warm_up = WARM_UP;
    crew_do_and_wait(m->to, load_idt, table);
    crew_surround(m);
    crew_do_and_wait(m->from, shooter(s->event, m->pass), s);
    crew_release();
    crew_do_and_wait(m->to, load_idt, entry_chosen->idt);
}

static uint64_t distance(int64_t a, int64_t b)
{
    return a > b ? (uint64_t)(a - b) : (uint64_t)(b - a);
}

/* One-way times mean something if the clocks did not drift apart, and if what is not known of their
 * offset is less than what was measured. */
static bool one_way_holds(struct clock_offset before, struct clock_offset after)
{
    enum stage stage = STAGE_ONE_WAY;

    return distance(before.cycles, after.cycles) <= before.bound_cycles + after.bound_cycles &&
           (int64_t)before.bound_cycles < latency_typical(stage);
}

static void report_the_offset(const struct measure *m, const char *when, struct clock_offset o,
                              bool holds)
{
    report_offset(&(struct report_offset){
        .from = m->from,
        .to = m->to,
        .when = when,
        .exchanges = OFFSET_EXCHANGES,
        .offset_cycles = o.cycles,
        .bound_cycles = o.bound_cycles,
        .one_way = holds ? "used" : "withheld",
    });
}

static void measure(const struct cause *event, struct measure m)
{
    struct shooting s = {event, m};
    const struct gate *table =
        m.pass == PASS_STUB ? entry_chosen->idt_stamped : entry_chosen->idt;
    struct clock_offset before, after;
    bool holds = true;

    if (fault_count())
        return;
    if (m.from == m.to) {
        take_samples(&s, table);
    } else {
        before = crew_measure_offset(m.from, m.to);
        s.measure.offset = before.cycles;
        take_samples(&s, table);
        after = crew_measure_offset(m.from, m.to);
        holds = one_way_holds(before, after);
        report_the_offset(&m, "before", before, holds);
        report_the_offset(&m, "after", after, holds);
    }
    latency_report(&s.measure, holds);
    workload_breathe();
}

/* After the closed loop: events at times that do not depend on each other's end, half as often as
 * the closed loop had them. */
static void measure_open_loop(const struct cause *event, struct measure m)
{
    m.interval_cycles = 2 * latency_period();
    measure(event, m);
}

/* All parts of an event's way. Those of the stub and of sending, warm alone: their stamps tell
 * nothing that the whole does not, in other modes. */
static void measure_event(const struct cause *event, uint32_t from, uint32_t to)
{
    struct measure m = {.from = from, .to = to, .samples = SAMPLES, .limit_ms = LIMIT_MS};

    measure(event, m);
    if (from != to && event->command)
        measure_open_loop(event, m);
    m.samples = SAMPLES_OTHER;
    if (event->command || event->cause == latency_trap ||
        (event->stack < IRQ_STACK && event != &event_double_fault)) {
        m.pass = PASS_STUB;
        measure(event, m);
    }
    if (event->command && from != to) {
        m.pass = PASS_SEND;
        measure(event, m);
    }
    m.pass = PASS_WHOLE;
    for (m.mode = MODE_COLD_DATA; m.mode <= MODE_LOADED; m.mode++)
        if (m.mode != MODE_LOADED || target_count > (from == to ? 1 : 2))
            measure(event, m);
    m.mode = MODE_HALTED;
    if (from != to)
        measure(event, m);
}

static void measure_self(uint32_t cpu)
{
    struct measure null = {.from = cpu,
                           .to = cpu,
                           .samples = SAMPLES,
                           .limit_ms = LIMIT_MS,
                           .pass = PASS_EMPTY,
                           .brief = true};

    measure(&event_null, null);
    for (unsigned i = 0; i < COUNT(self_events); i++)
        measure_event(self_events[i], cpu, cpu);
    measure_event(&event_user, cpu, cpu);
    measure_event(&event_wake, cpu, cpu);
    measure_event(&event_switch, cpu, cpu);
}

static void measure_cross(uint32_t from, uint32_t to)
{
    for (unsigned i = 0; i < COUNT(cross_events); i++)
        measure_event(cross_events[i], from, to);
    measure_event(&event_wake, from, to);
}

static void measure_pairs(void)
{
    struct measure m = {.samples = SAMPLES_PAIR, .limit_ms = LIMIT_PAIR_MS, .brief = true};
    uint32_t cpus = target_count < MOST_PAIR_CPUS ? target_count : MOST_PAIR_CPUS, pairs = 0;
    uint64_t end = clock_ms() + LIMIT_PAIRS_MS;

    for (uint32_t i = 0; i < cpus * cpus; i++) {
        m.from = target_cpus[(uint64_t)(i / cpus) * target_count / cpus];
        m.to = target_cpus[(uint64_t)(i % cpus) * target_count / cpus];
        if (m.from == m.to || clock_ms() > end)
            continue;
        measure(&event_irq, m);
        measure(&event_nmi, m);
        pairs++;
    }
    report_note("%u of %u pairs of CPUs were measured", pairs, target_count * (target_count - 1));
}

/* The same gate three times: as it is, with an IST slot, and with TSS.ist[] lowered and raised. */
static void measure_surcharge(uint32_t cpu)
{
    static const struct {
        const char *name;
        const struct gate *table;
        enum stack_kind stack;
    } gates[] = {{"same", idt_bare, THREAD_STACK},
                 {"ist", idt_bare_ist, DEBUG_STACK},
                 {"ist-adjusted", idt_adjusted, DEBUG_STACK}};
    int64_t same = 0;

    for (unsigned i = 0; i < COUNT(gates); i++) {
        struct shooting s = {&event_trap,
                             {.from = cpu,
                              .to = cpu,
                              .pass = PASS_BARE,
                              .stack = gates[i].stack,
                              .samples = SAMPLES,
                              .limit_ms = LIMIT_MS}};
        take_samples(&s, gates[i].table);
        if (i == 0)
            same = latency_typical(STAGE_ROUND_TRIP);
        report_surcharge(&(struct report_surcharge){
            .gate = gates[i].name,
            .cpu = cpu,
            .count = latency_count(),
            .entry_cycles = latency_typical(STAGE_ENTRY),
            .min_cycles = latency_least(STAGE_ROUND_TRIP),
            .median_cycles = latency_typical(STAGE_ROUND_TRIP),
            .over_same_cycles = latency_typical(STAGE_ROUND_TRIP) - same,
        });
    }
}

static struct cpu_topology places[MAX_CPUS];

static void look_at_cpu(const void *unused)
{
    (void)unused;
    places[cpu_index()] = topology_read();
    latency_measure_overhead();
}

static void report_places(void)
{
    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        crew_do_and_wait(cpu, look_at_cpu, NULL);
        report_topology(&(struct report_topology){
            .cpu = cpu,
            .apic_id = cpu_at(cpu)->apic_id,
            .smt = places[cpu].smt,
            .core = places[cpu].core,
            .package = places[cpu].package,
        });
    }
    latency_report_overheads();
}

static void run(const struct run *options)
{
    random_seed(&dice, options->seed);
    latency_break_cycles = options->break_cycles;
    if (crew_start()) {
        report_places();
        for (uint32_t i = 0; i < target_count && i < MOST_SELF; i++) {
            measure_surcharge(target_cpus[i]);
            measure_self(target_cpus[i]);
        }
        if (target_count > 1)
            measure_cross(target_cpus[0], target_cpus[1]);
        measure_pairs();
    }
    crew_end();
}

WORKLOAD(latency) = {
    .name = "latency",
    .about = "what it costs to be interrupted onto each stack",
    .alone = true,
    .prepare = take_over_handlers,
    .conduct = run,
    .tallies = tallies,
};
