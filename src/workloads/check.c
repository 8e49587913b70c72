/* SPDX-License-Identifier: MIT */
/* Looks at what the handlers cannot see of themselves: rest, fill, leaks. */
#include "workloads/check.h"

#include <stddef.h>

#include "cpu/entries.h"
#include "cpu/fault.h"
#include "cpu/ist.h"
#include "cpu/mce.h"
#include "cpu/microcode.h"
#include "cpu/pages.h"
#include "cpu/paging.h"
#include "cpu/smi.h"
#include "cpu/softirq.h"
#include "cpu/thermal.h"
#include "cpu/vectors.h"
#include "lib/report.h"
#include "sched/reaper.h"
#include "sched/schedule.h"
#include "sched/softirqd.h"
#include "smp/apic.h"
#include "smp/ipi.h"
#include "workloads/runner.h"
#include "workloads/target.h"

#define LOOK_EVERY_MS 500

/* In thread context no IST event of this CPU is under way, since each ends before the thread goes
 * on. */
static void check_rest(void)
{
    struct fault_place place = fault_here("rest");

    if (this_cpu->irq_nest != -1)
        fault_report(CHECK_REST, &place, "the IRQ nest counter is %d", this_cpu->irq_nest);
    if (entry_nmis_owed(cpu_index()))
        fault_report(CHECK_REST, &place, "%lu runs of the NMI handler are owed",
                     entry_nmis_owed(cpu_index()));
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        unsigned ist = stack_shapes[kind].ist;
        place.stack = kind;
        if (ist && this_cpu->tss.ist[ist - 1] != stack_top(cpu_index(), kind, 0))
            fault_report(CHECK_REST, &place, "TSS.ist[%u] is 0x%lx, not 0x%lx", ist - 1,
                         this_cpu->tss.ist[ist - 1], stack_top(cpu_index(), kind, 0));
        if (ist_events(kind) != 0)
            fault_report(CHECK_REST, &place, "%u events are counted on it",
                         ist_events(kind));
    }
}

static void check_magics(void)
{
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        for (uint32_t level = 0; level < stack_shapes[kind].levels; level++) {
            uintptr_t low = stack_top(cpu_index(), kind, level) - stack_shapes[kind].level_size;
            struct fault_place place = {cpu_index(), kind, level, "look"};
            if (*(const uint64_t *)low == STACK_END_MAGIC)
                continue;
            fault_report(CHECK_FILL, &place, "the end magic at 0x%lx is 0x%lx", low,
                         *(const uint64_t *)low);
            *(uint64_t *)low = STACK_END_MAGIC;
        }
    }
}

/* What the hardware says of itself, and no handler is called for. Who plants such a thing has the
 * interrupt come too, which an emulator does not raise. */
static void look_at_hardware(void)
{
    if (inject_planted(INJECT_CORRECTED_FLOOD) && cpu_index() == inject_cpu())
        apic_send_ipi(this_cpu->apic_id, VECTOR_CMCI);
    if ((inject_planted(INJECT_TOO_HOT) || inject_planted(INJECT_PACKAGE_TOO_HOT)) &&
        cpu_index() == inject_cpu())
        apic_send_ipi(this_cpu->apic_id, VECTOR_THERMAL);
    mce_poll();
    thermal_poll();
    smi_poll();
}

void check_thread(void *unused)
{
    bool stopping = false;

    (void)unused;
    while (!stopping) {
        stopping = thread_stopping();
        check_rest();
        check_magics();
        look_at_hardware();
        ipi_poll_apic_errors();
        runner_beat();
        if (!stopping)
            thread_block_ms(LOOK_EVERY_MS);
    }
}

/* Too deep is told before it is too late: the next run may be deeper. */
static void check_margin(const struct fault_place *place, uint32_t size, uint32_t used)
{
    if (size - used < STACK_MARGIN)
        fault_report(CHECK_FILL, place, "%u bytes used of %u: closer to the end than %u", used,
                     size, STACK_MARGIN);
}

/* Below the last level. Without it, one level too many would be silent. */
static void check_guard(const struct percpu *cpu, enum stack_kind kind)
{
    uint32_t levels = stack_shapes[kind].levels;
    uintptr_t guard = stack_top(cpu->index, kind, levels) - PAGE_SIZE;
    struct fault_place place = {cpu->index, kind, levels, "look"};

    if (paging_readable(guard, PAGE_SIZE))
        fault_report(CHECK_FILL, &place, "the guard page at 0x%lx is mapped", guard);
}

