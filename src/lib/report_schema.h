/* SPDX-License-Identifier: MIT */
/*
 * The schema of the report's data lines, version 1: the one place where record types and
 * their fields are listed. The C structs, the emitters, the host's tools and the README's table
 * all come from here.
 *
 * Each record is one line, `# ` and a JSON object without blanks; it begins with "v" (the
 * schema's version), "type" and "domain" (text: emulated, virtual or metal), and its fields follow
 * in the order of the list. Kinds: number is an unsigned integer of 64 bits; signed is an integer
 * of 64 bits, and is left out when it is REPORT_UNKNOWN; text is a string, and is left out when it
 * is not known. Units are in the names. Readers skip types and keys that they
 * do not know; a field is never renamed nor its meaning changed without a new version.
 *
 * TYPE(name, "what one record is") and FIELD(kind, name, "what it holds; for whom"), each on one
 * line: tools read this file by line.
 */
#ifndef ISTSTORM_LIB_REPORT_SCHEMA_H
#define ISTSTORM_LIB_REPORT_SCHEMA_H

#define REPORT_SCHEMA_VERSION 1
#define REPORT_UNKNOWN INT64_MIN    /* in a field of kind signed */

/* clang-format off */
#define REPORT_TYPES(TYPE) \
    TYPE(machine, "the machine and the run, once, before the storm") \
    TYPE(cpu, "what one CPU took, at the end") \
    TYPE(stack, "one stack's use, at the end") \
    TYPE(workload, "one workload's events, at its end") \
    TYPE(topology, "where a CPU sits, for latencies between CPUs") \
    TYPE(overhead, "what an empty pair of stamps costs on a CPU: subtracted from its samples") \
    TYPE(pairs, "how many pairs of CPUs were measured") \
    TYPE(offset, "a CPU's TSC against that of CPU 0, before and after a benchmark") \
    TYPE(latency, "one stage of one event, measured in one way: its samples' distribution") \
    TYPE(buckets, "more buckets of a latency record, where one line does not hold them") \
    TYPE(outlier, "one of the sixteen worst samples of a measurement") \
    TYPE(batch, "what else happened on a CPU while one measurement's samples were taken") \
    TYPE(trace_event, "one of the last 64 events of a CPU, when break= has stopped them all") \
    TYPE(surcharge, "what an IST slot costs, and the adjustment on top of it") \
    TYPE(conform, "one rule of the manual, tried on this machine") \
    TYPE(conform_listed, "one rule of the manual that can be tried, for check=list") \
    TYPE(sweep_path, "a path's instruction boundaries, before it is swept") \
    TYPE(sweep_unsafe, "a boundary of a path at which an event destroys something") \
    TYPE(sweep, "one event at every boundary of one path, when it is done") \
    TYPE(fault, "one failed check, when it fails") \
    TYPE(machine_check, "an error that a machine-check bank held, when it is found") \
    TYPE(thermal, "how often a CPU was too hot so far, when that has changed") \
    TYPE(before_cpu, "what a CPU did last in the run before this one, which died") \
    TYPE(before, "the run before this one, when it died without a verdict") \
    TYPE(heartbeat, "a sign of life, at least every 10 s") \
    TYPE(verdict, "the outcome, once, last of all records")

#define REPORT_FIELDS_machine(FIELD) \
    FIELD(text, version, "iststorm's version; whoever compares runs") \
    FIELD(text, firmware, "bios or uefi; to tell firmware trouble from hardware trouble") \
    FIELD(text, hypervisor, "CPUID's hypervisor signature; left out on bare metal") \
    FIELD(text, cpu_vendor, "CPUID's vendor; whoever groups results by processor") \
    FIELD(text, cpu_model, "CPUID's brand string; whoever groups results by processor") \
    FIELD(text, cpu_signature, "family-model-stepping in hexadecimal, as microcode is filed") \
    FIELD(signed, microcode, "the boot CPU's microcode revision") \
    FIELD(text, system_vendor, "SMBIOS system manufacturer; the owner of many machines") \
    FIELD(text, system_product, "SMBIOS product name; the owner of many machines") \
    FIELD(text, system_serial, "SMBIOS serial number; to find the machine that failed") \
    FIELD(text, system_uuid, "SMBIOS UUID; likewise, and as GRUB looks up its settings") \
    FIELD(text, bios_vendor, "SMBIOS firmware vendor; to tell firmware trouble") \
    FIELD(text, bios_version, "SMBIOS firmware version; likewise") \
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
    FIELD(number, apic_errors, "APIC errors, by interrupt or seen by polling") \
    FIELD(number, unexplained_nmis, "NMIs that this image did not send: a watchdog's, a board's") \
    FIELD(number, cmcis, "corrected machine-check interrupts taken") \
    FIELD(number, thermal_irqs, "thermal interrupts taken") \
    FIELD(number, throttles, "times that it was too hot or drew too much; see thermal") \
    FIELD(signed, smis, "system management interrupts; left out where they are not counted") \
    FIELD(signed, microcode, "revision of its microcode; all should have the same")

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

