# SPDX-License-Identifier: MIT
"""The performance gate: how many instructions each way into and out of a handler takes.

`run=latency` under icount counts them exactly. What path_lengths.json says, in instructions from
the trigger to the handler's first and to the first one back, is what they are: a path that grew
fails, and so does one that shrank, until the file says so too (PATH_LENGTHS=write writes it)."""

import json
import os

import pytest
from conftest import ROOT
from runs import Run

TABLE = ROOT / "test" / "path_lengths.json"
# event -> most instructions from trigger to handler, and there and back: alone, and from another CPU.
LIMITS = {
    "bp 0-0": (45, 90), "db 0-0": (45, 90), "nmi 0-0": (45, 90), "irq 0-0": (45, 90),
    "softirq 0-0": (60, 120), "irq 0-1": (60, 110), "nmi 0-1": (60, 110),
    "wake 0-0": (400, 800), "wake 0-1": (400, 800),
}
BENCH = ("run=latency", "seed=1")


@pytest.fixture(scope="module")
def bench_runs():
    """Two runs of one bench are made once for all tests of this file."""
    return {}


def bench(launch, bench_runs, which):
    if which not in bench_runs:
        bench_runs[which] = launch(Run(f"bench {which}", "slow", words=BENCH, smp="2", icount=True))
    return bench_runs[which]


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
        place.setdefault(record["stage"], record["p50"])  # the pairs' fewer samples come later
    return {name: [stages["one-way"], stages["round-trip"]] for name, stages in found.items()}


def test_no_path_has_grown(launch, bench_runs):
    result = bench(launch, bench_runs, "first")
    assert result.status == 0, result.explain()
    lengths = measured(result.report)
    if os.environ.get("PATH_LENGTHS") == "write":
        lines = (f'    "{name}": {json.dumps(both)}' for name, both in sorted(lengths.items()))
        TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    expected = json.loads(TABLE.read_text())
    grown = [f"{name}: {lengths.get(name)} instructions, not {both}"
             for name, both in expected.items()
             if name not in lengths or any(a > b for a, b in zip(lengths[name], both))]
    shrunk = [f"{name}: {both} instructions, not {expected.get(name)}: write it down with "
              "PATH_LENGTHS=write" for name, both in lengths.items()
              if name not in expected or any(a < b for a, b in zip(both, expected[name]))]
    assert not grown and not shrunk, "\n".join(["grown:", *grown, "shrunk or new:", *shrunk])


@pytest.mark.parametrize("name", LIMITS)
def test_path_is_short(name):
    there, back = json.loads(TABLE.read_text())[name]
    assert there <= LIMITS[name][0] and back <= LIMITS[name][1]


def test_a_bench_repeats_every_byte(launch, bench_runs):
    first, second = (bench(launch, bench_runs, which) for which in ("first", "second"))
    assert first.status == 0, first.explain()
    assert first.text == second.text
