/* SPDX-License-Identifier: MIT */
/* Asks firmware and processor about the machine, and reports it. */
#include "boot/machine.h"

#include "boot/efi.h"
#include "cpu/clock.h"
#include "cpu/discipline.h"
#include "cpu/features.h"
#include "cpu/hardware/lfence.h"
#include "cpu/hardware/mce.h"
#include "cpu/hardware/microcode.h"
#include "cpu/hardware/thermal.h"
#include "cpu/image.h"
#include "cpu/pages.h"
#include "cpu/paging.h"
#include "cpu/percpu.h"
#include "lib/format.h"
#include "lib/power.h"
#include "lib/report.h"
#include "lib/string.h"
#include "smp/acpi/reach.h"
#include "smp/apic.h"
#include "smp/calibrate.h"
#include "smp/warp.h"
#include "workloads/run/status.h"

/* clang-format off */
#define MACHINE_FIELDS(FIELD) \
    FIELD(text, version, "iststorm's version, to compare runs") \
    FIELD(text, firmware, "bios or uefi; to tell firmware trouble from hardware trouble") \
    FIELD(text, hypervisor, "CPUID's hypervisor signature; left out on bare metal") \
    FIELD(text, cpu_vendor, "CPUID's vendor, to group results by processor") \
    FIELD(text, cpu_model, "CPUID's brand string, to group results by processor") \
    FIELD(text, cpu_signature, "family-model-stepping in hexadecimal, as microcode is filed") \
    FIELD(signed, microcode, "the boot CPU's microcode revision") \
    FIELD(text, system_vendor, "SMBIOS system manufacturer; the owner of many machines") \
    FIELD(text, system_product, "SMBIOS product name; the owner of many machines") \
    FIELD(text, system_serial, "SMBIOS serial number; to find the machine that failed") \
    FIELD(text, system_uuid, "SMBIOS UUID, to find the machine; GRUB looks up its settings by it") \
    FIELD(text, bios_vendor, "SMBIOS firmware vendor; to tell firmware trouble") \
    FIELD(text, bios_version, "SMBIOS firmware version; to tell firmware trouble") \
    FIELD(text, mac, "hardware address of the network card it booted from; to find the machine") \
    FIELD(text, ip, "IP address that it booted with; to find the machine") \
    FIELD(text, cmdline, "the command line as used; to run it again") \
    FIELD(text, entry, "the entry discipline, as in entry=") \
    FIELD(text, fred, "present or absent: whether CPUID has FRED, which no discipline here uses") \
    FIELD(number, seed, "the random seed; to run it again") \
    FIELD(number, cpus_listed, "enabled CPUs in the MADT") \
    FIELD(number, cpus_online, "CPUs that take part") \
    FIELD(number, cpus_missing, "CPUs that were started and never came; each fails the run") \
    FIELD(number, cpus_types_copied, "CPUs that came with other MTRRs or PAT than the boot CPU") \
    FIELD(text, apic_mode, "xapic or x2apic; as left by firmware or switched up") \
    FIELD(number, memory_mib, "usable memory in MiB") \
    FIELD(number, load_address, "physical, of the image's start; symbols have its link addresses") \
    FIELD(number, tsc_hz, "time-stamp counter cycles a second; to turn cycles into time") \
    FIELD(number, lapic_timer_hz, "local APIC timer ticks a second, undivided") \
    FIELD(text, clock_source, "of the rates: acpi-pm hpet pit hypervisor cpuid-15h cpuid-16h") \
    FIELD(text, lfence, "serialises or does-not (AMD without DE_CFG[1]): orders stamps or not") \
    FIELD(number, bringup_us, "microseconds from the first SIPI to all CPUs online") \
    FIELD(text, tsc_invariant, "promised or not, by CPUID: one rate; no common start") \
    FIELD(number, tsc_spread_cycles, "largest TSC difference seen between CPUs, in cycles") \
    FIELD(number, boot_us, "microseconds from the clock's start to the storm's")
REPORT_RECORD(machine, "the machine and the run, once, before the storm", MACHINE_FIELDS)
/* clang-format on */

#define VERSION "0.1"

/* How to switch off and to reset, by ACPI. */
static void find_the_ways_out(const struct machine *machine)
{
    const struct acpi_fadt_facts *fadt = &machine->fadt;
    struct power_registers *r = &power_registers;

    r->reset = acpi_reach(&fadt->reset, 1);
    r->reset_value = fadt->reset_value;
    if (!acpi_read_s5(&machine->acpi, fadt->dsdt, r->sleep_types))
        return;
    r->sleep_control = acpi_reach(&fadt->sleep_control, 1);
    r->sleep_status = acpi_reach(&fadt->sleep_status, 1);
    if (fadt->acpi_enable)
        r->acpi_enable = acpi_reach(&fadt->smi_command, 1);
    r->acpi_enable_value = fadt->acpi_enable;
    r->control[0] = acpi_reach(&fadt->pm1a_control, 2);
    r->control[1] = acpi_reach(&fadt->pm1b_control, 2);
}

