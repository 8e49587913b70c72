# SPDX-License-Identifier: MIT
"""The table of runs: machine, command line, and what must come of it. A row is a Run."""

import dataclasses
import os
import re
import subprocess

import built
import iststorm_report
import path_lengths
from iststorm_sweep import addresses_of

GROUPS = ("quick", "matrix", "slow", "fault", "refused")
# Of tools/run, by verdict; None is a run without one: the machine shut itself down.
STATUS = {"PASS": 0, "FAIL": 1, "REFUSED": 2, None: 3}
# A host with KVM must test the same machine as one without.
ACCEL = os.environ.get("ACCEL", "tcg")
QEMU_TIMER_HZ = 10 ** 9


@dataclasses.dataclass(frozen=True)
class Run:
    """One run. `words` is the command line; `reason` a regex that the verdict's reason must have;
    `checks` are functions of the report that return what is wrong with it, or None."""
    name: str
    group: str
    words: tuple = ("time=500ms",)
    smp: str = "2"
    firmware: str = "bios"
    machine: str = "q35"
    cpu: str = "max"
    mem: str = "512M"
    media: str | None = None
    icount: bool = False
    timeout: int | None = None
    options: tuple = ()     # more of tools/run
    extra: tuple = ()
    verdict: str | None = "PASS"
    reason: str = ""
    checks: tuple = ()

    def arguments(self):
        """The arguments of tools/run."""
        arguments = ["--smp", self.smp, "--firmware", self.firmware, "--machine", self.machine,
                     "--cpu", self.cpu, "--mem", self.mem]
        arguments += ["--media", self.media] if self.media else []
        arguments += ["--icount"] if self.icount else ["--accel", ACCEL]
        if self.timeout:
            arguments += ["--timeout", str(self.timeout)]
        arguments += self.options
        return [*arguments, *self.words, "--", *self.extra]

    def problems(self, result):
        """All in which a Result differs from what this row expects."""
        report = result.report
        if report.verdict != self.verdict or result.status != STATUS[self.verdict]:
            yield f"verdict {report.verdict}: {report.reason}, status {result.status}"
        if not re.search(self.reason, report.reason):
            yield f"reason {report.reason!r} lacks {self.reason!r}"
        if self.verdict is not None:
            yield from report.problems
        for check in self.checks:
            if (problem := check(report)) is not None:
                yield problem


@dataclasses.dataclass
class Result:
    """As much of a run as Run.problems looks at, and what tools/run said."""
    status: int
    report: iststorm_report.Report
    stderr: str


