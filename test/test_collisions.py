# SPDX-License-Identifier: MIT
"""Events in the middle of others, the instructions of the entry code that they hit, and the page
that sums up any number of runs."""

import subprocess

import iststorm_coverage as coverage
import path_lengths
import pytest
from conftest import ROOT
from runs import Run
from synthetic import stream


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


def storm(launch, name, *words):
    result = launch(Run(name, "quick", words=words, smp="2"))
    assert result.status == 0, result.explain()
    return result


def test_every_event_is_told_with_what_it_came_in(launch):
    report = storm(launch, "collisions", "time=1s").report
    cpus = report.of_type("cpu")
    told = {record["event"]: record for record in report.of_type("collision")}
    parts = [key for key in next(iter(told.values())) if key.startswith("in_")]
    for record in told.values():
        assert record["events"] == sum(record[part] for part in parts), record
    # A CPU's tick and messages are no workload's; all else is.
    assert told["#BP"]["events"] <= sum(cpu["breakpoints"] for cpu in cpus)
    assert 0.9 < told["NMI"]["events"] / sum(cpu["nmis"] for cpu in cpus) <= 1
    assert told["#BP"]["in_bp"] and told["#MC"]["in_mc"] and told["hardirq"]["in_hardirq"]
    assert all(told["NMI"][part] for part in ("in_db", "in_bp", "in_mc", "in_hardirq"))
    assert told["hardirq"]["in_nmi"] == told["hardirq"]["in_db"] == 0   # interrupts are off there
    assert any(note.startswith("NMI in #DB ") for note in report.notes)


def test_a_path_has_the_instructions_that_objdump_finds(launch):
    """And of the windows that the workload `windows` aims at, some are hit."""
    report = storm(launch, "coverage", "run=windows", "time=300ms").report
    told = {record["path"]: record for record in report.of_type("coverage")}
    code = path_lengths.code_lengths()
    for path, key in {"interrupt": "all IRQ", "SYSCALL": "all SYSCALL 256", "exit": "all EXIT",
                      "softirq": "all SOFTIRQ", "switch": "all SWITCH"}.items():
        assert told[path]["instructions"] == code[key], path
    for record in told.values():
        begins = coverage.bits_of(record, "begins")
        assert begins & 1 and bin(begins).count("1") == record["instructions"]
        for event in coverage.EVENTS:
            hit = coverage.bits_of(record, f"{event}_hit")
            assert hit & ~begins == 0 and bin(hit).count("1") == record[event]
    assert told["interrupt"]["db"] >= 3 and told["SYSCALL"]["db"] >= 2
    assert told["interrupt"]["nmi"] >= 3


def write_report(file, records):
    file.write_text(stream([{"v": 1, **record} for record in records]), encoding="ascii")
    return file


def path(name, begins, nmi, irq="0", db="0", **values):
    return {"type": "coverage", "entry": "shift", "path": name, "begins": begins, "nmi_hit": nmi,
            "irq_hit": irq, "db_hit": db, **values}


def convert(*arguments):
    return subprocess.run([ROOT / "tools" / "convert", *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)


def test_runs_add_up(logs):
    """Instructions at 0, 1, 3 and 6 of eight bytes; one run hits 0 and 3, the other 3 and 6."""
    first = write_report(logs / "first", [path("exit", "b4", "90"), path("switch", "1", "1")])
    second = write_report(logs / "second", [path("exit", "b4", "84", irq="10")])
    done = convert("coverage", first, second)
    assert done.returncode == 0, done.stderr
    assert "<td>exit</td><td>3 of 4</td><td>1 of 4</td><td>0 of 4</td>" in done.stdout
    assert "<b>all but stubs</b></td><td>4 of 5</td>" in done.stdout
    assert "in all of 2 runs together" in done.stdout and "1 not hit by an NMI" in done.stdout


def test_another_build_is_told_apart(logs):
    first = write_report(logs / "one", [path("exit", "b4", "90")])
    second = write_report(logs / "other", [path("exit", "b5", "90")])
    assert convert("coverage", first, second).stdout.count("<h3>exit</h3>") == 2


def test_what_is_damaged_is_named_and_the_rest_shown(logs):
    wrong = [path("exit", "xyz", "1"), path("switch", "1", ""), path("trap", "f" * 2000, "1"),
             path("softirq", "3", "1")]
    done = convert("coverage", write_report(logs / "wrong", wrong))
    assert done.returncode == 3
    for name, key in (("exit", "begins"), ("switch", "nmi_hit"), ("trap", "begins")):
        assert f"damaged coverage record '{name}': '{key}' is no map" in done.stderr
    assert "<td>softirq</td><td>1 of 2</td>" in done.stdout


def test_wrong_usage(logs):
    log = write_report(logs / "none", [])
    assert convert("html", log, log).returncode == 64
    done = convert("coverage", log)
    assert done.returncode == 1 and "no coverage records to show" in done.stderr
