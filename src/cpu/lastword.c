/* SPDX-License-Identifier: MIT */
/* The record of the run under way: see lastword.h. A reset drops what only the caches hold (SDM
 * volume 3, 9.1.1), so each part is written back to memory as soon as it is whole: by CLWB, which
 * leaves the line in the cache, or else CLFLUSH (volume 2). */
#include "cpu/lastword.h"

#include <stddef.h>

#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/image.h"
#include "cpu/lastword_record.h"
#include "cpu/percpu.h"
#include "lib/format.h"
#include "lib/report.h"
#include "lib/string.h"

#define LASTWORD_MAGIC 0x64726f777473616cull    /* "lastword" */
/* FNV-1a, a word at a time: to tell a torn record from a whole one. */
#define SUM_START 0xcbf29ce484222325ull
#define SUM_PRIME 0x100000001b3ull

/* Sizes of the record and of the code: the record's addresses mean something to the same build
 * alone. */
static uint64_t layout(void)
{
    return (sizeof(struct lastword) + offsetof(struct percpu, events)) | (uintptr_t)text_end << 32;
}

static bool usable, begun;

uint64_t lastword_counted[MAX_CPUS][EVENT_KINDS];
static uint64_t start_ns;

static uint64_t sum_of(const void *part, size_t size)
{
    const uint64_t *words = part;
    uint64_t sum = SUM_START;

    for (size_t i = 1; i < size / sizeof(*words); i++)
        sum = (sum ^ words[i]) * SUM_PRIME;
    return sum;
}

/* Writes these bytes back to memory. */
static void write_back(const void *start, size_t size)
{
    const char *line = (const char *)((uintptr_t)start & ~(uintptr_t)(CACHE_LINE - 1));
    const char *end = (const char *)start + size;

    for (; line < end; line += CACHE_LINE) {
        if (cpu_features.clwb)
            __asm__ volatile("clwb %0" : : "m"(*line) : "memory");
        else if (cpu_features.clflush)
            __asm__ volatile("clflush %0" : : "m"(*line) : "memory");
    }
}

/* Makes a part whole. */
static void seal(void *part, size_t size)
{
    *(uint64_t *)part = sum_of(part, size);
    write_back(part, size);
}

bool lastword_is_whole(const void *part, size_t size)
{
    return *(const uint64_t *)part == sum_of(part, size);
}

/* True: the place is memory, and not the image's. */
static bool is_free(const struct memory_map *map)
{
    const struct memory_range *range = memory_range_of(map, LASTWORD_BASE);

    if (image_load_address < LASTWORD_END && image_physical(image_end) > LASTWORD_BASE)
        return false;
    return range && range->type == MEMORY_AVAILABLE &&
           range->base + range->length >= LASTWORD_END;
}

uint64_t lastword_frame(uint32_t cpu)
{
    return usable ? LASTWORD_FRAMES + (uint64_t)cpu * PAGE_SIZE : 0;
}

static void keep_counts(void)
{
    for (uint64_t cpu = 0; cpu < lastword_record()->run.cpus; cpu++)
        memcpy(lastword_counted[cpu], ((const struct percpu *)lastword_frame(cpu))->events,
               sizeof(lastword_counted[cpu]));
}

bool lastword_find(const struct memory_map *map)
{
    const struct lastword_run *run = &lastword_record()->run;

    usable = is_free(map);
    if (!usable || run->magic != LASTWORD_MAGIC)
        return false;
    if (!lastword_is_whole(run, sizeof(*run)) || run->cpus > MAX_CPUS) {
        report_note("the run before this left a damaged record, which is ignored");
        return false;
    }
    if (run->layout != layout()) {
        report_note("the run before this left a record of another build, which is ignored");
        return false;
    }
    keep_counts();
    return true;
}

void lastword_begin(uint64_t seed, uint64_t tick_ns)
{
    struct lastword_run *run = &lastword_record()->run;

    if (!usable) {
        report_note("no free memory at 0x%llx: if this run dies, the next will not know",
                    LASTWORD_BASE);
        return;
    }
    /* An older run's parts are whole: they must not come back from memory. */
    memset(lastword_record(), 0, sizeof(struct lastword));
    write_back(lastword_record(), sizeof(struct lastword));
    *run = (struct lastword_run){
        .magic = LASTWORD_MAGIC,
        .layout = layout(),
        .cpus = cpu_count,
        .seed = seed,
        .tick_ns = tick_ns,
    };
    seal(run, sizeof(*run));
    start_ns = clock_ns();
    __atomic_store_n(&begun, true, __ATOMIC_RELEASE);
}

void lastword_tick(uint64_t rip, const char *thread)
{
    uint32_t cpu = cpu_index();
    struct lastword_cpu *slots = lastword_record()->cpus[cpu];
    uint64_t turn = this_cpu->events[EVENT_TICK], now = clock_ns();
    struct lastword_cpu *slot = &slots[turn % SLOTS];
    const struct lastword_cpu *other = &slots[(turn + 1) % SLOTS];

    if (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
        return;
    slot->turn = turn;
    slot->apic_id = this_cpu->apic_id;
    slot->time_ns = now > start_ns ? now - start_ns : 0;
    slot->rip = rip;
    format(slot->thread, sizeof(slot->thread), "%s", thread);
    memcpy(slot->before, other->events, sizeof(slot->before));
    for (unsigned event = 0; event < EVENT_KINDS; event++)
        slot->events[event] = this_cpu->events[event];
    seal(slot, sizeof(*slot));
    write_back(this_cpu->self->events, sizeof(this_cpu->self->events));
}

void lastword_keep_reason(const char *reason)
{
    struct lastword_reason *kept = &lastword_record()->reason;

    if (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
        return;
    format(kept->text, sizeof(kept->text), "%s", reason);
    seal(kept, sizeof(*kept));
}

void lastword_clear(void)
{
    if (!__atomic_exchange_n(&begun, false, __ATOMIC_ACQ_REL))
        return;
    lastword_record()->run.magic = 0;
    seal(&lastword_record()->run, sizeof(lastword_record()->run));
}
