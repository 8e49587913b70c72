/* SPDX-License-Identifier: MIT */
/* When no CPU ticks any more, no neighbour watches. So the ticks wind up a timer that needs no CPU,
 * and it sends an NMI when they have not come for long: to another CPU after each winding, since
 * one may have NMIs blocked; and where it has several timers, later to others.
 *
 * One such NMI proves nothing: an emulator's host may have held up all CPUs and their timers alike,
 * and then a tick comes right after. When all that come together without a tick say that it is
 * HUNG_MS, the run ends. As long as any CPU ticks there are none of these NMIs, so other NMIs stay
 * as exact as they are. */
#include "workloads/run/watch.h"

#include "cpu/claim.h"
#include "cpu/clock.h"
#include "cpu/verdict.h"
#include "cpu/late.h"
#include "cpu/nmi_owner.h"
#include "cpu/oops.h"
#include "cpu/patience.h"
#include "cpu/percpu.h"
#include "cpu/vectors.h"
#include "lib/format.h"
#include "lib/report.h"
#include "sched/schedule.h"
#include "smp/hpet.h"
#include "smp/ioapic.h"
#include "smp/ipi.h"
#include "smp/pmu.h"

#define ASK_MS 4000
#define HUNG_MS 8000                /* and once the time between windings: within 10 s */
#define WINDINGS_A_SECOND 2
#define TRY_MS 1
#define TRY_PATIENCE_MS 200
#define MOST_TOLD 8

/* The timer that sends the NMIs. */
struct timer {
    const char *name;
    bool of_each_cpu;               /* to itself; else one for all */
    void (*arm)(uint32_t ms);
    void (*stop)(void);
    bool (*is_over)(void);
};

static struct {
    const struct timer *timer;
    uint32_t ask_ms;
    bool on, trying;
    uint32_t came;                  /* while it is tried */
    bool taken;                     /* one CPU at a time has a timer that is for all */
    uint32_t windings;
} all;

/* By CPU. */
static struct {
    uint64_t tick_at;               /* its own clock at its last tick */
    uint32_t windings;              /* when it looked last */
    uint64_t asked_at_tick, asked_at_event, asked_ms;
    bool owed;                      /* an NMI that was sent before another CPU wound it up */
} CPU_TABLE(watches);

/* The CPU after this one that takes part and is within an entry's reach. */
static uint32_t next_in_reach(uint32_t cpu)
{
    for (uint32_t i = 1; i < cpu_count; i++) {
        uint32_t next = (cpu + i) % cpu_count;
        if (cpu_at(next)->online && ioapic_reaches(cpu_at(next)->apic_id))
            return next;
    }
    return cpu;
}

/* Whom the HPET's timers are aimed at, and whose NMI has come. */
static struct {
    uint32_t cpu;
    bool came;
} aims[HPET_TIMERS];

static void note_came(uint32_t cpu)
{
    for (unsigned i = 0; i < HPET_TIMERS; i++)
        if (aims[i].cpu == cpu)
            __atomic_store_n(&aims[i].came, true, __ATOMIC_RELEASE);
}

/* An NMI that has been sent, and has not come yet, is still the watch's. */
static void note_sent(void)
{
    for (unsigned sent = hpet_sent(); sent-- > 0;)
        if (!__atomic_load_n(&aims[sent].came, __ATOMIC_ACQUIRE))
            __atomic_store_n(&watches[aims[sent].cpu].owed, true, __ATOMIC_RELEASE);
}

static void arm_hpet(uint32_t ms)
{
    static uint32_t aim;
    uint32_t ids[HPET_TIMERS], cpu = aim = next_in_reach(aim);

    note_sent();
    for (unsigned i = 0; i < HPET_TIMERS; i++, cpu = next_in_reach(cpu)) {
        aims[i].cpu = cpu;
        aims[i].came = false;
        ids[i] = cpu_at(cpu)->apic_id;
    }
    hpet_arm(ms, ids);
}

static const struct timer hpet = {"the HPET", false, arm_hpet, hpet_stop, hpet_is_over};
static const struct timer counters = {"the performance counter", true, pmu_arm, pmu_stop,
                                      pmu_is_over};

