/* SPDX-License-Identifier: MIT */
/* From stamps to samples (latency_stages.c), from samples to records. */
#include "workloads/latency/measure.h"

#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/features.h"
#include "workloads/latency/marks.h"
#include "cpu/hardware/smi.h"
#include "cpu/hardware/thermal.h"
#include "cpu/msr.h"
#include "cpu/x86.h"
#include "lib/format.h"
#include "cpu/hardware/heat.h"
#include "lib/histogram.h"
#include "lib/report.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "workloads/latency/batch.h"
#include "workloads/latency/overhead.h"
#include "workloads/latency/stages.h"

/* clang-format off */
#define OFFSET_FIELDS(FIELD) \
    FIELD(number, from, "index of the CPU that asked") \
    FIELD(number, to, "index of the CPU that answered with its TSC") \
    FIELD(number, batch, "of the batch record that it is for") \
    FIELD(text, when, "before or after the measurements") \
    FIELD(number, exchanges, "questions and answers; the one with the least round trip counts") \
    FIELD(signed, offset_cycles, "the answering CPU's TSC less the asking one's, as measured") \
    FIELD(signed, corrected_cycles, "subtracted: 0 where the offset may be none, by its bound") \
    FIELD(number, bound_cycles, "the offset is known to so many cycles, up or down") \
    FIELD(text, one_way, "used, or withheld: some stage that needs the offset has no record") \
    FIELD(text, withheld, "these stages; the offset drifted, or is not known to a tenth of them")
REPORT_RECORD(offset, "a CPU's TSC against that of CPU 0, before and after a benchmark",
              OFFSET_FIELDS)

#define LATENCY_FIELDS(FIELD) \
    FIELD(number, id, "of this record in the stream; outliers and further buckets refer to it") \
    FIELD(number, batch, "of the batch record with the other events meanwhile") \
    FIELD(text, event, "the event: trap user syscall irq irq-nested softirq nmi db bp mc ss ...") \
    FIELD(text, stage, "send entry dispatch prologue service exit one-way round-trip") \
    FIELD(text, mode, "warm cold-data cold-tlb loaded halted") \
    FIELD(text, loop, "closed, open (from the sending), open-intended (from the intended time)") \
    FIELD(text, samples, "all, or smi-free: those of rounds in which no SMI came") \
    FIELD(text, pass, "pairs: one of those of all pairs of CPUs; left out otherwise") \
    FIELD(text, unit, "cycles, or instructions: where the TSC is seen to count these") \
    FIELD(text, stack, "the stack that the handler must be on, and was") \
    FIELD(number, from, "index of the CPU that caused the event") \
    FIELD(number, to, "index of the CPU that took it") \
    FIELD(number, count, "samples; what a warm-up took is not among them") \
    FIELD(number, overhead, "subtracted from each sample") \
    FIELD(text, one_way, "used: the clocks' offset is in it; left out where it needs none") \
    FIELD(signed, first, "the very first sample, before the warm-up") \
    FIELD(signed, min, "least sample; negative where noise is larger than the event") \
    FIELD(signed, p50, "median; a percentile needs 10/(1-p) samples, or is left out") \
    FIELD(signed, p90, "90 %") \
    FIELD(signed, p99, "99 %") \
    FIELD(signed, p999, "99.9 %") \
    FIELD(signed, max, "greatest sample") \
    FIELD(text, buckets, "index:count ... of the log-linear histogram, see lib/histogram.h")
REPORT_RECORD(latency, "one stage of one event, measured in one way: its samples' distribution",
              LATENCY_FIELDS)

#define BUCKETS_FIELDS(FIELD) \
    FIELD(number, id, "of the latency record that these belong to") \
    FIELD(text, buckets, "index:count ..., going on where the line before ended")
REPORT_RECORD(buckets, "more buckets of a latency record, where one line does not hold them",
              BUCKETS_FIELDS)

