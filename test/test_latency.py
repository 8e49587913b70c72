# SPDX-License-Identifier: MIT
"""A benchmark's report: every event, stage and mode, samples that add up, and the
performance gate: how many instructions each way into and out of a handler takes.

Under icount a bench counts them exactly; they are those of path_lengths.json (path_lengths.py). A
sender that waits for another CPU has a turn of its loop and the target's in its way back: a change
there shows here, too."""

import re
import subprocess
import threading

import iststorm_latency
import iststorm_report
import path_lengths
import pytest
from conftest import ROOT
from monitor import Monitor
from runs import DISCIPLINES, Run

QEMU_10 = ROOT / "build" / "qemu-10" / "qemu-system-x86_64"

EVENTS = {"trap": "TASK", "user": "TASK", "syscall": "TASK", "wake": "TASK", "switch": "TASK",
          "irq": "IRQ", "irq-nested": "IRQ", "softirq": "IRQ", "irq-softirq": "IRQ",
          "nmi": "NMI", "db": "DB", "bp": "DB", "mc": "MC", "ss": "SS", "df": "DF"}
MODES = {"warm", "cold-data", "cold-tlb", "loaded", "halted"}
CACHE_LINE = 64
BOUND_S = 60
LOOP_TURN = 20  # instructions, at most
# Those that come through no gate have no stub that could stamp.
WITHOUT_STUB = {"softirq", "wake", "switch", "syscall"}
# Ring 3 makes its own: nobody there waits for an intended time.
FROM_RING_3 = {"user", "syscall"}
# Between two CPUs, these lie between their clocks.
NEED_OFFSET = {"entry", "one-way"}
# Software takes them from the thread's stack to the IRQ stack.
SWITCHED = {"irq", "irq-softirq"}

OF_ENTRIES = ("nmi", "db", "bp", "mc", "ss", "df")

# event and CPUs -> most instructions from the trigger to the handler, and there and back. An
# interrupt that raises a softirq has that one's limit; where another CPU sent it, the sender looks
# once whether it has come before it lets the other one run: three instructions.
LIMITS = {
    "shift bp 0-0": (45, 90), "shift db 0-0": (45, 90), "shift nmi 0-0": (45, 90),
    "shift irq 0-0": (45, 90),
    "shift softirq 0-0": (60, 120), "shift irq-softirq 0-0": (60, 120),
    "shift irq 0-1": (60, 110), "shift nmi 0-1": (60, 110), "shift irq-softirq 0-1": (63, 120),
    "shift wake 0-0": (400, 800), "shift wake 0-1": (400, 800),
    "none bp 0-0": (45, 90), "none db 0-0": (45, 90), "none nmi 0-0": (45, 90),
}


@pytest.fixture(scope="module")
def bench_runs():
    """Benches of four CPUs by name, each made once for all tests of this file."""
    return {}


@pytest.fixture
def run_bench(launch, bench_runs):
    def run_once(which):
        if which not in bench_runs:
            bench_runs[which] = launch(Run(f"bench {which}", "slow", smp="4", icount=True,
                                           words=("run=latency", "seed=5")))
        return bench_runs[which]
    return run_once


@pytest.fixture
def bench(run_bench):
    return run_bench("first")


def records(bench, **values):
    return [record for record in bench.report.of_type("latency")
            if all(record[key] == value for key, value in values.items())]


def of_batches(report, key):
    """A key of each measurement's batch record: number -> value."""
    return {record["batch"]: record[key] for record in report.of_type("batch")}


def test_bench_passes(bench):
    assert bench.status == 0, bench.explain()
    assert not bench.report.problems


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_its_stages(bench, event):
    stages = {record["stage"] for record in records(bench, event=event, mode="warm")}
    assert {"service", "exit", "one-way", "round-trip"} <= stages
    assert ({"entry", "prologue"} <= stages) == (event not in WITHOUT_STUB)
    assert ("dispatch" in stages) == (event in SWITCHED)
    assert {record["stack"] for record in records(bench, event=event)} == {EVENTS[event]}


def test_every_mode_is_measured(bench):
    """With the parts of the way through the stub, too."""
    for event in ("irq", "irq-softirq", "nmi"):
        for stage in ("entry", "prologue", "exit", "round-trip"):
            assert {record["mode"] for record in records(bench, event=event, stage=stage, to=1,
                                                         **{"from": 0})} == MODES
    assert {record["mode"] for record in records(bench, event="wake", to=1)} == MODES


