/* SPDX-License-Identifier: MIT */
/* Gathers what the status page shows and lays it out, for any number of CPUs and any screen: rows
 * from top to bottom, each cut at the screen's width.
 *
 * The page reads counters that others write, without a lock: a page is a glance, and
 * the report is the account. The verdict's page may be drawn on any stack, in any context: so the
 * buffers are static. They have one user at a time, who holds the consoles. */
#include "workloads/run/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "cpu/above.h"
#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/ist.h"
#include "cpu/late.h"
#include "cpu/hardware/mce.h"
#include "cpu/nmi_owner.h"
#include "cpu/percpu.h"
#include "cpu/hardware/smi.h"
#include "cpu/hardware/thermal.h"
#include "lib/console.h"
#include "lib/format.h"
#include "lib/report.h"
#include "lib/screen.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "workloads/run/bars.h"
#include "workloads/run/target.h"

#define REFRESH_MS 1000
#define LINE_MAX 600                /* more than any screen has columns */
#define RATE_COLUMNS 26             /* an event's name and rate */
#define BAR_WITH_NUMBER 20          /* columns from which on a bar has its number beside it */
#define NUMBER_COLUMNS 7
#define QUIET_PAGES 10              /* without an event, after which a CPU is marked */
/* CPUs whose stacks are measured for a page: reading all of 255 would cost more than all else. */
#define CPUS_MEASURED 8
#define BIG_WORD_COLUMNS (5 * SCREEN_BIG_COLUMNS)

enum {
    PLAIN = SCREEN_PLAIN,
    TITLE = SCREEN_COLOURS(SCREEN_WHITE, SCREEN_BLUE),
    FAINT = SCREEN_COLOURS(SCREEN_DARK_GREY, SCREEN_BLACK),
    NUMBER = SCREEN_COLOURS(SCREEN_WHITE, SCREEN_BLACK),
    GOOD = SCREEN_COLOURS(SCREEN_LIGHT_GREEN, SCREEN_BLACK),
    BAD = SCREEN_COLOURS(SCREEN_LIGHT_RED, SCREEN_BLACK),
    GOOD_BAND = SCREEN_COLOURS(SCREEN_WHITE, SCREEN_GREEN),
    BAD_BAND = SCREEN_COLOURS(SCREEN_WHITE, SCREEN_RED),
};

static const struct status_machine *machine;
static struct status_progress shown;
static uint32_t columns, rows;      /* of the screen */

/* The totals at the last page, and how fast they grow. */
static uint64_t counted_ms;
static uint64_t event_totals[EVENT_KINDS], event_rates[EVENT_KINDS];
static uint64_t CPU_TABLE(cpu_totals);
static uint64_t CPU_TABLE(cpu_rates);
static uint8_t quiet_pages[MAX_CPUS];

/* The stack with the least headroom of those measured so far: it can only shrink. */
static struct {
    uint32_t cpu, level, size, left;
    const char *name;               /* NULL: none yet */
} hottest;

/* Text on the page */

__attribute__((format(printf, 4, 5)))
static uint32_t put(uint32_t row, uint32_t column, uint8_t colours, const char *fmt, ...)
{
    static char text[LINE_MAX];
    va_list args;
    size_t length;

    va_start(args, fmt);
    length = format_v(text, sizeof(text), fmt, args);
    va_end(args);
    if (length >= sizeof(text))
        length = sizeof(text) - 1;
    screen_put(row, column, colours, text, length);
    return column + length;
}

static void put_many(uint32_t row, uint32_t column, uint8_t colours, char c, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        screen_put(row, column + i, colours, &c, 1);
}

/* How much of a text stands on a row of so many columns, if it goes on in the next: whole words,
 * where it has any. */
static size_t row_of_words(const char *text, size_t length, size_t room)
{
    if (length <= room)
        return length;
    for (size_t part = room; part > 0; part--)
        if (text[part] == ' ')
            return part;
    return room;
}

/* Text over so many rows; the last one takes of the rest what it holds. */
static void put_wrapped(uint32_t row, uint32_t count, uint32_t column, uint8_t colours,
                        const char *text)
{
    for (; count > 0 && *text && column < columns; count--, row++) {
        size_t length = strlen(text), room = columns - column;
        size_t part = count > 1 ? row_of_words(text, length, room) : length < room ? length : room;
        screen_put(row, column, colours, text, part);
        for (text += part; *text == ' '; text++)
            ;
    }
}

