/* SPDX-License-Identifier: MIT */
/*
 * The schema of the report's data lines, version 1: the one place where record types and
 * their fields are listed. The C structs, the emitters, the host's tools and the README's table
 * all come from here.
 *
 * Each record is one line, `# ` and a JSON object without blanks; it begins with "v" (the
 * schema's version), "type" and "domain" (text: emulated, virtual or metal), and its fields follow
 * in the order of the list. Kinds: number is an unsigned integer of 64 bits; text is a string, and
 * is left out when it is not known. Units are in the names. Readers skip types and keys that they
 * do not know; a field is never renamed nor its meaning changed without a new version.
 *
 * TYPE(name, "what one record is") and FIELD(kind, name, "what it holds; for whom"), each on one
 * line: tools read this file by line.
 */
#ifndef ISTSTORM_LIB_REPORT_SCHEMA_H
#define ISTSTORM_LIB_REPORT_SCHEMA_H

#define REPORT_SCHEMA_VERSION 1

/* clang-format off */
#define REPORT_TYPES(TYPE) \
    TYPE(machine, "the machine and the run, once, before the storm") \
    TYPE(cpu, "what one CPU took, at the end") \
    TYPE(stack, "one stack's use, at the end") \
    TYPE(workload, "one workload's events, at its end") \
    TYPE(fault, "one failed check, when it fails") \
    TYPE(machine_check, "an error that a machine-check bank held, when it is found") \
    TYPE(heartbeat, "a sign of life, at least every 10 s") \
    TYPE(verdict, "the outcome, once, last of all records")

#define REPORT_FIELDS_machine(FIELD) \
    FIELD(text, version, "iststorm's version; whoever compares runs") \
    FIELD(text, firmware, "bios or uefi; to tell firmware trouble from hardware trouble") \
    FIELD(text, hypervisor, "CPUID's hypervisor signature; left out on bare metal") \
    FIELD(text, cpu_vendor, "CPUID's vendor; whoever groups results by processor") \
    FIELD(text, cpu_model, "CPUID's brand string; whoever groups results by processor") \
    FIELD(text, system_vendor, "SMBIOS system manufacturer; the owner of many machines") \
    FIELD(text, system_product, "SMBIOS product name; the owner of many machines") \
    FIELD(text, system_serial, "SMBIOS serial number; to find the machine that failed") \
    FIELD(text, cmdline, "the command line as used; to run it again") \
    FIELD(number, seed, "the random seed; to run it again") \
    FIELD(number, cpus_listed, "enabled CPUs in the MADT") \
    FIELD(number, cpus_online, "CPUs that take part") \
    FIELD(number, cpus_missing, "CPUs that were started and never came; each fails the run") \
    FIELD(number, cpus_types_copied, "CPUs that came with other MTRRs or PAT than the boot CPU") \
    FIELD(text, apic_mode, "xapic or x2apic; as left by firmware or switched up") \
    FIELD(number, memory_mib, "usable memory in MiB") \
    FIELD(number, tsc_hz, "time-stamp counter cycles a second; to turn cycles into time") \
    FIELD(number, lapic_timer_hz, "local APIC timer ticks a second, undivided") \
    FIELD(text, clock_source, "what the frequencies were measured against") \
    FIELD(number, bringup_us, "microseconds from the first SIPI to all CPUs online") \
    FIELD(number, tsc_spread_cycles, "largest TSC difference seen between CPUs, in cycles") \
    FIELD(number, boot_us, "microseconds from the clock's start to the storm's")

#define REPORT_FIELDS_cpu(FIELD) \
    FIELD(number, cpu, "index, dense from 0") \
    FIELD(number, apic_id, "local APIC id; to find the core in the hardware") \
    FIELD(number, irqs, "external interrupts taken") \
    FIELD(number, ipis, "interprocessor interrupts taken") \
    FIELD(number, nmis, "non-maskable interrupts taken") \
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
    FIELD(number, spurious, "spurious interrupts; many point at the board or the emulator")

#define REPORT_FIELDS_stack(FIELD) \
    FIELD(number, cpu, "index of the CPU whose stack it is") \
    FIELD(text, stack, "which stack: irq, NMI, debug ...") \
    FIELD(number, size_bytes, "bytes of one level") \
    FIELD(number, levels, "levels there are") \
    FIELD(number, deepest_level, "levels ever in use at once") \
    FIELD(number, used_bytes, "most bytes ever used in a level; whoever sizes stacks") \
    FIELD(number, headroom_bytes, "bytes never touched in the fullest level; whoever sizes stacks")

#define REPORT_FIELDS_workload(FIELD) \
    FIELD(text, workload, "its name, as in run=") \
    FIELD(number, cpus, "CPUs it ran on") \
    FIELD(number, time_ms, "milliseconds it ran") \
    FIELD(number, sent, "events sent") \
    FIELD(number, received, "events received") \
    FIELD(number, coalesced, "events merged with another, as the manual allows") \
    FIELD(number, failed, "checks that failed") \
    FIELD(number, events_per_s, "events received a second, all CPUs; whoever compares runs") \
    FIELD(number, cpu_min_per_s, "events a second of the slowest CPU; shows starvation") \
    FIELD(number, cpu_max_per_s, "events a second of the fastest CPU")

#define REPORT_FIELDS_fault(FIELD) \
    FIELD(text, check, "the check that failed, by name") \
    FIELD(number, cpu, "index of the CPU it failed on") \
    FIELD(text, stack, "the stack concerned") \
    FIELD(text, event, "the event being handled") \
    FIELD(number, level, "nesting level of that stack") \
    FIELD(text, detail, "what was expected and what was found") \
    FIELD(number, seed, "the random seed; to run it again")

#define REPORT_FIELDS_machine_check(FIELD) \
    FIELD(number, cpu, "index of the CPU whose bank it was") \
    FIELD(number, bank, "the bank") \
    FIELD(text, kind, "corrected or uncorrected") \
    FIELD(number, status, "IA32_MCi_STATUS; whoever decodes it") \
    FIELD(number, address, "IA32_MCi_ADDR; 0 when the status says that it is not valid") \
    FIELD(number, misc, "IA32_MCi_MISC; 0 when the status says that it is not valid")

#define REPORT_FIELDS_heartbeat(FIELD) \
    FIELD(number, time_ms, "milliseconds since the storm's start") \
    FIELD(number, events, "events so far, all CPUs") \
    FIELD(number, faults, "failed checks so far") \
    FIELD(number, cpus, "CPUs that take part") \
    FIELD(number, cpus_alive, "CPUs that moved since the last heartbeat")

#define REPORT_FIELDS_verdict(FIELD) \
    FIELD(text, result, "PASS, FAIL or REFUSED") \
    FIELD(text, reason, "why not PASS; left out when it is") \
    FIELD(number, time_ms, "milliseconds the storm ran") \
    FIELD(number, events, "events, all CPUs") \
    FIELD(number, faults, "failed checks") \
    FIELD(number, lost_lines, "lines of this report that found no room; whoever reads it whole") \
    FIELD(number, seed, "the random seed; to run it again")
/* clang-format on */

#endif
