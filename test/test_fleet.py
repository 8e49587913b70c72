# SPDX-License-Identifier: MIT
"""Many machines: the lines for GNU parallel of docs/burn-in.md, with shorter runs, and the table of
their verdicts."""

import json
import re
import subprocess

import pytest
from conftest import ROOT


def page_command():
    """From `parallel` to the end of its block."""
    text = (ROOT / "docs" / "burn-in.md").read_text()
    return re.search(r"^    (parallel .*(?:\n    .*)*)", text, re.MULTILINE)[1]


@pytest.mark.usefixtures("iso")
def test_the_pages_parallel_lines(tmp_path):
    command = page_command()
    for old, new in (("build/fleet", str(tmp_path)), ("time=10s", "time=200ms"),
                     ("::: 1 4 16 ::: bios uefi ::: 1 2 3", "::: 1 2 ::: bios ::: 1 2")):
        assert old in command
        command = command.replace(old, new)
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    table = subprocess.run([ROOT / "tools" / "fleet", "--format", "jsonl", tmp_path],
                           capture_output=True, text=True, check=True).stdout
    rows = [json.loads(line) for line in table.splitlines()]
    assert [row["verdict"] for row in rows] == ["PASS"] * 4
    assert [row["identity"].split()[0] for row in rows] == [
        f"{smp}-bios-{seed}.log" for smp in (1, 2) for seed in (1, 2)]


@pytest.mark.usefixtures("iso")
def test_parallels_status_is_the_number_of_failures(tmp_path):
    command = page_command().replace("build/fleet", str(tmp_path)).replace(
        "time=10s seed={3}", "time=200ms run=nmi inject={3}").replace(
        "::: 1 4 16 ::: bios uefi ::: 1 2 3", "::: 2 ::: bios ::: deep-stack stack-fill")
    assert "inject={3}" in command and "deep-stack" in command
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2, done.stderr