#define OUTLIER_FIELDS(FIELD) \
    FIELD(number, id, "of the latency record with its round trip, or its one stage") \
    FIELD(number, rank, "1 is the worst") \
    FIELD(signed, value, "the sample, in the unit of its latency record") \
    FIELD(number, time_us, "when, in microseconds since the clock's start") \
    FIELD(number, sample, "which of the measurement's samples, from 0") \
    FIELD(text, cause, "tick irq nmi smi: came in it; gap before it; late; stall: over 100 us") \
    FIELD(text, part, "the stage that took over half of the excess over the least, if one did")
REPORT_RECORD(outlier, "one of the sixteen worst samples of a measurement", OUTLIER_FIELDS)

REPORT_TYPE(batch, "other events on a CPU while one measurement's samples were taken",
            BATCH_FIELDS)
/* clang-format on */

#define COUNT_ROUNDS 100000   /* for another CPU to count what it took */
#define GAP_PER_S 10000       /* a gap is longer than this part of a second */
#define PART_ALIKE 8          /* counts that differ by this part of them at most are alike */
#define LIMITS_MOST 8         /* a time limit waits for FEWEST_SAMPLES so many times longer */
#define BUCKETS_TEXT 3200
#define STAGES_TEXT 64        /* all their names */


static const char *const stage_names[STAGE_COUNT] = {
#define STAGE_NAME(symbol, name) [STAGE_##symbol] = name,
    STAGES(STAGE_NAME)
#undef STAGE_NAME
};
static const char *const mode_names[MODE_COUNT] = {
#define MODE_NAME(symbol, name) [MODE_##symbol] = name,
    MODES(MODE_NAME)
#undef MODE_NAME
};

static struct {
    struct samples samples;
    struct batch batch;
    struct taken before; /* right before the event */
} now;
static uint32_t last_id;
static uint64_t samples_taken; /* ever */

static uint64_t count_of(uint32_t cpu, enum event event)
{
    return __atomic_load_n(&cpu_at(cpu)->events[event], __ATOMIC_RELAXED);
}

static struct taken look(const struct measure *m)
{
    struct taken c = {0};
    const uint32_t cpus[] = {m->from, m->to};
    unsigned count = m->from == m->to ? 1 : 2;

    for (unsigned i = 0; i < count; i++) {
        c.ticks += count_of(cpus[i], EVENT_TICK);
        c.irqs += count_of(cpus[i], EVENT_IRQ) - count_of(cpus[i], EVENT_TICK);
        c.nmis += count_of(cpus[i], EVENT_NMI);
    }
    return c;
}

/* An interrupt is counted when its handler is over, which the handler's mark comes before: another
 * CPU's may still be on its way there. */
static struct taken look_after(const struct measure *m)
{
    struct taken c = look(m);

    for (unsigned i = 0; i < COUNT_ROUNDS && (c.irqs - now.before.irqs < m->own.irqs ||
                                              c.nmis - now.before.nmis < m->own.nmis); i++) {
        cpu_relax();
        c = look(m);
    }
    return c;
}

/* Where an event is to find all cold, so must be what was looked at and it counts on its way. */
static void flush_counts(uint32_t cpu)
{
    for (unsigned event = 0; event < EVENT_KINDS; event++)
        flush_line(&cpu_at(cpu)->events[event]);
    __asm__ volatile("mfence" : : : "memory");
}

void latency_look_around(const struct measure *m)
{
    now.before = now.samples.taken ? look_after(m) : look(m);
    if (m->mode == MODE_COLD_DATA)
        flush_counts(m->to);
}

void latency_look_again(const struct measure *m)
{
    now.before = look(m);
}

/* Of both, as far as they have noticed: the one that this runs on looks now. */
static int64_t count_throttles(const struct measure *m)
{
    if (!thermal_is_there())
        return REPORT_UNKNOWN;
    thermal_poll();
    return (int64_t)(thermal_throttles(m->from) +
                     (m->from == m->to ? 0 : thermal_throttles(m->to)));
}

