/* SPDX-License-Identifier: MIT */
/* Notes and tells what has been hit: see coverage.h. Paths are the rows of ENTRY_PATH, and
 * instructions are told by boundaries.py's bits. */
#include "workloads/run/coverage.h"

#include <stddef.h>

#include "cpu/claim.h"
#include "cpu/discipline.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "lib/format.h"
#include "lib/report.h"
#include "workloads/run/target.h"

/* clang-format off */
#define COVERAGE_FIELDS(FIELD) \
    FIELD(text, entry, "the entry discipline") \
    FIELD(text, path, "the kind of path, and its vector; stub: the vector's own first bytes") \
    FIELD(number, bytes, "how long it is") \
    FIELD(number, instructions, "how many it has") \
    FIELD(number, nmi, "of these, how many an NMI has hit") \
    FIELD(number, irq, "how many an interrupt has hit") \
    FIELD(number, db, "how many a #DB has hit") \
    FIELD(text, begins, "a bit a byte, hexadecimal, a digit for four: an instruction begins") \
    FIELD(text, nmi_hit, "likewise: an NMI has hit it") \
    FIELD(text, irq_hit, "likewise: an interrupt has hit it") \
    FIELD(text, db_hit, "likewise: a #DB has hit it")
REPORT_RECORD(coverage, "what events have hit of an entry path, at the end", COVERAGE_FIELDS)
/* clang-format on */

struct bits {
    uint8_t bytes[ENTRY_TEXT_MOST / 8];
};
static struct bits CPU_TABLE(hit, [COVERED_BY_COUNT]);

void coverage_note(enum covered_by by, uint64_t rip)
{
    uint64_t place = rip - (uint64_t)entry_text_start;

    hit[this_cpu->index][by].bytes[place / 8] |= 1 << place % 8;
}

static bool begins(const char *address)
{
    size_t place = address - entry_text_start;

    return entry_boundaries[place / 8] >> place % 8 & 1;
}

static bool is_hit(enum covered_by by, const char *address)
{
    size_t place = address - entry_text_start;
    unsigned any = 0;

    for (uint32_t i = 0; i < target_count; i++)
        any |= hit[target_cpus[i]][by].bytes[place / 8];
    return any >> place % 8 & 1;
}

static unsigned count_hit(const struct entry_path *path, enum covered_by by)
{
    unsigned count = 0;

    for (const char *at = path->start; at < path->end; at++)
        count += begins(at) && is_hit(by, at);
    return count;
}

static unsigned count_instructions(const struct entry_path *path)
{
    unsigned count = 0;

    for (const char *at = path->start; at < path->end; at++)
        count += begins(at);
    return count;
}

#define LONGEST_PATH 1024           /* bytes */
struct map {
    char text[LONGEST_PATH / 4 + 1];
};

static bool is_set(const char *at, int by)
{
    return by < 0 ? begins(at) : begins(at) && is_hit(by, at);
}

/* `by`: whose hits, or -1 for where instructions begin. */
static const char *tell_map(struct map *map, const struct entry_path *path, int by)
{
    size_t used = 0;

    for (const char *at = path->start; at < path->end && used + 1 < sizeof(map->text); at += 4) {
        unsigned digit = 0;
        for (unsigned i = 0; i < 4 && at + i < path->end; i++)
            digit |= (unsigned)is_set(at + i, by) << i;
        map->text[used++] = "0123456789abcdef"[digit];
    }
    map->text[used] = '\0';
    return map->text;
}

static bool is_stub(const struct entry_path *path)
{
    return path->vector != PATH_ANY_VECTOR && path->end - path->start <= STUB_SIZE;
}

static const char *name_of(const struct entry_path *path, char *name, size_t size)
{
    static const char *const kinds[] = {
        [PATH_IST] = "IST", [PATH_TRAP] = "trap", [PATH_IRQ] = "interrupt",
        [PATH_SYSCALL] = "SYSCALL", [PATH_EXIT] = "exit", [PATH_SOFTIRQ] = "softirq",
        [PATH_SWITCH] = "switch",
    };
    const char *kind = is_stub(path) ? "stub" : kinds[path->kind];

    if (path->vector == PATH_ANY_VECTOR || path->kind == PATH_SYSCALL)
        format(name, size, "%s", kind);
    else
        format(name, size, "%s %s", kind, vector_name(path->vector));
    return name;
}

struct counts {
    unsigned instructions, hit[COVERED_BY_COUNT];
};

static struct counts count(const struct entry_path *path)
{
    struct counts counts = {count_instructions(path), {0}};

    for (int by = 0; by < COVERED_BY_COUNT; by++)
        counts.hit[by] = count_hit(path, by);
    return counts;
}

static void report_path(const struct entry_path *path, const struct counts *counts)
{
    static struct map maps[1 + COVERED_BY_COUNT];   /* too large for a stack; one at a time */
    char name[40];

    report_coverage(&(struct report_coverage){
        .entry = discipline_name(),
        .path = name_of(path, name, sizeof(name)),
        .bytes = path->end - path->start,
        .instructions = counts->instructions,
        .nmi = counts->hit[COVERED_BY_NMI],
        .irq = counts->hit[COVERED_BY_IRQ],
        .db = counts->hit[COVERED_BY_DB],
        .begins = tell_map(&maps[COVERED_BY_COUNT], path, -1),
        .nmi_hit = tell_map(&maps[COVERED_BY_NMI], path, COVERED_BY_NMI),
        .irq_hit = tell_map(&maps[COVERED_BY_IRQ], path, COVERED_BY_IRQ),
        .db_hit = tell_map(&maps[COVERED_BY_DB], path, COVERED_BY_DB),
    });
}

/* A stub that nothing has hit is not told: there are hundreds. */
void coverage_report(void)
{
    struct counts all = {0};

    for (const struct entry_path *path = entry_paths_start; path < entry_paths_end; path++) {
        if (!(path->disciplines >> discipline_number & 1))
            continue;
        struct counts counts = count(path);
        bool any = counts.hit[COVERED_BY_NMI] || counts.hit[COVERED_BY_IRQ] ||
                   counts.hit[COVERED_BY_DB];
        if (any || !is_stub(path))
            report_path(path, &counts);
        if (is_stub(path))
            continue;
        all.instructions += counts.instructions;
        for (int by = 0; by < COVERED_BY_COUNT; by++)
            all.hit[by] += counts.hit[by];
    }
    report_note("of %u instructions of the entry code NMIs have hit %u, interrupts %u, #DBs %u",
                all.instructions, all.hit[COVERED_BY_NMI], all.hit[COVERED_BY_IRQ],
                all.hit[COVERED_BY_DB]);
}
