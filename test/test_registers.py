# SPDX-License-Identifier: MIT
"""A few of the losses of registers.py; `make mutants` tries them all."""

import iststorm_report
import pytest
import registers

APART = 7       # registers from one of the sample to the next
WHY = "CPU 1: {} on stack TASK: ring 0: {} is 0x1, not 0x2{}; 0 interrupts and NMIs came meanwhile"


@pytest.fixture(scope="module")
def losses(iso):
    assert iso
    return list(registers.losses())


def test_each_register_is_saved_or_need_not_be(losses):
    """Of no path in the list of entry paths is a register left out in silence."""
    strange = [line for line in registers.unsaved() if line.endswith("NOT SAVED")]
    assert not strange, strange
    names = [str(loss) for loss in losses]
    assert len(set(names)) >= 1000
    for discipline in registers.path_lengths.disciplines_of_image():
        for kind in registers.EVENTS:
            assert any(name.startswith(f"entry={discipline} {kind} ") for name in names), kind


def test_a_patch_changes_one_register(losses):
    """One that stands for another: no byte more, and in the image where the instruction is."""
    elf = registers.path_lengths.ELF.read_bytes()
    for loss in losses:
        address, code = loss.patch
        at = registers.offset_in_elf(elf, address)
        before = elf[at:at + len(code)]
        assert len(code) <= 3 and before != code and sorted(before)[-1] <= 0x5f, loss


def sample(losses):
    """One of each kind of path, under the disciplines in turn, of registers in turn."""
    disciplines = registers.path_lengths.disciplines_of_image()
    for number, kind in enumerate(registers.EVENTS):
        of_kind = [loss for loss in losses if loss.path.name == kind
                   and loss.discipline == disciplines[number % len(disciplines)]]
        yield of_kind[number * APART % len(of_kind)]


def test_a_sample_is_told(losses):
    wrong = {str(loss): registers.attempt(loss) for loss in sample(losses)}
    assert len(wrong) == len(registers.EVENTS) and set(wrong.values()) == {None}, wrong


def report_of(reason, verdict="FAIL"):
    report = iststorm_report.Report()
    report.verdict, report.reason = verdict, reason
    return report


@pytest.mark.parametrize("reason, verdict, said", [
    (WHY.format("INT3", "r14", ""), "FAIL", None),
    (WHY.format("INT3", "r12", ", and wrong are r13 r14"), "FAIL", None),
    (WHY.format("INT3", "r12", ""), "FAIL", "another register"),
    (WHY.format("INT 18", "r14", ""), "FAIL", "another event"),
    ("CPU 0: #PF on stack TASK: #PF at 0x0", "FAIL", "#PF at 0x0"),
    ("", "PASS", "verdict PASS"),
    ("", None, "verdict None"),
])
def test_only_register_cpu_and_event_will_do(losses, reason, verdict, said):
    loss = next(loss for loss in losses if loss.path.name == "#BP" and loss.register == "r14")
    problem = registers.problem(loss, report_of(reason, verdict))
    assert (problem is None) == (said is None) and (said or "") in (problem or "")


def test_one_that_is_not_told_fails(losses, monkeypatch, capsys):
    assert losses
    monkeypatch.setattr(registers, "run_of", lambda loss, directory: report_of("", "PASS"))
    assert registers.main(["entry=ret", "SWITCH", "rbx"]) == registers.EXIT_UNTOLD
    assert "0 of 2 losses told" in capsys.readouterr().out
