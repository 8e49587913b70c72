# SPDX-License-Identifier: MIT
"""Properties of the benchmark that no run under an emulator shows, in the linked code: that
its stamps are in order, where one instruction comes after the other anyway, and that it flushes the
TLB."""

import re
import subprocess

import pytest
from conftest import ROOT

STAMPS = {"TRIGGER", "SENT", "BACK", "ENTRY", "SWITCHED", "HANDLER", "SERVICE", "RETURNED"}
RING_3 = {"latency_user", "latency_user_syscall"}   # whose two stamps stay in registers
HANDLERS = {"latency_hook", "latency_fault_hook", "latency_irq", "latency_softirq_handler",
            "be_woken", "be_switched_to"}
SENDERS = {"latency_send.x2apic", "latency_send_stamped.x2apic"}
NEAR = 10   # instructions, at most, between a fence and what it is for; and from RDTSC to its mark


def output_of(*command):
    return subprocess.run(command, cwd=ROOT, check=True, text=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def code(iso):
    """The image's instructions, each with the symbol that it is behind."""
    found, symbol = [], None
    for line in output_of("objdump", "-d", "--no-show-raw-insn", iso.parent / "iststorm.elf") \
            .splitlines():
        if match := re.fullmatch(r"[0-9a-f]+ <(.*)>:", line):
            symbol = match[1]
        elif match := re.match(r" *[0-9a-f]+:\s+(\S.*\S)", line):
            found.append((symbol, match[1]))
    return found


@pytest.fixture(scope="module")
def marks(iso):
    """Where each mark is kept -> its name."""
    start = int(re.search(r"^([0-9a-f]+) \w marks$", output_of(
        "nm", iso.parent / "iststorm.elf"), re.MULTILINE)[1], 16)
    offsets = re.findall(r"%define MARKS_(\w+) (\d+)",
                         (ROOT / "build" / "obj" / "workloads" / "latency" /
                          "offsets.inc").read_text())
    return {start + int(offset): name for name, offset in offsets}


def mark_of(code, place, marks):
    """Where the RDTSC there ends; None: in no mark."""
    for _, instruction in code[place + 1:place + NEAR]:
        if instruction == "rdtsc":
            return None
        if match := re.fullmatch(r"mov +%\w+,(?:.*# )?(?:0x)?([0-9a-f]+)(?: <.*>)?", instruction):
            return marks.get(int(match[1], 16))
    return None


def test_each_stamp_waits_for_what_is_before_it(code, marks):
    """SDM volume 2, RDTSC: LFENCE, immediately before."""
    stamps = [(symbol, place) for place, (symbol, instruction) in enumerate(code)
              if instruction == "rdtsc" and (symbol in RING_3 or mark_of(code, place, marks))]
    assert {mark_of(code, place, marks) for _, place in stamps} == STAMPS | {None}
    assert len([symbol for symbol, _ in stamps if symbol in RING_3]) == 4
    assert not [symbol for symbol, place in stamps if code[place - 1][1] != "lfence"]


def test_done_comes_last(code, marks):
    """A reader of this mark takes the other marks for those of its event."""
    written = {}
    for symbol, instruction in code:
        match = re.fullmatch(r"movq? +\S+,(?:.*# )?(?:0x)?([0-9a-f]+)(?: <.*>)?", instruction)
        if match and int(match[1], 16) in marks and symbol in HANDLERS:
            written.setdefault(symbol, []).append(marks[int(match[1], 16)])
    assert set(written) == HANDLERS
    for symbol, names in written.items():
        assert names == ["HANDLER", "RSP", "SERVICE", "DONE"], symbol


def test_cold_tlb_is_a_load_of_cr3(code):
    """By the CPU that sends, and by its target."""
    loads = {symbol for symbol, instruction in code if re.fullmatch(r"mov +%\w+,%cr3", instruction)}
    assert {"crew_prepare_sample", "be_target"} <= loads


def test_an_x2apic_command_waits_for_what_was_stored(code):
    """SDM volume 3, 10.12.3: its WRMSR is no fence; MFENCE, then LFENCE, come before it."""
    sent = [(symbol, [text for _, text in code[place - NEAR:place]])
            for place, (symbol, instruction) in enumerate(code)
            if instruction == "wrmsr" and symbol in SENDERS]
    assert [symbol for symbol, _ in sent] == sorted(SENDERS)
    for symbol, before in sent:
        assert "mov    $0x830,%ecx" in before
        assert ("mfence", "lfence") in list(zip(before, before[1:])), symbol