/* At most five digits and a unit. */
static uint32_t put_count(uint32_t row, uint32_t column, uint8_t colours, uint64_t count)
{
    static const char units[] = " KMGTPE";
    unsigned unit = 0;

    for (; count >= 100000; count /= 1000)
        unit++;
    return put(row, column, colours, "%5lu%c", count, units[unit]);
}

static uint32_t put_time(uint32_t row, uint32_t column, uint64_t ms)
{
    uint64_t seconds = ms / 1000, days = seconds / 86400;

    if (days)
        column = put(row, column, NUMBER, "%lud ", days);
    return put(row, column, NUMBER, "%lu:%02lu:%02lu", seconds / 3600 % 24, seconds / 60 % 60,
               seconds % 60);
}

/* The rows */

static uint32_t put_known(uint32_t column, const char *label, const char *text)
{
    return text ? put(0, column, TITLE, "  %s%s", label, text) : column;
}

static void draw_title(void)
{
    uint32_t column;

    put_many(0, 0, TITLE, ' ', columns);
    column = put(0, 1, TITLE, "iststorm %s  %s  %lu CPUs  %s", machine->version, features_domain(),
                 machine->cpus_online, machine->firmware);
    column = put_known(column, "mac ", machine->mac);
    column = put_known(column, "ip ", machine->ip);
    column = put_known(column, "", machine->system_vendor);
    column = put_known(column, "", machine->system_product);
    put_known(column, "serial number ", machine->system_serial);
}

static void draw_time(uint32_t row)
{
    uint64_t total_ms = shown.total_ms * shown.passes;
    uint32_t column = put_time(row, put(row, 1, PLAIN, "%s ", shown.phase), shown.time_ms), room;

    if (shown.passes > 1)
        column = put(row, column, PLAIN, "  pass %lu of %lu", shown.pass + 1, shown.passes);
    if (total_ms == 0)
        return;
    column = put_time(row, put(row, column, PLAIN, " of "), total_ms) + 2;
    room = column + 1 < columns ? columns - column - 1 : 0;
    put_many(row, column, FAINT, '.', room);
    if (shown.time_ms < total_ms)       /* in steps that do not overflow */
        room = shown.time_ms / 1000 * room / (total_ms / 1000 + 1);
    put_many(row, column, PLAIN, SCREEN_LOWER_HALF, room);
}

static void draw_so_far(uint32_t row)
{
    const char *first = failure_first();

    if (!first) {
        put(row, 1, GOOD, "so far: PASS");
        return;
    }
    put_many(row, 0, BAD_BAND, ' ', columns);
    put(row, 1, BAD_BAND, "so far: FAIL; faults: %lu; the first:", failure_count());
    put_wrapped(row + 1, 1, 1, BAD, first);
}

static void draw_run(uint32_t row, uint32_t column)
{
    column = put(row, column, PLAIN, "seed %lu  ", machine->seed);
    put(row, column, NUMBER, "%s", machine->cmdline ? machine->cmdline : "");
}

static uint32_t rates_across(void)
{
    return columns / RATE_COLUMNS ? columns / RATE_COLUMNS : 1;
}

static uint32_t rate_rows(void)
{
    return (EVENT_KINDS + 1 + rates_across() - 1) / rates_across();
}

static void draw_rate(uint32_t first_row, uint32_t place, const char *name, uint64_t rate)
{
    uint32_t row = first_row + place / rates_across();
    uint32_t column = 1 + place % rates_across() * RATE_COLUMNS;

    put(row, column, PLAIN, "%-16s", name);
    put_count(row, column + 17, NUMBER, rate);
}

/* Events a second; what has never come is left out. */
static void draw_rates(uint32_t first_row)
{
    static const char *const names[EVENT_KINDS] = {
#define EVENT_NAME(symbol, name) [EVENT_##symbol] = #name,
        EVENTS(EVENT_NAME)
#undef EVENT_NAME
    };
    uint32_t place = 1;
    uint64_t all = 0;

    for (unsigned i = 0; i < EVENT_KINDS; i++) {
        all += event_rates[i];
        if (event_totals[i])
            draw_rate(first_row, place++, names[i], event_rates[i]);
    }
    draw_rate(first_row, 0, "events a second", all);
}

/* A count that should be 0 is seen from afar where it is not. */
static uint32_t put_trouble(uint32_t row, uint32_t column, const char *what, uint64_t count)
{
    column = put(row, column, count ? BAD : NUMBER, "  %lu", count);
    return put(row, column, PLAIN, " %s", what);
}

/* Of all CPUs; the temperature is the hottest one's. Counts that no processor tells are left
 * out. */