#define REPORT_FIELDS_topology(FIELD) \
    FIELD(number, cpu, "index, dense from 0") \
    FIELD(number, apic_id, "local APIC id") \
    FIELD(number, smt, "thread in its core") \
    FIELD(number, core, "core in its package") \
    FIELD(number, package, "package in the machine")

#define REPORT_FIELDS_overhead(FIELD) \
    FIELD(number, cpu, "index, dense from 0") \
    FIELD(number, pairs, "empty pairs of stamps that were tried") \
    FIELD(number, overhead_cycles, "the least that a pair took") \
    FIELD(number, entry_cycles, "likewise of a trigger's stamp and a stamping stub's") \
    FIELD(number, dispatch_cycles, "likewise of a stamping stub's stamp and the next") \
    FIELD(signed, histogram_cycles, "the least that a histogram's update adds to a pair") \
    FIELD(signed, pause_cycles, "likewise a PAUSE: a sender that waits looks no more often")

#define REPORT_FIELDS_pairs(FIELD) \
    FIELD(number, cpus, "CPUs that were paired, each with each and with itself") \
    FIELD(number, measured, "pairs that were measured") \
    FIELD(number, possible, "pairs of all CPUs of the run")

#define REPORT_FIELDS_offset(FIELD) \
    FIELD(number, from, "index of the CPU that asked") \
    FIELD(number, to, "index of the CPU that answered with its TSC") \
    FIELD(number, batch, "of the batch record that it is for") \
    FIELD(text, when, "before or after the measurements") \
    FIELD(number, exchanges, "questions and answers; the one with the least round trip counts") \
    FIELD(signed, offset_cycles, "the answering CPU's TSC less the asking one's, as measured") \
    FIELD(signed, corrected_cycles, "what was subtracted: 0 where it may be none, by its bound") \
    FIELD(number, bound_cycles, "the offset is known to so many cycles, up or down") \
    FIELD(text, one_way, "used, or withheld: some stage that needs the offset has no record") \
    FIELD(text, withheld, "these stages; the offset drifted, or is not known to a tenth of them")

#define REPORT_FIELDS_latency(FIELD) \
    FIELD(number, id, "of this record in the stream; outliers and further buckets refer to it") \
    FIELD(number, batch, "of the batch record with what else happened meanwhile") \
    FIELD(text, event, "what came: trap user syscall irq irq-nested softirq nmi db bp mc ss ...") \
    FIELD(text, stage, "send entry dispatch prologue service exit one-way round-trip") \
    FIELD(text, mode, "warm cold-data cold-tlb loaded halted") \
    FIELD(text, loop, "closed, open (from the sending), open-intended (from the intended time)") \
    FIELD(text, samples, "all, or smi-free: those of rounds in which no SMI came") \
    FIELD(text, pass, "pairs: one of those of all pairs of CPUs; left out otherwise") \
    FIELD(text, unit, "cycles, or instructions: where the TSC is seen to count these") \
    FIELD(text, stack, "the stack that the handler must be on, and was") \
    FIELD(number, from, "index of the CPU that caused the event") \
    FIELD(number, to, "index of the CPU that took it") \
    FIELD(number, count, "samples; what a warm-up took is not among them") \
    FIELD(number, overhead, "subtracted from each sample") \
    FIELD(text, one_way, "used: the clocks' offset is in it; left out where it needs none") \
    FIELD(signed, first, "the very first sample, before the warm-up") \
    FIELD(signed, min, "least sample; negative where noise is larger than the event") \
    FIELD(signed, p50, "median; a percentile needs 10/(1-p) samples, or is left out") \
    FIELD(signed, p90, "90 %") \
    FIELD(signed, p99, "99 %") \
    FIELD(signed, p999, "99.9 %") \
    FIELD(signed, max, "greatest sample") \
    FIELD(text, buckets, "index:count ... of the log-linear histogram, see lib/histogram.h")

#define REPORT_FIELDS_buckets(FIELD) \
    FIELD(number, id, "of the latency record that these belong to") \
    FIELD(text, buckets, "index:count ..., going on where the line before ended")

