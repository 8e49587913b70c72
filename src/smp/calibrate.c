/* SPDX-License-Identifier: MIT */
/* Measures the clocks, and chooses between sources that disagree: see calibrate.h. */
#include "smp/calibrate.h"

#include <stdbool.h>
#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/features.h"
#include "lib/report.h"
#include "smp/apic.h"
#include "smp/counters.h"
#include "smp/tsc_stated.h"

#define SPAN_MS 20
#define PATIENCE 10000000           /* reads of a counter that does not get there */
#define STANDSTILL 100000           /* and of one that does not move */
#define READINGS 8                  /* of which one without an SMI is hoped for */
#define MOST_COUNTERS 2
#define MOST_RATES 5

uint32_t calibrated_apic_hz;

struct reading {
    uint64_t tsc;
    uint32_t apic;
};

/* The counts of the clocks while a counter counted. */
struct span {
    uint64_t ticks;                 /* the counter's */
    uint64_t tsc;
    uint32_t apic;
};

/* The TSC's rate, from one source. They are chosen in this order. */
struct rates {
    struct rate {
        const char *source;
        uint64_t tsc_hz;
    } of[MOST_RATES];
    unsigned count;
};

static struct reading read_clocks(void)
{
    return (struct reading){read_tsc(), apic_timer_read()};
}

/* A rate is no better than the reference's crystal, about 20 in a million: further digits are
 * noise. */
static uint64_t round_rate(uint64_t hz)
{
    uint64_t unit = 1;

    while (hz / unit >= 100000)
        unit *= 10;
    return (hz + unit / 2) / unit * unit;
}

static void add(struct rates *rates, const char *source, uint64_t tsc_hz)
{
    if (tsc_hz)
        rates->of[rates->count++] = (struct rate){source, tsc_hz};
}

/* Reads the counter, and the clocks at that moment. Firmware or a host may take time between the
 * two, so the quickest of several readings counts. */
static uint32_t read_both(const struct counter *counter, struct reading *clocks)
{
    uint64_t least = UINT64_MAX;
    uint32_t count = 0;

    for (unsigned i = 0; i < READINGS; i++) {
        struct reading before = read_clocks();
        uint32_t now = counter->read();
        uint64_t took = read_tsc() - before.tsc;
        if (took < least) {
            least = took;
            *clocks = before;
            count = now;
        }
    }
    return count;
}

/* False: it does not get there, since it stands still or is no counter. Two readings must say that
 * it is there: some PM timers are read wrong now and then, and a step back looks far ahead. */
static bool wait_for(const struct counter *counter, uint32_t first)
{
    uint32_t span = counter->hz / 1000 * SPAN_MS, last = first, still = 0;
    bool was_there = false;

    for (unsigned i = 0; i < PATIENCE && still < STANDSTILL; i++) {
        uint32_t now = counter->read();
        bool is_there = ((now - first) & counter->mask) >= span;
        if (is_there && was_there)
            return true;
        was_there = is_there;
        still = now == last ? still + 1 : 0;
        last = now;
    }
    return false;
}

/* Measures all sources in the same time. A counter that stands still has no ticks. */
static void measure(const struct counter *counters, unsigned count, struct span *spans)
{
    struct reading from[MOST_COUNTERS], to;
    uint32_t first[MOST_COUNTERS];
    bool passed = false;

    for (unsigned i = 0; i < count; i++)
        first[i] = read_both(&counters[i], &from[i]);
    for (unsigned i = 0; i < count && !passed; i++)
        passed = wait_for(&counters[i], first[i]);
    for (unsigned i = 0; i < count; i++) {
        uint32_t now = read_both(&counters[i], &to);
        spans[i] = (struct span){passed ? (now - first[i]) & counters[i].mask : 0,
                                 to.tsc - from[i].tsc, from[i].apic - to.apic};
        if (counters[i].stop)
            counters[i].stop();
    }
}

static void add_measured(struct rates *rates, const struct counter *counters, unsigned count,
                         struct span *longest)
{
    struct span spans[MOST_COUNTERS];