static void draw_hardware(uint32_t row)
{
    uint32_t column = put(row, 1, PLAIN, "hardware:");
    uint64_t throttles = 0, smis = 0, nmis = 0;
    int64_t below = INT64_MAX, one;
    bool smis_known = false;

    for (uint32_t i = 0; i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        throttles += thermal_throttles(cpu);
        nmis += nmis_unexplained[cpu];
        if ((one = smi_count(cpu)) != REPORT_UNKNOWN) {
            smis_known = true;
            smis += (uint64_t)one;
        }
        if ((one = thermal_below_limit(cpu)) >= 0 && one < below)
            below = one;
    }
    column = put_trouble(row, column, "corrected errors", mce_corrected());
    column = put_trouble(row, column, "times throttled", throttles);
    column = put_trouble(row, column, "unexplained NMIs", nmis);
    if (smis_known)
        column = put(row, put(row, column, NUMBER, "  %lu", smis), PLAIN, " SMIs");
    if (below != INT64_MAX)
        put(row, put(row, column, NUMBER, "  %ld", below), PLAIN, " C to the limit");
}

static void draw_hottest(uint32_t row)
{
    if (hottest.name)
        put(row, 1, PLAIN, "hottest stack: %s of CPU %u, level %u: %u of %u bytes left",
            hottest.name, hottest.cpu, hottest.level, hottest.left, hottest.size);
}

/* Bars: a CPU's events a second against the fastest CPU's; those who share one show their
 * slowest. */

static void draw_small_bar(uint32_t row, uint32_t column, uint64_t rate, uint64_t fastest)
{
    static const char levels[] = {'_', SCREEN_LOWER_HALF, SCREEN_FULL, SCREEN_FULL};
    char c = levels[rate * 3 / fastest];

    screen_put(row, column, rate * 3 / fastest ? GOOD : PLAIN, &c, 1);
}

static void draw_bar(uint32_t row, uint32_t column, uint32_t width, uint64_t rate, uint64_t fastest)
{
    uint32_t cells = width - 1, filled;

    if (width >= BAR_WITH_NUMBER) {
        cells -= NUMBER_COLUMNS;
        put_count(row, column + cells + 1, NUMBER, rate);
    }
    filled = (rate * cells + fastest - 1) / fastest;
    put_many(row, column, FAINT, '.', cells);
    put_many(row, column, GOOD, SCREEN_LOWER_HALF, filled);
}

/* Of the group that begins with that one: the slowest, and whether any is quiet. */
static uint64_t slowest_of(uint32_t first, uint32_t group, bool *quiet)
{
    uint64_t slowest = UINT64_MAX;

    for (uint32_t i = first; i < first + group && i < target_count; i++) {
        uint32_t cpu = target_cpus[i];
        if (cpu_rates[cpu] < slowest)
            slowest = cpu_rates[cpu];
        *quiet |= quiet_pages[cpu] >= QUIET_PAGES;
    }
    return slowest;
}

static uint64_t fastest_rate(void)
{
    uint64_t fastest = 1;

    for (uint32_t i = 0; i < target_count; i++)
        if (cpu_rates[target_cpus[i]] > fastest)
            fastest = cpu_rates[target_cpus[i]];
    return fastest;
}

static void draw_bars(uint32_t first_row, const struct bars *bars)
{
    uint64_t fastest = fastest_rate();

    for (uint32_t i = 0; i * bars->group < target_count; i++) {
        uint32_t row = first_row + i / bars->across, first = i * bars->group;
        uint32_t column = BARS_LABEL_COLUMNS + i % bars->across * bars->width;
        bool quiet = false;
        uint64_t rate = slowest_of(first, bars->group, &quiet);
        if (i % bars->across == 0)
            put(row, 1, PLAIN, "CPU %u", target_cpus[first]);
        if (quiet)
            put_many(row, column, BAD_BAND, 'x', bars->width > 1 ? bars->width - 1 : 1);
        else if (bars->width == 1)
            draw_small_bar(row, column, rate, fastest);
        else
            draw_bar(row, column, bars->width, rate, fastest);
    }
}

static void draw_rule(uint32_t row)
{
    put_many(row, 0, FAINT, '-', columns);
}

/* Counts */

static uint64_t rate_of(uint64_t now, uint64_t *before, uint64_t ms)
{
    uint64_t rate = ms ? (now - *before) * 1000 / ms : 0;

    *before = now;
    return rate;
}