#define REPORT_FIELDS_outlier(FIELD) \
    FIELD(number, id, "of the latency record with its round trip, or its one stage") \
    FIELD(number, rank, "1 is the worst") \
    FIELD(signed, value, "the sample, in the unit of its latency record") \
    FIELD(number, time_us, "when, in microseconds since the clock's start") \
    FIELD(number, sample, "which of the measurement's samples, from 0") \
    FIELD(text, cause, "tick irq nmi smi: came in it; gap before it; late; stall: over 100 us") \
    FIELD(text, part, "the stage that took over half of what it took beyond the least, if one did")

#define REPORT_FIELDS_batch(FIELD) \
    FIELD(number, batch, "number of the measurement, from 1") \
    FIELD(number, cpu, "index of the CPU that took the samples, whose counters these are") \
    FIELD(number, time_us, "when it began, in microseconds since the clock's start") \
    FIELD(number, samples, "taken, without warm-up") \
    FIELD(signed, smis, "system management interrupts meanwhile; left out where MSR 0x34 is not") \
    FIELD(signed, mhz, "mean frequency by APERF/MPERF; left out where these MSRs are not") \
    FIELD(signed, thermal, "IA32_THERM_STATUS; left out where CPUID has no thermal sensor") \
    FIELD(signed, throttles, "by both CPUs meanwhile; left out where they do not tell") \
    FIELD(number, prepare_cycles, "mean that preparing a sample took: flushing, settling, waits") \
    FIELD(number, awake, "events left out: their target was to sleep in HLT, and did not") \
    FIELD(number, gaps, "times that the CPU stood still between two samples") \
    FIELD(number, longest_gap_cycles, "the longest of these") \
    FIELD(signed, least_interval_cycles, "open loop: between two intended times; random") \
    FIELD(signed, most_interval_cycles, "likewise, the longest")

#define REPORT_FIELDS_trace_event(FIELD) \
    FIELD(number, cpu, "index of the CPU that took it") \
    FIELD(number, time_ns, "nanoseconds since the clock's start") \
    FIELD(text, event, "which: a key of the cpu record") \
    FIELD(text, stack, "the stack that it was counted on") \
    FIELD(number, level, "nesting level of that stack")

#define REPORT_FIELDS_surcharge(FIELD) \
    FIELD(text, gate, "same: no IST slot; ist: with one; ist-adjusted: and TSS.ist[] moved") \
    FIELD(number, cpu, "index of the CPU") \
    FIELD(number, count, "samples") \
    FIELD(signed, entry_cycles, "exact median from INT to the stub's stamp, less an empty pair's") \
    FIELD(signed, min_cycles, "least of INT, what the gate adds, and IRET; no stamps") \
    FIELD(signed, median_cycles, "exact median of these, all gates taken in turn") \
    FIELD(signed, over_same_cycles, "median less that of the same gate without an IST slot") \
    FIELD(signed, over_same_min_cycles, "least less that of the same gate without an IST slot")

#define REPORT_FIELDS_conform(FIELD) \
    FIELD(text, check, "its name, as in check=: subject.rule") \
    FIELD(text, section, "of the manual: SDM 3A 6.7.1") \
    FIELD(text, rule, "what the manual says, in one line") \
    FIELD(text, expected, "what had to be seen") \
    FIELD(text, seen, "what was seen; or why there was nothing to try") \
    FIELD(text, result, "holds, deviates or skipped") \
    FIELD(text, danger, "what trying it may do to a machine; left out when nothing")

#define REPORT_FIELDS_conform_listed(FIELD) \
    FIELD(text, check, "its name, as in check=: subject.rule") \
    FIELD(text, section, "of the manual: SDM 3A 6.7.1") \
    FIELD(text, rule, "what the manual says, in one line") \
    FIELD(text, danger, "what trying it may do to a machine; left out when nothing")

#define REPORT_FIELDS_sweep_path(FIELD) \
    FIELD(text, entry, "the entry discipline, as in entry=") \
    FIELD(text, path, "nmi db bp mc ss df trap irq ...; whose way in and out") \
    FIELD(number, boundaries, "how many there are, in the order in which they come") \
    FIELD(text, addresses, "the first one's address, then how much further each next one is")

#define REPORT_FIELDS_sweep_unsafe(FIELD) \
    FIELD(text, entry, "the entry discipline, as in entry=") \
    FIELD(text, path, "the path") \
    FIELD(text, event, "nmi, db, db-nmi (latched behind a #DB) or irq") \
    FIELD(number, boundary, "which of the path's, from 0: before its instruction") \
    FIELD(text, symbol, "the last symbol before it") \
    FIELD(number, offset, "bytes behind that symbol") \
    FIELD(number, address, "of the instruction") \
    FIELD(text, bytes, "what lies there, in hexadecimal; whoever disassembles it") \
    FIELD(text, lost, "what was changed, or not handled exactly once")

