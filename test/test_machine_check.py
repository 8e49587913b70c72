# SPDX-License-Identifier: MIT
"""True machine checks, which QEMU's monitor injects into a storm that is under way."""

import json
import os
import socket
import subprocess
import sys
import time

import iststorm_report
import pytest
from conftest import ROOT

BOUND_S = 60


class Monitor:
    """QEMU's QMP socket, as far as one command needs it."""

    def __init__(self, path):
        end = time.monotonic() + BOUND_S
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                assert time.monotonic() < end, "QEMU has no QMP socket"
                time.sleep(0.05)
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        self.stream.readline()
        self.say("qmp_capabilities")

    def say(self, command, **arguments):
        json.dump({"execute": command, "arguments": arguments}, self.stream)
        self.stream.write("\n")
        self.stream.flush()
        self.stream.readline()


def storm(tmp_path, command):
    """A storm of two CPUs, with a monitor command once it is under way: status and report."""
    path = os.fspath(tmp_path / "qmp")
    tool = [sys.executable, ROOT / "tools" / "run", "--accel", "tcg", "--smp", "2", "--qmp", path,
            "--log", os.fspath(tmp_path / "log"), "time=3s", "run=nmi,debug,irq"]
    with subprocess.Popen(tool, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as process:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("ok 1 probe"):
                Monitor(path).say("human-monitor-command", **{"command-line": command})
        return process.wait(BOUND_S), iststorm_report.read_report(lines)


# name -> mce CPU BANK STATUS MCGSTATUS ADDR MISC; exit status; records (cpu, kind); in the reason
CHECKS = {
    "uncorrected": ("mce 1 2 0xb200000000000005 0x5 0x1234 0x5678", 1, {(1, "uncorrected")},
                    "met by 1 CPUs"),
    "broadcast": ("mce -b 0 2 0xb000000000000005 0x5 0x1234 0x5678", 1,
                  {(0, "uncorrected"), (1, "uncorrected")}, "met by 2 CPUs"),
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
