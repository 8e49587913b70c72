/* SPDX-License-Identifier: MIT */
/* From stamps to samples, from samples to records. */
#include "workloads/latency_measure.h"

#include "cpu/clock.h"
#include "cpu/fault.h"
#include "cpu/features.h"
#include "cpu/marks.h"
#include "cpu/smi.h"
#include "cpu/trap.h"
#include "cpu/x86.h"
#include "lib/format.h"
#include "lib/heat.h"
#include "lib/histogram.h"
#include "lib/report.h"
#include "lib/string.h"

#define EMPTY_PAIRS 20000
#define COUNTING_TRIES 5
#define THOUSAND 1000
#define GAP_PER_S 10000 /* a gap is longer than this part of a second */
#define BUCKETS_TEXT 3200

/* latency.asm */
void latency_empty(void);
void latency_empty_stub(void);
void latency_empty_step(void);
void latency_thousand(void);

uint64_t latency_break_cycles;

static const char *const stage_names[STAGE_COUNT] = {
#define STAGE_NAME(symbol, name) [STAGE_##symbol] = name,
    STAGES(STAGE_NAME)
#undef STAGE_NAME
};
static const char *const event_names[EVENT_KINDS] = {
#define EVENT_NAME(symbol, name) [EVENT_##symbol] = #name,
    EVENTS(EVENT_NAME)
#undef EVENT_NAME
};
static const char *const mode_names[MODE_COUNT] = {
#define MODE_NAME(symbol, name) [MODE_##symbol] = name,
    MODES(MODE_NAME)
#undef MODE_NAME
};

/* By CPU: of a pair of stamps, of the pair trigger and stub, of the pair stub and handler, of a
 * POPFQ between a pair, of a histogram's update between a pair. */
static struct overhead {
    int64_t pair, entry, dispatch, step, histogram;
} overheads[MAX_CPUS];
static bool counts_instructions;

/* What of a CPU's counters can explain a sample. */
struct counters {
    uint64_t ticks, irqs, nmis;
};

static struct {
    struct samples samples;
    uint64_t start_tsc, end_tsc, last_back;
    uint64_t gaps, longest_gap;
    bool has_smi, has_ratio, has_thermal;
    uint64_t smi_at_start, smi_now;
    uint64_t aperf, mperf;
    struct counters before[2]; /* of `from` and `to` */
    uint32_t batch;
} now;
static uint32_t last_id;

bool latency_counts_instructions(void)
{
    return counts_instructions;
}

static void keep_least(int64_t *least, uint64_t from, uint64_t to)
{
    if ((int64_t)(to - from) < *least)
        *least = (int64_t)(to - from);
}

/* What is more between the second and the third stamp than between the first two. */
static void keep_least_update(int64_t *least, int64_t value)
{
    struct histogram *h = &now.samples.all[STAGE_ROUND_TRIP];
    uint64_t first = read_tsc_in_order(), second = read_tsc_in_order();

    histogram_record(h, value + THOUSAND);
    __asm__ volatile("" : : : "memory");
    keep_least(least, second + (second - first), read_tsc_in_order());
}

/* Under an emulator that counts instructions, a thousand of them take exactly a thousand more than
 * none, each time; nothing else has that. */
static bool thousand_is_exact(int64_t pair)
{
    for (unsigned i = 0; i < COUNTING_TRIES; i++) {
        latency_thousand();
        if ((int64_t)(marks.back - marks.trigger) != pair + THOUSAND)
            return false;
    }
    return true;
}

void latency_measure_overhead(void)
{
    struct overhead *o = &overheads[cpu_index()];
    uint64_t flags;

    *o = (struct overhead){INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    for (unsigned i = 0; i < EMPTY_PAIRS; i++) {
        flags = interrupts_save();
        latency_empty();
        keep_least(&o->pair, marks.trigger, marks.back);
        latency_empty_stub();
        keep_least(&o->entry, marks.trigger, marks.entry);
        keep_least(&o->dispatch, marks.entry, marks.dispatch);
        latency_empty_step();
        keep_least(&o->step, marks.trigger, marks.back);
        keep_least_update(&o->histogram, o->pair);
        interrupts_restore(flags);
    }
    o->step -= o->pair;
    flags = interrupts_save();
    counts_instructions = thousand_is_exact(o->pair);
    interrupts_restore(flags);
}

void latency_report_overheads(void)
{
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        const struct overhead *o = &overheads[cpu];
        if (!o->pair)
            continue;
        report_overhead(&(struct report_overhead){
            .cpu = cpu,
            .pairs = EMPTY_PAIRS,
            .overhead_cycles = o->pair,
            .entry_cycles = o->entry,
            .dispatch_cycles = o->dispatch,
            .histogram_cycles = o->histogram,
        });
    }
}