#define REPORT_FIELDS_sweep(FIELD) \
    FIELD(text, entry, "the entry discipline, as in entry=") \
    FIELD(text, path, "the path") \
    FIELD(text, event, "nmi, db, db-nmi (latched behind a #DB) or irq") \
    FIELD(number, boundaries, "at which it was tried; for irq, those where IF is set") \
    FIELD(number, safe, "all was handled once, and nothing was changed") \
    FIELD(number, unsafe, "the rest: each has a record of its own") \
    FIELD(number, held, "safe since the hardware held the event back until the path was over") \
    FIELD(number, closed, "where the event cannot come, since the path has turned DR7 off") \
    FIELD(number, lags, "where the image counts levels otherwise than TSS.ist[] for a moment") \
    FIELD(number, bytes_probed, "of the path, which begin no instruction: breakpoints were there") \
    FIELD(number, unstepped, "boundaries that only these breakpoints found, and no single step")

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
    FIELD(text, kind, "corrected, deferred (wrong data that nobody used yet) or uncorrected") \
    FIELD(text, when, "before: an earlier run left it in the bank; left out otherwise") \
    FIELD(number, count, "errors of this bank and CPU since the record before") \
    FIELD(text, what, "the status's code in words; whoever looks for the part") \
    FIELD(number, status, "IA32_MCi_STATUS; whoever decodes it") \
    FIELD(number, address, "IA32_MCi_ADDR; 0 when the status says that it is not valid") \
    FIELD(number, misc, "IA32_MCi_MISC; 0 when the status says that it is not valid")

#define REPORT_FIELDS_thermal(FIELD) \
    FIELD(number, cpu, "index") \
    FIELD(number, hot, "times that it throttled because it was hot") \
    FIELD(number, prochot, "times that the board told it to throttle") \
    FIELD(number, critical, "times that its temperature was critical; fails the run") \
    FIELD(number, power_limit, "times that it drew more than it may") \
    FIELD(number, current_limit, "times that it drew more current than the board gives") \
    FIELD(number, other_limit, "times that another domain, as the graphics, held it back") \
    FIELD(number, package, "times that its package logged any of these") \
    FIELD(number, package_critical, "times that its package was critically hot; fails the run") \
    FIELD(signed, below_limit_c, "degrees Celsius below where it throttles, when last looked at")

#define REPORT_FIELDS_before_cpu(FIELD) \
    FIELD(number, cpu, "index") \
    FIELD(number, apic_id, "local APIC id; to find the core in the hardware") \
    FIELD(number, time_us, "microseconds from that run's start to this CPU's last tick") \
    FIELD(number, events, "events that it had taken") \
    FIELD(text, last, "events between its last two ticks, by kind; what it was at when it died") \
    FIELD(text, since, "events after its last tick, by kind; left out where they did not outlast") \
    FIELD(text, at, "its thread at its last tick, and where that tick found it")

#define REPORT_FIELDS_before(FIELD) \
    FIELD(signed, cpu, "index of the CPU that was silent for longest, if one stands out") \
    FIELD(number, silent_us, "microseconds from the oldest of the CPUs' last ticks to the newest") \
    FIELD(number, time_ms, "milliseconds from that run's start to its last sign of life") \
    FIELD(number, events, "events, all CPUs") \
    FIELD(number, cpus, "CPUs that it was to have") \
    FIELD(number, seed, "its random seed; to run it again") \
    FIELD(text, reason, "its first fault; left out when there was none")

#define REPORT_FIELDS_heartbeat(FIELD) \
    FIELD(number, time_ms, "milliseconds since the storm's start") \
    FIELD(number, events, "events so far, all CPUs") \
    FIELD(number, faults, "failed checks so far") \
    FIELD(number, passes, "passes that are over") \
    FIELD(number, cpus, "CPUs that take part") \
    FIELD(number, cpus_alive, "CPUs that moved since the last heartbeat") \
    FIELD(number, corrected_errors, "corrected hardware errors so far, all CPUs")

#define REPORT_FIELDS_verdict(FIELD) \
    FIELD(text, result, "PASS, FAIL or REFUSED") \
    FIELD(text, reason, "why not PASS; left out when it is") \
    FIELD(number, time_ms, "milliseconds the storm ran") \
    FIELD(number, events, "events, all CPUs") \
    FIELD(number, faults, "failed checks") \
    FIELD(number, lost_lines, "lines of this report that found no room; whoever reads it whole") \
    FIELD(number, records, "records before this one; likewise") \
    FIELD(number, records_sum, "sum of the CRC-32s of their lines, modulo 2^32; likewise") \
    FIELD(number, seed, "the random seed; to run it again")
/* clang-format on */

#endif