def execute(run, tree, log):
    """The Result of a run in a tree that is built. Its report is written to that file."""
    done = subprocess.run([tree / "tools" / "run", "--quiet", "--log", log, *run.arguments()],
                          cwd=tree, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    text = log.read_text(encoding="utf-8", errors="replace")
    report = iststorm_report.read_report(iststorm_report.last_boot(text.split("\n")))
    return Result(done.returncode, report, done.stderr.decode("utf-8", "replace"))


def timer_is_measured(report):
    """QEMU's APIC timer and its PM timer go by one clock, which says how well the one is measured
    against the other, however busy the host."""
    hz = report.of_type("machine")[0]["lapic_timer_hz"]
    return None if abs(hz - QEMU_TIMER_HZ) <= QEMU_TIMER_HZ // 1000 else f"the timer has {hz} Hz"


def cpus(count):
    """As many CPUs took part: each has its record, with an index and an APIC id of its own."""
    def check(report):
        records = report.of_type("cpu")
        indexes = sorted(record.get("cpu", -1) for record in records)
        if indexes != list(range(count)):
            return f"cpu records of {indexes}, not of 0 to {count - 1}"
        if len({record.get("apic_id") for record in records}) != count:
            return "two CPUs with one APIC id"
        return None
    return check


# A workload -> the keys of the cpu records that count all it receives, and more.
COUNTED = {"nmi": ("nmis",), "debug": ("debugs", "breakpoints"), "irq": ("irqs",),
           "softirq": ("softirqs",), "mce": ("machine_checks",)}
AIMED = ("nmi", "irq", "softirq")
FEW = 10  # each CPU takes one or two before it aims


def received_is_counted(report):
    """No workload received more than the CPUs counted, and what is aimed hits every CPU."""
    cpus_ = report.of_type("cpu")
    for record in report.of_type("workload"):
        name = record["workload"]
        counted = sum(cpu[key] for cpu in cpus_ for key in COUNTED[name])
        if record["received"] > counted:
            return f"{name}: {record['received']} received, and the CPUs counted {counted}"
        if name in AIMED and record["cpu_min_per_s"] * record["time_ms"] < 1000 * FEW:
            return f"{name}: a CPU received {record['cpu_min_per_s']} a second"
    return None


def from_efi_tables(report):
    """OVMF's name stands in SMBIOS, where nothing but EFI's configuration tables leads."""
    machine = report.of_type("machine")[0]
    found = machine["firmware"], machine.get("bios_vendor")
    return None if found == ("uefi", "EFI Development Kit II / OVMF") else f"firmware {found}"


def apic_ids(*ids):
    """The CPUs' APIC ids, which are not their indexes."""
    def check(report):
        found = sorted(record.get("apic_id", -1) for record in report.of_type("cpu"))
        return None if found == list(ids) else f"APIC ids {found}, not {list(ids)}"
    return check


def fault(check_name, **values):
    """A fault record names the check that caught it, and where. `check.find` gives that record."""
    wanted = {"check": check_name, **values}

    def find(report):
        for record in report.of_type("fault"):
            if all(record.get(key) == value for key, value in wanted.items()):
                return record
        return None

    def check(report):
        if find(report):
            return None
        return f"no fault record with {wanted} among {report.of_type('fault')}"
    check.name, check.find = check_name, find
    return check


def alone_blamed(check_name, cpu):
    """Such a record, and none of that check for another CPU."""
    one = fault(check_name, cpu=cpu)

    def check(report):
        others = [record for record in report.of_type("fault")
                  if record["check"] == check_name and record["cpu"] != cpu]
        return one(report) or (f"others are blamed, too: {others}" if others else None)
    check.name, check.find = one.name, one.find
    return check


def shutdown(report):
    """The processor shut down, so nothing of the image can tell: its host sees it."""
    return "a verdict, and no shutdown" if report.verdict else None


shutdown.name = "shutdown"


def only_failed(name):
    """The others came to their end: every other test passed, but for the probe, which fails too
    where a busy host lets the fault strike in it."""
    def check(report):
        failed = [test.name for test in report.tests if not test.ok and test.name != "probe"]
        return None if failed == [name] else f"not {name} alone failed: {failed}"
    return check


def took(cpu, key):
    """A CPU counted some of these."""
    def check(report):
        counts = [record.get(key, 0) for record in report.of_type("cpu") if record["cpu"] == cpu]
        return None if len(counts) == 1 and counts[0] > 0 else f"{key} of CPU {cpu}: {counts}"
    return check


def passes(done, wanted):
    """As many passes were made of those wanted."""
    def check(report):
        note = f"{done} of {wanted} passes"
        return None if note in report.notes else f"no '{note}' in {report.notes}"
    return check


def watched_alone(wanted):
    """The only CPU's watch was tried, or a note says why not; its NMIs are its own alone. A note
    says what the watch of one CPU cannot see."""
    def check(report):
        blind = ("CPU 0 alone can be asked by the NMI timer: a hang of all CPUs goes unseen where "
                 "that CPU has NMIs blocked") in report.notes
        if blind != wanted:
            return f"it is {'' if blind else 'not '}said what the watch cannot see"
        notes = [note for note in report.notes if "a hang of all CPUs goes unseen:" in note]
        strange = [record["unexplained_nmis"] for record in report.of_type("cpu")]
        return None if (not notes) == wanted and strange == [0] else f"{notes}, {strange} NMIs"
    return check


def soon(report):
    """The run ended long before its time."""
    time_ms = report.of_type("verdict")[0]["time_ms"]
    return None if time_ms < 10000 else f"it went on for {time_ms} ms"


# Unsafe boundaries of the sweep by discipline, path and event; all others have none. Under shift,
# seven before TSS.ist[] is lowered and three after it is raised; of a #DB inside a #DB, also those
# where DR6 is not read yet, or not given to its hook. TRICKS.md explains each number.
SWEPT_UNSAFE = {
    "shift": {("nmi", "db-nmi"): 10, ("nmi-user", "db-nmi"): 10,
              ("bp", "db"): 10, ("bp", "db-nmi"): 10, ("bp-user", "db"): 10,
              ("bp-user", "db-nmi"): 10, ("db", "db"): 44, ("db", "db-nmi"): 44,
              ("db-user", "db"): 46, ("db-user", "db-nmi"): 46,
              ("bp-in-nmi", "db"): 10, ("bp-in-nmi", "db-nmi"): 10},
    "none": {("nmi", "db-nmi"): 66, ("nmi-user", "db-nmi"): 69,
             ("bp", "db"): 66, ("bp", "db-nmi"): 66, ("bp-user", "db"): 69,
             ("bp-user", "db-nmi"): 69, ("db", "db"): 70, ("db", "db-nmi"): 70,
             ("db-user", "db"): 73, ("db-user", "db-nmi"): 73},
    "repeat": {("nmi", "db-nmi"): 18, ("nmi-user", "db-nmi"): 18,
               ("db", "db"): 54, ("db", "db-nmi"): 54,
               ("db-user", "db"): 57, ("db-user", "db-nmi"): 57},
    "ret": {("bp", "db"): 10, ("bp", "db-nmi"): 10, ("bp-user", "db"): 10,
            ("bp-user", "db-nmi"): 10, ("db", "db"): 44, ("db", "db-nmi"): 44,
            ("db-user", "db"): 46, ("db-user", "db-nmi"): 46,
            ("bp-in-nmi", "db"): 10, ("bp-in-nmi", "db-nmi"): 10},
}
# Paths that are swept under all disciplines; in an NMI, three where what comes in it may nest; and
# one, of an NMI that repeats, at whose boundaries nothing is let in.
SWEPT_PATHS = {"shift": 23, "none": 20, "repeat": 21, "ret": 23}
LISTED_ALONE = {"nmi-again"}


def swept(discipline):
    """Each boundary of each path was tried with each event, and the unsafe ones are those known."""
    def check(report):
        records = report.of_type("sweep")
        unsafe = {(r["path"], r["event"]): r["unsafe"] for r in records if r["unsafe"]}
        tried = sum(r["boundaries"] for r in records)
        listed = {r["path"]: r["boundaries"] for r in report.of_type("sweep_path")}
        if len(listed) != SWEPT_PATHS[discipline] or len(records) != 4 * len(listed):
            return f"{len(listed)} paths, {len(records)} records"
        short = [r for r in records if r["path"] not in LISTED_ALONE
                 and (r["event"] != "irq" and r["boundaries"] != listed[r["path"]]
                      or r["safe"] + r["unsafe"] + r["closed"] != r["boundaries"])]
        if short or tried < 3000:
            return f"{tried} boundaries were tried; {short}"
        strange = {r["symbol"] for r in report.of_type("sweep_unsafe")
                   if re.match("latency_", r["symbol"])}
        if strange:
            return f"boundaries are told as of {strange}"
        known = SWEPT_UNSAFE[discipline]
        return None if unsafe == known else f"unsafe: {unsafe}, not {known}"
    return check


def swept_lengths(discipline):
    """No path has grown, and each entry path of the image is on one."""
    def check(report):
        records = report.of_type("sweep_path")
        grown = path_lengths.differences("swept", [discipline], {
            f"{discipline} {record['path']}": record["boundaries"] for record in records})
        unswept = path_lengths.unswept_rows(discipline, {
            address for record in records for address in addresses_of(record["addresses"])})
        if unswept:
            grown.append(f"on no path of the sweep are those at {', '.join(unswept)}")
        return "\n".join(grown) or None
    return check


# Those that end by themselves, or have rows of their own.
OTHER_WORKLOADS = {"conform", "latency", "list", "pairs", "sweep"}
WORKLOADS = tuple(name for name in built.listed("workload") if name not in OTHER_WORKLOADS)

def lists_all(report):
    """Each kind of item is there, and what this build said before."""
    records = report.of_type("list")
    kinds = {record["item"] for record in records}
    missing = {"key", "workload", "planted-fault", "discipline", "check", "rule", "type",
               "field"} - kinds
    return None if not missing and records == built.items() else f"lacks {missing or 'an item'}"


RUNS = [
    Run("run=list", "quick", words=("run=list",), checks=(lists_all,)),
    Run("default", "quick", words=("time=1s",), smp="4", checks=(cpus(4),)),
    *(Run(f"run={name}", "quick", words=(f"run={name}", "time=500ms")) for name in WORKLOADS),

    # Of two CPUs, each is hit by the other alone.
    *(Run(f"target={target}", "quick", icount=True, timeout=300, checks=(received_is_counted,),
          words=("run=nmi,debug,irq,softirq,mce", f"target={target}", "time=50ms", "seed=3"))
      for target in ("others", "neighbour")),
    Run("passes", "quick", words=("passes=3", "time=100ms"), checks=(passes(3, 3), cpus(2))),
    Run("stop=first", "quick", icount=True, timeout=300, verdict="FAIL",
        checks=(soon, passes(1, 9)),
        words=("run=nmi", "inject=clobber-register", "target=neighbour", "stop=first", "time=1h",
               "passes=9")),

    *(Run(f"run=sweep entry={entry}", "quick", smp="1", icount=True, timeout=300,
          words=("run=sweep", f"entry={entry}"), checks=(swept(entry), swept_lengths(entry)))
      for entry in SWEPT_UNSAFE),

    *(Run(f"pairs on {smp}", "quick", smp=smp, words=("run=pairs", "time=200ms"))
      for smp in ("1", "2", "8")),

    Run("smp 1", "matrix", smp="1", checks=(cpus(1), watched_alone(True))),
    Run("smp 1 no HPET", "matrix", smp="1", machine="q35,hpet=off", words=("time=200ms", "run=nmi"),
        checks=(watched_alone(False),)),
    Run("smp 3", "matrix", smp="3", checks=(cpus(3), timer_is_measured)),
    Run("smp 8", "matrix", smp="8", words=("time=1s",), checks=(cpus(8),)),
    Run("cpus=2 of 4", "matrix", smp="4", words=("cpus=2", "time=500ms")),
    Run("machine pc", "matrix", machine="pc", checks=(cpus(2),)),
    Run("no x2APIC", "refused", words=("apic=x2apic",), cpu="max,-x2apic", verdict="REFUSED",
        reason="'apic=x2apic': this CPU has no x2APIC mode"),
    Run("uefi q35", "matrix", firmware="uefi", checks=(cpus(2),)),
    Run("uefi pc", "matrix", firmware="uefi", machine="pc", checks=(cpus(2),)),
    Run("uefi32 q35", "matrix", firmware="uefi32", words=("time=200ms",),
        checks=(cpus(2), from_efi_tables)),
    *(Run(f"cpu {model}", "matrix", cpu=model) for model in ("qemu64", "Haswell", "EPYC")),
    Run("memory 64M", "matrix", mem="64M"),
    # QEMU takes memory from the host only where the guest touches it.
    Run("memory 5G", "matrix", mem="5G"),
    Run("sparse APIC ids", "matrix", smp="9,sockets=3,cores=3",
        checks=(cpus(9), apic_ids(0, 1, 2, 4, 5, 6, 8, 9, 10))),
    Run("disabled CPUs in the MADT", "matrix", smp="2,maxcpus=4", checks=(cpus(2),)),
    Run("no screen", "matrix", extra=("-vga", "none")),

    *(Run(f"poweroff {machine}", "matrix", machine=machine, timeout=60,
          words=("time=200ms", "run=debug", "end=poweroff")) for machine in ("q35", "pc")),

    Run("smp 64", "slow", smp="64", words=("time=1s",), checks=(cpus(64),)),
    Run("smp 255", "slow", smp="255", words=("time=1s",), mem="1G", checks=(cpus(255),)),
    Run("uefi smp 64", "slow", smp="64", firmware="uefi", words=("time=1s",), checks=(cpus(64),)),
]

# inject=NAME -> the check that must catch it, and where. Most planted faults strike
# the second CPU; those in the entry code and in the victims strike all.
FAULTS = {
    "shared-nmi-stack": fault("stack", cpu=1, stack="NMI"),
    "no-ist-adjust": fault("stack"),            # on every CPU: whichever comes first
    "clobber-register": fault("whole", cpu=1),
    "clobber-stack": fault("whole", cpu=1),
    "wrong-save": fault("whole", cpu=0, stack="TASK", event="SYSCALL"),     # on every CPU
    "lost-base": fault("whole", cpu=1, event="INT3"),
    "lost-flag": fault("whole", cpu=1, event="INT3"),
    "lost-word": fault("whole", cpu=1, event="INT3"),
    "lost-deferral": fault("account", cpu=1),
    "late-softirq": fault("rest", cpu=1, stack="IRQ", event="look"),
    "lost-nmi": fault("account", cpu=1),
    "lost-irq": fault("account", cpu=1),
    "short-chain": fault("stack", cpu=1, stack="IRQ", event="interrupt"),
    "idle-workload": fault("account", cpu=0, event="end"),
    "spared-cpu": fault("balance", cpu=1, event="nmi"),
    "rare-turns": fault("balance", cpu=0, event="softirq"),
    "lost-wake-up": fault("account", cpu=1),
    "nest-counter": fault("rest"),              # on every CPU
    "stack-fill": fault("fill", cpu=1, stack="NMI"),
    "deep-stack": fault("fill", cpu=1, stack="NMI", level=0),
    "unused-level": fault("fill", cpu=1, stack="NMI", event="look", level=3),
    "mapped-guard": fault("fill", cpu=1, stack="NMI", event="look", level=4),
    "stack-leak": fault("leak"),
    "lingering-thread": fault("leak", cpu=0, event="end"),
    "info-cpu": fault("fill", cpu=1, stack="TASK", event="switch"),
    "info-thread": fault("fill", cpu=1, stack="TASK", event="switch"),
    "shallow-overflow": fault("fill", cpu=1, stack="TASK", event="switch"),
    "exhaust-thread": fault("unexpected", cpu=1, stack="DF", event="#DF"),
    "exhaust-irq": fault("unexpected", cpu=1, stack="DF", event="#DF"),
    "exhaust-nmi": fault("unexpected", cpu=1, stack="NMI", event="#PF", level=3),
    "exhaust-debug": fault("unexpected", cpu=1, stack="DB", event="#PF", level=3),
    "exhaust-mce": fault("unexpected", cpu=1, stack="MC", event="#PF", level=3),
    "exhaust-stackfault": fault("unexpected", cpu=1, stack="SS", event="#PF", level=3),
    "exhaust-doublefault": shutdown,
    "wrong-rsp0": fault("stack", cpu=1, stack="TASK"),
    "gate-bit": fault("tables"),                # of a table that the CPUs share
    "descriptor-bit": fault("tables", cpu=1, event="tables"),
    "tss-bit": fault("tables", cpu=1, event="tables"),
    "msr-bit": fault("tables", cpu=1, event="tables"),
    "no-smap": fault("account", cpu=1, event="SMAP"),
    "back-link": fault("stack", stack="IRQ"),   # on every CPU
    "board-error": fault("hardware", cpu=1, stack="NMI", event="NMI"),
    "machine-check": fault("hardware", cpu=1, stack="MC", event="#MC"),
    "corrected-flood": fault("hardware", cpu=1, event="corrected error"),
    "apic-error": fault("unexpected", cpu=1, event="APIC error"),
    "too-hot": fault("hardware", cpu=1, event="thermal status"),
    "hung-cpu": fault("alive", cpu=1),
    "hung-boot-cpu": fault("alive", cpu=0),
    "hung-pair": fault("alive", cpu=2, event="timer"),
    "hung-holder": fault("alive", cpu=1, event="timer"),
    "hung-all": fault("alive", cpu=0, event="timer"),
    "stopped-timers": fault("alive", event="timer"),
    "no-reschedule-eoi": fault("alive", event="timer"),
    "hung-check": fault("alive", cpu=0, event="timer"),
    "hung-trial": fault("alive", cpu=0, event="timer"),
    "silent-target": alone_blamed("alive", cpu=1),  # by its waiter, or by the HPET before
    "stray-sample": fault("stack", cpu=0, stack="TASK", event="irq"),
    "stray-waker": fault("stack", cpu=1, stack="TASK", event="wake"),
    "deaf-cpu": fault("alive", cpu=1),
    "clock-back": fault("clock", cpu=1, event="clock"),
    "clock-slip": fault("clock", cpu=1, event="clock"),
    "clock-apart": fault("clock", cpu=1, event="clock"),
    "triple-fault": fault("before", cpu=1),
    "dies-telling": fault("before"),
    "stuck-uart": fault("console", cpu=0, event="serial"),
    "late-ap": fault("bringup", cpu=1),
    "wrong-vector": fault("manual", cpu=0, stack="TASK", event="conform"),
}

# A planted fault ends its run as soon as a check sees it, however long a busy host lets that take:
# all but these, which are seen at the end, which the other CPUs must outlive, or which mutants
# without the check let pass.
FAULT_SOON = ("stop=first", "time=60s")
FAULT_TIMES = {name: ("time=2s",) for name in (
    "deep-stack", "stack-leak", "hung-cpu", "hung-pair", "deaf-cpu", "stack-fill",
    "shallow-overflow", "stuck-uart", "late-softirq", "idle-workload", "unused-level",
    "mapped-guard", "lingering-thread", "info-cpu", "info-thread")}
# These runs end by themselves.
FAULT_TIMES |= {name: ("time=4s",) for name in ("spared-cpu", "rare-turns")}
FAULT_TIMES |= {"hung-trial": ("time=60s",), **{name: () for name in (
    "silent-target", "stray-sample", "stray-waker", "hung-check", "wrong-vector")}}

# Other words of its run: for a fault that several checks can be the first to see, or that strikes
# only after so many events, which come soon where nothing else runs.
FAULT_WORDS = {"nest-counter": ("run=nmi",), "lost-nmi": ("run=nmi",), "deep-stack": ("run=nmi",),
               "stack-fill": ("run=nmi",), "hung-holder": ("run=nmi",),
               "unused-level": ("run=nmi",), "mapped-guard": ("run=nmi",),
               "spared-cpu": ("run=nmi",), "clock-slip": ("run=debug",),
               "clock-apart": ("run=debug",),
               **{name: ("run=thread",) for name in (
                   "shallow-overflow", "info-cpu", "info-thread", "lingering-thread",
                   "idle-workload")},
               "lost-irq": ("run=irq",), "short-chain": ("run=irq",),
               "late-softirq": ("run=softirq",),
               "lost-deferral": ("run=softirq",),
               "corrected-flood": ("corrected=2",),
               **{name: ("run=latency", "samples=100") for name in (
                   "silent-target", "stray-sample", "stray-waker")},
               "stuck-uart": ("run=nmi", "console=serial:com1,serial:com2"),
               "hung-check": ("run=conform",), "hung-trial": ("run=sweep",),
               "wrong-vector": ("run=conform", "check=deliver.no-error-code")}
# Words that the verdict's reason must have.
FAULT_REASONS = {
    "lost-base": "INT3 on stack TASK: the FS base is 0x0, not 0x3000",
    "lost-flag": "INT3 on stack TASK: ring 0: RFLAGS is ",
    "lost-word": "INT3 on stack TASK: ring 0: a word of its stack is ",
    "wrong-save": r"ring 3: r14 is 0x\w+, not 0x\w+;",
    "late-softirq": "softirqs 0x2 are still pending, handed to the softirq thread",
    "spared-cpu": "0 of [0-9]+ events came here, less than a tenth of its share",
    "rare-turns": "events are of this kind, less than a thousandth",
    "short-chain": r"class \d of a chain that began with class \d nests \d deep, not \d",
    "idle-workload": "the workload thread received nothing",
    "unused-level": "of a level that was never entered are written",
    "mapped-guard": "the guard page at 0x[0-9a-f]+ is mapped",
    "lingering-thread": r"\d+ threads are left at the end, \d+ were there before",
    "corrected-flood": "a flood of corrected errors: more than 2 within an hour",
    "board-error": "port 0x61 says SERR",
    "apic-error": "illegal register",
    # The watch's first NMI comes before the tables are looked at.
    "shared-nmi-stack": "on the NMI stack of CPU 0, not on its own NMI stack",
    "wrong-rsp0": "RSP0 of the TSS .* is not as it was loaded",
    "gate-bit": "the IST field of IDT gate 28 ",
    "descriptor-bit": "word 1 of the GDT ",
    "tss-bit": "the I/O map base of the TSS ",
    "msr-bit": "SFMASK ",
    "hung-cpu": r"an NMI finds it at (tick_handler|go_wrong)\+",
    "hung-boot-cpu": r"while CPU 1's did .* an NMI finds it at (tick_handler|go_wrong)\+",
    "hung-all": "no CPU's timer has ticked while the HPET counted to 8000 ms; ",
    "stopped-timers": r"while the HPET counted to 8000 ms(, but \d+ other events have come; |; .*, "
                      r"with interrupts on)",
    "no-reschedule-eoi": "; the reschedule interrupt, vector 225, lacks its EOI",
    "hung-check": r"an NMI finds it at endless\+.*; in run=conform, check apic\.self-ipi",
    "hung-trial": r"; in run=sweep, path db, event nmi, boundary 0 at stubs_shift\+",
    "hung-holder": "it keeps CPU 0 waiting, whose timer has not ticked while CPU [23]'s",
    "stray-sample": r"the TASK stack of thread \d+, not on its own IRQ stack",
    "stray-waker": r"the TASK stack of thread \d+, not on its own TASK stack",
    "deaf-cpu": "it does not answer NMIs either",
    "dies-telling": "and had failed: CPU 1: #UD on stack IRQ: ",
    "clock-back": "the TSC runs backwards",
    "clock-slip": r"the TSC is \d{4,6} cycles behind what CPU 0 read before",
    "clock-apart": r"the TSC is \d{4,6} cycles behind what CPU 0 read before",
    "exhaust-thread": "the guard page below a thread's stack",
    **{f"exhaust-{name}": f"the guard page below the {stack} stack" for name, stack in (
        ("irq", "IRQ"), ("nmi", "NMI"), ("debug", "DB"), ("mce", "MC"), ("stackfault", "SS"))},
}


# Other needs of its run. Which CPU ticked last is the host's doing, unless it counts instructions.
FAULT_RUNS = {**{name: {"smp": "1"} for name in ("hung-check", "hung-trial")},
              "hung-pair": {"smp": "4"}, "hung-holder": {"smp": "4"},
              "triple-fault": {"icount": True, "options": ("--allow-reboot",)},
              "dies-telling": {"options": ("--allow-reboot",)},
              "stuck-uart": {"extra": ("-serial", "null")}}


def found_together(report):
    """Two CPUs that hang side by side are found together: were the second watched only once the
    first is found, as many ticks as make a CPU hung would lie between."""
    told = [re.search(r"while CPU [03]'s did (\d+) times, to tick (\d+);", record["detail"])
            for record in report.of_type("fault") if record["check"] == "alive"]
    ticks = [int(match[2]) for match in told if match]
    together = len(ticks) == 2 and abs(ticks[1] - ticks[0]) < int(told[0][1])
    return None if together else f"found at {ticks}"


def starts_apart(report):
    """A difference from the start is a note, whatever its size; a later one fails."""
    record, = report.of_type("machine")
    notes = [note for note in report.notes if re.match(
        r"CPU 1's TSC is (99|100)\d{6} us behind CPU 0's from its start: its clock is moved", note)]
    seconds = record["tsc_spread_cycles"] / record["tsc_hz"]
    return None if len(notes) == 1 and 99 < seconds < 101 else f"{notes}, {seconds} s"


def told_of(cpu, words):
    """This CPU is told of, too, with these words."""
    def check(report):
        found = [record["detail"] for record in report.of_type("fault") if record["cpu"] == cpu]
        return None if any(words in detail for detail in found) else f"CPU {cpu}: {found}"
    return check


# Other things that must hold.
FAULT_CHECKS = {
    "hung-all": (told_of(1, "it does not answer NMIs either"),),
    "clock-slip": (only_failed("clock"),),
    "clock-apart": (only_failed("clock"), starts_apart),
    **{name: (only_failed("alive"),) for name in ("hung-cpu", "deaf-cpu")},
    "hung-pair": (only_failed("alive"), found_together),
    "corrected-flood": (took(1, "cmcis"), took(1, "corrected_errors")),
    "too-hot": (took(1, "thermal_irqs"), took(1, "throttles")),
    "apic-error": (took(1, "apic_errors"),),
}


def fault_run(name):
    """The run that plants a fault."""
    words = (f"inject={name}", *FAULT_TIMES.get(name, FAULT_SOON), *FAULT_WORDS.get(name, ()))
    verdict = None if FAULTS[name] is shutdown else "FAIL"
    return Run(f"inject={name}", "fault", words=words, verdict=verdict,
               reason=FAULT_REASONS.get(name, ""),
               checks=(FAULTS[name], *FAULT_CHECKS.get(name, ())),
               **FAULT_RUNS.get(name, {}))


RUNS += [fault_run(name) for name in FAULTS]


def discipline(name):
    """The machine record says which entry discipline was in force."""
    def check(report):
        found = [record.get("entry") for record in report.of_type("machine")]
        return None if found == [name] else f"entry disciplines {found}, not ['{name}']"
    return check


def blocks_given_up(wanted):
    """Whether an exception in an NMI had to return by IRET, which only entry=ret counts."""
    def check(report):
        found = sum(record["nmi_blocks_given_up"] for record in report.of_type("cpu"))
        return None if (found > 0) == wanted else f"{found} NMI blocks were given up"
    return check


# Nobody is left to watch, and no HPET either: the wait itself has an end.
RUNS.append(Run("hung-holder on 2", "fault", machine="q35,hpet=off",
                words=("inject=hung-holder", *FAULT_SOON, "run=nmi"), verdict="FAIL",
                reason="it does not release a lock that CPU 0 waits for",
                checks=(fault("alive", cpu=1, event="lock"),)))

# A CPU that ticks on reports the target, or the boot CPU that waits for it: whichever silence it
# sees first.
RUNS.append(Run("silent-target on 4", "fault", smp="4", verdict="FAIL", reason=r"hung: "
                r"(it keeps CPU 0 waiting, whose|its) timer has not ticked while CPU [23]'s .* "
                r"an NMI finds it at (be_target|go_wrong)\+",
                words=("inject=silent-target", *FAULT_WORDS["silent-target"]),
                checks=(fault("alive", cpu=1, event="timer"),)))


def last_double_faults(cpu, count):
    """The record shows who died of them: so many after its last tick, and none of another CPU."""
    def check(report):
        since = {r["cpu"]: r.get("since", "") for r in report.of_type("before_cpu")}
        found = {cpu: re.findall(r"(\d+) double_faults", text) for cpu, text in since.items()}
        wanted = {other: [str(count)] if other == cpu else [] for other in since}
        return None if found == wanted and cpu in found else f"{since}"
    return check


# A real shutdown stops all CPUs at once: whose tick came last is chance, and nobody is blamed.
RUNS.append(Run("shutdown and reset", "fault", icount=True, verdict="FAIL",
                words=("inject=exhaust-doublefault", "time=200ms", "run=fault"),
                options=("--allow-reboot",), reason=r"seed \d+, no CPU stands out by its silence",
                checks=(fault("before", cpu=0), only_failed("before"), last_double_faults(1, 4))))

# Nobody ticks in the benchmark; in run=conform the neighbour does, and tells where that hangs.
RUNS += [
    Run("stopped-timers latency", "fault", words=("inject=stopped-timers", "run=latency"),
        verdict="FAIL", reason=FAULT_REASONS["stopped-timers"],
        checks=(fault("alive", event="timer"),)),
    Run("hung-check on 2", "fault", words=("inject=hung-check", "run=conform"), verdict="FAIL",
        reason=r"CPU 1's did .*" + FAULT_REASONS["hung-check"],
        checks=(fault("alive", cpu=0, event="timer"),)),
    Run("sweep over time", "fault", icount=True, words=("run=sweep", "time=50ms"), verdict="FAIL",
        reason=r"is over: 50 ms; it is in run=sweep, path nmi, event [\w-]+, boundary \d+ at \w",
        checks=(fault("alive", cpu=0, event="sweep"),)),
]

# One that no neighbour watches.
RUNS.append(Run("hung-cpu alone", "fault", smp="1", words=("inject=hung-cpu", "time=2s"),
                verdict="FAIL", checks=(fault("alive", cpu=0, event="timer"),), reason="while the "
                r"HPET counted to 8000 ms; an NMI finds it at (tick_handler|go_wrong)\+"))

# The CPU of the main thread, which sleeps: by the clock that steps back 1000 s.
RUNS.append(Run("clock-back on 1", "fault", smp="1", words=("inject=clock-back", "time=2s"),
                verdict="FAIL", reason="the TSC runs backwards",
                checks=(fault("clock", cpu=0, event="clock"), only_failed("clock"), soon)))

# Its record is written back by CLWB, by CLFLUSH, or not at all.
RUNS += [Run(f"cpu={cpu}", "quick", cpu=cpu, words=("time=300ms", "run=debug"))
         for cpu in ("max,-clwb", "max,-clwb,-clflush")]

DISCIPLINES = ("none", "repeat", "ret")     # beside the default, which all other runs have

RUNS += [
    *(Run(f"entry={name}", "quick", words=(f"entry={name}", "time=500ms"),
          checks=(discipline(name),)) for name in DISCIPLINES),
    *(Run(f"entry={name} {run}", "matrix", words=(f"entry={name}", f"run={run}", "time=200ms"),
          checks=(discipline(name), blocks_given_up((name, run) == ("ret", "windows"))))
      for name in DISCIPLINES for run in ("pairs", "windows")),
    Run("windows without SMAP", "matrix", cpu="kvm64", smp="2",
        words=("run=windows", "time=1s")),
    Run("entry=shift windows", "matrix", words=("run=windows", "time=200ms"),
        checks=(discipline("shift"), blocks_given_up(False))),
    # entry=none promises no nesting: the second frame lies over the first.
    Run("entry=none nested", "fault", words=("entry=none", "inject=exhaust-mce", "run=mce"),
        verdict="FAIL", reason="entry=none has 1 level: its frame is overwritten",
        checks=(fault("stack", cpu=1, stack="MC", event="#MC", level=0),)),
]
