# SPDX-License-Identifier: MIT
"""True machine checks and NMIs, which QEMU's monitor injects into a storm that is under way."""

import os
import subprocess
import sys

import iststorm_report
import pytest
from conftest import ROOT
from monitor import Monitor

BOUND_S = 60


def monitor_commands(path, commands):
    """All at one moment of the guest: it does not go on, nor come to its end, in between."""
    monitor = Monitor(path)
    monitor.say("stop")
    for command in commands:
        monitor.say("human-monitor-command", **{"command-line": command})
    monitor.say("cont")


def storm(tmp_path, *commands, words=()):
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
                monitor_commands(path, commands)
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
def test_corrected_errors_up_to_the_limit_pass(tmp_path):
    status, report = storm(tmp_path, *flood_of(2), words=("corrected=4", "run=debug"))
    assert status == 0, report.reason
    assert sum(counted(report).values()) == 4


@pytest.mark.usefixtures("iso")
def test_no_corrected_error_passes_where_none_may(tmp_path):
    status, report = storm(tmp_path, CORRECTED.format(1, 3, 0x93), words=("corrected=0", "run=nmi"))
    assert status == 1 and "more than 0" in report.reason and counted(report) == {(1, 3): 1}


@pytest.mark.usefixtures("iso")
@pytest.mark.parametrize("workload", ["nmi", "debug"])
def test_an_nmi_that_nobody_sent_is_counted(workload, tmp_path):
    """Whether the storm sends NMIs itself or not; the monitor's reach every CPU, one each."""
    status, report = storm(tmp_path, "nmi", words=(f"run={workload}", "target=self"))
    assert status == 0, report.reason
    found = sum(cpu["unexplained_nmis"] for cpu in report.of_type("cpu"))
    assert found in ({2} if workload == "debug" else {0, 1, 2})    # one may merge with a sent one
