/* SPDX-License-Identifier: MIT */
/* Looks at what the handlers cannot see of themselves: rest, fill, leaks. */
#include "workloads/run/check.h"

#include <stddef.h>

#include "cpu/discipline.h"
#include "cpu/verdict.h"
#include "cpu/ist.h"
#include "cpu/hardware/mce.h"
#include "cpu/hardware/microcode.h"
#include "cpu/nmi_owner.h"
#include "cpu/pages.h"
#include "cpu/paging.h"
#include "cpu/hardware/smi.h"
#include "cpu/softirq.h"
#include "cpu/tables.h"
#include "cpu/hardware/thermal.h"
#include "cpu/vectors.h"
#include "lib/report.h"
#include "sched/reaper.h"
#include "sched/schedule.h"
#include "sched/softirqd.h"
#include "smp/apic.h"
#include "smp/clock_watch.h"
#include "smp/ipi.h"
#include "workloads/run/heartbeat.h"
#include "workloads/run/target.h"

/* clang-format off */
#define CPU_FIELDS(FIELD) \
    FIELD(number, cpu, "index, dense from 0") \
    FIELD(number, apic_id, "local APIC id; to find the core in the hardware") \
    FIELD(number, irqs, "external interrupts taken") \
    FIELD(number, ipis, "interprocessor interrupts taken") \
    FIELD(number, nmis, "non-maskable interrupts taken") \
    FIELD(number, nmi_blocks_given_up, "entry=ret: exceptions in NMIs that had to return by IRET") \
    FIELD(number, debugs, "debug exceptions (vector 1) taken") \
    FIELD(number, breakpoints, "breakpoints (vector 3) taken") \
    FIELD(number, machine_checks, "machine checks (vector 18) taken") \
    FIELD(number, corrected_errors, "corrected errors that machine-check banks held") \
    FIELD(number, stack_faults, "stack faults (vector 12) taken") \
    FIELD(number, double_faults, "double faults (vector 8) taken") \
    FIELD(number, softirqs, "softirqs run") \
    FIELD(number, softirqs_deferred, "times the softirq thread had to run them") \
    FIELD(number, switches, "thread switches") \
    FIELD(number, ticks, "timer ticks") \
    FIELD(number, spurious, "spurious interrupts; many point at the board or the emulator") \
    FIELD(number, stray_irqs, "interrupts of unclaimed vectors; see stray_irq") \
    FIELD(number, apic_errors, "APIC errors, by interrupt or seen by polling") \
    FIELD(number, unexplained_nmis, "NMIs that this image did not send: a watchdog's, a board's") \
    FIELD(number, cmcis, "corrected machine-check interrupts taken") \
    FIELD(number, thermal_irqs, "thermal interrupts taken") \
    FIELD(number, throttles, "times that it was too hot or drew too much; see thermal") \
    FIELD(signed, smis, "system management interrupts; left out where they are not counted") \
    FIELD(signed, microcode, "revision of its microcode; all should have the same")
REPORT_RECORD(cpu, "what one CPU took, at the end", CPU_FIELDS)

#define STACK_FIELDS(FIELD) \
    FIELD(number, cpu, "index of the CPU whose stack it is") \
    FIELD(text, stack, "which stack: irq, NMI, debug ...") \
    FIELD(number, size_bytes, "bytes of one level") \
    FIELD(number, levels, "levels there are") \
    FIELD(number, deepest_level, "levels ever in use at once") \
    FIELD(number, used_bytes, "most bytes ever used in a level, to size stacks") \
    FIELD(number, headroom_bytes, "bytes never touched in the fullest level, to size stacks")
REPORT_RECORD(stack, "one stack's use, at the end", STACK_FIELDS)
/* clang-format on */

#define LOOK_EVERY_MS 500

/* In thread context no IST event of this CPU is under way, since each ends before the thread goes
 * on. */
static void check_rest(void)
{
    if (this_cpu->irq_nest != -1)
        check_failed(CHECK_REST, "rest", "the IRQ nest counter is %d", this_cpu->irq_nest);
    if (discipline_nmis_owed(cpu_index()))
        check_failed(CHECK_REST, "rest", "%lu runs of the NMI handler are owed",
                     discipline_nmis_owed(cpu_index()));
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        unsigned ist = stack_shapes[kind].ist;
        if (ist && this_cpu->tss.ist[ist - 1] != stack_top(cpu_index(), kind, 0))
            check_failed_on(CHECK_REST, cpu_index(), kind, 0, "rest",
                            "TSS.ist[%u] is 0x%lx, not 0x%lx", ist - 1, this_cpu->tss.ist[ist - 1],
                            stack_top(cpu_index(), kind, 0));
        if (ist_events(kind) != 0)
            check_failed_on(CHECK_REST, cpu_index(), kind, 0, "rest",
                            "%u events are counted on it", ist_events(kind));
    }
}

