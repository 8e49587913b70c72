/* SPDX-License-Identifier: MIT */
/* Counts failures, keeps the first as the verdict's reason, and ends the run. */
#include "cpu/verdict.h"

#include <stdarg.h>

#include "lib/finish.h"
#include "cpu/above.h"
#include "cpu/clock.h"
#include "cpu/inject.h"
#include "cpu/lastword.h"
#include "cpu/percpu.h"
#include "cpu/hardware/smi.h"
#include "lib/above.h"
#include "lib/console.h"
#include "lib/format.h"
#include "lib/report.h"
#include "lib/string.h"

/* clang-format off */
#define FAULT_FIELDS(FIELD) \
    FIELD(text, check, "the check that failed, by name") \
    FIELD(number, cpu, "index of the CPU it failed on") \
    FIELD(text, stack, "the stack concerned") \
    FIELD(text, event, "the event being handled") \
    FIELD(number, level, "nesting level of that stack") \
    FIELD(text, detail, "the expected and the found") \
    FIELD(signed, smis, "SMIs since the last look, if they might explain it and are counted") \
    FIELD(number, seed, "the random seed; to run it again")
REPORT_RECORD(fault, "one failed check, when it fails", FAULT_FIELDS)

#define VERDICT_FIELDS(FIELD) \
    FIELD(text, result, "PASS, FAIL or REFUSED") \
    FIELD(text, reason, "why not PASS; left out when it is") \
    FIELD(number, time_ms, "milliseconds the run took") \
    FIELD(number, events, "events, all CPUs") \
    FIELD(number, faults, "failed checks") \
    FIELD(number, lost_lines, "lines of this report that found no room; 0 in a whole report") \
    FIELD(number, records, "records before this one, to see that none is missing") \
    FIELD(number, records_sum, "sum of the CRC-32s of their lines, modulo 2^32") \
    FIELD(number, lines_crc32, "CRC-32 of all lines before this one, from KTAP version 1 on") \
    FIELD(number, seed, "the random seed; to run it again")
REPORT_RECORD(verdict, "the outcome, once, last of all records", VERDICT_FIELDS)
/* clang-format on */

const char *const check_names[CHECK_COUNT] = {
#define CHECK_NAME(symbol, name, about) [CHECK_##symbol] = name,
    CHECKS(CHECK_NAME)
#undef CHECK_NAME
};

void (*verdict_find_cause)(uint32_t cpu);
uint64_t verdict_seed;
uint64_t verdict_run_start_ms;

static uint64_t counts[CHECK_COUNT];
static uint32_t said[MAX_CPUS];

/* The first failure's text. The CPU that counts the first failure writes it; it is read when the
 * verdict is given. */
static char reason_text[400];
static bool first_claimed;
static const char *first_reason = "see the fault records";     /* until it is whole */

uint64_t failure_count_of(enum check check)
{
    return __atomic_load_n(&counts[check], __ATOMIC_RELAXED);
}

uint64_t failure_count(void)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < CHECK_COUNT; i++)
        total += failure_count_of(i);
    return total;
}

/* A failure's place: the CPU, its stack and level, and the event that found it. */
struct failure_place {
    uint32_t cpu;
    enum stack_kind stack;
    uint32_t level;
    const char *event;
};

static void keep_first(const struct failure_place *place, const char *detail)
{
    if (__atomic_exchange_n(&first_claimed, true, __ATOMIC_ACQ_REL))
        return;
    format(reason_text, sizeof(reason_text), "CPU %u: %s on stack %s: %s", place->cpu,
           place->event, stack_name(place->stack), detail);
    __atomic_store_n(&first_reason, reason_text, __ATOMIC_RELEASE);
    lastword_keep_reason(reason_text);
}

/* The number of SMIs that came. An SMI may unblock NMIs (TRICKS.md). Then one NMI's frame lies on
 * another's, which may cause failures of these checks. REPORT_UNKNOWN: the CPU does not count SMIs,
 * or they do not explain this failure. */
static int64_t smis_that_explain(enum check check, const struct failure_place *place)
{
    bool may = check == CHECK_STACK || check == CHECK_WHOLE || check == CHECK_REST ||
               check == CHECK_FILL || check == CHECK_UNEXPECTED;

    return may && place->cpu == cpu_index() ? smi_since_look() : REPORT_UNKNOWN;
}