/* False: another CPU is at it, or this one was when the NMI came; then it is wound up anyway. */
static bool take_timer(void)
{
    return all.timer->of_each_cpu || !__atomic_exchange_n(&all.taken, true, __ATOMIC_ACQUIRE);
}

static void give_timer(void)
{
    if (!all.timer->of_each_cpu)
        __atomic_store_n(&all.taken, false, __ATOMIC_RELEASE);
}

/* Without NMIs, of which some are ours. */
static uint64_t other_events(void)
{
    uint64_t events = events_total();

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        events -= __atomic_load_n(&cpu_at(cpu)->events[EVENT_NMI], __ATOMIC_RELAXED);
    return events;
}

static enum watch_answer ask(uint32_t asker)
{
    uint64_t ticks = ticks_of_all();

    if (watches[asker].asked_at_tick != ticks) {
        watches[asker].asked_at_tick = ticks;
        watches[asker].asked_at_event = other_events();
        watches[asker].asked_ms = 0;
    }
    watches[asker].asked_ms += all.ask_ms;
    if (watches[asker].asked_ms >= HUNG_MS)
        return WATCH_HUNG;
    all.timer->arm(all.ask_ms);
    return WATCH_MINE;
}

/* At the run's end nothing ticks, and that is no hang. */
enum watch_answer watch_take_nmi(uint32_t cpu)
{
    enum watch_answer answer = WATCH_MINE;
    bool owed = __atomic_exchange_n(&watches[cpu].owed, false, __ATOMIC_ACQUIRE);

    if (!(all.on || all.trying) || !all.timer->is_over())
        return owed ? WATCH_MINE : WATCH_NOT_MINE;
    note_came(cpu);
    if (all.trying) {
        __atomic_fetch_add(&all.came, 1, __ATOMIC_RELAXED);
    } else if (!verdict_is_ending() && take_timer()) {
        answer = ask(all.timer->of_each_cpu ? cpu : 0);
        give_timer();
    }
    return answer;
}

/* Blames a CPU that others wait for, or else this CPU; never a CPU that waits. */
static uint32_t find_culprit(void)
{
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        uint32_t holder = watch_whom(cpu);
        if (cpu_at(cpu)->online && holder != cpu && watch_whom(holder) == holder)
            return holder;
    }
    return cpu_index();
}

static void tell(uint32_t cpu, const struct trap_frame *frame)
{
    uint32_t asker = all.timer->of_each_cpu ? cpu_index() : 0;
    uint64_t events = other_events() - watches[asker].asked_at_event;
    struct whereabouts found = ipi_whereabouts(frame);
    char where[WATCH_TEXT], but[60] = "";

    if (cpu != cpu_index() && !ipi_take_out(cpu, &found))
        return;
    if (cpu == cpu_index())
        oops_report_frame(frame);
    if (events)
        format(but, sizeof(but), ", but %lu other events have come", events);
    watch_describe(&found, where, sizeof(where));
    check_failed_on(CHECK_ALIVE, cpu, NO_STACK, 0, "timer",
                    "hung: no CPU's timer has ticked while %s counted to %u ms%s; %s",
                    all.timer->name, HUNG_MS, but, where);
}

_Noreturn void watch_tell_hung(const struct trap_frame *frame)
{
    uint32_t culprit = find_culprit(), told = 1;

    tell(culprit, frame);
    for (uint32_t cpu = 0; cpu < cpu_count && told < MOST_TOLD; cpu++) {
        if (cpu == culprit || watch_whom(cpu) != cpu || !cpu_at(cpu)->online)
            continue;               /* who waits for another does not hang of itself */
        tell(cpu, frame);
        told++;
    }
    verdict_fatal();
}

/* A CPU that has ticked just now need not read the timer's registers, which is slow. An NMI that
 * comes while another is pending merges with it, so the timer's may be a sender's, too: then the
 * next hook is asked as well. */
