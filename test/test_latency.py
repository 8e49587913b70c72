# SPDX-License-Identifier: MIT
"""What a bench reports: every event, stage and mode, samples that add up, and break=; and the
performance gate: how many instructions each way into and out of a handler takes.

Under icount a bench counts them exactly. What path_lengths.json says, from the trigger to the
handler's first and to the first one back, is what they are: a path that grew fails, and so does
one that shrank, until the file says so too (PATH_LENGTHS=write writes it)."""

import json
import os

import iststorm_latency
import pytest
from conftest import ROOT
from runs import DISCIPLINES, Run

TABLE = ROOT / "test" / "path_lengths.json"
QEMU_10 = ROOT / "build" / "qemu-10" / "qemu-system-x86_64"
TABLE_OF_ENTRIES = ROOT / "test" / "path_lengths_entries.json"

EVENTS = {"trap": "TASK", "user": "TASK", "wake": "TASK", "switch": "TASK", "irq": "IRQ",
          "irq-nested": "IRQ", "softirq": "IRQ", "irq-softirq": "IRQ", "nmi": "NMI", "db": "DB",
          "bp": "DB", "mc": "MC", "ss": "SS", "df": "DF"}
MODES = {"warm", "cold-data", "cold-tlb", "loaded", "halted"}
# Those that come through no gate have no stub that could stamp.
WITHOUT_STUB = {"softirq", "wake", "switch"}

# Instructions of a turn of latency_send's loop.
LOOK_TURN = 5

OF_ENTRIES = ("nmi", "db", "bp", "mc", "ss", "df")