def test_parts_add_up(bench):
    """From the trigger to the handler, and there and back to what was interrupted."""
    def parts(event, to, *stages):
        return sum(median(record) for record in records(
            bench, event=event, to=to, mode="warm", loop="closed", **{"from": 0})
            if record["stage"] in stages and "pass" not in record)
    for event, to in (*((event, 0) for event in set(EVENTS) - WITHOUT_STUB - FROM_RING_3),
                      *((event, 1) for event in ("irq", "irq-softirq", "nmi"))):
        assert parts(event, to, "entry", "dispatch", "prologue") == parts(event, to, "one-way")
        if to == 0:
            assert parts(event, to, "one-way", "service", "exit") == parts(event, to, "round-trip")


def test_a_target_stamps_its_own_way_back(bench):
    """It is that of an event to oneself, however late the sender sees that the event is over."""
    for event in ("irq", "irq-softirq", "nmi"):
        ways = [median(record) for mode in ("warm", "halted", "cold-tlb") for record in records(
            bench, event=event, stage="exit", mode=mode, loop="closed", **{"from": 0})
            if record["to"] in (0, 1)]
        assert len(ways) > 4 and set(ways) == {ways[0]}, (event, ways)
    assert not records(bench, event="wake", stage="exit", mode="halted")
    assert records(bench, event="wake", stage="exit", mode="warm", to=1)


@pytest.mark.parametrize("event", sorted(set(EVENTS) - FROM_RING_3))
def test_open_and_closed_loops(bench, event):
    assert {record["loop"] for record in records(bench, event=event, to=0)} \
        == {"closed", "open", "open-intended"}


def test_a_target_sleeps_in_mode_halted_alone(bench):
    """A warm wake-up of another CPU interrupts a thread there; a halted one's is the idle one's,
    from which the way to another thread is shorter."""
    there = {mode: records(bench, event="wake", stage="one-way", mode=mode, loop="closed",
                           **{"from": 0, "to": 1})[0] for mode in ("warm", "cold-data", "halted")}
    assert median(there["warm"]) == median(there["cold-data"]) > median(there["halted"])


def test_no_target_that_ought_to_sleep_is_awake(bench):
    assert {record["awake"] for record in bench.report.of_type("batch")} == {0}


def test_offset_is_told_where_it_is_used(bench):
    """One counter: its measured offset is not hidden, and nothing is corrected or withheld. By
    whose turn it is in the emulator an offset is above 0 or below."""
    for record in records(bench):
        needs = record["from"] != record["to"] and record["stage"] in NEED_OFFSET
        assert record.get("one_way") == ("used" if needs else None), record
    for record in bench.report.of_type("offset"):
        assert 0 < abs(record["offset_cycles"]) <= record["bound_cycles"]
        assert record["corrected_cycles"] == 0 and record["one_way"] == "used"


def test_counters_are_those_of_the_cpu_that_measures(bench):
    cpus = of_batches(bench.report, "cpu")
    assert {cpus[record["batch"]] for record in records(bench)} == {0, 1, 2, 3}
    assert all(cpus[record["batch"]] == record["from"] for record in records(bench))


def test_cold_data_is_flushed_whole(bench, elf_symbols):
    """The data of cpu/, smp/ and sched/ lies together, and to flush a line takes instructions."""
    for name in ("vector_handlers", "exception_hooks", "nmi_hook", "softirq_handlers",
                 "cpu_above", "syscall_hook", "apic_x2apic", "queues_listed", "marks"):
        assert any(elf_symbols[f"{part}_start"] <= elf_symbols[name] < elf_symbols[f"{part}_end"]
                   for part in ("data", "entry_rodata", "entry_bss", "entry_tables")), name
    lines = sum(elf_symbols[f"{part}_end"] - elf_symbols[f"{part}_start"]
                for part in ("data", "entry_rodata", "entry_bss")) // CACHE_LINE
    prepare = of_batches(bench.report, "prepare_cycles")
    for record in records(bench, mode="cold-data"):
        assert prepare[record["batch"]] > 2 * lines


def test_cold_tlb_costs_its_flush(bench):
    """Instructions, that is, before each sample; test_stamps.py looks for them."""
    prepare = of_batches(bench.report, "prepare_cycles")
    for event, to in (("trap", 0), ("irq", 0), ("nmi", 1)):
        cold, warm = (prepare[records(bench, event=event, mode=mode, stage="one-way", to=to,
                                      loop="closed", **{"from": 0})[0]["batch"]]
                      for mode in ("cold-tlb", "warm"))
        assert cold > warm


def test_gaps_are_looked_for(bench):
    """From sample to sample it takes time."""
    assert all(record["longest_gap_cycles"] > 0 for record in bench.report.of_type("batch"))