static struct counters read_counters(uint32_t cpu)
{
    const struct percpu *c = cpu_at(cpu);

    return (struct counters){
        .ticks = __atomic_load_n(&c->events[EVENT_TICK], __ATOMIC_RELAXED),
        .irqs = __atomic_load_n(&c->events[EVENT_IRQ], __ATOMIC_RELAXED),
        .nmis = __atomic_load_n(&c->events[EVENT_NMI], __ATOMIC_RELAXED),
    };
}

static void look_around(const struct measure *m)
{
    now.before[0] = read_counters(m->from);
    now.before[1] = read_counters(m->to);
}

void latency_begin(const struct measure *m)
{
    uint32_t batch = now.batch;

    memset(&now, 0, sizeof(now));
    now.batch = batch + 1;
    samples_reset(&now.samples, m->warm_up);
    now.has_smi = smi_read(&now.smi_at_start);
    now.smi_now = now.smi_at_start;
    now.has_ratio = cpu_features.effective_frequency && msr_try_read(MSR_APERF, &now.aperf) &&
                    msr_try_read(MSR_MPERF, &now.mperf);
    now.has_thermal = cpu_features.thermal_sensor;
    now.start_tsc = read_tsc();
    look_around(m);
}

static void check_stack(const struct measure *m)
{
    struct stack_place on = stack_find(marks.rsp);
    struct fault_place place = {m->to, on.kind, on.level, m->event};

    if (on.kind != m->stack || (on.kind != THREAD_STACK && on.owner != m->to) || on.level != 0)
        fault_report(CHECK_STACK, &place, "measured on the %s stack of owner %u at level %u",
                     stack_name(on.kind), on.owner, on.level);
}

/* What the stamps cost that lie on this stage of the way. */
static int64_t overhead_of(const struct measure *m, enum stage stage)
{
    const struct overhead *o = &overheads[m->from], *taker = &overheads[m->to];
    int64_t step = m->step ? o->step : 0;

    switch (stage) {
    case STAGE_ENTRY: return o->entry + step;
    case STAGE_DISPATCH: return taker->dispatch;
    case STAGE_SERVICE:
    case STAGE_EXIT: return taker->pair;
    case STAGE_ROUND_TRIP:
    case STAGE_INTENDED: /* the handler's two stamps are on that way too */
        return o->pair + step + (m->pass == PASS_WHOLE ? 2 * taker->pair : 0);
    default: return o->pair + step;
    }
}

/* Stamps into samples. What a measurement does not have stays unknown. */
static void compute(const struct measure *m, int64_t value[STAGE_COUNT])
{
    int64_t offset = m->offset;

    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        value[stage] = REPORT_UNKNOWN;
    if (m->pass == PASS_SEND) {
        value[STAGE_SEND] = (int64_t)(marks.sent - marks.trigger);
    } else if (m->pass == PASS_STUB) {
        value[STAGE_ENTRY] = (int64_t)(marks.entry - marks.trigger) - offset;
        value[STAGE_DISPATCH] = (int64_t)(marks.dispatch - marks.entry);
    } else {
        value[STAGE_ROUND_TRIP] = (int64_t)(marks.back - marks.trigger);
    }
    if (m->pass == PASS_BARE)
        value[STAGE_ENTRY] = (int64_t)(marks.entry - marks.trigger);
    if (m->pass == PASS_WHOLE) {
        value[STAGE_SERVICE] = (int64_t)(marks.service - marks.dispatch);
        value[STAGE_ONE_WAY] = (int64_t)(marks.dispatch - marks.trigger) - offset;
        value[STAGE_EXIT] = (int64_t)(marks.back - marks.service) + offset;
    }
    if (m->interval_cycles)
        value[STAGE_INTENDED] = (int64_t)(marks.back - marks.intended);
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        if (value[stage] != REPORT_UNKNOWN)
            value[stage] -= overhead_of(m, stage);
}

