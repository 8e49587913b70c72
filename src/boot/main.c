/* SPDX-License-Identifier: MIT */
/* The order of boot, and the table of contents: from the boot loader's hand to a verdict. */
#include <stddef.h>

#include "boot/bochs.h"
#include "boot/cmdline.h"
#include "boot/efi.h"
#include "boot/finish.h"
#include "boot/fwcfg.h"
#include "boot/multiboot2.h"
#include "boot/power.h"
#include "boot/smbios.h"
#include "boot/symbols.h"
#include "cpu/clock.h"
#include "cpu/entries.h"
#include "cpu/fault.h"
#include "cpu/features.h"
#include "cpu/gdt.h"
#include "cpu/inject.h"
#include "cpu/ist.h"
#include "cpu/lastword.h"
#include "cpu/mce.h"
#include "cpu/microcode.h"
#include "cpu/pages.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "cpu/thermal.h"
#include "lib/console.h"
#include "lib/format.h"
#include "lib/report.h"
#include "lib/string.h"
#include "sched/schedule.h"
#include "sched/user.h"
#include "smp/acpi.h"
#include "smp/apic.h"
#include "smp/bringup.h"
#include "smp/calibrate.h"
#include "smp/ioapic.h"
#include "smp/ipi.h"
#include "smp/madt.h"
#include "smp/spcr.h"
#include "smp/warp.h"
#include "workloads/runner.h"
#include "workloads/status.h"
#include "workloads/watch.h"

#define VERSION "0.1"
#define FOUR_GIB (1ull << 32)
#define SYMBOL_STORE_BYTES (256 * 1024)

void main(uint32_t magic, const void *info); /* called by entry.asm alone */

static struct boot_info boot;
static struct options options;
static struct efi_tables efi;
static struct smbios_identity identity;
static struct acpi_tables acpi;
static struct acpi_fadt_facts fadt;
static struct machine_topology topology;
static const char *command_line;
static const char *clock_source;
static char error[1024];
static char refusal[1024];          /* what is wrong with the command line, if anything is */
static bool died_before;            /* the run before this one */

/* Until paging_init, the boot page tables map the first 4 GiB. */
static const void *boot_physical_at(const struct physical *self, uint64_t address, size_t length)
{
    (void)self;
    return address != 0 && address + length >= address && address + length <= FOUR_GIB
               ? (const void *)address
               : NULL;
}
static const struct physical boot_physical = {.at = boot_physical_at};

extern char text_start[], text_end[];

static uint64_t framebuffer_end(void)
{
    return boot.framebuffer.address + (uint64_t)boot.framebuffer.pitch * boot.framebuffer.height;
}

/* The screen, and the serial ports that need no mapping: enough to refuse to run. */
static void open_first_consoles(void)
{
    console_init(&options.console);
    for (unsigned i = 0; i < options.console.serial_count; i++)
        if (!options.console.serials[i].in_memory)
            console_add_serial(&options.console.serials[i], NULL);
}

/* What the boot loader says, and the command line. A bad one is refused when all consoles are open
 * that its good words ask for. */
static void read_boot_information(uint32_t magic, const void *info)
{
    static char from_qemu[BOOT_COMMAND_LINE_SIZE];
    struct cmdline_names names = {.injects = inject_names,
                                  .inject_count = INJECT_COUNT,
                                  .entries = entry_names,
                                  .entry_count = ENTRY_COUNT};
    bool parsed =
        multiboot2_parse(magic, info, FOUR_GIB - (uintptr_t)info, &boot, error, sizeof(error));
    bool in_qemu =
        features_hypervisor() && fwcfg_present(); /* on metal its ports may be anything's */
    long length =
        in_qemu ? fwcfg_read("opt/iststorm/cmdline", from_qemu, sizeof(from_qemu) - 1) : -1;

    if (framebuffer_end() <= FOUR_GIB)
        console_set_framebuffer(&boot.framebuffer, (volatile void *)boot.framebuffer.address);
    finish_in_bochs = !features_hypervisor() && bochs_signed(&boot);
    finish_how = in_qemu || finish_in_bochs ? END_EXIT : END_HALT;
    names.check_count = conform_names(&names.checks);
    names.workloads = runner_names(&names.workload_count, &names.together);
    if (!parsed || length >= (long)sizeof(from_qemu)) {
        cmdline_parse("", 0, &names, &options, refusal, sizeof(refusal));
        open_first_consoles();
        if (!parsed)
            refuse("%s", error);
        refuse("the command line from fw_cfg is %ld bytes long; %zu at most", length,
               sizeof(from_qemu) - 1);
    }
    command_line = length >= 0 ? from_qemu : boot.command_line;
    if (length < 0)
        length = boot.command_line_length;
    cmdline_parse(command_line, length, &names, &options, refusal, sizeof(refusal));
    open_first_consoles();
    entry_chosen = &entries[options.entry];
    if (options.end != END_DEFAULT)
        finish_how = options.end;
}