def test_a_load_interrupts(bench):
    """CPU 2 is measured in pairs alone, which bring as many NMIs as interrupts."""
    counts = bench.report.of_type("cpu")[2]
    assert counts["irqs"] > 4 * (counts["nmis"] + counts["ticks"] + counts["ipis"])


def test_an_open_loop_is_random(bench):
    """Around its mean, by half of that up and down, none of which so many samples leave out."""
    batches = {record["batch"]: record for record in bench.report.of_type("batch")}
    is_open = {record["batch"]: record["loop"] != "closed" for record in records(bench)}
    assert set(is_open.values()) == {True, False}
    for number, is_so in is_open.items():
        least, most = (batches[number].get(f"{name}_interval_cycles") for name in ("least", "most"))
        assert 2 * least < most < 3 * least + 3 if is_so else least is None and most is None


def test_every_pair_is_measured(bench):
    for event in ("irq", "nmi"):
        assert {(record["from"], record["to"]) for record in records(bench, event=event)
                if record.get("pass") == "pairs"} == {(i, j) for i in range(4) for j in range(4)}
    assert [(record["cpus"], record["measured"], record["possible"])
            for record in bench.report.of_type("pairs")] == [(4, 16, 16)]


def test_stages_between_cpus(bench):
    """Sending is a stage where it does not wait for the event: to another CPU."""
    for event in ("irq", "irq-softirq", "nmi", "wake"):
        stages = {record["stage"] for record in records(bench, event=event, mode="warm",
                                                        **{"from": 0, "to": 1})}
        gate = set() if event == "wake" else {"send", "entry", "prologue"}
        assert stages == {"service", "exit", "one-way", "round-trip", *gate,
                          *({"dispatch"} if event in SWITCHED else ())}


def test_no_two_records_are_of_the_same(bench):
    keys = [tuple(record.get(key) for key in (*iststorm_latency.KEY, "pass", "from", "to"))
            for record in records(bench)]
    assert len(keys) == len(set(keys))


def test_a_histogram_is_cheap(bench):
    """Fewer than 20 instructions on top of the stamps around an update: its call, and all in it."""
    costs = [record["histogram_cycles"] for record in bench.report.of_type("overhead")]
    assert len(costs) == 4 and 0 < max(costs) < 20


def test_a_pause_is_told(bench):
    assert [record["pause_cycles"] for record in bench.report.of_type("overhead")] == 4 * [1]


def test_what_is_slower_stands_out(bench):
    """Outliers, where instructions are counted, are those above the median alone."""
    medians = {record["id"]: record["p50"] for record in records(bench)}
    outliers = bench.report.of_type("outlier")
    assert outliers
    assert all(record["value"] > medians[record["id"]] for record in outliers)


def test_samples_add_up(bench):
    for record in records(bench):
        pairs = [pair.split(":") for pair in record["buckets"].split()]
        assert sum(int(count) for _, count in pairs) == record["count"] > 0
        assert record["min"] <= record["p50"] <= record["max"]
        assert ("p99" in record) == (record["count"] >= 1000)
        assert ("p999" in record) == (record["count"] >= 10000)


def test_nothing_costs_nothing(bench):
    """The null test: an empty pair, less what an empty pair costs."""
    for record in records(bench, event="null"):
        assert record["min"] == record["max"] == 0


def test_open_loop_shows_what_it_omits(bench):
    """Where nothing is late, that is a turn of the loop that waits for the time."""
    for record in records(bench, loop="open-intended"):
        whole = records(bench, loop="open", stage="round-trip", batch=record["batch"])
        assert 0 <= record["min"] - whole[0]["min"] < LOOP_TURN
        assert 0 <= record["p50"] - whole[0]["p50"] < LOOP_TURN


def test_surcharge_is_told(bench):
    """The bare gate is INT and IRET, the stub's own stamp left out; a slot adds nothing, and its
    adjustment eight instructions."""
    assert {(record["gate"], record["entry_cycles"], record["min_cycles"], record["median_cycles"],
             record["over_same_cycles"], record["over_same_min_cycles"])
            for record in bench.report.of_type("surcharge")} == {
        ("same", 1, 2, 2, 0, 0), ("ist", 1, 2, 2, 0, 0), ("ist-adjusted", 5, 10, 10, 8, 8)}


def test_topology_and_overhead_of_each_cpu(bench):
    for name in ("topology", "overhead"):
        assert [record["cpu"] for record in bench.report.of_type(name)] == [0, 1, 2, 3]


