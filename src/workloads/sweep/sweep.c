/* SPDX-License-Identifier: MIT */
/* The workload `sweep`: goes through all paths, boundaries and events, and reports what was safe
 * and what was lost. The theory is sweep.h's. */
#include "workloads/sweep/sweep.h"

#include <stddef.h>

#include "lib/symbols.h"
#include "cpu/clock.h"
#include "cpu/discipline.h"
#include "cpu/verdict.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/hardware/smi.h"
#include "cpu/softirq.h"
#include "cpu/vectors.h"
#include "cpu/x86.h"
#include "lib/format.h"
#include "lib/report.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "workloads/run/watch.h"
#include "workloads/workload.h"

/* clang-format off */
#define SWEEP_PATH_FIELDS(FIELD) \
    FIELD(text, entry, "the entry discipline, as in entry=") \
    FIELD(text, path, "nmi db bp mc ss df trap irq ...; whose way in and out") \
    FIELD(number, boundaries, "how many there are, in the order in which they come") \
    FIELD(text, addresses, "the first one's address, then how much further each next one is")
REPORT_RECORD(sweep_path, "a path's instruction boundaries, before it is swept", SWEEP_PATH_FIELDS)

#define SWEEP_UNSAFE_FIELDS(FIELD) \
    FIELD(text, entry, "the entry discipline, as in entry=") \
    FIELD(text, path, "the path") \
    FIELD(text, event, "nmi, db, db-nmi (latched behind a #DB) or irq") \
    FIELD(number, boundary, "which of the path's, from 0: before its instruction") \
    FIELD(text, symbol, "the last symbol before it") \
    FIELD(number, offset, "bytes behind that symbol") \
    FIELD(number, address, "of the instruction") \
    FIELD(text, bytes, "the bytes there, in hexadecimal, to disassemble") \
    FIELD(text, lost, "the state that was changed, or the event not handled exactly once") \
    FIELD(signed, smis, "SMIs meanwhile; left out where they are not counted")
REPORT_RECORD(sweep_unsafe, "a boundary of a path at which an event destroys something",
              SWEEP_UNSAFE_FIELDS)

#define SWEEP_FIELDS(FIELD) \
    FIELD(text, entry, "the entry discipline, as in entry=") \
    FIELD(text, path, "the path") \
    FIELD(text, event, "nmi, db, db-nmi (latched behind a #DB) or irq") \
    FIELD(number, boundaries, "at which it was tried; for irq, those where IF is set") \
    FIELD(number, safe, "all was handled once, and nothing was changed") \
    FIELD(number, unsafe, "the rest: each has a record of its own") \
    FIELD(number, held, "safe since the hardware held the event back until the path was over") \
    FIELD(number, closed, "where the event cannot come, since the path has turned DR7 off") \
    FIELD(number, lags, "where the image counts levels otherwise than TSS.ist[] for a moment") \
    FIELD(number, bytes_probed, "of the path, which begin no instruction: breakpoints were there") \
    FIELD(number, unstepped, "boundaries that only these breakpoints found, and no single step")
REPORT_RECORD(sweep, "one event at every boundary of one path, when it is done", SWEEP_FIELDS)
/* clang-format on */

#define INSTRUCTION_BYTES 15
#define LIMIT_MS 600000             /* without time=; it takes seconds, on a busy host minutes */

static struct tally CPU_TABLE(tallies);
static uint64_t limit_ms, end_ms;

static const char *const event_names[SWEEP_EVENT_COUNT] = {
#define SWEEP_NAME(symbol, name) [SWEEP_##symbol] = name,
    SWEEP_EVENTS(SWEEP_NAME)
#undef SWEEP_NAME
};

/* The proof that no boundary was missed: bytes that had a breakpoint, and boundaries found by
 * one. */
struct proof {
    uint64_t probed, found;
};
#define MOST_FOUND 16

