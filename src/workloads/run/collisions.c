/* SPDX-License-Identifier: MIT */
/* Collisions, counted and told: see collisions.h. */
#include "workloads/run/collisions.h"

#include "cpu/vectors.h"
#include "lib/format.h"
#include "lib/report.h"
#include "workloads/run/coverage.h"
#include "workloads/run/target.h"

/* clang-format off */
#define COLLISION_FIELD(FIELD, symbol, name, field) \
    FIELD(number, field, "of these, how many came while that ran: " name)
#define COLLISION_FIELDS(FIELD) \
    FIELD(text, event, "the event that came") \
    FIELD(number, events, "how often, all CPUs") \
    COLLISION_KINDS(COLLISION_FIELD, FIELD)
REPORT_RECORD(collision, "what an event came in the middle of, at the end", COLLISION_FIELDS)
/* clang-format on */

struct collisions CPU_TABLE(collisions);

static const char *const names[COLLISION_COUNT] = {
#define COLLISION_NAME(F, symbol, name, field) [COLLISION_##symbol] = name,
    COLLISION_KINDS(COLLISION_NAME, )
#undef COLLISION_NAME
};

enum collision collision_of_vector(uint32_t vector)
{
    switch (vector) {
    case VECTOR_NMI: return COLLISION_NMI;
    case VECTOR_DB: return COLLISION_DB;
    case VECTOR_BP: return COLLISION_BP;
    case VECTOR_MC: return COLLISION_MC;
    case VECTOR_SS: return COLLISION_SS;
    case VECTOR_DF: return COLLISION_DF;
    case VECTOR_PF: return COLLISION_PF;
    default: return COLLISION_TRAP;
    }
}

static enum collision of_path(const struct entry_path *path, enum collision now)
{
    switch (path->kind) {
    case PATH_IRQ: return COLLISION_HARDIRQ;
    case PATH_SYSCALL: return COLLISION_SYSCALL;
    case PATH_EXIT: return COLLISION_EXIT;
    case PATH_SOFTIRQ: return COLLISION_SOFTIRQ;
    case PATH_SWITCH: return COLLISION_SWITCH;
    default: return path->vector == PATH_ANY_VECTOR ? now : collision_of_vector(path->vector);
    }
}

static void note_hit(enum collision event, uint64_t rip)
{
    if (event == COLLISION_NMI)
        coverage_note(COVERED_BY_NMI, rip);
    else if (event == COLLISION_HARDIRQ)
        coverage_note(COVERED_BY_IRQ, rip);
    else if (event == COLLISION_DB)
        coverage_note(COVERED_BY_DB, rip);
}

enum collision collision_in_entry(enum collision event, uint64_t rip, enum collision now)
{
    note_hit(event, rip);
    for (const struct entry_path *path = entry_paths_start; path < entry_paths_end; path++)
        if (rip >= (uint64_t)path->start && rip < (uint64_t)path->end)
            return of_path(path, now);
    return now;
}

static uint64_t total(enum collision event, enum collision in)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < target_count; i++)
        sum += collisions[target_cpus[i]].counts[event][in];
    return sum;
}

static uint64_t events_of(enum collision event)
{
    uint64_t sum = 0;

    for (unsigned in = 0; in < COLLISION_COUNT; in++)
        sum += total(event, in);
    return sum;
}

static void report_event(enum collision event)
{
    report_collision(&(struct report_collision){
        .event = names[event],
        .events = events_of(event),
#define COLLISION_VALUE(F, symbol, name, field) .field = total(event, COLLISION_##symbol),
        COLLISION_KINDS(COLLISION_VALUE, )
#undef COLLISION_VALUE
    });
}

/* "NMI in #DB 893, in #MC 202". */
static void note_nmis(void)
{
    char text[200] = "";
    size_t used = 0;

    for (unsigned in = COLLISION_THREAD + 1; in < COLLISION_COUNT; in++) {
        uint64_t count = total(COLLISION_NMI, in);
        if (count)
            used += format(text + used, sizeof(text) - used, "%s in %s %lu", used ? "," : "",
                           names[in], count);
    }
    if (used)
        report_note("NMI%s", text);
}

void collisions_report(void)
{
    for (unsigned event = COLLISION_THREAD + 1; event < COLLISION_COUNT; event++)
        if (events_of(event))
            report_event(event);
    note_nmis();
}
