/* SPDX-License-Identifier: MIT */
/* The record of the run under way: see lastword.h. CLFLUSH, because a reset may drop what only the
 * caches hold: SDM volume 3, 11.5.3 (INIT and RESET) and 11.4 (write-back). */
#include "cpu/lastword.h"

#include <stddef.h>

#include "boot/symbols.h"
#include "cpu/clock.h"
#include "cpu/fault.h"
#include "cpu/percpu.h"
#include "lib/format.h"
#include "lib/report.h"
#include "lib/string.h"

#define LASTWORD_MAGIC 0x64726f777473616cull    /* "lastword" */
#define CACHE_LINE 64
#define REASON_SIZE 128
#define THREAD_NAME 24
#define TICKS_TO_STAND_OUT 2        /* behind the newest: a sound CPU is less than one */
#define SLOTS 2
/* FNV-1a, a word at a time: to tell a torn record from a whole one. */
#define SUM_START 0xcbf29ce484222325ull
#define SUM_PRIME 0x100000001b3ull

/* The checksum is the first word of each part. All are whole words. */
struct lastword_run {
    uint64_t sum;
    uint64_t magic;
    uint64_t layout;                /* another image's is not read */
    uint64_t cpus, seed, tick_ns;
} __attribute__((aligned(CACHE_LINE)));

struct lastword_reason {
    uint64_t sum;
    char text[REASON_SIZE];
} __attribute__((aligned(CACHE_LINE)));

struct lastword_cpu {
    uint64_t sum;
    uint64_t turn;                  /* which of the two slots is newer */
    uint64_t apic_id;
    uint64_t time_ns;
    uint64_t events[EVENT_KINDS];   /* so far */
    uint64_t before[EVENT_KINDS];   /* at the tick before */
    uint64_t rip;                   /* that the tick interrupted */
    char thread[THREAD_NAME];
} __attribute__((aligned(CACHE_LINE)));

struct lastword {
    struct lastword_run run;
    struct lastword_reason reason;
    struct lastword_cpu cpus[MAX_CPUS][SLOTS];
};
_Static_assert(sizeof(struct lastword) <= LASTWORD_FRAMES - LASTWORD_BASE, "it outgrows its place");

static const char *const event_names[EVENT_KINDS] = {
#define EVENT_NAME(symbol, name) [EVENT_##symbol] = #name,
    EVENTS(EVENT_NAME)
#undef EVENT_NAME
};

extern const char text_end[];

/* Bytes of the record and of the code: what it names is an address of this build. */
static uint64_t layout(void)
{
    return (sizeof(struct lastword) + offsetof(struct percpu, events)) | (uintptr_t)text_end << 32;
}

static bool usable, begun;

/* What the run before had counted when it died: its frames are this run's, too. */
static uint64_t counted[MAX_CPUS][EVENT_KINDS];
static uint64_t start_ns;

static struct lastword *record(void)
{
    return (struct lastword *)LASTWORD_BASE;
}

static uint64_t sum_of(const void *part, size_t size)
{
    const uint64_t *words = part;
    uint64_t sum = SUM_START;

    for (size_t i = 1; i < size / sizeof(*words); i++)
        sum = (sum ^ words[i]) * SUM_PRIME;
    return sum;
}

/* Makes a part whole, and takes it to where a reset does not reach. */
static void seal(void *part, size_t size)
{
    *(uint64_t *)part = sum_of(part, size);
    for (size_t at = 0; at < size; at += CACHE_LINE)
        __asm__ volatile("clflush %0" : : "m"(*((const char *)part + at)) : "memory");
}

static bool is_whole(const void *part, size_t size)
{
    return *(const uint64_t *)part == sum_of(part, size);
}

static bool is_memory(const struct boot_info *boot)
{
    for (unsigned i = 0; i < boot->memory_count; i++) {
        const struct boot_memory_range *r = &boot->memory[i];
        if (r->type == BOOT_MEMORY_AVAILABLE && r->base <= LASTWORD_BASE &&
            r->length >= LASTWORD_END - r->base)
            return true;
    }
    return false;
}

uint64_t lastword_frame(uint32_t cpu)
{
    return usable ? LASTWORD_FRAMES + (uint64_t)cpu * PAGE_SIZE : 0;
}

static void keep_counts(void)
{
    for (uint64_t cpu = 0; cpu < record()->run.cpus; cpu++)
        memcpy(counted[cpu], ((const struct percpu *)lastword_frame(cpu))->events,
               sizeof(counted[cpu]));
}

bool lastword_find(const struct boot_info *boot)
{
    const struct lastword_run *run = &record()->run;

    usable = is_memory(boot);
    if (!usable || run->magic != LASTWORD_MAGIC)
        return false;
    if (!is_whole(run, sizeof(*run)) || run->cpus > MAX_CPUS) {
        report_note("the run before this left a record that is damaged: ignored");
        return false;
    }
    if (run->layout != layout()) {
        report_note("the run before this left a record of another build: ignored");
        return false;
    }
    keep_counts();
    return true;
}

