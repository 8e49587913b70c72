# SPDX-License-Identifier: MIT
"""How the machine is left where it cannot end as it was told to."""

import subprocess
import threading

import iststorm_report
import pytest
from conftest import ROOT, make
from runs import Run

BOUND_S = 60
NO_ANSWER = "end=exit: nothing answers at port 0xf4, where QEMU's isa-debug-exit should be"
STILL_ON = "end=exit: the machine is still on; it halts"


def without_the_device(words, *options):
    """A QEMU that has no isa-debug-exit, and may reset: the report, and whether it is gone."""
    make("kernel")
    command = ["qemu-system-x86_64", "-M", "q35", "-m", "512M", "-nic", "none", "-display", "none",
               "-serial", "stdio", "-kernel", ROOT / "build" / "iststorm.kernel", "-fw_cfg",
               f"name=opt/iststorm/cmdline,string={words}", *options]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as qemu:
        lines, watchdog = [], threading.Timer(BOUND_S, qemu.kill)
        watchdog.start()
        try:
            for line in qemu.stdout:
                lines.append(iststorm_report.clean_line(line.rstrip(b"\n")))
                if lines[-1] == f"# {STILL_ON}":
                    return iststorm_report.read_report(lines), False
            return iststorm_report.read_report(lines), qemu.wait(BOUND_S) == 0
        finally:
            watchdog.cancel()
            qemu.kill()


@pytest.mark.parametrize("words, verdict", [
    ("run=nmi time=50ms", "PASS"), ("run=nmi time=50ms end=exit inject=deep-stack", "FAIL"),
    ("colour=red", "REFUSED")])
def test_without_the_device_it_says_so_and_switches_off(words, verdict):
    report, gone = without_the_device(words)
    assert gone and (report.verdict, report.problems) == (verdict, []), report
    assert any(note.startswith(NO_ANSWER) for note in report.notes)
    assert STILL_ON not in report.notes


def test_without_a_way_to_switch_off_it_halts():
    """And does not reset."""
    report, gone = without_the_device("run=nmi", "-machine", "pc,acpi=off")
    assert not gone and report.verdict == "REFUSED" and report.notes[-1] == STILL_ON
    assert any(note.startswith(NO_ANSWER) for note in report.notes)


def test_where_the_device_answers_nothing_is_said(launch):
    result = launch(Run("device at 0xf4", "quick", words=("run=nmi", "time=50ms")))
    assert result.status == 0 and "end=exit" not in result.text, result.explain()