/* The outcome of one event on one path. */
struct outcome {
    uint64_t boundaries, safe, unsafe, held, closed, lags;
};

/* The last symbol before an address that has a name of its own: what NASM calls its macros' labels
 * begins with dots. */
static const char *name_address(uint64_t address, uint64_t *offset)
{
    uint64_t behind = 0;
    const char *symbol = symbol_find(address, &behind);

    *offset = behind;
    while (symbol && symbol[0] == '.') {
        symbol = symbol_find(address - *offset - 1, &behind);
        *offset += behind + 1;
    }
    return symbol ? symbol : "?";
}

/* The boundaries are not known yet while they are listed. */
static void say_position(char *out, size_t size)
{
    const struct sweep_trial *t = &sweep_trial;
    uint64_t offset = 0;

    if (t->path && t->at) {
        const char *symbol = name_address(t->at->rip, &offset);
        format(out, size, "run=sweep, path %s, event %s, boundary %u at %s+0x%lx", t->path->name,
               event_names[t->event], (unsigned)(t->at - sweep_boundaries), symbol, offset);
    } else if (t->path) {
        format(out, size, "run=sweep, path %s, its boundaries", t->path->name);
    }
}

/* Apart, since all that lies on the stack of a trial is compared. */
static __attribute__((cold, noinline)) _Noreturn void end_of_time(void)
{
    char where[WATCH_TEXT] = "";

    say_position(where, sizeof(where));
    check_failed_on(CHECK_ALIVE, cpu_index(), NO_STACK, 0, "sweep",
                    "its time is over: %lu ms; it is in %s", limit_ms, where);
    verdict_fatal();
}

/* Ticks wait, softirqs and wake-ups that they left are done, and nothing else comes. */
static void try(struct sweep_trial trial)
{
    if (clock_ms() >= end_ms)
        end_of_time();
    softirq_flush();
    write_cr8(CR8_ALL_BUT_HIGHEST);
    interrupts_off();
    this_cpu->need_resched = 0;
    sweep_trial = trial;
    sweep_arm(&sweep_trial);
    trial.path->cause();
    sweep_disarm();
    write_cr8(CR8_NO_TRAPS);
    interrupts_on();
}

static void fail(const struct sweep_path *path, const char *event, const char *what, uint64_t rip)
{
    uint64_t offset = 0;
    const char *symbol = name_address(rip, &offset);

    check_failed_on(CHECK_ACCOUNT, cpu_index(), NO_STACK, 0, "sweep",
                    "path %s, event %s, at %s+0x%lx: %s", path->name, event, symbol, offset, what);
    tallies[cpu_index()].failed++;
}

/* The second time counts: at the first, an event may be its stack's deepest, which is kept. */
static bool list(const struct sweep_path *path)
{
    for (unsigned i = 0; i < 2; i++) {
        sweep_forget_boundaries();
        try((struct sweep_trial){.path = path, .method = METHOD_LIST});
    }
    if (sweep_trial.phase == PHASE_OFF && sweep_boundary_count > 0 &&
        sweep_boundary_count < SWEEP_BOUNDARIES)
        return true;
    fail(path, "none", "its boundaries could not be listed", sweep_path_start(path));
    return false;
}

static bool is_listed(uint64_t rip)
{
    for (unsigned i = 0; i < sweep_boundary_count; i++)
        if (sweep_boundaries[i].rip == rip)
            return true;
    return false;
}

/* Looks at the breakpoints on some of the bytes behind the boundary before `place`. True: the first
 * byte that begins an instruction is in the list now, and the next look begins there. */
static bool take_proof(const struct sweep_path *path, unsigned place, struct proof *proof)
{
    if (!sweep_trial.missed.pass)
        return false;
    if (sweep_boundary_count + 1 == SWEEP_BOUNDARIES || proof->found == MOST_FOUND) {
        fail(path, "none", "too many boundaries", sweep_trial.missed.rip);
        return false;
    }
    sweep_insert_boundary(place, sweep_trial.missed);
    proof->found++;
    return true;
}