static void check_magics(void)
{
    for (unsigned kind = 0; kind < CPU_STACK_KINDS; kind++) {
        for (uint32_t level = 0; level < stack_shapes[kind].levels; level++) {
            uintptr_t low = stack_top(cpu_index(), kind, level) - stack_shapes[kind].level_size;
            if (*(const uint64_t *)low == STACK_END_MAGIC)
                continue;
            check_failed_on(CHECK_FILL, cpu_index(), kind, level, "look",
                            "the end magic at 0x%lx is 0x%lx", low, *(const uint64_t *)low);
            *(uint64_t *)low = STACK_END_MAGIC;
        }
    }
}

/* The hardware's own errors that call no handler. A planted fault of this kind also raises the
 * interrupt, which an emulator would not. */
static void look_at_hardware(void)
{
    if (inject_planted(INJECT_CORRECTED_FLOOD) && cpu_index() == inject_cpu())
        apic_send_ipi(this_cpu->apic_id, VECTOR_CMCI);
    if (inject_planted(INJECT_TOO_HOT) && cpu_index() == inject_cpu())
        apic_send_ipi(this_cpu->apic_id, VECTOR_THERMAL);
    if (inject_planted(INJECT_BOARD_ERROR) && cpu_index() == inject_cpu())
        apic_send_nmi_to_self();
    mce_poll();
    thermal_poll();
    smi_poll();
}

static void look_at_cpu(void)
{
    tables_look();
    look_at_hardware();
}

void check_thread(void *unused)
{
    bool stopping = false;

    (void)unused;
    while (!stopping) {
        stopping = thread_stopping();
        check_rest();
        check_magics();
        look_at_cpu();
        clock_check_next(thread_yield);
        ipi_poll_apic_errors();
        heartbeat_if_due();
        if (!stopping)
            thread_block_ms(LOOK_EVERY_MS);
    }
}

/* Too deep is told before it is too late: the next run may be deeper. */
static void check_margin(uint32_t cpu, enum stack_kind kind, uint32_t level, uint32_t size,
                         uint32_t used)
{
    if (size - used < STACK_MARGIN)
        check_failed_on(CHECK_FILL, cpu, kind, level, "look",
                        "almost full: %u of %u bytes used, %u must stay free", used, size,
                        STACK_MARGIN);
}

/* Below the last level. Without it, one level too many would be silent. */
static void check_guard(const struct percpu *cpu, enum stack_kind kind)
{
    uint32_t levels = stack_shapes[kind].levels;
    uintptr_t guard = stack_top(cpu->index, kind, levels) - PAGE_SIZE;

    if (paging_readable(guard, PAGE_SIZE))
        check_failed_on(CHECK_FILL, cpu->index, kind, levels, "look",
                        "the guard page at 0x%lx is mapped", guard);
}

/* A level that no event has entered must be as it was filled. */
static void look_at_stack(const struct percpu *cpu, enum stack_kind kind)
{
    const struct stack_shape *shape = &stack_shapes[kind];
    uint32_t deepest = shape->ist ? ist_deepest(cpu->index, kind) : 0, most = 0;

    for (uint32_t level = 0; level < shape->levels; level++) {
        uintptr_t high = stack_top(cpu->index, kind, level);
        uint32_t used = stack_used_bytes(high - shape->level_size, high);
        if (level > deepest && used)
            check_failed_on(CHECK_FILL, cpu->index, kind, level, "look",
                            "%u bytes of a level that was never entered are written", used);
        else
            check_margin(cpu->index, kind, level, shape->level_size, used);
        if (used > most)
            most = used;
    }
    report_stack(&(struct report_stack){
        .cpu = cpu->index,
        .stack = shape->name,
        .size_bytes = shape->level_size,
        .levels = shape->ist ? discipline->levels : shape->levels,
        .deepest_level = most ? deepest + 1 : 0,
        .used_bytes = most,
        .headroom_bytes = shape->level_size - most,
    });
}

static void report_thread_stacks(uint32_t cpu)
{
    uint32_t used = thread_stack_most_used(cpu);

    check_margin(cpu, THREAD_STACK, 0, THREAD_SIZE, used);
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

/* Only the tick raises softirqs by now. */
static void look_at_softirqs(const struct percpu *cpu)
{
    int32_t pending = cpu->softirq_pending & ~(int32_t)schedule_softirqs();

    if (pending)
        check_failed_on(CHECK_REST, cpu->index, IRQ_STACK, 0, "look",
                        "softirqs 0x%x are still pending%s",
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
    look_at_cpu();
    ipi_call_others(look_at_cpu, thread_yield);
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
    if (failure_count_of(CHECK_ALIVE)) {
        report_note("a CPU is lost: the threads and pages that it holds are not looked for");
        return;
    }
    if (threads_alive() != threads_before)
        check_failed_on(CHECK_LEAK, cpu_index(), THREAD_STACK, 0, "end",
                        "%u threads are left at the end, %u were there before the storm",
                        threads_alive(), threads_before);
    if (pages_that_come_back() != pages_before)
        check_failed_on(CHECK_LEAK, cpu_index(), THREAD_STACK, 0, "end",
                        "%lu pages are in use at the end, %lu were before the storm",
                        pages_that_come_back(), pages_before);
}
