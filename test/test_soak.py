# SPDX-License-Identifier: MIT
"""The matrix of soak.py: what its seed draws, that it goes on, and what it counts. Its runs are the
soak's."""

import json

import pytest
import runs
import soak
import soak_matrix


def test_the_seed_draws_and_each_fault_is_there_once():
    items = soak_matrix.items(1, 400)
    assert items == soak_matrix.items(1, 400) != soak_matrix.items(2, 400)
    faults = [item.run.name for item in items if item.run.group == "fault"]
    assert sorted(faults) == sorted(run.name for run in runs.RUNS if run.group == "fault")
    assert len(items) == 400 + len(faults)
    assert [item.number for item in items] == list(range(1, len(items) + 1))


def test_all_that_there_is_to_choose_is_drawn():
    found = [item.run for item in soak_matrix.items(1, 400) if item.run.group != "fault"]
    words = {word for run in found for word in run.words}
    assert {run.smp for run in found} == set(soak_matrix.CPUS)
    assert {run.machine for run in found} == set(soak_matrix.MACHINES)
    assert {run.cpu for run in found} == set(soak_matrix.MODELS)
    assert {run.media for run in found} == {"memory", "cdrom", "usb"}
    assert {f"target={name}" for name in soak_matrix.TARGETS} <= words
    assert {f"entry={name}" for name in soak_matrix.DISCIPLINES} <= words
    assert {f"run={name}" for name in runs.WORKLOADS} <= words
    assert all(run.firmware == "bios" for run in found if run.media == "memory")


class FakeRun:
    """All are as they should be, but for these two."""
    def __init__(self, wrong):
        self.wrong, self.run = wrong, []

    def __call__(self, item, folder):
        self.run.append(item.number)
        problems = ["verdict FAIL: no"] if item.run.name in self.wrong else []
        return {"number": item.number, "name": item.run.name, "seconds": 1, "load": 2.5,
                "fault": item.run.group == "fault", "problems": problems, "log": "a.log"}


@pytest.mark.parametrize("wrong, status, said", [
    ((), 0, "6 runs, 0 not PASS"), (("run 3",), 1, "6 runs, 1 not PASS"),
    (("inject=lost-irq",), 1, "1 not caught")])
def test_what_is_wrong_is_counted_and_kept(monkeypatch, tmp_path, capsys, wrong, status, said):
    fake = FakeRun(wrong)
    monkeypatch.setattr(soak_matrix, "FOLDER", tmp_path)
    monkeypatch.setattr(soak_matrix, "execute", fake)
    words = ["matrix", "--runs", "6", "--seed", "9"]
    assert soak.main(words) == status
    out = capsys.readouterr().out
    assert said in out and "load 2.5" in out and all(f"{name}: verdict" in out for name in wrong)
    kept = tmp_path / "matrix-9-6.jsonl"
    lines = kept.read_text().splitlines()
    kept.write_text("\n".join(lines[:-2]) + "\n")
    fake.run.clear()
    assert soak.main(words) == status
    assert sorted(fake.run) == sorted(json.loads(line)["number"] for line in lines[-2:])


@pytest.mark.parametrize("words", [["matrix", "--jobs", "0"], ["nothing"], ["matrix", "--runs=x"]])
def test_wrong_usage(words, capsys):
    with pytest.raises(SystemExit) as end:
        soak.main(words)
    assert end.value.code == 64 and "soak" in capsys.readouterr().err