@pytest.fixture(scope="module")
def elf_symbols():
    lines = subprocess.run(["nm", ROOT / "build" / "iststorm.elf"], check=True, text=True,
                           capture_output=True).stdout.splitlines()
    return {name: int(address, 16) for address, _, name in map(str.split, lines)}


@pytest.fixture
def clocks(launch, bench_runs):
    """A bench of two CPUs whose TSCs are the host's, not a count of instructions."""
    if "clocks" not in bench_runs:
        bench_runs["clocks"] = launch(Run("bench clocks", "slow", smp="2", words=(
            "run=latency", "samples=100", "seed=5"), timeout=240))
    assert bench_runs["clocks"].status == 0, bench_runs["clocks"].explain()
    return bench_runs["clocks"]


def test_an_update_costs_cycles(clocks):
    """As a pair's least and an update's least are known: to what the TSC counts in at once. Never
    far below nothing, and never a wrapped number."""
    for record in clocks.report.of_type("overhead"):
        assert -record["overhead_cycles"] - 100 <= record["histogram_cycles"] < 100000


def typical(record):
    """The median, or the least sample where a busy host left too few."""
    return record.get("p50", record["min"])


def test_what_the_offset_does_not_serve_is_withheld(clocks):
    """A stage has a record exactly where the offset, as printed, is known to a tenth of it."""
    offsets, stages = {}, {}
    for record in clocks.report.of_type("offset"):
        offsets.setdefault(record["batch"], {})[record["when"]] = record
    for record in records(clocks, samples="all"):
        stages.setdefault(record["batch"], {})[record["stage"]] = record
    assert offsets
    for batch, looks in offsets.items():
        before, after = looks["before"], looks["after"]
        wrong = max(look["bound_cycles"] + abs(look["offset_cycles"] - before["corrected_cycles"])
                    for look in (before, after))
        drift = abs(before["offset_cycles"] - after["offset_cycles"])
        withheld = set(before.get("withheld", "").split())
        used = NEED_OFFSET & set(stages[batch])
        assert not withheld & used and withheld | used
        assert (before["one_way"] == "withheld") == bool(withheld)
        assert all(10 * wrong <= typical(stages[batch][stage]) for stage in used)
        if used:
            assert drift <= before["bound_cycles"] + after["bound_cycles"]
            assert min(before["exchanges"], after["exchanges"]) >= 100


def test_sending_to_oneself_is_seen_where_it_ends_first(clocks, bench):
    """A TSC that counts instructions has a moment for events between any two of them."""
    for event in ("irq", "irq-softirq", "irq-nested", "nmi"):
        assert records(clocks, event=event, stage="send", **{"from": 0, "to": 0})
        assert not records(bench, event=event, stage="send", **{"from": 0, "to": 0})


def test_no_load_is_told(clocks, bench):
    """Of two CPUs that both take part, none is left."""
    assert "# mode loaded is left out between CPUs: none of 2 is left to be the load" in clocks.text
    assert not [record for record in records(clocks, mode="loaded")
                if record["from"] != record["to"]]
    assert records(clocks, mode="loaded") and "mode loaded is left out" not in bench.text


def send_smis(path, sent, over):
    """Until it is over, or the machine is."""
    try:
        monitor = Monitor(path)
        while not over.wait(0.002):
            monitor.say("human-monitor-command", **{"command-line": "o /b 0xb2 0"})
            sent.append(1)
    except (OSError, ValueError):
        assert over.wait(BOUND_S)


