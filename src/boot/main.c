/* SPDX-License-Identifier: MIT */
/* The order of boot: from the loader's hand to a verdict. `main` is the last function here.
 *
 * The house is read in this order. The way of the stacks, an hour: cpu/stacks.h, percpu.h,
 * vectors.def, gdt.c, idt.c, frame.h, entry.inc, irq_entry.inc, entry.asm, ist_handlers.h, ist.c,
 * irq.c, softirq.c, trap.c, syscall.c; then sched/thread.c, switch.asm, schedule.c, reaper.c. The
 * other CPUs: smp/bringup.c, ipi.c. The runs: workloads/workload.h, run/runner.c, and storm/nmi.c
 * for one of them. All stand on lib. */
#include <stddef.h>

#include "boot/boot_info.h"
#include "boot/consoles.h"
#include "boot/loader.h"
#include "boot/machine.h"
#include "boot/options.h"
#include "boot/setup.h"
#include "cpu/clock.h"
#include "cpu/discipline.h"
#include "cpu/idt.h"
#include "cpu/hardware/mce.h"
#include "cpu/inject.h"
#include "cpu/ist.h"
#include "cpu/lastword.h"
#include "cpu/percpu.h"
#include "cpu/verdict.h"
#include "cpu/x86.h"
#include "lib/above.h"
#include "lib/finish.h"
#include "lib/power.h"
#include "lib/report.h"
#include "sched/schedule.h"
#include "smp/bringup.h"
#include "smp/strays.h"
#include "smp/warp.h"
#include "workloads/run/runner.h"
#include "workloads/run/watch.h"

void main(uint32_t magic, const void *info); /* called by start.asm alone */

static struct boot_info boot;
static struct options options;
static struct machine machine;
static bool died_before;            /* the run before this one */
static char refusal[1024];          /* what is wrong with the command line, if anything is */
static char error[1024];

/* Where the console may not be drained: where it would keep interrupts or a stack for as long as a
 * line takes. */
static bool may_drain(void)
{
    return !ist_events_all() && this_cpu->irq_nest < 0 && read_flags() & RFLAGS_IF;
}

/* The first thread, on the boot CPU. */
static void run_all(void *unused)
{
    const struct run *run = &options.run;
    struct bringup_result bringup;

    (void)unused;
    lib_above.may_drain = may_drain;
    report_plan(runner_tests(run));
    strays_open_report();
    runner_first_look();
    schedule_start_ticks();
    if (died_before)
        lastword_report();
    lastword_begin(run->seed, 1000000000 / schedule_tick_hz());
    sched_above.tick = watch_tick;
    bringup = bringup_start(&machine.topology, schedule_enter);
    warp_measure(bringup.online, thread_yield);
    machine_report(&machine, &options, boot.command_line, &bringup);
    mce_allow(options.corrected_an_hour);
    strays_leave_traps(thread_yield);
    watch_all(acpi_find(&machine.acpi, "HPET", error, sizeof(error)), &machine.topology);
    runner_prepare(run);
    verdict_run_start_ms = clock_ms();
    runner_run(run);
    if (options.inject >= 0 && failure_count() == 0)
        check_failed(CHECK_UNEXPECTED, "inject", "%s was planted, and nothing caught it",
                     inject_names[options.inject]);
    verdict_give();
}

/* A bad command line is refused when all consoles are open that its good words ask for. */
static void read_options(void)
{
    struct option_names names = {.injects = inject_names,
                                  .inject_count = INJECT_COUNT,
                                  .entries = discipline_names,
                                  .entry_count = DISCIPLINE_COUNT,
                                  .uses = runner_uses};

    names.check_count = conform_names(&names.checks);
    names.workloads = runner_names(&names.workload_count, &names.together);
    options_parse(boot.command_line, boot.command_line_length, &names, &options, refusal,
                  sizeof(refusal));
    discipline_choose(options.entry);
}

/* Where the machine is an emulator that can be told to exit, it is, unless end= says otherwise. */
static void choose_end(void)
{
    lib_above.shut_down = idt_lose;
    finish_in_bochs = boot.in_bochs;
    finish_how = boot.in_qemu || boot.in_bochs ? END_EXIT : END_HALT;
    if (options.end != END_DEFAULT)
        finish_how = options.end;
    finish_say_how();
}

/* Says early that nobody will find this machine switched off. */
static void look_at_end(void)
{
    if (finish_how == END_POWEROFF && !power_can_switch_off())
        report_note("end=poweroff: no way to ACPI S5 was found; it will halt");
}

void main(uint32_t magic, const void *info)
{
    bool loaded, acpi;

    percpu_begin();                             /* this CPU has an index, for the locks */
    loaded = loader_read(magic, info, &boot, error, sizeof(error));
    read_options();
    consoles_open_first(&options.console, &boot.framebuffer);
    choose_end();
    if (!loaded)
        refuse("%s", error);
    setup_cpu(&boot);                           /* CPUID; reports can be written */
    died_before = setup_memory(&boot, &options); /* symbols, planted faults, page tables */
    consoles_map_screen(&boot.framebuffer);
    acpi = machine_read_tables(&machine, &boot, error, sizeof(error));
    consoles_open(&options.console, acpi ? &machine.acpi : NULL);
    look_at_end();
    if (refusal[0])
        refuse("%s", refusal);
    if (!acpi)
        refuse("no ACPI: %s", error);
    setup_processors(&machine, &options);       /* areas, stacks, GDT, TSS, IDT, APIC, clock */
    if (!options.seed_given)
        options.run.seed = read_tsc();
    verdict_seed = options.run.seed;
    schedule_start(run_all);                    /* goes on in run_all, the first thread */
}
