/* SPDX-License-Identifier: MIT */
/* Counts faults, keeps the first as the verdict's reason, and ends the run. */
#include "cpu/fault.h"

#include <stdarg.h>

#include "boot/finish.h"
#include "cpu/clock.h"
#include "cpu/lastword.h"
#include "cpu/percpu.h"
#include "lib/console.h"
#include "lib/format.h"
#include "lib/report.h"

const char *const check_names[CHECK_COUNT] = {
#define CHECK_NAME(symbol, name, about) [CHECK_##symbol] = name,
    CHECKS(CHECK_NAME)
#undef CHECK_NAME
};

void (*fault_stop_others)(void);
void (*fault_last_words)(void);
void (*fault_show_verdict)(const char *reason);
uint64_t fault_seed;
uint64_t fault_run_start_ms;

static uint64_t counts[CHECK_COUNT];
static uint32_t said[MAX_CPUS];

/* The first fault's text. Claimed by the CPU that counts the first fault, read when the verdict is
 * given. */
static char reason_text[256];
static bool first_claimed;
static const char *first_reason = "see the fault records";     /* until it is whole */

uint64_t fault_count_of(enum check check)
{
    return __atomic_load_n(&counts[check], __ATOMIC_RELAXED);
}

uint64_t fault_count(void)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < CHECK_COUNT; i++)
        total += fault_count_of(i);
    return total;
}

struct fault_place fault_here(const char *event)
{
    struct stack_place place = stack_find(read_rsp());
    return (struct fault_place){cpu_index(), place.kind, place.level, event};
}

static void keep_first(const struct fault_place *place, const char *detail)
{
    if (__atomic_exchange_n(&first_claimed, true, __ATOMIC_ACQ_REL))
        return;
    format(reason_text, sizeof(reason_text), "CPU %u: %s on stack %s: %s", place->cpu,
           place->event, stack_name(place->stack), detail);
    __atomic_store_n(&first_reason, reason_text, __ATOMIC_RELEASE);
    lastword_keep_reason(reason_text);
}

void fault_report(enum check check, const struct fault_place *place, const char *fmt, ...)
{
    char detail[200];
    va_list args;

    if (check == CHECK_ACCOUNT && cpu_is_lost(place->cpu))
        return;
    va_start(args, fmt);
    format_v(detail, sizeof(detail), fmt, args);
    va_end(args);
    __atomic_fetch_add(&counts[check], 1, __ATOMIC_RELAXED);
    keep_first(place, detail);
    if (__atomic_load_n(&said[cpu_index()], __ATOMIC_RELAXED) >= FAULTS_PER_CPU)
        return;                     /* before it is counted: the counter must not wrap */
    __atomic_fetch_add(&said[cpu_index()], 1, __ATOMIC_RELAXED);
    report_fault(&(struct report_fault){
        .check = check_names[check],
        .cpu = place->cpu,
        .stack = stack_name(place->stack),
        .event = place->event,
        .level = place->level,
        .detail = detail,
        .seed = fault_seed,
    });
}

uint64_t events_total(void)
{
    uint64_t total = 0;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        for (unsigned event = 0; event < EVENT_KINDS; event++)
            total += __atomic_load_n(&cpu_at(cpu)->events[event], __ATOMIC_RELAXED);
    return total;
}

void fault_check_consoles(void)
{
    static unsigned said_ports;         /* a bit a port */
    struct fault_place place = {cpu_index(), NO_STACK, 0, "serial"};
    struct console_failure failure;
    unsigned port = 0;

    console_settle();
    while (console_find_failure(&port, &failure)) {
        if (said_ports & 1u << port)
            continue;
        said_ports |= 1u << port;
        fault_report(CHECK_CONSOLE, &place,
                     "serial port %s0x%lx took no bytes: %lu lines wait, %lu are lost there",
                     failure.place.in_memory ? "mmio:" : "", failure.place.address,
                     failure.waiting, failure.lost);
    }
}

const char *fault_first(void)
{
    return fault_count() ? __atomic_load_n(&first_reason, __ATOMIC_ACQUIRE) : NULL;
}

static _Noreturn void give_verdict(void)
{
    bool passed;

    fault_check_consoles();
    passed = fault_count() == 0;
    report_verdict(&(struct report_verdict){
        .result = passed ? "PASS" : "FAIL",
        .reason = passed ? NULL : first_reason,
        .time_ms = clock_ms_since(fault_run_start_ms),
        .events = events_total(),
        .faults = fault_count(),
        .lost_lines = console_dropped(),
        .records = report_records(),
        .records_sum = report_records_sum(),
        .seed = fault_seed,
    });
    if (fault_show_verdict)
        fault_show_verdict(fault_first());
    report_verdict_line(passed ? "PASS" : "FAIL", passed ? NULL : first_reason);
    lastword_clear();
    finish(passed ? FINISH_PASS : FINISH_FAIL);
}

static _Noreturn void wait_for_the_end(void)
{
    interrupts_off();
    for (;;)
        __asm__ volatile("hlt");
}

/* One CPU ends the run, and the others are stopped before the verdict, so that it stays the last
 * line. When the one that ends it faults itself, it says no more than the verdict. */
static void become_the_last(void)
{
    static uint32_t last;               /* its index + 1 */
    uint32_t self = cpu_index() + 1, nobody = 0;

    interrupts_off();
    if (!__atomic_compare_exchange_n(&last, &nobody, self, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        if (nobody != self)
            wait_for_the_end();
        report_verdict_line("FAIL", first_reason);
        lastword_clear();
        finish(FINISH_FAIL);
    }
    if (fault_stop_others)
        fault_stop_others();
    console_seize();
}

_Noreturn void fault_verdict(void)
{
    become_the_last();
    give_verdict();
}

_Noreturn void fault_fatal(void)
{
    become_the_last();
    if (fault_last_words)
        fault_last_words();
    report_note("Bail out! %s", first_reason);
    give_verdict();
}
