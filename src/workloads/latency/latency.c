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
#include "cpu/discipline.h"
#include "cpu/verdict.h"
#include "cpu/late.h"
#include "workloads/latency/marks.h"
#include "cpu/hardware/topology.h"
#include "cpu/claim.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/random.h"
#include "lib/report.h"
#include "sched/thread.h"
#include "sched/user.h"
#include "smp/apic.h"
#include "smp/ipi.h"
#include "workloads/latency/causes.h"
#include "workloads/latency/crew.h"
#include "workloads/latency/idts.h"
#include "workloads/latency/measure.h"
#include "workloads/latency/overhead.h"
#include "workloads/latency/surcharge.h"
#include "workloads/latency/vectors.h"
#include "workloads/run/target.h"
#include "workloads/run/watch.h"
#include "workloads/workload.h"

/* clang-format off */
#define TOPOLOGY_FIELDS(FIELD) \
    FIELD(number, cpu, "index, dense from 0") \
    FIELD(number, apic_id, "local APIC id") \
    FIELD(number, smt, "thread in its core, or core in its compute unit (AMD family 15h)") \
    FIELD(number, core, "core in its package") \
    FIELD(number, package, "package in the machine")
REPORT_RECORD(topology, "where a CPU sits, for latencies between CPUs", TOPOLOGY_FIELDS)

#define PAIRS_FIELDS(FIELD) \
    FIELD(number, cpus, "CPUs that were paired, each with each and with itself") \
    FIELD(number, measured, "pairs that were measured") \
    FIELD(number, possible, "pairs of all CPUs of the run")
REPORT_RECORD(pairs, "how many pairs of CPUs were measured", PAIRS_FIELDS)
/* clang-format on */

#define SAMPLES 10000      /* warm: what 99.9 % needs */
#define SAMPLES_ALIKE 1000 /* where each instruction counts */
#define OTHER_PART 10      /* of these, in modes other than warm, and of parts of the way */
#define PAIR_PART 50       /* of each pair of CPUs */
#define WARM_UP 64
#define NEAR_CYCLES 4000 /* before an intended time: it is looked for as often as it can be */
#define LIMIT_WARM_MS 1500
#define LIMIT_MS 500
#define LIMIT_PAIR_MS 100
#define DEADLINE_MS 40000    /* from then on a measurement has no more than: */
#define LIMIT_LATE_MS 50
#define OPEN_SPAN_MS 100     /* of the open loop's intended times, at least */
#define OPEN_LEAST 80000     /* cycles from one to the next, in the mean */
#define FEWEST_SELF 2        /* CPUs on which events to oneself are measured */
#define MOST_SELF 4          /* where each instruction counts, the fewest: they are alike */
#define EXTRAS_MS 30000      /* after that much, no further one */
#define MOST_PAIR_CPUS 16    /* CPUs that are paired, each with each; evenly spread among all */
#define LIMIT_PAIRS_MS 15000 /* for all of them */

static struct tally CPU_TABLE(tallies);
static struct random dice;
static bool has_memory;
static uint32_t samples; /* warm */
static uint32_t selves;
static uint64_t deadline_ms;
static uint32_t hurried; /* measurements after that */

struct shooting {
    const struct cause *event;
    struct measure measure;
};

static const struct cause *const self_events[] = {
    &cause_trap,          &cause_irq,         &cause_nested,       &cause_softirq,
    &cause_irq_softirq,   &cause_nmi,         &cause_debug,        &cause_breakpoint,
    &cause_machine_check, &cause_stack_fault, &cause_double_fault,
};
static const struct cause *const cross_events[] = {&cause_irq, &cause_irq_softirq, &cause_nmi};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Until the time has come: later than that already, at once. */
static void wait_for_intended(const struct measure *m)
{
    uint64_t mean = m->interval_cycles;

    latency_look_around(m); /* what makes it late counts */
    uint64_t interval = mean / 2 + random_next(&dice) % mean;
    marks.intended += interval;
    latency_intended(interval);
    while (read_tsc() + NEAR_CYCLES < marks.intended)
        cpu_relax_rarely();
    while ((marks.due = read_tsc()) < marks.intended)
        cpu_relax();
    if (marks.due - marks.intended < NEAR_CYCLES)
        latency_look_again(m); /* nothing did */
}