/* Where EFI says that ACPI and SMBIOS begin, on a machine that has no legacy area to scan. */
static void read_efi(struct boot_info *boot, struct efi_tables *efi)
{
    char error[128];

    if (!efi_read_tables(&paging_physical, boot->efi_system_table, boot->efi_is_64, efi, error,
                         sizeof(error)))
        report_note("EFI: %s", error);
    boot->acpi.new_address = efi->rsdp_new;
    boot->acpi.old_address = efi->rsdp_old;
}

bool machine_read_tables(struct machine *machine, struct boot_info *boot, char *error,
                         size_t error_size)
{
    struct efi_tables efi = {0};
    const struct acpi_header *fadt;

    machine->efi = boot->efi_system_table != 0;
    if (machine->efi)
        read_efi(boot, &efi);
    smbios_read(&paging_physical, efi.smbios3, efi.smbios, &machine->identity);
    if (!acpi_open(&machine->acpi, &paging_physical, &boot->acpi, report_note, error, error_size))
        return false;
    fadt = acpi_find(&machine->acpi, "FACP", error, error_size);
    if (fadt)
        acpi_read_fadt(fadt, &machine->fadt);
    find_the_ways_out(machine);
    return true;
}

/* An unknown value is left out of a record. */
static const char *known(const char *text)
{
    return text[0] ? text : NULL;
}

static void note_other_microcode(void)
{
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        if (cpu_at(cpu)->online && microcode_of(cpu) != microcode_of(0))
            report_note("CPU %u has microcode 0x%lx, CPU 0 has 0x%lx", cpu, microcode_of(cpu),
                        microcode_of(0));
}

static void note_blind_spots(void)
{
    if (mce_banks_out_of_reach())
        report_note("%u machine-check banks have no known registers, and are not read",
                    mce_banks_out_of_reach());
    if (!thermal_is_there() && !strcmp(features_domain(), "metal"))
        report_note("this processor tells neither temperature nor throttling by known registers");
}

/* The screen's page has these facts of it. */
static void show(const struct report_machine *record)
{
    static struct status_machine shown;

    shown = (struct status_machine){
        .version = record->version,
        .firmware = record->firmware,
        .mac = record->mac,
        .ip = record->ip,
        .system_vendor = record->system_vendor,
        .system_product = record->system_product,
        .system_serial = record->system_serial,
        .cmdline = record->cmdline,
        .cpus_online = record->cpus_online,
        .seed = record->seed,
    };
    status_prepare(&shown);
}

void machine_report(const struct machine *machine, const struct options *options,
                    const char *command_line, const struct bringup_result *bringup)
{
    const struct smbios_identity *identity = &machine->identity;
    struct report_machine record;
    char signature[16];

    format(signature, sizeof(signature), "%02x-%02x-%02x", cpu_features.family,
           cpu_features.model_number, cpu_features.stepping);
    note_other_microcode();
    record = (struct report_machine){
        .version = VERSION,
        .firmware = machine->efi ? "uefi" : "bios",
        .hypervisor = known(cpu_features.hypervisor),
        .cpu_vendor = cpu_features.vendor,
        .cpu_model = cpu_features.model,
        .cpu_signature = signature,
        .microcode = microcode_of(0),
        .system_vendor = known(identity->manufacturer),
        .system_product = known(identity->product),
        .system_serial = known(identity->serial),
        .system_uuid = known(identity->uuid),
        .bios_vendor = known(identity->bios_vendor),
        .bios_version = known(identity->bios_version),
        .mac = known(options->mac),
        .ip = known(options->ip),
        .cmdline = command_line,
        .entry = discipline_name(),
        .fred = cpu_features.fred ? "present" : "absent",
        .seed = options->run.seed,
        .cpus_listed = machine->topology.cpu_count,
        .cpus_online = bringup->online,
        .cpus_missing = bringup->missing,
        .cpus_types_copied = bringup->types_changed,
        .apic_mode = apic_mode(),
        .load_address = image_load_address,
        .memory_mib = pages_total() * PAGE_SIZE >> 20,
        .tsc_hz = clock_tsc_hz,
        .lapic_timer_hz = calibrated_apic_hz,
        .clock_source = machine->clock_source,
        .lfence = lfence_name(),
        .bringup_us = bringup->us,
        .tsc_invariant = cpu_features.invariant_tsc ? "promised" : "not promised",
        .tsc_spread_cycles = warp_tsc_spread(),
        .boot_us = clock_ns() / 1000,
    };
    report_machine(&record);
    show(&record);
    note_blind_spots();
}