/* The boot page tables are gone, and with them the framebuffer's old address. */
static void map_framebuffer(void)
{
    uint64_t start = boot.framebuffer.address;
    volatile void *mapped;

    if (boot.framebuffer.kind != CONSOLE_FRAMEBUFFER_RGB)
        return;
    mapped = paging_map_combined(start, framebuffer_end() - start);
    console_set_framebuffer(&boot.framebuffer, mapped);
}

static void take_over_cpu(void)
{
    const char *missing = features_read();
    static uint64_t symbol_store[SYMBOL_STORE_BYTES / sizeof(uint64_t)];
    struct symbol_text text = {(uint64_t)text_start, (uint64_t)text_end};

    cpu_features.emulated |= finish_in_bochs;
    report_init(features_domain());
    if (missing)
        refuse("this CPU lacks %s", missing);
    if (!symbols_init(&boot, &boot_physical, &text, symbol_store, sizeof(symbol_store)))
        report_note("no symbols: backtraces will have addresses alone");
    died_before = lastword_find(&boot);
    /* What this fault is for has come already: the next reset would bring it again, without end. */
    if (options.inject >= 0 && !(died_before && (options.inject == INJECT_TRIPLE_FAULT ||
                                                 options.inject == INJECT_EXHAUST_DOUBLEFAULT)))
        inject_plant(options.inject);
    if (cpu_features.smap)
        inject_plant(PATCH_SMAP);
    if (options.break_cycles)
        inject_plant(PATCH_TRACE);
    pages_init(&boot);
    if (!paging_init(&boot))
        refuse("too little memory for page tables: %lu KiB usable",
               pages_total() * PAGE_SIZE / 1024);
    map_framebuffer();
}

/* How to switch off and to reset, by ACPI. */
static void find_the_ways_out(void)
{
    if (fadt.reset.address && fadt.reset.space == ACPI_SPACE_PORT) {
        power_registers.reset_port = fadt.reset.address;
        power_registers.reset_value = fadt.reset_value;
    }
    if (!acpi_read_s5(&acpi, fadt.dsdt, power_registers.sleep_types) ||
        fadt.pm1a_control.space != ACPI_SPACE_PORT) {
        if (options.end == END_POWEROFF)
            report_note("end=poweroff: no way to ACPI S5 was found; it will halt");
        return;
    }
    power_registers.acpi_enable_port = fadt.acpi_enable ? fadt.smi_command_port : 0;
    power_registers.acpi_enable_value = fadt.acpi_enable;
    power_registers.control_ports[0] = fadt.pm1a_control.address;
    if (fadt.pm1b_control.space == ACPI_SPACE_PORT)
        power_registers.control_ports[1] = fadt.pm1b_control.address;
}

/* False: there are no ACPI tables, and `error` says why. */
static bool find_firmware_tables(void)
{
    if (boot.efi_system_table && !efi_read_tables(&paging_physical, boot.efi_system_table,
                                                  boot.efi_is_64, &efi, error, sizeof(error)))
        report_note("EFI: %s", error);
    smbios_read(&paging_physical, efi.smbios3, efi.smbios, &identity);
    return acpi_open(&acpi, &paging_physical, &boot, &efi, error, sizeof(error));
}

static void add_serial(const struct serial_place *place)
{
    uint64_t length = (uint64_t)SERIAL_REGISTERS * place->stride;
    bool reachable = (place->address + length - 1) >> cpu_features.physical_bits == 0;

    console_add_serial(place, place->in_memory && reachable
                                  ? paging_map_device(place->address, length)
                                  : NULL);
}

