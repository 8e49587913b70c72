# SPDX-License-Identifier: MIT
"""Bits that flip in the tables and MSRs of a running storm: the verdict names CPU, table and
entry."""

import json
import os
import re
import subprocess

import iststorm_report
import pytest
from conftest import ROOT

LIMIT_S = 120
NOTHING_USES = [
    # what, index, bit: what is told
    ("gate", 28, 3, "the offset of IDT gate 28 "),
    ("gate", 28, 16, "the selector of IDT gate 28 "),
    ("gate", 28, 33, "the IST field of IDT gate 28 "),
    ("gate", 28, 40, "P, DPL and type of IDT gate 28 "),
    ("gate", 3, 40, "P, DPL and type of IDT gate 3 "),
    ("gate", 28, 45, "P, DPL and type of IDT gate 28 "),
    ("gate", 28, 47, "P, DPL and type of IDT gate 28 "),
    ("gate", 28, 95, "the offset of IDT gate 28 "),
    ("gate", 28, 96, "the reserved word of IDT gate 28 "),
    ("gdt", 1, 20, "word 1 of the GDT "),
    ("gdt", 5, 0, "word 5 of the GDT "),        # the TSS's limit
    ("gdt", 7, 47, "word 7 of the GDT "),
    ("tss", "io_map_base", 3, "the I/O map base of the TSS "),
    ("tss", "rsp[0]", 4, "RSP0 of the TSS "),
    ("tss", "rsp[0]", 14, "RSP0 of the TSS "),  # the top of another thread's stack
    ("tss", "rsp[1]", 12, "RSP1 of the TSS "),
    ("tss", "ist[6]", 12, "TSS.ist[6] "),
    ("msr", "STAR", 62, "STAR "),
    ("msr", "LSTAR", 1, "LSTAR "),
    ("msr", "SFMASK", 8, "SFMASK "),
    ("msr", "KERNEL_GS_BASE", 3, "KERNEL_GS_BASE "),
    ("msr", "EFER", 0, "EFER "),
]
# Those that the storm stumbles over, mostly before the next look.
IN_USE = {
    "gate present": ("gate", 2, 47, "P, DPL and type of IDT gate 2 "),
    "gate offset": ("gate", 2, 4, "the offset of IDT gate 2 "),
    "gate selector": ("gate", 225, 20, "the selector of IDT gate 225 "),
    "gate IST": ("gate", 3, 32, "the IST field of IDT gate 3 "),
    "gate DPL": ("gate", 3, 45, "P, DPL and type of IDT gate 3 "),
    "descriptor": ("gdt", 4, 47, "word 4 of the GDT "),
    "TSS.ist": ("tss", "ist[2]", 3, r"TSS.ist\[2\] "),
    "LSTAR": ("msr", "LSTAR", 30, "LSTAR "),
}


def flip(log, flips, leave):
    """A storm with these flips: what gdb printed, and the report."""
    tool = subprocess.Popen(
        [ROOT / "tools" / "run", "--gdb", "--accel", "tcg", "--smp", "2", "--quiet", "--timeout",
         str(LIMIT_S), "--log", log, *(["stop=first"] if leave else []), "time=60s"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        target = re.search(r"-ex '(target \S+ \S+)' (\S+)", tool.stderr.readline())
        done = subprocess.run(
            ["gdb", "-nx", "-batch", "-ex", target[1], "-x", ROOT / "test" / "flips.py", target[2]],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=LIMIT_S, check=False,
            env={**os.environ, "FLIPS": json.dumps(flips), "LEAVE": "1" if leave else ""})
        if leave:
            tool.wait(LIMIT_S)
    finally:
        tool.terminate()
        tool.communicate(timeout=20)
    return done.stdout, iststorm_report.read_log(log)


@pytest.mark.usefixtures("iso")
def test_flips_that_nothing_uses_are_told(tmp_path):
    text, _ = flip(tmp_path / "log", [list(entry[:3]) for entry in NOTHING_USES], False)
    told = re.findall(r"^told CPU (\d): (.*)$", text, re.MULTILINE)
    assert len(told) == len(NOTHING_USES), text
    for (*_, wanted), (cpu, found) in zip(NOTHING_USES, told):
        assert found.startswith(wanted) and cpu == "1", (wanted, cpu, found)


@pytest.mark.usefixtures("iso")
@pytest.mark.parametrize("name", IN_USE)
def test_flips_in_use_are_told_first(name, tmp_path):
    *entry, wanted = IN_USE[name]
    text, report = flip(tmp_path / "log", [entry], True)
    assert report.verdict == "FAIL", text
    assert re.match(rf"CPU \d: tables on stack none: {wanted}", report.reason), report.reason