/* Every byte that an instruction of the path may have, but for those that begin one. */
static struct proof prove(const struct sweep_path *path)
{
    struct sweep_trial trial = {.path = path, .method = METHOD_PROVE};
    struct proof proof = {0};

    for (unsigned i = 0; i < sweep_boundary_count; i++) {
        uint64_t b = sweep_boundaries[i].rip + 1, end = b + INSTRUCTION_BYTES - 1;
        if (sweep_boundaries[i].pass > 1)
            continue;
        while (b < end && !is_listed(b)) {
            unsigned armed = 0;
            memset(trial.between, 0, sizeof(trial.between));
            while (armed < SWEEP_PROOFS && b < end && !is_listed(b))
                trial.between[armed++] = b++;
            try(trial);
            if (take_proof(path, i + 1, &proof))
                break;
            proof.probed += armed;
        }
    }
    return proof;
}

static void add_count(const char *event, uint32_t count)
{
    if (count != 1)
        sweep_add_lost(&sweep_trial, count ? "handled more than once" : event);
}

/* Whether each event was handled exactly once. */
static void count_events(void)
{
    struct sweep_trial *t = &sweep_trial;

    if (t->event == SWEEP_NMI || t->event == SWEEP_DB_NMI)
        add_count("the NMI", t->nmis);
    if (t->event == SWEEP_DB || t->event == SWEEP_DB_NMI)
        add_count("the #DB", t->debugs);
    if (t->event == SWEEP_IRQ)
        add_count("the interrupt", t->interrupts);
    if (t->inner_wrong)
        sweep_add_lost(t, "the inner frame");
}

static void report_unsafe(const struct sweep_path *path, unsigned index, enum sweep_event event,
                          int64_t smis)
{
    const uint8_t *code = (const uint8_t *)sweep_boundaries[index].rip;
    char bytes[2 * INSTRUCTION_BYTES + 1];
    uint64_t offset = 0;

    for (unsigned i = 0; i < INSTRUCTION_BYTES; i++)
        format(bytes + 2 * i, 3, "%02x", code[i]);
    report_sweep_unsafe(&(struct report_sweep_unsafe){
        .entry = discipline_name(),
        .path = path->name,
        .event = event_names[event],
        .boundary = index,
        .symbol = name_address((uint64_t)code, &offset),
        .offset = offset,
        .address = (uint64_t)code,
        .bytes = bytes,
        .lost = sweep_trial.lost,
        .smis = smi_since(smis),
    });
}

/* By breakpoint; where DR7 is off on the path, a #DB cannot come, and other events are brought
 * there by single step. */
static bool reach(struct sweep_trial *trial, struct outcome *o)
{
    try(*trial);
    if (sweep_trial.reached)
        return true;
    if (trial->event == SWEEP_DB || trial->event == SWEEP_DB_NMI) {
        o->closed++;
        return false;
    }
    trial->method = METHOD_STEP;
    try(*trial);
    if (!sweep_trial.reached)
        fail(trial->path, event_names[trial->event], "the boundary was not reached",
             trial->at->rip);
    return sweep_trial.reached;
}

static void try_boundary(const struct sweep_path *path, unsigned index, enum sweep_event event,
                         uint32_t outer, struct outcome *o)
{
    struct sweep_trial trial = {.path = path, .method = METHOD_BREAKPOINT, .event = event,
                                .at = &sweep_boundaries[index]};
    struct tally *tally = &tallies[cpu_index()];

    int64_t smis = smi_begin();

    o->boundaries++;
    if (!reach(&trial, o))
        return;
    count_events();
    tally->sent++;
    tally->received++;
    o->lags += sweep_trial.lags;
    if (sweep_trial.outer != outer)
        sweep_add_lost(&sweep_trial, "the path's own event");
    if (!sweep_trial.came_back)
        sweep_add_lost(&sweep_trial, "the way back");
    if (sweep_trial.lost[0]) {
        o->unsafe++;
        report_unsafe(path, index, event, smis);
        return;
    }
    o->held += sweep_trial.held;
    o->safe++;
}

