/* SPDX-License-Identifier: MIT */
/* What is wrong, and the end of the run: faults found by the checks, and the verdict that they lead
 * to.
 *
 * Any context, NMI, #MC and #DF included: nothing here takes a lock. */
#ifndef ISTSTORM_CPU_FAULT_H
#define ISTSTORM_CPU_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/stacks.h"

/* The checks that every run makes, in the order of the design; C(symbol, name, what holds). */
#define CHECKS(C)                                                                                  \
    C(STACK, "stack", "a handler runs on the stack of its own CPU, kind and depth")                \
    C(WHOLE, "whole", "what was interrupted comes back whole")                                     \
    C(ACCOUNT, "account", "every event is accounted for")                                          \
    C(REST, "rest", "at rest, IST values, nest counters and softirq masks are at their base")      \
    C(FILL, "fill", "fill patterns and end magics are whole, no guard page was touched")           \
    C(ALIVE, "alive", "every CPU moves within its bound")                                          \
    C(CLOCK, "clock", "no CPU's time-stamp counter runs backwards")                                \
    C(UNEXPECTED, "unexpected", "no exception comes that nobody asked for")                        \
    C(HARDWARE, "hardware", "the machine reports no uncorrected error of its own")                 \
    C(BRINGUP, "bringup", "every enabled CPU comes up")                                            \
    C(LEAK, "leak", "all threads and pages come back")                                             \
    C(MANUAL, "manual", "the rules of the manual that run=conform tries hold")                     \
    C(CONSOLE, "console", "no serial port is stuck, or has lost lines of the report")              \
    C(BEFORE, "before", "the run before this one came to a verdict")

enum check {
#define CHECK_ENUM(symbol, name, about) CHECK_##symbol,
    CHECKS(CHECK_ENUM)
#undef CHECK_ENUM
    CHECK_COUNT
};

extern const char *const check_names[CHECK_COUNT];

/* Where a fault was seen: which CPU's which stack, at which level, by what event. */
struct fault_place {
    uint32_t cpu;
    enum stack_kind stack;
    uint32_t level;
    const char *event;
};

/* This CPU and the stack that is in use. */
struct fault_place fault_here(const char *event);

/* Counts and reports a fault; the first one becomes the verdict's reason. The run goes on, or ends
 * soon: see fault_count(). A CPU that has reported FAULTS_PER_CPU says no more; its faults are
 * still counted. What a CPU owes that was found hung is no fault of its own, and is left out. */
__attribute__((format(printf, 3, 4)))
void fault_report(enum check check, const struct fault_place *place, const char *format, ...);
#define FAULTS_PER_CPU 8

uint64_t fault_count(void);
uint64_t fault_count_of(enum check check);

/* A fault for each serial port that takes no bytes any more, or has lost lines, once each: asked
 * for before the tests are reported, and again before the verdict. */
void fault_check_consoles(void);

/* The first fault's text, which is the verdict's reason; NULL: there is none so far. */
const char *fault_first(void);

/* Shows the verdict to who stands before the machine; the reason is NULL for PASS. Or NULL. */
extern void (*fault_show_verdict)(const char *reason);

/* Ends the run where it stands, because nothing can be trusted to go on: stops the other CPUs,
 * empties the console, gives the verdict. The second CPU that comes here waits for the first. */
_Noreturn void fault_fatal(void);

/* Stops the other CPUs, gives the verdict (a record and the last line), and leaves the machine as
 * `end=` says. Thread context. */
_Noreturn void fault_verdict(void);

/* Said by the room above that knows how: stops all other CPUs, within a bound. */
extern void (*fault_stop_others)(void);

/* What fault_fatal is to report when all other CPUs stand still; or NULL. */
extern void (*fault_last_words)(void);

/* What the verdict says about the run. */
extern uint64_t fault_seed;
extern uint64_t fault_run_start_ms;

uint64_t events_total(void);

#endif