static bool take_nmi(struct trap_frame *frame)
{
    uint64_t silent = clock_cycles() - watches[this_cpu->index].tick_at;

    if (__builtin_expect(silent < clock_tsc_hz / 1000 * all.ask_ms / 2, 1) && !all.trying &&
        !watches[this_cpu->index].owed)
        return false;
    switch (watch_take_nmi(this_cpu->index)) {
    case WATCH_MINE: return !nmi_may_have_merged();
    case WATCH_HUNG: watch_tell_hung(frame);
    default: return false;
    }
}

/* Of a timer that is for all, the first CPU that finds nobody to have wound it up since it looked
 * last. */
static bool is_to_wind_up(uint32_t cpu)
{
    uint32_t windings = __atomic_load_n(&all.windings, __ATOMIC_RELAXED);
    bool unwound = watches[cpu].windings == windings;

    watches[cpu].windings = windings + unwound;
    return unwound || all.timer->of_each_cpu;
}

void watch_all_tick(void)
{
    uint32_t cpu = cpu_index();

    if (!all.on)
        return;
    watches[cpu].tick_at = clock_cycles();
    if (cpu_ticks(cpu) % (schedule_tick_hz() / WINDINGS_A_SECOND) || !is_to_wind_up(cpu) ||
        !take_timer())
        return;
    all.timer->arm(all.ask_ms);
    __atomic_fetch_add(&all.windings, 1, __ATOMIC_RELAXED);
    give_timer();
}

/* The NMI must be seen to come. Where none comes, its time is over all the same, and the workloads'
 * NMIs would be taken for it. */
static bool try_timer(const struct timer *timer, uint32_t wanted)
{
    uint64_t end = clock_ms() + TRY_PATIENCE_MS;

    all.timer = timer;
    all.trying = true;
    all.came = 0;
    timer->arm(TRY_MS);
    while (__atomic_load_n(&all.came, __ATOMIC_RELAXED) < wanted && clock_ms() < end)
        cpu_relax_rarely();
    timer->stop();
    all.trying = false;
    all.on = all.came > 0;
    return all.on;
}

static const char *watch_by_hpet(const struct acpi_header *table,
                                 const struct machine_topology *topology)
{
    const char *wrong = hpet_start(table, topology);

    if (wrong)
        return wrong;
    if (!ioapic_reaches(cpu_at(next_in_reach(0))->apic_id))
        return "no CPU's id is within an I/O APIC's reach";
    if (!try_timer(&hpet, hpet_timers()))
        return "the HPET sends no NMI";
    all.ask_ms = ASK_MS;
    if (cpu_count > 1 && hpet_timers() == 1)
        report_note("the HPET has one timer for NMIs, which asks one CPU: a hang of all CPUs goes "
                    "unseen where that CPU has NMIs blocked");
    return NULL;
}

static bool watch_by_counters(void)
{
    if (!pmu_find() || !try_timer(&counters, 1))
        return false;
    all.ask_ms = pmu_most_ms() < ASK_MS ? pmu_most_ms() : ASK_MS;
    return true;
}

static bool can_be_asked(uint32_t cpu)
{
    return cpu_at(cpu)->online &&
           (all.timer->of_each_cpu || ioapic_reaches(cpu_at(cpu)->apic_id));
}

static void tell_who_is_alone(void)
{
    uint32_t last = 0, count = 0;

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        if (!can_be_asked(cpu))
            continue;
        last = cpu;
        count++;
    }
    if (count == 1)
        report_note("CPU %u alone can be asked by the NMI timer: a hang of all CPUs goes unseen "
                    "where that CPU has NMIs blocked", last);
}

void watch_all(const struct acpi_header *hpet_table, const struct machine_topology *topology)
{
    claim_exception(VECTOR_NMI, "watch", take_nmi);
    const char *wrong = watch_by_hpet(hpet_table, topology);

    if (wrong && watch_by_counters())
        report_note("a halt of all CPUs goes unseen: %s, and performance counters stand still in "
                    "HLT", wrong);
    else if (wrong)
        report_note("a hang of all CPUs goes unseen: %s, and there are no performance counters "
                    "that send NMIs", wrong);
    if (all.on) {
        tell_who_is_alone();
        all.timer->arm(all.ask_ms);     /* the first tick may never come */
    } else {
        release_exception(VECTOR_NMI, take_nmi);
    }
}