/* A level that no event has entered must be as it was filled. */
static void look_at_stack(const struct percpu *cpu, enum stack_kind kind)
{
    const struct stack_shape *shape = &stack_shapes[kind];
    uint32_t deepest = shape->ist ? ist_deepest(cpu->index, kind) : 0, most = 0;

    for (uint32_t level = 0; level < shape->levels; level++) {
        uintptr_t high = stack_top(cpu->index, kind, level);
        uint32_t used = stack_used_bytes(high - shape->level_size, high);
        struct fault_place place = {cpu->index, kind, level, "look"};
        if (level > deepest && used)
            fault_report(CHECK_FILL, &place,
                         "%u bytes of a level that was never entered are written", used);
        else
            check_margin(&place, shape->level_size, used);
        if (used > most)
            most = used;
    }
    report_stack(&(struct report_stack){
        .cpu = cpu->index,
        .stack = shape->name,
        .size_bytes = shape->level_size,
        .levels = shape->ist ? entry_chosen->levels : shape->levels,
        .deepest_level = most ? deepest + 1 : 0,
        .used_bytes = most,
        .headroom_bytes = shape->level_size - most,
    });
}

static void report_thread_stacks(uint32_t cpu)
{
    uint32_t used = thread_stack_most_used(cpu);
    struct fault_place place = {cpu, THREAD_STACK, 0, "look"};

    check_margin(&place, THREAD_SIZE, used);
    report_stack(&(struct report_stack){
        .cpu = cpu,
        .stack = stack_name(THREAD_STACK),
        .size_bytes = THREAD_SIZE,
        .levels = 1,
        .deepest_level = 1,
        .used_bytes = used,
        .headroom_bytes = THREAD_SIZE - used,
    });
}

/* Nothing raises the workloads' softirqs any more; the timer's come and go with the tick. */
static void look_at_softirqs(const struct percpu *cpu)
{
    struct fault_place place = {cpu->index, IRQ_STACK, 0, "look"};
    int32_t pending = cpu->softirq_pending & ~(1 << SOFTIRQ_TIMER);

    if (pending)
        fault_report(CHECK_REST, &place, "softirqs 0x%x are still pending%s",
                     (uint32_t)(pending & ~SOFTIRQ_DEFERRED),
                     softirq_is_deferred(pending) ? ", handed to the softirq thread" : "");
}

static void report_events(const struct percpu *cpu)
{
    if (nmis_unexplained[cpu->index])
        report_note("CPU %u: %lu NMIs that this image did not send", cpu->index,
                    nmis_unexplained[cpu->index]);
    report_cpu(&(struct report_cpu){
        .cpu = cpu->index,
        .apic_id = cpu->apic_id,
#define REPORT_EVENT(symbol, name) .name = cpu->events[EVENT_##symbol],
        EVENTS(REPORT_EVENT)
#undef REPORT_EVENT
        .nmi_blocks_given_up = cpu->nmi_blocks_given_up,
        .softirqs_deferred = softirqd_runs(cpu->index),
        .unexplained_nmis = nmis_unexplained[cpu->index],
        .throttles = thermal_throttles(cpu->index),
        .smis = smi_count(cpu->index),
        .microcode = microcode_of(cpu->index),
    });
}

void check_first_look(void)
{
    look_at_hardware();
    ipi_call_others(look_at_hardware, thread_yield);
}

void check_last_look(void)
{
    check_first_look();
    check_first_look();             /* takes the errors that #MC had until now to come for */
    mce_report(true);
    thermal_report(true);
    threads_measure();
    for (uint32_t i = 0; i < target_count; i++) {
        const struct percpu *cpu = cpu_at(target_cpus[i]);
        report_events(cpu);
        if (cpu->lost)
            continue;               /* where it stands, nothing is at rest */
        look_at_softirqs(cpu);
        for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
            check_guard(cpu, kind);
            look_at_stack(cpu, kind);
        }
        report_thread_stacks(cpu->index);
    }
}

static uint64_t pages_before;
static uint32_t threads_before;

/* Page tables are kept once made, and are no leak. */
static uint64_t pages_that_come_back(void)
{
    return pages_in_use() - paging_tables();
}

void check_count_resources(void)
{
    pages_before = pages_that_come_back();
    threads_before = threads_alive();
}

void check_resources_are_back(void)
{
    struct fault_place place = {cpu_index(), THREAD_STACK, 0, "end"};

    if (fault_count_of(CHECK_ALIVE)) {
        report_note("what a lost CPU's threads hold does not come back");
        return;
    }
    if (threads_alive() != threads_before)
        fault_report(CHECK_LEAK, &place, "%u threads are left of %u", threads_alive(),
                     threads_before);
    if (pages_that_come_back() != pages_before)
        fault_report(CHECK_LEAK, &place, "%lu pages are in use, not %lu", pages_that_come_back(),
                     pages_before);
}
