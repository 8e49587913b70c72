/* SPDX-License-Identifier: MIT */
/* Reports the record of the run before this one, if it died, and fails the check `before`. */
#include "cpu/lastword.h"

#include <stddef.h>

#include "cpu/features.h"
#include "cpu/lastword_record.h"
#include "cpu/percpu.h"
#include "cpu/verdict.h"
#include "lib/format.h"
#include "lib/report.h"
#include "lib/symbols.h"

/* clang-format off */
#define BEFORE_CPU_FIELDS(FIELD) \
    FIELD(number, cpu, "index") \
    FIELD(number, apic_id, "local APIC id; to find the core in the hardware") \
    FIELD(number, time_us, "microseconds from that run's start to this CPU's last tick") \
    FIELD(number, events, "events that it had taken") \
    FIELD(text, last, "events between its last two ticks, by kind: its work when it died") \
    FIELD(text, since, "events after its last tick, by kind; left out where they did not outlast") \
    FIELD(text, at, "its thread at its last tick, and where that tick found it")
REPORT_RECORD(before_cpu, "what a CPU did last in the run before this one, which died",
              BEFORE_CPU_FIELDS)

#define BEFORE_FIELDS(FIELD) \
    FIELD(signed, cpu, "index of the CPU that was silent for longest, if one stands out") \
    FIELD(number, silent_us, "microseconds from the oldest of the CPUs' last ticks to the newest") \
    FIELD(number, time_ms, "milliseconds from that run's start to its last sign of life") \
    FIELD(number, events, "events, all CPUs") \
    FIELD(number, cpus, "CPUs that it was to have") \
    FIELD(number, seed, "its random seed; to run it again") \
    FIELD(text, reason, "its first fault; left out when there was none")
REPORT_RECORD(before, "the run before this one, when it died without a verdict", BEFORE_FIELDS)
/* clang-format on */

/* Behind the newest tick. A sound CPU is less than one tick behind; an emulator's busy host may
 * hold up a sound one for a second. */
#define TICKS_TO_STAND_OUT 2
#define TICKS_TO_STAND_OUT_EMULATED 100

static const char *const event_names[EVENT_KINDS] = {
#define EVENT_NAME(symbol, name) [EVENT_##symbol] = #name,
    EVENTS(EVENT_NAME)
#undef EVENT_NAME
};

/* The newer slot that is whole, or NULL: that CPU never ticked. */
static const struct lastword_cpu *last_of(uint64_t cpu)
{
    const struct lastword_cpu *last = NULL;

    for (unsigned i = 0; i < SLOTS; i++) {
        const struct lastword_cpu *slot = &lastword_record()->cpus[cpu][i];
        if (lastword_is_whole(slot, sizeof(*slot)) && (!last || slot->turn > last->turn))
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
        .since = describe(last->events, lastword_counted[cpu], since, sizeof(since)) ? since : NULL,
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

/* A reset stops all CPUs at once, and each sound CPU has ticked within one tick before it, in an
 * order by chance. A CPU that is further behind hung before the reset. */
static bool stands_out(const struct silence *silence, uint64_t tick_ns)
{
    uint64_t ticks =
        cpu_features.emulated ? TICKS_TO_STAND_OUT_EMULATED : TICKS_TO_STAND_OUT;

    return silence->newest_ns - silence->oldest_ns >= ticks * tick_ns;
}

static void tell(const struct report_before *before)
{
    bool named = before->cpu != REPORT_UNKNOWN;
    char silent[80] = "no CPU stands out by its silence";

    if (named)
        format(silent, sizeof(silent), "on the CPU that was silent for longest, %lu us",
               before->silent_us);
    check_failed_on(CHECK_BEFORE, named ? before->cpu : cpu_index(), NO_STACK, 0, "reset",
                    "the run before this died without a verdict after %lu ms, seed %lu, %s%s",
                    before->time_ms, before->seed, before->reason ? "and had failed: " : silent,
                    before->reason ? before->reason : "");
}

void lastword_report(void)
{
    const struct lastword *found = lastword_record();
    struct report_before before = {.cpus = found->run.cpus, .seed = found->run.seed};
    struct silence silence = {.oldest_ns = UINT64_MAX};

    if (lastword_is_whole(&found->reason, sizeof(found->reason)) && found->reason.text[0])
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
