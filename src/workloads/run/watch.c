/* SPDX-License-Identifier: MIT */
/* Each CPU watches the next one; and while that one is silent, the one after it too, and so on: so
 * that several which hang side by side are found together. */
#include "workloads/run/watch.h"

#include "lib/symbols.h"
#include "cpu/verdict.h"
#include "cpu/late.h"
#include "cpu/patience.h"
#include "cpu/percpu.h"
#include "cpu/claim.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/schedule.h"
#include "smp/ipi.h"
#include "workloads/run/target.h"

#define HUNG_AFTER_S 9 /* two heartbeats are 10 s */
#define MOST_WATCHED 8

/* By watcher; of each the first ones alone are up to date. */
static struct watched {
    uint32_t cpu;
    uint64_t ticks;                 /* its own, when they last changed */
    uint64_t own_ticks;             /* the watcher's, then */
} CPU_TABLE(watches, [MOST_WATCHED]);

/* A CPU that does not tick while its watcher does so often is called hung: sooner than others lose
 * their patience with it (cpu/patience.h), so that it is named as what it is. */
static uint64_t hung_after_ticks(void)
{
    uint64_t ticks = patience_ticks() * 3 / 5, most = HUNG_AFTER_S * schedule_tick_hz();

    return ticks < most ? ticks : most;
}

static uint32_t next_online(uint32_t cpu)
{
    for (uint32_t i = 1; i < cpu_count; i++)
        if (cpu_at((cpu + i) % cpu_count)->online)
            return (cpu + i) % cpu_count;
    return cpu;
}

static void (*say_position)(char *out, size_t size);

void watch_with_position(void (*position)(char *out, size_t size))
{
    say_position = position;
}

static void describe_place(uint64_t rip, char *out, size_t size)
{
    uint64_t offset;
    const char *symbol = symbol_find(rip, &offset);

    if (symbol)
        format(out, size, "an NMI finds it at %s+0x%lx", symbol, offset);
    else if (rip)
        format(out, size, "an NMI finds it at 0x%lx", rip);
    else
        format(out, size, "it does not answer NMIs either");
}

void watch_describe(const struct whereabouts *found, char *out, size_t size)
{
    char position[WATCH_TEXT] = "", eoi[60] = "", place[80];
    const char *open = found->open ? ", with interrupts on" : "";

    describe_place(found->rip, place, sizeof(place));
    if (found->unended)
        format(eoi, sizeof(eoi), "; the %s interrupt, vector %u, lacks its EOI",
               vector_name(found->unended), found->unended);
    if (say_position)
        say_position(position, sizeof(position));
    format(out, size, "%s%s%s%s%s", place, open, eoi, position[0] ? "; in " : "", position);
}

/* `silent` waits for the hung one, if that is another. */
static void take_out_hung(uint32_t cpu, uint32_t silent)
{
    char where[WATCH_TEXT], what[60] = "its timer";
    struct whereabouts found;

    if (!ipi_take_out(cpu, &found))
        return;
    watch_describe(&found, where, sizeof(where));
    if (cpu != silent)
        format(what, sizeof(what), "it keeps CPU %u waiting, whose timer", silent);
    check_failed_on(CHECK_ALIVE, cpu, NO_STACK, 0, "timer",
                    "hung: %s has not ticked while CPU %u's did %lu times, to tick %lu; %s", what,
                    cpu_index(), hung_after_ticks(), cpu_ticks(cpu_index()), where);
}

/* A CPU that waits for another one's lock or answer does not hang by itself. */
uint32_t watch_whom(uint32_t cpu)
{
    const struct percpu *holder = __atomic_load_n(&cpu_at(cpu)->blocked_by, __ATOMIC_ACQUIRE);

    return holder ? holder->index : cpu;
}

/* True: it has not ticked since the last look. */
static bool is_silent(struct watched *watched, uint32_t cpu)
{
    uint64_t ticks = cpu_ticks(cpu);

    if (watched->cpu == cpu && watched->ticks == ticks)
        return true;
    *watched = (struct watched){cpu, ticks, cpu_ticks(cpu_index())};
    return false;
}

static bool is_hung(const struct watched *watched)
{
    return cpu_ticks(cpu_index()) - watched->own_ticks > hung_after_ticks();
}

void watch_tick(void)
{
    uint32_t self = cpu_index(), cpu = next_online(self), culprit;
    struct watched *watched = watches[self];
    bool hopeless = false;
    unsigned i = 0;

    watch_all_tick();
    while (i < MOST_WATCHED && cpu != self && is_silent(&watched[i], cpu)) {
        if (is_hung(&watched[i])) {
            culprit = watch_whom(cpu);
            take_out_hung(culprit, cpu);
            hopeless |= culprit != cpu || cpu == target_cpus[0];
        }
        if (cpu_at(cpu)->online)
            i++;
        else                        /* the next one moves up, with what is known of it */
            memmove(&watched[i], &watched[i + 1], (MOST_WATCHED - 1 - i) * sizeof(*watched));
        cpu = next_online(cpu);
    }
    if (hopeless && failure_count_of(CHECK_ALIVE))   /* another may have found it, and be telling */
        verdict_fatal();
}
