/* SPDX-License-Identifier: MIT */
/* The workload `conform`: the checks that are asked for, one after the other on the first CPU, each
 * in a sandbox; a record and a test each, and one fault for all that deviate. */
#include "workloads/conform/conform.h"

#include <stdarg.h>
#include <stddef.h>

#include "cpu/verdict.h"
#include "cpu/features.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/hardware/smi.h"
#include "cpu/claim.h"
#include "cpu/x86.h"
#include "lib/console.h"
#include "lib/format.h"
#include "lib/report.h"
#include "lib/string.h"
#include "workloads/conform/partner.h"
#include "workloads/workload.h"

/* clang-format off */
#define CONFORM_FIELDS(FIELD) \
    FIELD(text, check, "its name, as in check=: subject.rule") \
    FIELD(text, section, "of the manual: SDM 3A 6.7.1") \
    FIELD(text, rule, "what the manual says, in one line") \
    FIELD(text, expected, "what had to be seen") \
    FIELD(text, seen, "what was seen; or why there was nothing to try") \
    FIELD(text, result, "holds, deviates or skipped") \
    FIELD(signed, smis, "SMIs meanwhile; left out where they are not counted") \
    FIELD(text, danger, "what trying it may do to a machine; left out when nothing")
REPORT_RECORD(conform, "one rule of the manual, tried on this machine", CONFORM_FIELDS)
/* clang-format on */

#define FAR_AWAY 256                /* a probe has fewer bytes */

static struct tally CPU_TABLE(tallies);
static char first_deviation[64];
static const struct conform_check *under_way;   /* or NULL */

static void append(char *text, const char *fmt, va_list args)
{
    size_t used = strlen(text);

    format_v(text + used, CONFORM_TEXT - used, fmt, args);
}

void conform_expect(struct conform *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    append(c->expected, fmt, args);
    va_end(args);
}

void conform_see(struct conform *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    append(c->seen, fmt, args);
    va_end(args);
}

void conform_skip(struct conform *c, const char *why)
{
    c->skipped = true;
    c->seen[0] = '\0';
    conform_see(c, "%s", why);
}

bool conform_amd(void)
{
    return strcmp(cpu_features.vendor, "AuthenticAMD") == 0 ||
           strcmp(cpu_features.vendor, "HygonGenuine") == 0;
}

static void see_vector(struct conform *c, uint64_t vector)
{
    if (vector >= VECTOR_FIRST_EXTERNAL)
        conform_see(c, "vector 0x%lx", vector);
    else
        conform_see(c, "%s", vector_name(vector));
}

static void see_event(struct conform *c, const struct sandbox_event *event)
{
    see_vector(c, event->vector ^ inject_planted(INJECT_WRONG_VECTOR));
    if (event->has_error_code)
        conform_see(c, "(0x%lx)", event->error_code);
}

void conform_see_events(struct conform *c)
{
    if (c->box->count == 0)
        conform_see(c, "nothing");
    for (unsigned i = 0; i < c->box->count; i++) {
        conform_see(c, i ? ", " : "");
        see_event(c, &c->box->events[i]);
    }
}

void conform_see_rip(struct conform *c, uint64_t rip, const char *probe)
{
    int64_t offset = rip - (uint64_t)probe, stub = rip - (uint64_t)sandbox_stubs;

    if (offset >= 0 && offset <= FAR_AWAY) {
        conform_see(c, "+%ld", offset);
    } else if (stub >= 0 && stub < VECTOR_COUNT * SANDBOX_STUB_SIZE) {
        see_vector(c, stub / SANDBOX_STUB_SIZE);
        conform_see(c, "'s handler");
    } else {
        conform_see(c, "elsewhere");
    }
}

bool conform_is_behind_mov_ss(const struct sandbox_event *event, const char *probe,
                              const char *end)
{
    static const char mov_ss_eax[] = {(char)0x8e, (char)0xd0};
    const char *rip = (const char *)event->pushed.rip;

    return rip >= probe + 2 && rip < end && memcmp(rip - 2, mov_ss_eax, 2) == 0;
}

void conform_try(struct conform *c, const char *probe, uint64_t rdi, uint64_t rsi)
{
    sandbox_run(c->box, probe, rdi, rsi, 0);
    conform_see_events(c);
}

const struct sandbox_event *conform_event(struct conform *c, unsigned vector)
{
    for (unsigned i = 0; i < c->box->count; i++)
        if (c->box->events[i].vector == vector)
            return &c->box->events[i];
    conform_see(c, "no ");
    see_vector(c, vector);
    conform_see(c, ": ");
    conform_see_events(c);
    return NULL;
}

void conform_see_rf(struct conform *c, unsigned vector)
{
    const struct sandbox_event *e = conform_event(c, vector);

    if (e)
        conform_see(c, "RF %s", e->pushed.rflags & RFLAGS_RF ? "set" : "clear");
}

