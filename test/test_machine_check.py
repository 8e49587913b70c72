# SPDX-License-Identifier: MIT
"""True machine checks and NMIs, which QEMU's monitor injects into a storm that is under way."""

import os
import subprocess
import sys
import time

import iststorm_report
import pytest
from conftest import ROOT
from monitor import Monitor

BOUND_S = 60
FOREIGN = 40


def monitor_commands(path, commands, apart_s=0):
    """All at one moment of the guest, which does not go on in between; or one after another."""
    monitor = Monitor(path)
    if not apart_s:
        monitor.say("stop")
    for command in commands:
        monitor.say("human-monitor-command", **{"command-line": command})
        time.sleep(apart_s)
    if not apart_s:
        monitor.say("cont")


def storm(tmp_path, *commands, words=(), apart_s=0):
    """A storm of two CPUs, with monitor commands once it is under way: status and report."""
    path = os.fspath(tmp_path / "qmp")
    tool = [sys.executable, ROOT / "tools" / "run", "--accel", "tcg", "--smp", "2", "--qmp", path,
            "--log", os.fspath(tmp_path / "log"), "time=3s", *(words or ("run=nmi,debug,irq",))]
    with subprocess.Popen(tool, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as process:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("ok 1 probe"):
                monitor_commands(path, commands, apart_s)
        return process.wait(BOUND_S), iststorm_report.read_report(lines)


# name -> mce CPU BANK STATUS MCGSTATUS ADDR MISC; exit status; records (cpu, kind); in the reason
CHECKS = {
    "uncorrected": ("mce 1 2 0xb200000000000005 0x5 0x1234 0x5678", 1, {(1, "uncorrected")},
                    "in bank 2, status 0xb200000000000005, address 0x0, met by 1 CPUs"),
    "broadcast": ("mce -b 0 2 0xb000000000000005 0x5 0x1234 0x5678", 1,
                  {(0, "uncorrected"), (1, "uncorrected")}, ", met by 2 CPUs"),
    "corrected": ("mce 1 2 0x9c00000000000005 0x0 0x1234 0x5678", 0, {(1, "corrected")}, ""),
}


@pytest.mark.usefixtures("iso")
@pytest.mark.parametrize("name", CHECKS)
def test_machine_check(name, tmp_path):
    command, expected_status, records, reason = CHECKS[name]
    status, report = storm(tmp_path, command)
    assert status == expected_status, report.reason
    found = [(record["cpu"], record["kind"]) for record in report.of_type("machine_check")]
    assert sorted(found) == sorted(records)     # each once: the bank was cleared
    assert reason in (report.reason or "")
    for record in report.of_type("fault"):
        assert reason in record["detail"]
    for record in report.of_type("machine_check"):
        assert record["count"] == 1 and "when" not in record
        if record["kind"] == "corrected":
            assert (record["bank"], record["address"], record["misc"]) == (2, 0x1234, 0x5678)


def wait_for(process, text):
    """Reads on to the next line with this in it; the lines until then."""
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if text in lines[-1]:
            return lines
    raise AssertionError(f"no {text!r} in {lines}")


@pytest.mark.usefixtures("iso")
def test_broadcasts_name_who_has_the_error(tmp_path):
    """Not who is first to go on. The last one has no RIPV, and ends the run; it comes when MCIP is
    clear again."""
    path = tmp_path / "qmp"
    tool = [sys.executable, ROOT / "tools" / "run", "--accel", "tcg", "--smp", "3", "--qmp",
            path, "--log", tmp_path / "log", "--timeout", "120", "time=1h", "run=debug"]
    with subprocess.Popen(tool, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as process:
        lines = wait_for(process, "ok 1 probe")
        monitor_commands(path, ["mce -b 2 3 0xb000000000000005 5 0 0"])
        told = [wait_for(process, ", met by 3 CPUs") for _ in range(3)]
        assert '"cpu":2,"stack":"MC"' in told[0][-1] and "in bank 3, " in told[0][-1]
        lines += sum(told, []) + wait_for(process, '"type":"heartbeat"')
        monitor_commands(path, ["mce -b 1 4 0xb000000000000005 4 0 0"])
        lines += [line.rstrip("\n") for line in process.stdout]
        assert process.wait(BOUND_S) == 1
    report = iststorm_report.read_report(lines)
    assert report.reason.startswith("CPU 2: #MC on stack MC: machine check in bank 3, ")
    assert any(line.startswith("# Bail out! ") for line in lines)
    verdict, = report.of_type("verdict")
    assert verdict["faults"] == 6


CORRECTED = "mce {} {} 0x9c000000000000{:x} 0x0 0x1234 0x5678"


def flood_of(banks):
    """A corrected error in each of so many banks of each CPU: memory controller, read, channel."""
    return [CORRECTED.format(cpu, bank, 0x90 + bank) for cpu in (0, 1) for bank in range(banks)]


def counted(report):
    """The corrected errors of the records, by CPU and bank; each is one."""
    found = {}
    for record in report.of_type("machine_check"):
        assert record["kind"] == "corrected"
        assert record["what"] == f"memory controller, read, channel {record['bank']}"
        key = record["cpu"], record["bank"]
        found[key] = found.get(key, 0) + record["count"]
    return found


@pytest.mark.usefixtures("iso")
def test_a_flood_of_corrected_errors_fails(tmp_path):
    status, report = storm(tmp_path, *flood_of(2), words=("corrected=3", "run=debug"))
    assert status == 1 and "a flood of corrected errors: more than 3" in report.reason
    assert counted(report) == {(cpu, bank): 1 for cpu in (0, 1) for bank in range(2)}
    fault, = report.of_type("fault")            # one, whatever else comes
    assert fault["check"] == "hardware"
    assert [cpu["corrected_errors"] for cpu in report.of_type("cpu")] == [2, 2]


@pytest.mark.usefixtures("iso")
def test_errors_behind_an_overflow_are_two_at_least(tmp_path):
    """A bank keeps the first of five, and its OVER bit."""
    status, report = storm(tmp_path, *5 * [CORRECTED.format(1, 3, 0x93)],
                           words=("corrected=1", "run=debug"))
    assert status == 1 and "more than 1" in report.reason
    record, = report.of_type("machine_check")
    assert (record["count"], record["overflows"]) == (2, 1)
    assert [cpu["corrected_errors"] for cpu in report.of_type("cpu")] == [0, 2]


@pytest.mark.usefixtures("iso")
def test_corrected_errors_up_to_the_limit_pass(tmp_path):
    status, report = storm(tmp_path, *flood_of(2), words=("corrected=4", "run=debug"))
    assert status == 0, report.reason
    assert sum(counted(report).values()) == 4


@pytest.mark.usefixtures("iso")
def test_no_corrected_error_passes_where_none_may(tmp_path):
    status, report = storm(tmp_path, CORRECTED.format(1, 3, 0x93), words=("corrected=0", "run=nmi"))
    assert status == 1 and "more than 0" in report.reason and counted(report) == {(1, 3): 1}


@pytest.mark.usefixtures("iso")
def test_nmis_that_nobody_sent_are_counted_where_none_are(tmp_path):
    """The monitor's reach every CPU, one each."""
    status, report = storm(tmp_path, "nmi", words=("run=debug",))
    assert status == 0, report.reason
    assert [cpu["unexplained_nmis"] for cpu in report.of_type("cpu")] == [1, 1]


@pytest.mark.usefixtures("iso")
@pytest.mark.parametrize("target", ["self", "others", "mixed"])
def test_nmis_that_nobody_sent_are_told_from_the_storms_own(target, tmp_path):
    """One may merge with another, or come amid a burst, which the report says."""
    status, report = storm(tmp_path, *["nmi"] * FOREIGN, words=("run=nmi", f"target={target}"),
                           apart_s=0.01)
    assert status == 0, report.reason
    counts = [cpu["unexplained_nmis"] for cpu in report.of_type("cpu")]
    assert len(counts) == 2 and all(1 <= count <= FOREIGN for count in counts), counts
    for cpu, count in enumerate(counts):
        assert f"CPU {cpu}: {count} NMIs that this image did not send" in report.notes
    told = any("a foreign one that came amid one cannot be told from it" in note
               for note in report.notes)
    assert told == (target != "self")           # who sends to itself sends no bursts
    workload, = report.of_type("workload")
    assert workload["received"] + workload["coalesced"] == workload["sent"]