static struct clocks read_clocks(const struct measure *m)
{
    struct clocks c = {
        .cpu = cpu_index(), .thermal = REPORT_UNKNOWN, .throttles = count_throttles(m)};
    uint64_t thermal;

    c.has_ratio = cpu_features.effective_frequency && msr_try_read(MSR_APERF, &c.aperf) &&
                  msr_try_read(MSR_MPERF, &c.mperf);
    if (cpu_features.thermal_sensor && msr_try_read(MSR_THERM_STATUS, &thermal))
        c.thermal = (int64_t)thermal;
    return c;
}

/* The marks of the next sample are those that it leaves. */
static void forget_sample(void)
{
    marks.done = 0;
    marks.back = marks.switched = 0;
}

void latency_begin(const struct measure *m)
{
    uint32_t number = now.batch.number;

    memset(&now, 0, sizeof(now));
    now.batch.number = number + 1;
    samples_reset(&now.samples, m->warm_up);
    forget_sample();
    now.batch.has_smi = smi_read(&now.batch.smi_at_start);
    now.batch.smi_now = now.batch.smi_at_start;
    now.batch.at_start = read_clocks(m);
    now.batch.start_tsc = read_tsc();
    latency_look_around(m);
}

void latency_check_stack(const char *event, uint32_t cpu, enum stack_kind stack,
                         const struct thread *thread)
{
    struct stack_place on = stack_find(marks.rsp);
    bool is_own = on.kind == THREAD_STACK ? thread_of_slot(on.owner) == thread : on.owner == cpu;

    if (on.kind != stack || !is_own || on.level != 0)
        check_failed_on(CHECK_STACK, cpu, on.kind, on.level, event,
                        "a sample was on the %s stack of %s %u, not on its own %s stack",
                        stack_name(on.kind), on.kind == THREAD_STACK ? "thread" : "CPU", on.owner,
                        stack_name(stack));
}

static struct stamp_costs costs_of(const struct measure *m)
{
    return (struct stamp_costs){overhead_of_cpu(m->from), overhead_of_cpu(m->to),
                                overhead_counts_instructions()};
}

/* A CPU that does nothing for longer than this stands still. */
static uint64_t cycles_of_gap(void)
{
    return clock_tsc_hz / GAP_PER_S;
}

/* The worst samples' causes, as far as they are known. */
static void keep_worst(const struct measure *m, const int64_t value[STAGE_COUNT], int64_t whole,
                       bool gap)
{
    struct worst worst = {.value = whole, .tsc = marks.trigger, .gap = gap};

    memcpy(worst.parts, value, sizeof(worst.parts));
    samples_explain(&worst, now.before, look_after(m), m->own, (int64_t)cycles_of_gap());
    samples_keep_worst(&now.samples, worst);
}

static void end_round(void)
{
    uint64_t before = now.batch.smi_now;

    if (now.batch.has_smi)
        smi_read(&now.batch.smi_now);
    samples_end_round(&now.samples, now.batch.smi_now != before);
}

uint64_t latency_samples_taken(void)
{
    return __atomic_load_n(&samples_taken, __ATOMIC_RELAXED);
}

void latency_prepared(uint64_t cycles)
{
    batch_note_preparing(&now.batch, cycles);
}

void latency_intended(uint64_t cycles)
{
    batch_note_interval(&now.batch, cycles);
}

static void lost(const struct measure *m)
{
    check_failed_on(CHECK_ACCOUNT, m->to, m->stack, 0, m->event,
                    "lost: CPU %u caused it, and it did not come", m->from);
}

static const char *unit_name(void)
{
    return overhead_counts_instructions() ? "instructions" : "cycles";
}

/* By which the worst are found, where the measurement has it. */
static enum stage whole_way(const struct measure *m)
{
    return m->interval_cycles ? STAGE_INTENDED : STAGE_ROUND_TRIP;
}

