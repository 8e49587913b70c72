/* SPDX-License-Identifier: MIT */
/* Takes the machine over, and refuses one that is not fit. */
#include "boot/setup.h"

#include "boot/loader.h"
#include "cpu/features.h"
#include "cpu/hardware/hidden.h"
#include "cpu/idt.h"
#include "cpu/image.h"
#include "cpu/inject.h"
#include "cpu/lastword.h"
#include "cpu/pages.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "lib/finish.h"
#include "lib/report.h"
#include "lib/symbols.h"
#include "sched/schedule.h"
#include "sched/user.h"
#include "smp/apic.h"
#include "smp/bringup.h"
#include "smp/calibrate.h"
#include "smp/exchange.h"
#include "smp/ioapic.h"
#include "smp/ipi.h"
#include "smp/nmi_gate.h"
#include "smp/strays.h"
#include "workloads/run/runner.h"

#define SYMBOL_STORE_BYTES (256 * 1024)

static char error[1024];

void setup_cpu(const struct boot_info *boot)
{
    const char *missing;

    hidden_show();
    missing = features_read();
    cpu_features.emulated |= boot->in_bochs;
    report_init(features_domain());
    if (missing)
        refuse("this CPU lacks %s", missing);
    if (hidden_names())
        report_note("firmware hides %s: shown again on every CPU", hidden_names());
}

/* Before the loader's copy is overwritten. */
static void take_symbols(const struct symbol_sections *sections)
{
    static uint64_t store[SYMBOL_STORE_BYTES / sizeof(uint64_t)];
    struct symbol_text text = {(uint64_t)text_start, (uint64_t)text_end};

    if (!symbols_init(sections, &boot_physical, &text, store, sizeof(store)))
        report_note("no symbols: backtraces will have addresses alone");
}

/* When the reset of such a fault has come, the next boot does not plant it: it would reset without
 * end. */
static bool resets(enum inject fault)
{
    return fault == INJECT_TRIPLE_FAULT || fault == INJECT_EXHAUST_DOUBLEFAULT ||
           fault == INJECT_DIES_TELLING;
}

/* Before paging_init makes the code read-only. */
static void patch_code(int fault, bool died_before)
{
    if (fault >= 0 && !(died_before && resets(fault)))
        inject_plant(fault);
    if (cpu_features.smap)
        inject_plant(PATCH_SMAP);
}

bool setup_memory(const struct boot_info *boot, const struct options *options)
{
    uint64_t taken;
    bool died_before;

    if (!image_has_room(&boot->memory, &taken))
        refuse("no room: the boot loader has put the image at 0x%lx to 0x%lx, and the memory map "
               "does not call 0x%lx available", image_load_address, image_physical(image_end),
               taken);
    take_symbols(&boot->symbols);
    died_before = lastword_find(&boot->memory);
    patch_code(options->inject, died_before);
    idt_make();
    pages_init(&boot->memory);
    if (!paging_init(&boot->memory))
        refuse("too little memory for page tables: %lu KiB usable",
               pages_total() * PAGE_SIZE / 1024);
    return died_before;
}

static void list_processors(struct machine *machine)
{
    const struct acpi_header *table = acpi_find(&machine->acpi, "APIC", error, sizeof(error));

    if (!table)
        refuse("no list of processors: %s", error);
    if (!madt_parse(table, &machine->topology, error, sizeof(error)))
        refuse("%s", error);
    if (machine->topology.nmis_wrong)
        report_note("the ACPI table APIC: %u NMI entries name a pin or flags that do not exist: "
                    "ignored", machine->topology.nmis_wrong);
}

/* How many take part. */
static uint32_t choose_cpus(const struct machine_topology *topology, const struct options *options)
{
    uint32_t count;

    if (options->cpus > topology->cpu_count)
        refuse("'cpus=%u': there are %u", options->cpus, topology->cpu_count);
    count = bringup_list(topology, options->cpus ? options->cpus : MAX_CPUS);
    if (topology->cpus_left_out)
        refuse("the machine has more CPUs than the %u that this image is made for", MADT_CPUS);
    if (count > 1 && !pages_find_low())
        refuse("no free page below 640 KiB in the memory map: CPUs start there, all but the first; "
               "cpus=1 needs none");
    return count;
}

static void make_areas(uint32_t count)
{
    if (!percpu_create(count, bringup_apic_ids) || !user_init() || !schedule_init() ||
        pages_total() - pages_in_use() < runner_pages(count))
        refuse("too little memory: %u CPUs need more than the %lu MiB there are", count,
               pages_total() * PAGE_SIZE >> 20);
}

static void start_clock(struct machine *machine)
{
    machine->clock_source =
        calibrate(&machine->fadt, acpi_find(&machine->acpi, "HPET", error, sizeof(error)));
    if (!machine->clock_source)
        refuse("no clock: none of PM timer, HPET and 8254 moves, nor does CPUID state a rate");
}

void setup_processors(struct machine *machine, const struct options *options)
{
    const struct machine_topology *topology = &machine->topology;
    const char *wrong;

    list_processors(machine);
    wrong = apic_init(topology, options->x2apic);
    if (wrong)
        refuse("%s", wrong);
    make_areas(choose_cpus(topology, options));
    ipi_init();
    exchange_init();
    strays_init(topology);
    ioapic_mask_all(topology);
    wrong = bringup_self(topology, 0);
    if (wrong)
        refuse("the boot CPU: %s is not as it was loaded", wrong);
    nmi_gate_open();
    start_clock(machine);
}