/* The port that the firmware's own console is on: serial-over-LAN, on a server. */
static void add_firmwares_serial(bool asked)
{
    const struct acpi_header *table = acpi_find(&acpi, "SPCR", error, sizeof(error));
    struct serial_place place;

    if (table && spcr_parse(table, &place, error, sizeof(error))) {
        if (options.console.spcr_baud)
            place.baud = options.console.spcr_baud;
        report_note("console: SPCR names the serial port %s0x%lx", place.in_memory ? "mmio:" : "",
                    place.address);
        add_serial(&place);
    } else if (asked || (table && error[0])) {
        report_note("console: no serial port from SPCR: %s",
                    error[0] ? error : "console redirection is off");
    }
}

/* From here on everything can be said, and what was said before comes out. */
static void open_consoles(bool acpi_is_there)
{
    for (unsigned i = 0; i < options.console.serial_count; i++)
        if (options.console.serials[i].in_memory)
            add_serial(&options.console.serials[i]);
    if (acpi_is_there && options.console.spcr != CONSOLE_SPCR_NO)
        add_firmwares_serial(options.console.spcr == CONSOLE_SPCR_ASKED);
    if (inject_planted(INJECT_STUCK_UART))
        console_plant_stuck();
    console_start();
    if (refusal[0])
        refuse("%s", refusal);
    if (!acpi_is_there)
        refuse("no ACPI: %s", error);
}

static void read_acpi_tables(void)
{
    const struct acpi_header *table = acpi_find(&acpi, "FACP", error, sizeof(error));

    if (table)
        acpi_read_fadt(table, &fadt);
    find_the_ways_out();
    table = acpi_find(&acpi, "APIC", error, sizeof(error));
    if (!table)
        refuse("no list of processors: %s", error);
    if (!madt_parse(table, &topology, error, sizeof(error)))
        refuse("%s", error);
}

/* This CPU as every other will be, and what they need to find when they start. */
static void set_up_cpus(void)
{
    const char *wrong = apic_init(&topology, options.x2apic);
    uint32_t count;

    if (wrong)
        refuse("%s", wrong);
    if (options.cpus > topology.enabled_count)
        refuse("'cpus=%u': there are %u", options.cpus, topology.enabled_count);
    count = bringup_list(&topology, options.cpus ? options.cpus : MAX_CPUS);
    if (topology.cpus_left_out)
        refuse("the machine has more CPUs than the %u that this image is made for", MADT_CPUS);
    thread_init();
    if (!percpu_create(count, bringup_apic_ids) || !user_init() || !schedule_init() ||
        pages_total() - pages_in_use() < runner_pages(count))
        refuse("too little memory: %u CPUs need more than the %lu MiB there are", count,
               pages_total() * PAGE_SIZE >> 20);
    ipi_init();
    ioapic_mask_all(&topology);
    wrong = bringup_self(&topology, 0);
    if (wrong)
        refuse("the boot CPU: %s is not as it was loaded", wrong);
    clock_source = calibrate(&fadt);
    if (!clock_source)
        refuse("no clock: neither ACPI's PM timer nor the 8254 moves");
}

/* Where the console may not be drained: where it would keep interrupts or a stack for as long as a
 * line takes. */
static bool may_drain(void)
{
    return !ist_events_all() && this_cpu->irq_nest < 0 && read_flags() & RFLAGS_IF;
}

/* What is not known is left out of a record. */
static const char *known(const char *text)
{
    return text[0] ? text : NULL;
}