static void record(const struct measure *m, const int64_t value[STAGE_COUNT], bool gap)
{
    int64_t whole = value[whole_way(m)];

    samples_add(&now.samples, value);
    if (whole != REPORT_UNKNOWN && samples_is_among_worst(&now.samples, whole))
        keep_worst(m, value, whole, gap);
    if (samples_round_is_full(&now.samples))
        end_round();
}

static bool is_over(const struct measure *m)
{
    uint64_t taken = read_tsc() - now.batch.start_tsc, limit = clock_tsc_hz / 1000 * m->limit_ms;
    uint32_t kept = samples_kept(&now.samples);

    if (taken > limit)
        samples_end_warm_up(&now.samples);
    return kept >= m->samples || (taken > limit && kept >= FEWEST_SAMPLES) ||
           (taken > LIMITS_MOST * limit && kept);
}

bool latency_take(const struct measure *m)
{
    struct stamp_costs costs = costs_of(m);
    int64_t value[STAGE_COUNT];
    bool gap = batch_note_sample(&now.batch, !samples_kept(&now.samples), marks.trigger,
                                 marks.back, cycles_of_gap());

    if (!marks.done || !marks.back) {
        lost(m);
        return false;
    }
    latency_check_stack(m->event, m->to, m->stack, m->taker ? m->taker : thread_current());
    stages_compute(m, &marks, &costs, value);
    record(m, value, gap);
    forget_sample();
    __atomic_store_n(&samples_taken, samples_taken + 1, __ATOMIC_RELAXED);
    if (!samples_kept(&now.samples))
        marks.intended = read_tsc(); /* what the warm-up was late by is thrown away with it */
    return !is_over(m) && failure_count() == 0;
}

bool latency_leave_out(const struct measure *m)
{
    forget_sample();
    return ++now.batch.awake < m->samples && failure_count() == 0;
}

void latency_end(const struct measure *m)
{
    end_round();
    now.batch.end_tsc = read_tsc();
    now.batch.at_end = read_clocks(m);
}

static void report_the_batch(void)
{
    struct report_batch r = batch_record(&now.batch, clock_tsc_hz, now.samples.taken);

    r.time_us = clock_tsc_to_ns(now.batch.start_tsc - clock_epoch) / 1000;
    r.samples = samples_kept(&now.samples);
    report_batch(&r);
}

static int64_t percentile(const struct histogram *h, uint64_t parts_of_1000)
{
    int64_t value;

    return histogram_percentile(h, parts_of_1000, 1000, &value) ? value : REPORT_UNKNOWN;
}

/* The median, or the least sample where there are too few. */
static int64_t typical(enum stage stage)
{
    int64_t median = percentile(&now.samples.all[stage], 500);

    return median == REPORT_UNKNOWN ? now.samples.all[stage].min : median;
}

static const char *loop_name(const struct measure *m, enum stage stage)
{
    if (!m->interval_cycles)
        return "closed";
    return stage == STAGE_INTENDED ? "open-intended" : "open";
}

/* Returns its id. */
static uint32_t report_histogram(const struct measure *m, enum stage stage,
                                 const struct histogram *h, const char *samples)
{
    static char text[BUCKETS_TEXT];
    struct stamp_costs costs = costs_of(m);
    int index = histogram_text_first;

    histogram_text(h, &index, text, sizeof(text));
    report_latency(&(struct report_latency){
        .id = ++last_id,
        .batch = now.batch.number,
        .event = m->event,
        .stage = stage_names[stage],
        .mode = mode_names[m->mode],
        .loop = loop_name(m, stage),
        .samples = samples,
        .pass = m->pairs ? "pairs" : NULL,
        .unit = unit_name(),
        .stack = stack_name(m->stack),
        .from = m->from,
        .to = m->to,
        .count = h->count,
        .overhead = stage_overhead(m, &costs, stage),
        .one_way = stage_needs_offset(m, stage) ? "used" : NULL,
        .first = now.samples.first[stage],
        .min = h->min,
        .p50 = percentile(h, 500),
        .p90 = percentile(h, 900),
        .p99 = percentile(h, 990),
        .p999 = percentile(h, 999),
        .max = h->max,
        .buckets = text,
    });
    while (histogram_text(h, &index, text, sizeof(text)))
        report_buckets(&(struct report_buckets){.id = last_id, .buckets = text});
    return last_id;
}