/* The worst samples' causes, as far as they are known. */
static void keep_worst(const struct measure *m, int64_t value, bool gap)
{
    struct counters from = read_counters(m->from), to = read_counters(m->to);

    samples_keep_worst(
        &now.samples,
        (struct worst){
            .value = value,
            .tsc = marks.trigger,
            .tick = from.ticks != now.before[0].ticks || to.ticks != now.before[1].ticks,
            .irq = from.irqs - now.before[0].irqs + to.irqs - now.before[1].irqs > 4,
            .nmi = from.nmis - now.before[0].nmis + to.nmis - now.before[1].nmis > 2,
            .gap = gap,
        });
}

static void end_round(void)
{
    uint64_t before = now.smi_now;

    if (now.has_smi)
        smi_read(&now.smi_now);
    samples_end_round(&now.samples, now.smi_now != before);
}

static bool note_gap(void)
{
    uint64_t gap = now.last_back ? marks.trigger - now.last_back : 0;
    bool is_gap = gap > clock_tsc_hz / GAP_PER_S;

    now.last_back = marks.back;
    now.gaps += is_gap;
    if (gap > now.longest_gap)
        now.longest_gap = gap;
    return is_gap;
}

static void lost(const struct measure *m)
{
    struct fault_place place = {m->to, m->stack, 0, m->event};

    fault_report(CHECK_ACCOUNT, &place, "lost: CPU %u caused it, and it did not come", m->from);
}

static void report_trace(uint32_t cpu)
{
    const struct percpu *c = cpu_at(cpu);

    for (uint32_t i = c->traced < TRACE_EVENTS ? 0 : c->traced - TRACE_EVENTS; i < c->traced; i++) {
        const struct trace_event *e = &c->trace[i % TRACE_EVENTS];
        struct stack_place on = stack_find(e->rsp);
        report_trace_event(&(struct report_trace_event){
            .cpu = cpu,
            .time_ns = clock_tsc_to_ns(e->tsc - clock_epoch),
            .event = event_names[e->event],
            .stack = stack_name(on.kind),
            .level = on.level,
        });
    }
}

/* All other CPUs stand still. */
static void report_traces(void)
{
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        report_trace(cpu);
}

static void break_off(const struct measure *m, int64_t value)
{
    struct fault_place place = {m->to, m->stack, 0, m->event};

    fault_report(CHECK_ALIVE, &place, "%ld cycles from CPU %u and back, more than break=%lu", value,
                 m->from, latency_break_cycles);
    fault_last_words = report_traces;
    fault_fatal();
}

static void record(const struct measure *m, const int64_t value[STAGE_COUNT], bool gap)
{
    int64_t whole = value[m->interval_cycles ? STAGE_INTENDED : STAGE_ROUND_TRIP];

    samples_add(&now.samples, value);
    if (latency_break_cycles && m->pass == PASS_WHOLE && samples_kept(&now.samples) &&
        value[STAGE_ROUND_TRIP] > (int64_t)latency_break_cycles)
        break_off(m, value[STAGE_ROUND_TRIP]);
    if (whole != REPORT_UNKNOWN && samples_is_among_worst(&now.samples, whole))
        keep_worst(m, whole, gap);
    if (samples_round_is_full(&now.samples))
        end_round();
}

static bool is_over(const struct measure *m)
{
    uint32_t kept = samples_kept(&now.samples);

    return kept >= m->samples || (kept >= FEWEST_SAMPLES && read_tsc() - now.start_tsc >
                                                                clock_tsc_hz / 1000 * m->limit_ms);
}

bool latency_take(const struct measure *m)
{
    int64_t value[STAGE_COUNT];
    bool gap = note_gap();

    if (!marks.done || !marks.back) {
        lost(m);
        return false;
    }
    check_stack(m);
    compute(m, value);
    record(m, value, gap);
    look_around(m);
    marks.done = 0;
    marks.back = 0;
    return !is_over(m) && fault_count() == 0;
}

void latency_end(void)
{
    end_round();
    now.end_tsc = read_tsc();
}

static int64_t mean_mhz(void)
{
    uint64_t aperf, mperf;

    if (!now.has_ratio || !msr_try_read(MSR_APERF, &aperf) || !msr_try_read(MSR_MPERF, &mperf) ||
        mperf == now.mperf)
        return REPORT_UNKNOWN;
    return (int64_t)(clock_tsc_hz / 1000000 * (aperf - now.aperf) / (mperf - now.mperf));
}