# event and CPUs -> most instructions from the trigger to the handler, and there and back.
LIMITS = {
    "bp 0-0": (45, 90), "db 0-0": (45, 90), "nmi 0-0": (45, 90), "irq 0-0": (45, 90),
    "softirq 0-0": (60, 120), "irq-softirq 0-0": (60, 120),
    "irq 0-1": (60, 110), "nmi 0-1": (60, 110),
    "wake 0-0": (400, 800), "wake 0-1": (400, 800),
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


def test_bench_passes(bench):
    assert bench.status == 0, bench.explain()
    assert not bench.report.problems


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_its_stages(bench, event):
    stages = {record["stage"] for record in records(bench, event=event, mode="warm")}
    assert {"service", "exit", "one-way", "round-trip"} <= stages
    assert ({"entry", "dispatch"} <= stages) == (event not in WITHOUT_STUB)
    assert {record["stack"] for record in records(bench, event=event)} == {EVENTS[event]}


def test_every_mode_is_measured(bench):
    assert {record["mode"] for record in records(bench, event="irq", to=1)} == MODES


def test_every_pair_is_measured(bench):
    for event in ("irq", "nmi"):
        assert {(record["from"], record["to"]) for record in records(bench, event=event)} \
            >= {(i, j) for i in range(4) for j in range(4)}
    assert [(record["cpus"], record["measured"], record["possible"])
            for record in bench.report.of_type("pairs")] == [(4, 16, 16)]


def test_stages_between_cpus(bench):
    """Sending is a stage where it does not wait for the event: to another CPU."""
    for event in ("irq", "irq-softirq", "nmi", "wake"):
        stages = {record["stage"] for record in records(bench, event=event, mode="warm",
                                                        **{"from": 0, "to": 1})}
        gate = set() if event == "wake" else {"send", "entry", "dispatch"}
        assert stages == {"service", "exit", "one-way", "round-trip", *gate}


def test_a_histogram_is_cheap(bench):
    """Fewer than 20 instructions on top of the stamps around an update."""
    costs = [record["histogram_cycles"] for record in bench.report.of_type("overhead")]
    assert len(costs) == 4 and 0 < max(costs) < 20


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
    for record in records(bench, event="irq", loop="open-intended"):
        whole = records(bench, event="irq", loop="open", stage="round-trip", batch=record["batch"])
        assert record["p50"] >= whole[0]["p50"]


def test_surcharge_is_told(bench):
    """The gate with a slot and its adjustment is the bare one and seven instructions."""
    gates = {record["gate"]: record for record in bench.report.of_type("surcharge")}
    assert set(gates) == {"same", "ist", "ist-adjusted"}
    assert gates["ist"]["over_same_cycles"] == 0
    assert gates["ist-adjusted"]["over_same_cycles"] == 8


def test_topology_and_overhead_of_each_cpu(bench):
    for name in ("topology", "overhead"):
        assert [record["cpu"] for record in bench.report.of_type(name)] == [0, 1, 2, 3]


def test_break_shows_the_last_events_of_all(launch):
    result = launch(Run("bench break", "slow", words=("run=latency", "seed=5", "break=50"),
                        smp="3", icount=True))
    assert result.status == 1
    assert "more than break=50" in result.report.reason
    events = result.report.of_type("trace_event")
    assert {record["cpu"] for record in events} == {0, 1, 2}
    assert max(sum(record["cpu"] == cpu for record in events) for cpu in range(3)) <= 64
    for cpu in range(3):
        times = [record["time_ns"] for record in events if record["cpu"] == cpu]
        assert times == sorted(times)


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
    """{"event from-to": [one-way, round trip]}: medians of the warm closed loops."""
    found = {}
    for record in report.of_type("latency"):
        if (record["mode"], record["loop"], record["samples"]) != ("warm", "closed", "all") \
                or record["from"] != 0 or record["stage"] not in ("one-way", "round-trip") \
                or record["event"] == "null":
            continue
        assert record["unit"] == "instructions", record
        place = found.setdefault(f"{record['event']} {record['from']}-{record['to']}", {})
        place.setdefault(record["stage"], median(record))  # the pairs' fewer samples come later
    return {name: [stages["one-way"], stages["round-trip"]] for name, stages in found.items()}


def is_longer(name, both, other):
    """A sender that waits for another CPU sees the mark up to one turn of its loop later: which
    part of the turn changes with what ran before."""
    source, target = name.split()[-1].split("-")
    return both[0] > other[0] or both[1] - other[1] > (LOOK_TURN if source != target else 0)


def write_table(path, lengths):
    lines = (f'    "{name}": {json.dumps(both)}' for name, both in sorted(lengths.items()))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def check_lengths(path, lengths):
    """Against those of the file, or into it."""
    if os.environ.get("PATH_LENGTHS") == "write":
        write_table(path, lengths)
    expected = json.loads(path.read_text())
    grown = [f"{name}: {lengths.get(name)} instructions, not {both}"
             for name, both in expected.items()
             if name not in lengths or is_longer(name, lengths[name], both)]
    shrunk = [f"{name}: {both} instructions, not {expected.get(name)}: write it down with "
              "PATH_LENGTHS=write" for name, both in lengths.items()
              if name not in expected or is_longer(name, expected[name], both)]
    assert not grown and not shrunk, "\n".join(["grown:", *grown, "shrunk or new:", *shrunk])


def test_no_path_has_grown(bench):
    check_lengths(TABLE, measured(bench.report))


def test_no_path_of_another_discipline_has_grown(launch):
    """What an event costs under entry=: exceptions and NMIs of one CPU, the rest is alike."""
    lengths = {}
    for name in DISCIPLINES:
        result = launch(Run(f"bench entry={name}", "slow", smp="1", icount=True,
                            words=("run=latency", f"entry={name}", "seed=5")))
        assert result.status == 0, result.explain()
        lengths |= {f"{name} {event}": both for event, both in measured(result.report).items()
                    if event.split()[0] in OF_ENTRIES}
    check_lengths(TABLE_OF_ENTRIES, lengths)


@pytest.mark.parametrize("name", LIMITS)
def test_path_is_short(name):
    there, back = json.loads(TABLE.read_text())[name]
    assert there <= LIMITS[name][0] and back <= LIMITS[name][1]


def test_a_bench_repeats_every_byte(run_bench):
    assert run_bench("first").text == run_bench("second").text