/* Of the record with this id. */
static void report_worst(const struct measure *m, uint32_t id)
{
    int64_t usual = typical(whole_way(m));
    uint32_t told = m->pairs || m->pass == PASS_EMPTY ? 0 : now.samples.worst_count;

    for (uint32_t i = told; i-- > 0;) {
        const struct worst *w = &now.samples.worst[i];
        if (overhead_counts_instructions() && w->value <= usual + usual / PART_ALIKE)
            break; /* but for a turn of a loop that waits for a time */
        enum stage part = samples_longest_part(&now.samples, w);
        char cause[48];
        format(cause, sizeof(cause), "%s%s%s%s%s%s%s", w->tick ? " tick" : "",
               w->irq ? " irq" : "", w->nmi ? " nmi" : "", w->smi ? " smi" : "",
               w->gap ? " gap" : "", w->late ? " late" : "", w->stall ? " stall" : "");
        report_outlier(&(struct report_outlier){
            .id = id,
            .rank = told - i,
            .value = w->value,
            .time_us = clock_tsc_to_ns(w->tsc - clock_epoch) / 1000,
            .sample = w->sample,
            .cause = cause[0] ? cause + 1 : NULL,
            .part = part < STAGE_COUNT ? stage_names[part] : NULL,
        });
    }
}

/* Where instructions are counted, one counter tells all CPUs the time; the offset must agree. */
static bool offset_is_good(const struct measure *m, enum stage stage)
{
    if (overhead_counts_instructions() && offset_is_none(&m->before, &m->after))
        return true;
    return offset_serves(&m->before, &m->after, typical(stage));
}

static bool is_withheld(const struct measure *m, enum stage stage)
{
    return stage_needs_offset(m, stage) && !offset_is_good(m, stage);
}

static void report_the_offset(const struct measure *m, const char *when,
                              const struct clock_offset *o, const char *withheld)
{
    report_offset(&(struct report_offset){
        .from = m->from,
        .to = m->to,
        .batch = now.batch.number,
        .when = when,
        .exchanges = o->exchanges,
        .offset_cycles = o->cycles,
        .corrected_cycles = offset_correction(&m->before),
        .bound_cycles = o->bound_cycles,
        .one_way = *withheld ? "withheld" : "used",
        .withheld = *withheld ? withheld + 1 : NULL,
    });
}

static void report_the_offsets(const struct measure *m)
{
    char withheld[STAGES_TEXT] = "";
    size_t length = 0;

    if (!m->before.exchanges)
        return;
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        if (now.samples.all[stage].count && is_withheld(m, stage))
            length += format(withheld + length, sizeof(withheld) - length, " %s",
                             stage_names[stage]);
    report_the_offset(m, "before", &m->before, withheld);
    report_the_offset(m, "after", &m->after, withheld);
}

void latency_report(const struct measure *m)
{
    uint32_t id, id_of_worst = 0;

    report_the_batch();
    report_the_offsets(m);
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
        if (!now.samples.all[stage].count || is_withheld(m, stage))
            continue;
        id = report_histogram(m, stage, &now.samples.all[stage], "all");
        if (stage == whole_way(m))
            id_of_worst = id;
        if (now.samples.smi_seen && now.samples.smi_free[stage].count)
            report_histogram(m, stage, &now.samples.smi_free[stage], "smi-free");
    }
    report_worst(m, id_of_worst);
}

uint64_t latency_period(void)
{
    return now.samples.taken ? (now.batch.end_tsc - now.batch.start_tsc) / now.samples.taken : 1;
}