static void report_the_batch(const struct measure *m)
{
    uint64_t thermal = 0;

    report_batch(&(struct report_batch){
        .batch = now.batch,
        .cpu = m->from,
        .time_us = clock_tsc_to_ns(now.start_tsc - clock_epoch) / 1000,
        .samples = samples_kept(&now.samples),
        .smis = now.has_smi ? (int64_t)(now.smi_now - now.smi_at_start) : REPORT_UNKNOWN,
        .mhz = mean_mhz(),
        .thermal = now.has_thermal && msr_try_read(MSR_THERM_STATUS, &thermal) ? (int64_t)thermal
                                                                               : REPORT_UNKNOWN,
        .gaps = now.gaps,
        .longest_gap_cycles = now.longest_gap,
    });
}

static int64_t percentile(const struct histogram *h, uint64_t parts_of_1000)
{
    int64_t value;

    return histogram_percentile(h, parts_of_1000, 1000, &value) ? value : REPORT_UNKNOWN;
}

static const char *loop_name(const struct measure *m, enum stage stage)
{
    if (!m->interval_cycles)
        return "closed";
    return stage == STAGE_INTENDED ? "open-intended" : "open";
}

static void report_histogram(const struct measure *m, enum stage stage, const struct histogram *h,
                             const char *samples)
{
    static char text[BUCKETS_TEXT];
    int index = histogram_text_first;

    histogram_text(h, &index, text, sizeof(text));
    report_latency(&(struct report_latency){
        .id = ++last_id,
        .batch = now.batch,
        .event = m->event,
        .stage = stage_names[stage],
        .mode = mode_names[m->mode],
        .loop = loop_name(m, stage),
        .samples = samples,
        .unit = counts_instructions ? "instructions" : "cycles",
        .stack = stack_name(m->stack),
        .from = m->from,
        .to = m->to,
        .count = h->count,
        .overhead = overhead_of(m, stage),
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
}

static void report_worst(const struct measure *m)
{
    int64_t usual = latency_typical(m->interval_cycles ? STAGE_INTENDED : STAGE_ROUND_TRIP);

    for (uint32_t i = now.samples.worst_count; i-- > 0 && !m->brief;) {
        const struct worst *w = &now.samples.worst[i];
        if (counts_instructions && w->value <= usual)
            break; /* they are alike, and none is worse for a reason */
        char cause[32];
        format(cause, sizeof(cause), "%s%s%s%s%s", w->tick ? " tick" : "", w->irq ? " irq" : "",
               w->nmi ? " nmi" : "", w->smi ? " smi" : "", w->gap ? " gap" : "");
        report_outlier(&(struct report_outlier){
            .id = last_id,
            .rank = now.samples.worst_count - i,
            .value = w->value,
            .time_us = clock_tsc_to_ns(w->tsc - clock_epoch) / 1000,
            .sample = w->sample,
            .cause = cause[0] ? cause + 1 : NULL,
        });
    }
}

/* Between two CPUs these need the clocks' offset. */
static bool needs_offset(const struct measure *m, enum stage stage)
{
    return m->from != m->to &&
           (stage == STAGE_ENTRY || stage == STAGE_ONE_WAY || stage == STAGE_EXIT);
}

void latency_report(const struct measure *m, bool one_way)
{
    report_the_batch(m);
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
        if (!now.samples.all[stage].count || (needs_offset(m, stage) && !one_way))
            continue;
        report_histogram(m, stage, &now.samples.all[stage], "all");
        if (now.samples.smi_seen && now.samples.smi_free[stage].count)
            report_histogram(m, stage, &now.samples.smi_free[stage], "smi-free");
    }
    report_worst(m);
}

uint64_t latency_count(void)
{
    return now.samples.all[STAGE_ROUND_TRIP].count;
}

uint64_t latency_period(void)
{
    return now.samples.taken ? (now.end_tsc - now.start_tsc) / now.samples.taken : 1;
}

int64_t latency_least(enum stage stage)
{
    return now.samples.all[stage].min;
}

int64_t latency_typical(enum stage stage)
{
    int64_t median = percentile(&now.samples.all[stage], 500);

    return median == REPORT_UNKNOWN ? latency_least(stage) : median;
}