/* Comes before each sample, and is no part of it. */
static void prepare_sample(const struct shooting *s)
{
    uint64_t start = read_tsc();

    if (s->event->wakes)
        cause_await_sleep(&s->measure);
    crew_prepare_sample(&s->measure);
    if (s->measure.interval_cycles)
        wait_for_intended(&s->measure);
    latency_prepared(read_tsc() - start);
}

static const struct shooting *user_shooting;
static const char *user_code;

/* Ring 3 has stamped both sides of its INT. But for what the way back there needs, the next one
 * finds all cold. */
static void take_user(struct trap_frame *frame)
{
    marks.trigger = frame->r8;
    marks.back = frame->r9;
    if (!latency_take(&user_shooting->measure))
        thread_exit();
    prepare_sample(user_shooting);
    latency_look_around(&user_shooting->measure);
}

static void prepare(void)
{
    cause_take_over_handlers();
    claim_this_vector(VECTOR_BENCH_USER, "benchmark's ring 3", take_user);
    has_memory = crew_prepare() && surcharge_prepare() && latency_make_idts();
}

/* On the CPU `from`. */
static void shoot_all(const void *argument)
{
    const struct shooting *s = argument;
    const struct measure *m = &s->measure;
    bool more;

    latency_begin(m);
    crew_await_target(m);
    marks.intended = read_tsc();
    do {
        prepare_sample(s);
        uint64_t flags = interrupts_save();
        if (!m->interval_cycles)
            latency_look_around(m);
        s->event->shoot(s->event, m);
        bool as_meant = crew_await_return(m);
        tallies[m->from].sent++;
        tallies[m->to].received += marks.done;
        /* Before another interrupt leaves its stub's stamp. */
        more = as_meant ? latency_take(m) : latency_leave_out(m);
        interrupts_restore(flags);
    } while (more);
    latency_end(m);
}

static void load_idt(const void *table)
{
    uint64_t flags = interrupts_save();

    idt_load(table);
    interrupts_restore(flags);
}

static void enter_ring_3(void *unused)
{
    (void)unused;
    user_enter(user_code, &dice, sizeof(dice));
}

static void shoot_from_ring_3(const void *argument)
{
    const struct shooting *s = argument;

    user_shooting = s;
    user_code = s->event->ring_3;
    latency_begin(&s->measure);
    struct thread_life life = thread_run("ring 3", s->measure.from, enter_ring_3, NULL);
    if (life.thread)
        thread_join(life);
    latency_end(&s->measure);
}

/* A pair of stamps with nothing between them. */
static void shoot_nothing(const void *argument)
{
    const struct shooting *s = argument;
    const struct measure *m = &s->measure;

    latency_begin(m);
    do {
        uint64_t flags = interrupts_save();
        latency_look_around(m);
        marks.rsp = read_rsp();
        s->event->cause();
        interrupts_restore(flags);
        marks.done = 1;
    } while (latency_take(m));
    latency_end(m);
}

static void (*shooter(const struct cause *event))(const void *argument)
{
    if (!event->shoot && !event->ring_3)
        return shoot_nothing;
    return event->ring_3 ? shoot_from_ring_3 : shoot_all;
}

/* Without an IST code, #BP stays on the thread's. */
static enum stack_kind stack_of(const struct cause *event)
{
    bool stays = event == &cause_breakpoint && !discipline->breakpoint_has_ist;

    return stays ? THREAD_STACK : event->stack;
}

/* The other thread that an event takes, asleep. It comes before the target is kept awake and ends
 * after that: an emulator that counts instructions would count all that a target does meanwhile. */
static struct thread_life begin_partner(const struct cause *event, const struct measure *m)
{
    struct thread_life life = thread_run("partner", m->to, event->partner, NULL);

    if (!life.thread)
        return life;
    cause_set_threads(crew_thread(m->from), life.thread);
    thread_sleep_ms(1);
    return life;
}

static void shoot_surrounded(struct shooting *s)
{
    struct thread_life partner = {0};

    if (s->event->partner) {
        partner = begin_partner(s->event, &s->measure);
        if (!partner.thread)
            return;
    }
    s->measure.taker = partner.thread;
    crew_surround(&s->measure);
    crew_do_and_wait(s->measure.from, shooter(s->event), s);
    crew_release();
    if (partner.thread)
        thread_stop_and_join(partner);
}