static void report_the_machine(const struct bringup_result *bringup)
{
    char signature[16];

    format(signature, sizeof(signature), "%02x-%02x-%02x", cpu_features.family,
           cpu_features.model_number, cpu_features.stepping);
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        if (cpu_at(cpu)->online && microcode_of(cpu) != microcode_of(0))
            report_note("CPU %u has microcode 0x%lx, CPU 0 has 0x%lx", cpu, microcode_of(cpu),
                        microcode_of(0));
    static struct report_machine machine;

    machine = (struct report_machine){
        .version = VERSION,
        .firmware = boot.efi_system_table ? "uefi" : "bios",
        .hypervisor = known(cpu_features.hypervisor),
        .cpu_vendor = cpu_features.vendor,
        .cpu_model = cpu_features.model,
        .cpu_signature = signature,
        .microcode = microcode_of(0),
        .system_vendor = known(identity.manufacturer),
        .system_product = known(identity.product),
        .system_serial = known(identity.serial),
        .system_uuid = known(identity.uuid),
        .bios_vendor = known(identity.bios_vendor),
        .bios_version = known(identity.bios_version),
        .mac = known(options.mac),
        .ip = known(options.ip),
        .cmdline = command_line,
        .entry = entry_chosen->name,
        .fred = cpu_features.fred ? "present" : "absent",
        .seed = options.seed,
        .cpus_listed = topology.enabled_count,
        .cpus_online = bringup->online,
        .cpus_missing = bringup->missing,
        .cpus_types_copied = bringup->types_changed,
        .apic_mode = apic_mode(),
        .memory_mib = pages_total() * PAGE_SIZE >> 20,
        .tsc_hz = clock_tsc_hz,
        .lapic_timer_hz = calibrated_apic_hz,
        .clock_source = clock_source,
        .bringup_us = bringup->us,
        .tsc_spread_cycles = tsc_warp(),
        .boot_us = clock_ns() / 1000,
    };
    report_machine(&machine);
    status_prepare(&machine);
}

/* What this CPU does while the others are at it: the same. */
static void join_the_warp_check(void)
{
    static bool joined;

    if (!joined)
        tsc_check_warp();
    joined = true;
    thread_yield();
}

/* What this hardware would log where nobody looks. */
static void note_blind_spots(void)
{
    if (mce_banks_out_of_reach())
        report_note("%u machine-check banks have no known registers, and are not read",
                    mce_banks_out_of_reach());
    if (!thermal_is_there() && !strcmp(features_domain(), "metal"))
        report_note("this processor tells neither temperature nor throttling by known registers");
}

/* The first thread, on the boot CPU. */
static void run(void *unused)
{
    struct run run = {
        .workloads = options.workloads,
        .time_ms = options.time_ms,
        .time_given = options.time_given,
        .passes = options.passes,
        .seed = options.seed,
        .target = options.target,
        .stop_at_first = options.stop_at_first,
        .checks = &options.checks,
        .samples = options.samples,
        .break_cycles = options.break_cycles,
    };

    (void)unused;
    console_may_drain = may_drain;
    report_plan(runner_tests(&run));
    if (died_before)
        lastword_report();
    lastword_begin(options.seed, 1000000000 / schedule_tick_hz());
    schedule_tick_hook = watch_tick;
    struct bringup_result bringup = bringup_start(&topology, schedule_enter);
    tsc_warp_expect(bringup.online);
    if (!ipi_call_others(tsc_check_warp, join_the_warp_check))
        report_note("not every CPU answered a call");
    if (tsc_warp() > TSC_WARP_NOTABLE)
        report_note("the TSC steps back by %lu cycles between CPUs: compared on each CPU alone",
                    tsc_warp());
    report_the_machine(&bringup);
    note_blind_spots();
    mce_allow(options.corrected_an_hour);
    runner_prepare(&run);
    if (bringup.online == 1 && runner_storms(&run))
        watch_alone(acpi_find(&acpi, "HPET", error, sizeof(error)), &topology);
    fault_run_start_ms = clock_ms();
    runner_run(&run);
    if (options.inject >= 0 && fault_count() == 0) {
        struct fault_place place = fault_here("inject");
        fault_report(CHECK_UNEXPECTED, &place, "%s was planted, and nothing caught it",
                     inject_names[options.inject]);
    }
    fault_verdict();
}

void main(uint32_t magic, const void *info)
{
    percpu_begin();
    finish_shut_down = idt_lose;
    read_boot_information(magic, info);
    take_over_cpu();
    open_consoles(find_firmware_tables());
    read_acpi_tables();
    set_up_cpus();
    if (!options.seed_given)
        options.seed = read_tsc();
    fault_seed = options.seed;
    schedule_start(run);
}