@pytest.fixture(scope="module")
def with_smis(iso, tmp_path_factory):
    """The report of a bench among whose samples SMIs come, and how many were sent: a write to the
    chipset's port 0xb2 raises one on the first CPU, and SeaBIOS takes it."""
    folder, sent, over = tmp_path_factory.mktemp("smis"), [], threading.Event()
    tool = [ROOT / "tools" / "run", "--accel", "tcg", "--machine", "pc", "--smp", "1", "--iso", iso,
            "--qmp", folder / "qmp", "--log", folder / "log", "run=latency", "samples=1000",
            "seed=5"]
    sender = threading.Thread(target=send_smis, args=(folder / "qmp", sent, over))
    with subprocess.Popen(tool, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as process:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if '"type":"overhead"' in line:
                sender.start()
            elif '"type":"pairs"' in line:
                over.set()
    over.set()
    sender.join(BOUND_S)
    return iststorm_report.read_report(lines), len(sent)


def test_smis_are_counted_and_their_rounds_told_apart(with_smis):
    """The machine may have ended before it answered to the last one sent."""
    report, sent = with_smis
    assert report.verdict == "PASS", report.reason
    smis = of_batches(report, "smis")
    assert 0 < sum(smis.values()) <= report.of_type("cpu")[0]["smis"] <= sent + 1
    latencies = {record["id"]: record for record in report.of_type("latency")}
    free = [record for record in latencies.values() if record["samples"] == "smi-free"]
    whole = {(record["batch"], record["stage"], record["loop"]): record["count"]
             for record in latencies.values() if record["samples"] == "all"}
    assert free and all(
        smis[record["batch"]] and
        record["count"] < whole[record["batch"], record["stage"], record["loop"]]
        for record in free)
    outliers = report.of_type("outlier")
    assert any("smi" in record.get("cause", "") for record in outliers)
    assert all(latencies[record["id"]]["samples"] == "all" for record in outliers)


def test_x2apic(launch):
    """One write sends, and one ends an interrupt; the last CPU's id is 256."""
    if not QEMU_10.exists():
        pytest.skip("no QEMU 10: ci/platforms/qemu-10 unpacks it into build/qemu-10")
    bench = launch(Run("bench x2apic", "slow", words=("run=latency", "samples=100"),
                       smp="2,sockets=2,cores=144,threads=1,maxcpus=288", cpu="max,+x2apic",
                       options=("--qemu", str(QEMU_10)), timeout=120, extra=(
                           "-device", "intel-iommu,intremap=on,eim=on", "-device",
                           "max-x86_64-cpu,x2apic=on,socket-id=1,core-id=0,thread-id=0")))
    assert bench.status == 0, bench.explain()
    assert bench.report.of_type("machine")[0]["apic_mode"] == "x2apic"
    assert bench.report.of_type("cpu")[2]["apic_id"] == 256
    for event in ("irq", "irq-softirq", "nmi"):
        assert records(bench, event=event, stage="send")
    for event in ("irq", "nmi"):
        assert {(record["from"], record["to"]) for record in records(bench, event=event)} \
            >= {(0, 0), (0, 1), (2, 2), (0, 2)}


def test_latency_runs_alone(launch):
    result = launch(Run("bench and nmi", "quick", words=("run=latency,nmi",)))
    assert result.report.verdict == "REFUSED"


def median(record):
    """Exact where it shares the least sample's bucket, which a tick among the samples does not
    change."""
    alike = iststorm_latency.bucket_index(record["p50"]) == \
        iststorm_latency.bucket_index(record["min"])
    return record["min"] if alike else record["p50"]


def measured(report):
    """{"event from-to": [one-way, round trip, exit]}: medians of the warm closed loops."""
    found = {}
    for record in report.of_type("latency"):
        if (record["mode"], record["loop"], record["samples"]) != ("warm", "closed", "all") \
                or record["from"] != 0 or record["stage"] not in ("one-way", "round-trip", "exit") \
                or record["event"] == "null":
            continue
        assert record["unit"] == "instructions", record
        place = found.setdefault(f"{record['event']} {record['from']}-{record['to']}", {})
        place.setdefault(record["stage"], median(record))  # the pairs' fewer samples come later
    return {name: [stages["one-way"], stages["round-trip"], stages["exit"]]
            for name, stages in found.items()}


def check_lengths(disciplines, lengths):
    wrong = path_lengths.differences("measured", disciplines, lengths)
    assert not wrong, "\n".join(wrong)


def test_no_path_has_grown(bench):
    check_lengths(["shift"], {f"shift {name}": ways for name, ways
                              in measured(bench.report).items()})


def test_no_path_of_another_discipline_has_grown(launch):
    """An event's cost under entry=: exceptions and NMIs of one CPU, the rest is alike."""
    lengths = {}
    for name in DISCIPLINES:
        result = launch(Run(f"bench entry={name}", "slow", smp="1", icount=True,
                            words=("run=latency", f"entry={name}", "seed=5")))
        assert result.status == 0, result.explain()
        lengths |= {f"{name} {event}": ways for event, ways in measured(result.report).items()
                    if event.split()[0] in OF_ENTRIES}
    check_lengths(DISCIPLINES, lengths)


def test_no_code_has_grown(iso):
    """Of an entry path, whether a run takes it or not."""
    wrong = path_lengths.differences("code", ["all", *path_lengths.disciplines_of_image()],
                                     path_lengths.code_lengths())
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", LIMITS)
def test_path_is_short(name):
    there, back, _ = path_lengths.read()["measured"][name]
    assert there <= LIMITS[name][0] and back <= LIMITS[name][1]


def test_a_bench_repeats_every_byte(run_bench):
    assert run_bench("first").text == run_bench("second").text
