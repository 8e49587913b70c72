# SPDX-License-Identifier: MIT
"""A run that dies leaves word, which the next boot finds; a run with a verdict leaves none."""

import subprocess
import threading

import iststorm_report
from conftest import ROOT
from runs import Run, fault


def two_boots(*words):
    """What a machine says until the second verdict line; its first run ends in a reset."""
    command = subprocess.run([ROOT / "tools" / "run", "--print-command", "--accel", "tcg", "--smp",
                              "2", *words], capture_output=True, text=True, check=True).stdout
    assert " -no-reboot " in command
    command = "exec " + command.replace(" -no-reboot ", " ")
    lines, verdicts = [], 0
    with subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as qemu:
        watchdog = threading.Timer(120, qemu.kill)
        watchdog.start()
        for line in qemu.stdout:
            lines.append(iststorm_report.clean_line(line.rstrip(b"\n")))
            verdicts += bool(iststorm_report.VERDICT_LINE.fullmatch(lines[-1]))
            if verdicts == 2:
                break
        watchdog.cancel()
        qemu.kill()
    assert verdicts == 2, lines[-20:]
    return lines


def test_a_verdict_clears_the_word(iso):
    lines = two_boots("time=300ms", "end=reboot")
    report = iststorm_report.read_report(iststorm_report.last_boot(lines))
    assert lines.count("KTAP version 1") == 2
    assert report.passed and report.test("before").ok, report.reason
    assert not report.of_type("before") and not report.of_type("before_cpu")


def test_a_failure_clears_it_too(iso):
    """And what a run says of the one before it, the next does not say again."""
    lines = two_boots("time=300ms", "end=reboot", "inject=deep-stack", "run=nmi")
    report = iststorm_report.read_report(iststorm_report.last_boot(lines))
    assert report.verdict == "FAIL" and report.test("before").ok, report.reason


def test_a_triple_fault_leaves_word_on_uefi(launch):
    run = Run("triple-fault uefi", "fault", words=("inject=triple-fault", "time=2s", "seed=77"),
              firmware="uefi", options=("--allow-reboot",), verdict="FAIL",
              reason=r"the run before this died without a verdict after \d+ ms, seed 77\b",
              checks=(fault("before"),))
    result = launch(run)
    assert not list(run.problems(result)), result.explain()
    found, = result.report.of_type("before")
    cpus = result.report.of_type("before_cpu")
    assert found["cpus"] == 2 and found["seed"] == 77 and found["time_ms"] >= 500
    assert [cpu["cpu"] for cpu in cpus] == [0, 1] and all(cpu["events"] for cpu in cpus)
    assert found["time_ms"] == max(cpu["time_us"] for cpu in cpus) // 1000
    assert found["cpu"] == min(cpus, key=lambda cpu: cpu["time_us"])["cpu"]
    assert all("ticks" in cpu["last"] for cpu in cpus)
    assert result.report.test("before").ok is False
    assert [test.name for test in result.report.tests if not test.ok] == ["before"]


def test_without_leave_a_reset_gives_no_verdict(launch):
    run = Run("triple-fault", "fault", words=("inject=triple-fault", "time=2s"))
    result = launch(run)
    assert result.status == 3 and result.report.verdict is None, result.explain()