enum sandbox_way conform_go_on_past(struct sandbox *box, struct sandbox_pushed *pushed)
{
    (void)box;
    pushed->rflags |= RFLAGS_RF;
    return RESUME;
}

unsigned conform_names(const char *const **names)
{
    static const char *all[RUN_CHECKS];
    unsigned count = conform_end - conform_start;

    for (unsigned i = 0; i < count && i < RUN_CHECKS; i++)
        all[i] = conform_start[i].name;
    *names = all;
    return count < RUN_CHECKS ? count : RUN_CHECKS;
}

static bool selected(const struct run *run, const struct conform_check *check)
{
    unsigned i = check - conform_start;

    if (run->checks.given)
        return run->checks.bits[i / 64] >> i % 64 & 1;
    return !check->danger;
}

/* A machine that dies of it leaves its name behind. */
static void warn(const struct conform_check *check)
{
    report_note("conform: %s begins, and may %s this machine", check->name, check->danger);
    console_drain();
}

static void try_probe(struct conform *c, const struct conform_check *check)
{
    bool amd = check->raises_amd && conform_amd();

    conform_expect(c, "%s", amd ? check->raises_amd : check->raises);
    if (check->prepare)
        check->prepare(c);
    if (c->skipped)
        return;
    if (check->user)
        sandbox_run_user(c->box, check->probe, check->argument, 0);
    else
        sandbox_run(c->box, check->probe, check->argument, 0, 0);
    conform_see_events(c);
}

static void try_alone(struct conform *c, const struct conform_check *check)
{
    c->box = sandbox_enter();
    if (check->run)
        check->run(c);
    else
        try_probe(c, check);
    sandbox_leave(c->box);
}

/* The lost CPU may still do anything, so the run cannot go on. */
static void lose_partner(const struct conform_check *check)
{
    check_failed(CHECK_MANUAL, "conform", "the second CPU does not come back from %s", check->name);
    verdict_fatal();
}

static void try_check(struct conform *c, const struct conform_check *check)
{
    int64_t smis = smi_begin();

    c->smis = REPORT_UNKNOWN;
    const char *missing = check->partner ? partner_start(c, check->partner) : NULL;

    if (missing == partner_late)
        lose_partner(check);
    if (missing) {
        conform_skip(c, missing);
        return;
    }
    try_alone(c, check);
    c->smis = smi_since(smis);
    if (check->partner)
        partner_release();
}

static bool report(const struct conform *c, const struct conform_check *check)
{
    bool holds = strcmp(c->expected, c->seen) == 0;

    report_conform(&(struct report_conform){
        .check = check->name,
        .section = check->section,
        .rule = check->rule,
        .expected = c->expected,
        .seen = c->seen,
        .result = c->skipped ? "skipped" : holds ? "holds" : "deviates",
        .smis = c->smis,
        .danger = check->danger,
    });
    if (c->skipped)
        report_skip(check->name, "%s", c->seen);
    else
        report_test(holds, check->name, "%s: expected %s; seen %s", check->section, c->expected,
                    c->seen);
    return holds || c->skipped;
}

static void say_position(char *out, size_t size)
{
    if (under_way)
        format(out, size, "run=conform, check %s", under_way->name);
}

static void run_check(const struct conform_check *check, struct tally *tally)
{
    static struct conform c;

    c = (struct conform){0};
    if (check->danger)
        warn(check);
    tally->sent++;
    under_way = check;
    try_check(&c, check);
    tally->received++;
    if (!report(&c, check) && !tally->failed++)
        format(first_deviation, sizeof(first_deviation), "%s", check->name);
    if (c.other && !partner_end())
        lose_partner(check);
    under_way = NULL;
}

static unsigned tests(const struct run *run)
{
    unsigned count = 0;

    for (const struct conform_check *check = conform_start; check < conform_end; check++)
        count += selected(run, check);
    return count;
}

static void conduct(const struct run *run)
{
    struct tally *tally = &tallies[cpu_index()];

    for (const struct conform_check *check = conform_start; check < conform_end; check++) {
        if (selected(run, check))
            run_check(check, tally);
        workload_breathe();
    }
    if (tally->failed)
        check_failed(CHECK_MANUAL, "conform", "%lu of %lu rules do not hold, %s first",
                     tally->failed, tally->sent, first_deviation);
}

static void prepare(void)
{
    if (conform_end - conform_start > RUN_CHECKS)
        check_failed(CHECK_MANUAL, "conform", "%ld rules, and check= can choose among %u alone",
                     conform_end - conform_start, RUN_CHECKS);
    if (!sandbox_prepare())
        check_failed(CHECK_MANUAL, "conform", "no memory for ring 3's stack");
}

WORKLOAD(conform) = {
    .name = "conform",
    .about = "one check a rule of the manual",
    .keys = KEYS("check"),
    .alone = true,
    .prepare = prepare,
    .conduct = conduct,
    .position = say_position,
    .tests = tests,
    .tallies = tallies,
};