static void count_cpu(uint32_t cpu, uint64_t ms, uint64_t totals[EVENT_KINDS])
{
    uint64_t total = 0, before = cpu_totals[cpu];

    for (unsigned i = 0; i < EVENT_KINDS; i++) {
        uint64_t count = __atomic_load_n(&cpu_at(cpu)->events[i], __ATOMIC_RELAXED);
        totals[i] += count;
        total += count;
    }
    cpu_rates[cpu] = rate_of(total, &cpu_totals[cpu], ms);
    if (total != before)
        quiet_pages[cpu] = 0;
    else if (quiet_pages[cpu] < QUIET_PAGES)
        quiet_pages[cpu]++;
}

static void count_events(void)
{
    static uint64_t totals[EVENT_KINDS];
    uint64_t now_ms = clock_ms(), ms = now_ms - counted_ms;

    counted_ms = now_ms;
    memset(totals, 0, sizeof(totals));
    for (uint32_t i = 0; i < target_count; i++)
        count_cpu(target_cpus[i], ms, totals);
    for (unsigned i = 0; i < EVENT_KINDS; i++)
        event_rates[i] = rate_of(totals[i], &event_totals[i], ms);
}

static void measured(uint32_t cpu, const char *name, uint32_t level, uint32_t size, uint32_t used)
{
    if (used == 0 || (hottest.name && size - used >= hottest.left))
        return;
    hottest.cpu = cpu;
    hottest.name = name;
    hottest.level = level;
    hottest.size = size;
    hottest.left = size - used;
}

static void measure_stacks(uint32_t cpu)
{
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        const struct stack_shape *shape = &stack_shapes[kind];
        uint32_t deepest = shape->ist ? ist_deepest(cpu, kind) : 0;

        for (uint32_t level = 0; level <= deepest && level < shape->levels; level++) {
            uintptr_t high = stack_top(cpu, kind, level);
            measured(cpu, shape->name, level, shape->level_size,
                     stack_used_bytes(high - shape->level_size, high));
        }
    }
    measured(cpu, stack_name(THREAD_STACK), 0, THREAD_SIZE, thread_stack_most_used(cpu));
}

static void measure_some_stacks(void)
{
    static uint32_t next;

    for (unsigned i = 0; i < CPUS_MEASURED && i < target_count; i++)
        measure_stacks(target_cpus[next++ % target_count]);
}

/* The pages */

static void draw_progress(void)
{
    struct bars bars = bars_lay_out(target_count, columns, rows);
    uint32_t first_bar = 6 + rate_rows(), page = first_bar + bars.rows + 2;

    screen_set_page(page < rows ? page : rows - 1);
    draw_title();
    draw_time(1);
    draw_so_far(2);
    draw_run(4, 1);
    draw_hardware(5);
    draw_rates(6);
    draw_bars(first_bar, &bars);
    draw_hottest(page - 2);
    draw_rule(page - 1);
}

bool status_refresh(const struct status_progress *progress)
{
    static uint64_t next_ms;

    if (!machine || clock_ms() < next_ms || !console_take_page(&columns, &rows))
        return false;
    next_ms = clock_ms() + REFRESH_MS;
    shown = *progress;
    count_events();
    measure_some_stacks();
    draw_progress();
    console_give_page();
    return true;
}

/* The word in large letters, and beside it what else there is to know. */
static void show_verdict(const char *reason)
{
    uint32_t first = 3, side = BIG_WORD_COLUMNS, page = first + SCREEN_BIG_ROWS + 3;

    if (!console_take_page(&columns, &rows))
        return;
    shown.time_ms = clock_ms_since(verdict_run_start_ms);
    screen_set_page(page < rows ? page : rows - 1);
    draw_title();
    put_many(1, 0, reason ? BAD_BAND : GOOD_BAND, ' ', columns);
    put(1, 1, reason ? BAD_BAND : GOOD_BAND, "%s", reason ? "FAIL" : "PASS");
    screen_put_big(first, 2, reason ? BAD : GOOD, reason ? "FAIL" : "PASS");
    put_time(first, put(first, side, PLAIN, "after "), shown.time_ms);
    put(first + 1, side, PLAIN, "events: %lu, faults: %lu", events_total(), failure_count());
    draw_run(first + 2, side);
    if (reason)
        put_wrapped(first + 4, 4, side, BAD, reason);
    draw_hardware(page - 3);
    draw_hottest(page - 2);
    draw_rule(page - 1);
    console_give_page();
}

void status_prepare(const struct status_machine *about)
{
    machine = about;
    cpu_above.show_verdict = show_verdict;
}