    measure(counters, count, spans);
    for (unsigned i = 0; i < count; i++) {
        if (!spans[i].ticks)
            continue;
        add(rates, counters[i].name, round_rate(spans[i].tsc * counters[i].hz / spans[i].ticks));
        if (spans[i].tsc > longest->tsc)
            *longest = spans[i];
    }
}

/* The 8254 comes late, since a host that takes its time makes it wrap unnoticed; the base frequency
 * last, since it is rounded. */
static void collect(struct rates *rates, const struct acpi_fadt_facts *fadt,
                    const struct acpi_header *hpet, struct span *longest)
{
    struct counter counters[MOST_COUNTERS];
    unsigned count = counter_pm_timer(fadt, &counters[0]);

    count += counter_hpet(hpet, &counters[count]);
    add_measured(rates, counters, count, longest);
    if (features_hypervisor())
        add(rates, "hypervisor", tsc_stated_by_hypervisor());
    add(rates, "cpuid-15h", tsc_stated_by_crystal());
    if (!longest->tsc) {
        counter_pit(&counters[0]);
        add_measured(rates, counters, 1, longest);
    }
    add(rates, "cpuid-16h", tsc_stated_by_base());
}

/* Within a hundredth: nearer than any that is not the same rate, further than any error. */
static bool agree(const struct rate *a, const struct rate *b)
{
    uint64_t apart = a->tsc_hz > b->tsc_hz ? a->tsc_hz - b->tsc_hz : b->tsc_hz - a->tsc_hz;

    return apart <= a->tsc_hz / 100;
}

/* Chooses the first source that another one confirms, or else the first. */
static const struct rate *choose(const struct rates *rates)
{
    for (unsigned i = 0; i < rates->count; i++)
        for (unsigned j = 0; j < rates->count; j++)
            if (i != j && agree(&rates->of[i], &rates->of[j]))
                return &rates->of[i];
    return &rates->of[0];
}

static void note_those_that_disagree(const struct rates *rates, const struct rate *chosen)
{
    for (unsigned i = 0; i < rates->count; i++)
        if (!agree(chosen, &rates->of[i]))
            report_note("clocks disagree: the TSC has %lu Hz by %s, but %lu Hz by %s, which is "
                        "believed", rates->of[i].tsc_hz, rates->of[i].source, chosen->tsc_hz,
                        chosen->source);
}

/* Where nothing but the TSC counts. */
static struct span let_tsc_count(uint64_t tsc_hz)
{
    struct reading from = read_clocks(), to = from;

    for (unsigned i = 0; i < PATIENCE && to.tsc - from.tsc < tsc_hz / 1000 * SPAN_MS; i++)
        to = read_clocks();
    return (struct span){0, to.tsc - from.tsc, from.apic - to.apic};
}

static const char *start_clocks(const struct acpi_fadt_facts *fadt, const struct acpi_header *hpet)
{
    struct rates rates = {.count = 0};
    struct span span = {0};

    collect(&rates, fadt, hpet, &span);
    if (!rates.count)
        return NULL;
    const struct rate *chosen = choose(&rates);
    note_those_that_disagree(&rates, chosen);
    if (!span.tsc)
        span = let_tsc_count(chosen->tsc_hz);
    if (!span.tsc)
        return NULL;
    calibrated_apic_hz = round_rate((uint64_t)span.apic * chosen->tsc_hz / span.tsc);
    clock_start(chosen->tsc_hz);
    clock_join();
    return calibrated_apic_hz ? chosen->source : NULL;
}

const char *calibrate(const struct acpi_fadt_facts *fadt, const struct acpi_header *hpet)
{
    apic_timer_start(UINT32_MAX, false);
    const char *source = start_clocks(fadt, hpet);
    apic_timer_start(0, false);
    return source;
}

void delay_us(uint64_t us)
{
    uint64_t end = read_tsc() + us * clock_tsc_hz / 1000000;

    while (read_tsc() < end)
        cpu_relax();
}