static void sweep_event(const struct sweep_path *path, enum sweep_event event, uint32_t outer,
                        struct proof proof)
{
    struct outcome o = {0};

    for (unsigned i = 0; i < sweep_boundary_count && path->nmis != NMIS_REPEAT; i++)
        if (event != SWEEP_IRQ || sweep_boundaries[i].interruptible)
            try_boundary(path, i, event, outer, &o);
    workload_breathe();
    report_sweep(&(struct report_sweep){
        .entry = discipline_name(),
        .path = path->name,
        .event = event_names[event],
        .boundaries = o.boundaries,
        .safe = o.safe,
        .unsafe = o.unsafe,
        .held = o.held,
        .closed = o.closed,
        .lags = o.lags,
        .bytes_probed = proof.probed,
        .unstepped = proof.found,
    });
}

/* The list, each boundary as what it is further than the one before. */
static void report_path(const struct sweep_path *path)
{
    static char text[SWEEP_BOUNDARIES * 8];
    size_t length = format(text, sizeof(text), "%lu", sweep_boundaries[0].rip);

    for (unsigned i = 1; i < sweep_boundary_count; i++) {
        int64_t further = (int64_t)(sweep_boundaries[i].rip - sweep_boundaries[i - 1].rip);
        length += format(text + length, sizeof(text) - length, " %ld", further);
    }
    report_sweep_path(&(struct report_sweep_path){
        .entry = discipline_name(),
        .path = path->name,
        .boundaries = sweep_boundary_count,
        .addresses = text,
    });
}

static void be_switched_to(void *unused)
{
    (void)unused;
    while (!thread_stopping())
        thread_yield();
}

static void sweep_path(const struct sweep_path *path)
{
    if (!list(path))
        return;
    uint32_t outer = sweep_trial.outer;
    struct proof proof = prove(path);
    report_path(path);
    for (unsigned event = 0; event < SWEEP_EVENT_COUNT; event++)
        sweep_event(path, event, outer, proof);
}

/* Beside the thread that the path needs. */
static void sweep_path_with_partner(const struct sweep_path *path)
{
    struct thread_life partner = path->ring3_does
                                     ? sweep_ring3_run()
                                     : thread_run("partner", cpu_index(), be_switched_to, NULL);

    if (!partner.thread) {
        fail(path, "none", "no memory for its thread", sweep_path_start(path));
        return;
    }
    thread_sleep_ms(1);             /* until it waits for its turn */
    sweep_path(path);
    thread_stop_and_join(partner);
}

/* In an NMI, under the discipline in force: an exception's IRET may let the next NMI in, and no
 * breakpoint is on under entry=repeat. */
static bool is_survived(const struct sweep_path *path)
{
    if (path->nmis == NMIS_REPEAT)
        return discipline == &discipline_repeat;
    return path->nmis != IN_NMI || discipline->levels > 1;
}

static void run(const struct run *options)
{
    limit_ms = options->time_ms ? options->time_ms : LIMIT_MS;
    end_ms = clock_ms() + limit_ms;
    sweep_probe_install();
    for (unsigned i = 0; i < sweep_path_count && !failure_count(); i++)
        if (is_survived(&sweep_paths[i]))
            sweep_path_with_partner(&sweep_paths[i]);
    sweep_probe_remove();
}

WORKLOAD(sweep) = {
    .name = "sweep",
    .about = "an event at every instruction boundary of every path",
    .keys = KEYS("time"),
    .alone = true,
    .prepare = sweep_take_over,
    .conduct = run,
    .position = say_position,
    .tallies = tallies,
};