static void report_failure(enum check check, const struct failure_place *place, const char *fmt,
                           va_list args)
{
    int64_t smis = smis_that_explain(check, place);
    char detail[320];

    if (check == CHECK_ACCOUNT && cpu_is_lost(place->cpu))
        return;
    format_v(detail, sizeof(detail), fmt, args);
    if (smis > 0)
        format(detail + strlen(detail), sizeof(detail) - strlen(detail),
               "; %ld SMIs came since the last look, which may unblock NMIs", smis);
    if (verdict_find_cause && check != CHECK_TABLES &&
        !__atomic_load_n(&first_claimed, __ATOMIC_ACQUIRE))
        verdict_find_cause(place->cpu);
    __atomic_fetch_add(&counts[check], 1, __ATOMIC_RELAXED);
    keep_first(place, detail);
    if (__atomic_load_n(&said[cpu_index()], __ATOMIC_RELAXED) >= FAILURES_PER_CPU)
        return;                     /* before it is counted: the counter must not wrap */
    __atomic_fetch_add(&said[cpu_index()], 1, __ATOMIC_RELAXED);
    report_fault(&(struct report_fault){
        .check = check_names[check],
        .cpu = place->cpu,
        .stack = stack_name(place->stack),
        .event = place->event,
        .level = place->level,
        .detail = detail,
        .smis = smis,
        .seed = verdict_seed,
    });
}

void check_failed(enum check check, const char *event, const char *fmt, ...)
{
    struct stack_place here = stack_find(read_rsp());
    va_list args;

    va_start(args, fmt);
    report_failure(check, &(struct failure_place){cpu_index(), here.kind, here.level, event}, fmt,
                   args);
    va_end(args);
}

void check_failed_on(enum check check, uint32_t cpu, enum stack_kind stack, uint32_t level,
                     const char *event, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_failure(check, &(struct failure_place){cpu, stack, level, event}, fmt, args);
    va_end(args);
}

uint64_t events_total(void)
{
    uint64_t total = 0;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        for (unsigned event = 0; event < EVENT_KINDS; event++)
            total += __atomic_load_n(&cpu_at(cpu)->events[event], __ATOMIC_RELAXED);
    return total;
}

void failure_check_consoles(void)
{
    static unsigned said_ports;         /* a bit a port */
    struct console_failure failure;
    unsigned port = 0;

    console_settle();
    while (console_find_failure(&port, &failure)) {
        if (said_ports & 1u << port)
            continue;
        said_ports |= 1u << port;
        check_failed_on(CHECK_CONSOLE, cpu_index(), NO_STACK, 0, "serial",
                        "serial port %s0x%lx took no bytes: %lu lines wait, %lu are lost there",
                        failure.place.in_memory ? "mmio:" : "", failure.place.address,
                        failure.waiting, failure.lost);
    }
}

const char *failure_first(void)
{
    return failure_count() ? __atomic_load_n(&first_reason, __ATOMIC_ACQUIRE) : NULL;
}

/* Writes out the whole report. inject=dies-telling: writing to the console raises #UD, and the
 * second time the machine resets. */
static void write_out(void)
{
    static bool again;

    if (inject_planted(INJECT_DIES_TELLING)) {
        if (again)
            lib_above.shut_down();
        again = true;
        __builtin_trap();
    }
    console_seize();
}

/* A run that dies before its verdict is out leaves its record, or the next boot would pass. */
static _Noreturn void leave(bool passed)
{
    report_verdict_line(passed ? "PASS" : "FAIL", passed ? NULL : first_reason);
    write_out();
    if (console_is_out())
        lastword_clear();
    finish(passed ? FINISH_PASS : FINISH_FAIL);
}

static _Noreturn void give_verdict(void)
{
    bool passed;

    failure_check_consoles();
    passed = failure_count() == 0;
    report_verdict(&(struct report_verdict){
        .result = passed ? "PASS" : "FAIL",
        .reason = passed ? NULL : first_reason,
        .time_ms = clock_ms_since(verdict_run_start_ms),
        .events = events_total(),
        .faults = failure_count(),
        .lost_lines = console_dropped(),
        .records = report_records(),
        .records_sum = report_records_sum(),
        .lines_crc32 = console_sum(),
        .seed = verdict_seed,
    });
    cpu_above.show_verdict(failure_first());
    leave(passed);
}

static _Noreturn void wait_for_the_end(void)
{
    interrupts_off();
    for (;;)
        __asm__ volatile("hlt");
}

/* One CPU ends the run, and the others are stopped before the verdict, so that it stays the last
 * line. If that CPU fails meanwhile itself, it writes only the verdict. */
static uint32_t last;               /* its index + 1 */

bool verdict_is_ending(void)
{
    return __atomic_load_n(&last, __ATOMIC_ACQUIRE) != 0;
}

static void become_the_last(void)
{
    uint32_t self = cpu_index() + 1, nobody = 0;

    interrupts_off();
    if (!__atomic_compare_exchange_n(&last, &nobody, self, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        if (nobody != self)
            wait_for_the_end();
        leave(false);
    }
    cpu_above.stop_others();
    write_out();
}

_Noreturn void verdict_give(void)
{
    become_the_last();
    give_verdict();
}

_Noreturn void verdict_fatal(void)
{
    become_the_last();
    report_note("Bail out! %s", first_reason);
    give_verdict();
}