/* With the IDT that the pass needs on the CPU that takes the events. */
static void take_samples(struct shooting *s, const struct gate *table)
{
    struct measure *m = &s->measure;

    m->event = s->event->name;
    m->step = s->event->step;
    m->own = s->event->own;
    m->own.irqs += s->event->wakes && m->from != m->to;
    m->switches = s->event->switches;
    m->stack = stack_of(s->event);
    m->warm_up = WARM_UP;
    if (samples > SAMPLES)
        m->limit_ms = (uint64_t)m->limit_ms * samples / SAMPLES;
    crew_do_and_wait(m->to, load_idt, table);
    shoot_surrounded(s);
    crew_do_and_wait(m->to, load_idt, idt);
}

/* One of the pass's stages lies between the two CPUs' clocks. */
static bool needs_offset(const struct measure *m)
{
    return m->from != m->to && m->pass != PASS_SEND;
}

/* The offset that was found after the last measurement of the same two CPUs is also the one from
 * before this measurement. */
static struct clock_offset offset_before(const struct measure *m, const struct measure *last)
{
    bool same = last->after.exchanges && last->from == m->from && last->to == m->to;

    return same ? last->after : crew_measure_offset(m->from, m->to);
}

/* On a host that is too slow or too busy for all of them as they are meant. */
static void hurry(struct measure *m)
{
    if (clock_ms() < deadline_ms)
        return;
    hurried++;
    if (m->limit_ms > LIMIT_LATE_MS)
        m->limit_ms = LIMIT_LATE_MS;
}