/* The newer slot that is whole, or NULL: that CPU never ticked. */
static const struct lastword_cpu *last_of(uint64_t cpu)
{
    const struct lastword_cpu *last = NULL;

    for (unsigned i = 0; i < SLOTS; i++) {
        const struct lastword_cpu *slot = &record()->cpus[cpu][i];
        if (is_whole(slot, sizeof(*slot)) && (!last || slot->turn > last->turn))
            last = slot;
    }
    return last;
}

static uint64_t events_of(const struct lastword_cpu *last)
{
    uint64_t total = 0;

    for (unsigned event = 0; event < EVENT_KINDS; event++)
        total += last->events[event];
    return total;
}

/* The events from one count to another, in words. False: the other is less, so it is something
 * else. */
static bool describe(const uint64_t *from, const uint64_t *to, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (unsigned event = 0; event < EVENT_KINDS && used < size; event++) {
        if (to[event] < from[event])
            return false;
        if (to[event] != from[event])
            used += format(out + used, size - used, "%s%lu %s", used ? ", " : "",
                           to[event] - from[event], event_names[event]);
    }
    return true;
}

static void describe_place(const struct lastword_cpu *last, char *out, size_t size)
{
    uint64_t offset;
    const char *symbol = symbol_find(last->rip, &offset);

    if (symbol)
        format(out, size, "%s: %s+0x%lx", last->thread, symbol, offset);
    else
        format(out, size, "%s: 0x%lx", last->thread, last->rip);
}

static void report_last_of(uint64_t cpu, const struct lastword_cpu *last)
{
    char text[200], since[200], place[100];

    describe(last->before, last->events, text, sizeof(text));
    describe_place(last, place, sizeof(place));
    report_before_cpu(&(struct report_before_cpu){
        .cpu = cpu,
        .apic_id = last->apic_id,
        .time_us = last->time_ns / 1000,
        .events = events_of(last),
        .last = text,
        .since = describe(last->events, counted[cpu], since, sizeof(since)) ? since : NULL,
        .at = place,
    });
}

/* When each CPU ticked last. One that never did died on its way up. */
struct silence {
    uint64_t cpu, oldest_ns, newest_ns;
};

static void look_at(struct silence *silence, uint64_t cpu, uint64_t time_ns)
{
    if (time_ns < silence->oldest_ns) {
        silence->oldest_ns = time_ns;
        silence->cpu = cpu;
    }
    if (time_ns > silence->newest_ns)
        silence->newest_ns = time_ns;
}

/* A reset stops all CPUs at once, and each sound one has ticked within a tick's time before it: who
 * was the first of these is chance, and who is further behind was not well. */
static bool stands_out(const struct silence *silence, uint64_t tick_ns)
{
    return silence->newest_ns - silence->oldest_ns >= TICKS_TO_STAND_OUT * tick_ns;
}

static void tell(const struct report_before *before)
{
    bool named = before->cpu != REPORT_UNKNOWN;
    struct fault_place place = {named ? before->cpu : cpu_index(), NO_STACK, 0, "reset"};
    char silent[80] = "no CPU stands out by its silence";

    if (named)
        format(silent, sizeof(silent), "on the CPU that was silent for longest, %lu us",
               before->silent_us);
    fault_report(CHECK_BEFORE, &place,
                 "the run before this died without a verdict after %lu ms, seed %lu, %s%s",
                 before->time_ms, before->seed, before->reason ? "and had failed: " : silent,
                 before->reason ? before->reason : "");
}

void lastword_report(void)
{
    const struct lastword *found = record();
    struct report_before before = {.cpus = found->run.cpus, .seed = found->run.seed};
    struct silence silence = {.oldest_ns = UINT64_MAX};

    if (is_whole(&found->reason, sizeof(found->reason)) && found->reason.text[0])
        before.reason = found->reason.text;
    for (uint64_t cpu = 0; cpu < found->run.cpus; cpu++) {
        const struct lastword_cpu *last = last_of(cpu);
        look_at(&silence, cpu, last ? last->time_ns : 0);
        if (last) {
            before.events += events_of(last);
            report_last_of(cpu, last);
        }
    }
    before.time_ms = silence.newest_ns / 1000000;
    before.silent_us = (silence.newest_ns - silence.oldest_ns) / 1000;
    before.cpu = stands_out(&silence, found->run.tick_ns) ? (int64_t)silence.cpu : REPORT_UNKNOWN;
    report_before(&before);
    tell(&before);
}

void lastword_begin(uint64_t seed, uint64_t tick_ns)
{
    struct lastword_run *run = &record()->run;

    if (!usable) {
        report_note("no memory at 0x%llx: if this run dies, the next will not know",
                    LASTWORD_BASE);
        return;
    }
    memset(record(), 0, sizeof(struct lastword));
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
    struct lastword_cpu *slots = record()->cpus[cpu];
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
}

void lastword_keep_reason(const char *reason)
{
    struct lastword_reason *kept = &record()->reason;

    if (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
        return;
    format(kept->text, sizeof(kept->text), "%s", reason);
    seal(kept, sizeof(*kept));
}

void lastword_clear(void)
{
    if (!__atomic_exchange_n(&begun, false, __ATOMIC_ACQ_REL))
        return;
    record()->run.magic = 0;
    seal(&record()->run, sizeof(record()->run));
}
