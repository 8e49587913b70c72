/* SPDX-License-Identifier: MIT */
/* Failures that the checks find, the verdict that they lead to, and the end of the run.
 *
 * Any context, NMI, #MC and #DF included: nothing here takes a lock. */
#ifndef ISTSTORM_CPU_VERDICT_H
#define ISTSTORM_CPU_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/stacks.h"

/* The checks that every run makes: C(symbol, name, the statement that must hold). */
#define CHECKS(C)                                                                                  \
    C(STACK, "stack", "a handler runs on the stack of its own CPU, kind and depth")                \
    C(WHOLE, "whole", "what was interrupted comes back whole")                                     \
    C(ACCOUNT, "account", "every event is accounted for")                                          \
    C(BALANCE, "balance", "every CPU and every kind of event has its share")                       \
    C(REST, "rest", "at rest, IST values, nest counters and softirq masks are at their base")      \
    C(TABLES, "tables", "IDT, GDT, TSS and the entries' MSRs are as they were loaded")             \
    C(FILL, "fill", "fill patterns and end magics are whole, no guard page was touched")           \
    C(ALIVE, "alive", "every CPU moves within its bound")                                          \
    C(CLOCK, "clock", "no CPU's time-stamp counter runs backwards")                                \
    C(UNEXPECTED, "unexpected", "no exception comes that nobody asked for")                        \
    C(HARDWARE, "hardware", "the machine reports no uncorrected error of its own")                 \
    C(BRINGUP, "bringup", "every enabled CPU comes up")                                            \
    C(LEAK, "leak", "all threads and pages come back")                                             \
    C(MANUAL, "manual", "the rules of the manual that are tried hold")                     \
    C(CONSOLE, "console", "no serial port is stuck, or has lost lines of the report")              \
    C(BEFORE, "before", "the run before this one came to a verdict")

enum check {
#define CHECK_ENUM(symbol, name, about) CHECK_##symbol,
    CHECKS(CHECK_ENUM)
#undef CHECK_ENUM
    CHECK_COUNT
};

extern const char *const check_names[CHECK_COUNT];

/* A check does not hold: counts and reports the failure, seen on this CPU, on the stack in use. The
 * first failure becomes the verdict's reason. The run goes on, or ends soon: see failure_count(). A
 * CPU that has reported FAILURES_PER_CPU reports no more; its failures are still counted. Events
 * that a lost CPU did not account for are no failure of their own, and are left out. */
__attribute__((format(printf, 3, 4)))
void check_failed(enum check check, const char *event, const char *format, ...);
#define FAILURES_PER_CPU 8

/* The same, on a level of a stack of any CPU. */
__attribute__((format(printf, 6, 7)))
void check_failed_on(enum check check, uint32_t cpu, enum stack_kind stack, uint32_t level,
                     const char *event, const char *format, ...);

uint64_t failure_count(void);
uint64_t failure_count_of(enum check check);

/* A failure for each serial port that takes no bytes any more, or has lost lines, once each. Called
 * before the tests are reported, and again before the verdict. */
void failure_check_consoles(void);

/* The first failure's text, which is the verdict's reason; NULL: there is none so far. */
const char *failure_first(void);

/* Whether a CPU ends the run: from then on nothing ticks, and the report is written out. Any
 * context. */
bool verdict_is_ending(void);

/* Ends the run where it stands, because nothing can be trusted to go on: stops the other CPUs,
 * empties the console, gives the verdict. The second CPU that comes here waits for the first. */
_Noreturn void verdict_fatal(void);

/* Stops the other CPUs, gives the verdict (a record and the last line), and leaves the machine as
 * `end=` says. Thread context. */
_Noreturn void verdict_give(void);

/* Called with the CPU that the run's first failure is about, before that is reported: a cause that
 * it finds is reported first, as a failure of its own. Any context. Or NULL. */
extern void (*verdict_find_cause)(uint32_t cpu);

/* Parts of the verdict's record. */
extern uint64_t verdict_seed;
extern uint64_t verdict_run_start_ms;

uint64_t events_total(void);

#endif
