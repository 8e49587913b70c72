/* SPDX-License-Identifier: MIT */
/* The only CPU has no neighbour that watches it. So the HPET is wound up by its ticks, and sends it
 * an NMI when it has not ticked for long.
 *
 * One such NMI proves nothing: an emulator's host may have held up the CPU and its timer alike, and
 * then the tick comes right after. A second one with no tick before it ends the run. As long as the
 * timer ticks there are none, so other NMIs stay as exact as they are. */
#include "workloads/watch.h"

#include "cpu/clock.h"
#include "cpu/fault.h"
#include "cpu/ist.h"
#include "cpu/oops.h"
#include "cpu/patience.h"
#include "cpu/percpu.h"
#include "lib/report.h"
#include "smp/hpet.h"

#define ASK_AFTER_MS 4000           /* twice, and once the time between windings: within 10 s */
#define WIND_UP_TICKS 64
#define TRY_MS 1
#define TRY_PATIENCE_MS 200

static struct {
    bool on;
    void (*hook)(struct trap_frame *frame);     /* the workloads' */
    uint64_t soonest;               /* before this time no NMI is the HPET's */
    uint64_t asked_at;              /* the tick before the last NMI of it; NOT_ASKED since then */
} alone;
#define NOT_ASKED UINT64_MAX

static void wind_up(uint32_t ms)
{
    hpet_arm(ms);
    alone.soonest = clock_cycles() + clock_tsc_hz / 1000 * ms / 2;
}

static _Noreturn void tell_hung(struct trap_frame *frame)
{
    struct fault_place place = {cpu_index(), NO_STACK, 0, "timer"};
    char where[80];

    watch_describe(frame->rip, where, sizeof(where));
    oops_report_frame(frame);
    fault_report(CHECK_ALIVE, &place,
                 "hung: its timer has not ticked while the HPET counted to %u ms; %s", ASK_AFTER_MS,
                 where);
    fault_fatal();
}

static void take_nmi(struct trap_frame *frame)
{
    uint64_t ticks = cpu_ticks(this_cpu->index);

    if (__builtin_expect(clock_cycles() < alone.soonest, 1) || !hpet_is_over()) {
        alone.hook(frame);
        return;
    }
    if (alone.asked_at == ticks)
        tell_hung(frame);
    alone.asked_at = ticks;
    wind_up(ASK_AFTER_MS);
}

void watch_alone_tick(void)
{
    if (!alone.on || cpu_ticks(cpu_index()) % WIND_UP_TICKS)
        return;
    alone.asked_at = NOT_ASKED;
    wind_up(ASK_AFTER_MS);
}

/* What comes of it is seen, not believed. */
static bool try_once(void)
{
    uint64_t end = clock_ms() + TRY_PATIENCE_MS;

    alone.asked_at = NOT_ASKED;
    wind_up(TRY_MS);
    while (alone.asked_at == NOT_ASKED && clock_ms() < end)
        cpu_relax_rarely();
    return alone.asked_at != NOT_ASKED;
}

/* Where the HPET's does not come its time is over all the same, and the workloads' NMIs would be
 * taken for it. */
static bool take_over_nmis(void)
{
    alone.hook = nmi_hook;
    nmi_hook = take_nmi;
    if (try_once())
        return true;
    hpet_stop();
    nmi_hook = alone.hook;
    return false;
}

void watch_alone(const struct acpi_header *hpet, const struct machine_topology *topology)
{
    const char *wrong = hpet_start(hpet, topology);

    if (!wrong)
        alone.on = take_over_nmis();
    if (!alone.on)
        report_note("nobody sees it if the only CPU hangs: %s",
                    wrong ? wrong : "the HPET sends no NMI");
}