static void measure(const struct cause *event, struct measure m)
{
    static struct measure last;
    struct shooting s = {event, m};
    const struct gate *table =
        m.pass == PASS_STUB ? latency_idt(LATENCY_STAMPING) : idt;

    if (failure_count())
        return;
    hurry(&s.measure);
    if (needs_offset(&m))
        s.measure.before = offset_before(&m, &last);
    claim_every_nmi(event->command == APIC_COMMAND_NMI ? latency_hook : NULL);
    take_samples(&s, table);
    claim_every_nmi(NULL);
    if (needs_offset(&m)) {
        s.measure.after = crew_measure_offset(m.from, m.to);
        last = s.measure;
    }
    latency_report(&s.measure);
    workload_breathe();
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

/* After the closed loop: events at times that do not depend on each other's end, half as often as
 * the closed loop had them at most. Seldom enough that what the books take now and then (a round's
 * end) makes none late; and, where there is a time, over some ticks, or whether one is late would
 * be chance. */
static void measure_open_loop(const struct cause *event, struct measure m)
{
    uint64_t span = overhead_counts_instructions() ? 0 : clock_tsc_hz / 1000 * OPEN_SPAN_MS;

    m.interval_cycles = at_least(at_least(2 * latency_period(), OPEN_LEAST), span / m.samples);
    measure(event, m);
}

/* Never fewer than a median needs. */
static uint32_t part_of_samples(uint32_t part)
{
    return samples / part > FEWEST_SAMPLES ? samples / part : FEWEST_SAMPLES;
}

/* Whether there is somebody to be loaded, or a target that can halt. */
static bool is_possible(enum mode mode, uint32_t from, uint32_t to)
{
    if (mode == MODE_LOADED)
        return target_count > (from == to ? 1 : 2);
    return mode != MODE_HALTED || from != to;
}

/* All parts of an event's way, in all modes; that of sending warm alone, since no other mode makes
 * a difference to it. In ring 3 nobody waits for an intended time. */
static void measure_event(const struct cause *event, uint32_t from, uint32_t to)
{
    struct measure m = {.from = from, .to = to, .samples = samples, .limit_ms = LIMIT_WARM_MS};

    measure(event, m);
    m.limit_ms = LIMIT_MS;
    if (from == to)
        m.samples = part_of_samples(OTHER_PART);
    if (!event->ring_3)
        measure_open_loop(event, m);
    m.samples = part_of_samples(OTHER_PART);
    if (event->command) {
        m.pass = PASS_SEND;
        measure(event, m);
    }
    for (m.mode = MODE_WARM; m.mode < MODE_COUNT; m.mode++) {
        if (!is_possible(m.mode, from, to))
            continue;
        m.pass = PASS_WHOLE;
        if (m.mode != MODE_WARM)
            measure(event, m);
        m.pass = PASS_STUB;
        if (event->gate)
            measure(event, m);
    }
}

static void measure_self(uint32_t cpu)
{
    struct measure null = {.from = cpu,
                           .to = cpu,
                           .samples = samples,
                           .limit_ms = LIMIT_MS,
                           .pass = PASS_EMPTY};

    measure(&cause_null, null);
    for (unsigned i = 0; i < COUNT(self_events); i++)
        measure_event(self_events[i], cpu, cpu);
    measure_event(&cause_user, cpu, cpu);
    measure_event(&cause_syscall, cpu, cpu);
    measure_event(&cause_wake, cpu, cpu);
    measure_event(&cause_switch, cpu, cpu);
}

static void measure_cross(uint32_t from, uint32_t to)
{
    for (unsigned i = 0; i < COUNT(cross_events); i++)
        measure_event(cross_events[i], from, to);
    measure_event(&cause_wake, from, to);
}

/* The i-th of so many CPUs, which are spread evenly: the first and the last are of other cores and
 * packages where there are any, and of another kind on a hybrid processor. */
static uint32_t spread(uint32_t i, uint32_t count)
{
    return target_cpus[count > 1 ? (uint64_t)i * (target_count - 1) / (count - 1) : 0];
}

static uint32_t at_most(uint32_t most)
{
    return target_count < most ? target_count : most;
}

/* Diagonal by diagonal, so that each CPU sends and takes from early on, however many there is time
 * for. */
static void measure_pairs(void)
{
    struct measure m = {.samples = part_of_samples(PAIR_PART),
                        .limit_ms = LIMIT_PAIR_MS,
                        .pairs = true};
    uint32_t cpus = at_most(MOST_PAIR_CPUS), pairs = 0;
    uint64_t end = clock_ms() + LIMIT_PAIRS_MS;

    for (uint32_t i = 0; i < cpus * cpus && clock_ms() < end; i++, pairs++) {
        m.from = spread(i % cpus, cpus);
        m.to = spread((i % cpus + i / cpus) % cpus, cpus);
        measure(&cause_irq, m);
        measure(&cause_nmi, m);
    }
    report_pairs(&(struct report_pairs){
        .cpus = cpus,
        .measured = pairs,
        .possible = target_count * target_count,
    });
}

static struct cpu_topology CPU_TABLE(places);

static void look_at_cpu(const void *unused)
{
    (void)unused;
    places[cpu_index()] = topology_of(this_cpu->apic_id);
    overhead_measure();
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
    overhead_report();
}

/* The first CPU, the last, and then those between, as long as there is time. */
static void measure_selves(uint32_t first, uint32_t end, uint64_t until_ms)
{
    uint32_t count = at_most(MOST_SELF);

    for (uint32_t i = first; i < end && clock_ms() < until_ms; i++) {
        uint32_t cpu = spread(i == 0 ? 0 : i == 1 ? count - 1 : i - 1, count);
        surcharge_measure(cpu, samples, LIMIT_MS);
        measure_self(cpu);
        selves++;
    }
}

/* The most wanted measurements come first: a slow host gets the rest as far as its time goes. */
static void measure_all(void)
{
    uint64_t longer = samples > SAMPLES ? samples / SAMPLES : 1;
    uint64_t end = clock_ms() + EXTRAS_MS * longer;

    deadline_ms = clock_ms() + DEADLINE_MS * longer;
    hurried = 0;
    report_places();
    if (!samples)
        samples = overhead_counts_instructions() ? SAMPLES_ALIKE : SAMPLES;
    measure_selves(0, at_most(FEWEST_SELF), UINT64_MAX);
    if (target_count > 1)
        measure_cross(target_cpus[0], target_cpus[1]);
    measure_pairs();
    if (!overhead_counts_instructions())
        measure_selves(FEWEST_SELF, at_most(MOST_SELF), end);
    if (target_count == 1)
        report_note("one CPU: no event comes from another, and none is there to be the load");
    else if (!is_possible(MODE_LOADED, 0, 1))
        report_note("mode loaded is left out between CPUs: none of %u is left to be the load",
                    target_count);
    report_note("events to oneself were measured on %u of %u CPUs", selves, target_count);
    if (hurried)
        report_note("it takes long: the last %u measurements had %u ms each", hurried,
                    LIMIT_LATE_MS);
}

static void run(const struct run *options)
{
    random_seed(&dice, options->seed);
    samples = options->samples;
    selves = 0;
    if (has_memory && crew_start())
        measure_all();
    else
        check_failed(CHECK_ACCOUNT, "benchmark", "nothing was measured: too little memory");
    crew_end();
}

WORKLOAD(latency) = {
    .name = "latency",
    .about = "the cost of an interruption onto each stack",
    .keys = KEYS("samples"),
    .alone = true,
    .prepare = prepare,
    .conduct = run,
    .tallies = tallies,
};
