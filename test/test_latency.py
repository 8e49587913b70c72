# SPDX-License-Identifier: MIT
"""What a bench reports: every event, stage and mode, samples that add up, and break=."""

import pytest
from runs import Run

EVENTS = {"trap": "TASK", "user": "TASK", "wake": "TASK", "switch": "TASK", "irq": "IRQ",
          "irq-nested": "IRQ", "softirq": "IRQ", "irq-softirq": "IRQ", "nmi": "NMI", "db": "DB",
          "bp": "DB", "mc": "MC"}
MODES = {"warm", "cold-data", "cold-tlb", "loaded", "halted"}
WITH_STUB = {"trap", "irq", "irq-nested", "irq-softirq", "nmi", "db", "bp", "mc"}


@pytest.fixture(scope="module")
def bench_report():
    """The report of one bench of three CPUs, for all tests of this file."""
    return []


@pytest.fixture
def bench(launch, bench_report):
    if not bench_report:
        bench_report.append(launch(Run("bench smp 3", "slow", words=("run=latency", "seed=5"),
                                       smp="3", icount=True)))
    return bench_report[0]


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
    assert ({"entry", "dispatch"} <= stages) == (event in WITH_STUB)
    assert {record["stack"] for record in records(bench, event=event)} == {EVENTS[event]}


def test_every_mode_is_measured(bench):
    assert {record["mode"] for record in records(bench, event="irq", to=1)} == MODES


def test_every_pair_is_measured(bench):
    for event in ("irq", "nmi"):
        assert {(record["from"], record["to"]) for record in records(bench, event=event)} \
            >= {(i, j) for i in range(3) for j in range(3) if i != j}


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
        assert [record["cpu"] for record in bench.report.of_type(name)] == [0, 1, 2]


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


def test_latency_runs_alone(launch):
    result = launch(Run("bench and nmi", "quick", words=("run=latency,nmi",)))
    assert result.report.verdict == "REFUSED"
