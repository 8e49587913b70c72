# SPDX-License-Identifier: MIT
"""tools/convert sweep: a page of a stream that says all there is to say, and of damaged ones."""

import json
import subprocess

import pytest
import runs
from conftest import ROOT

TOOL = ROOT / "tools" / "convert"


def line(type_, **keys):
    head = {"v": 1, "type": type_, "domain": "emulated", "entry": "shift", "path": "bp"}
    return "# " + json.dumps(head | keys, separators=(",", ":"))


def counts(event, boundaries=3, unsafe=0):
    return line("sweep", event=event, boundaries=boundaries, safe=boundaries - unsafe,
                unsafe=unsafe, held=0, closed=0, lags=0, bytes_probed=4, unstepped=0)


STREAM = [
    "KTAP version 1", "1..1",
    line("sweep_path", boundaries=3, addresses="4096 2 -1000"),
    counts("nmi"),
    line("sweep_unsafe", event="db", boundary=1, symbol="<stub>", offset=2, address=4098,
         bytes="90", lost="RIP, RSP"),
    counts("db", unsafe=1), counts("db-nmi"), counts("irq", boundaries=0),
    "ok 1 sweep", "iststorm: PASS",
]


def convert(tmp_path, lines, *arguments):
    log, page = tmp_path / "log", tmp_path / "page.html"
    log.write_text("\n".join(lines) + "\n")
    done = subprocess.run([TOOL, "sweep", log, "-o", page, *arguments], capture_output=True,
                          text=True, check=False)
    return done, page.read_text() if page.exists() else ""


def test_each_boundary_has_its_mark(tmp_path):
    done, page = convert(tmp_path, STREAM, "--elf", "/dev/null")
    assert done.returncode == 0 and "no instructions" in done.stderr
    strips = page.split("<h3>bp</h3>")[1].split("<details")[0]
    assert strips.count("<i") == 9 and strips.count("class=lost") == 1
    assert 'title="0x1002: RIP, RSP"' in strips and 'title="0xc1a"' in strips
    assert "1 of 3" in page and "0 of 3" in page and "&lt;stub&gt;+2" in page
    assert "<script" not in page and "http:" not in page


@pytest.mark.parametrize("lines, status, said", [
    (STREAM[:-1], 3, "no verdict"),
    (STREAM[:4] + ["# {broken"] + STREAM[4:], 3, "line 5"),
    (STREAM[:2] + STREAM[-2:], 1, "no sweep_path records"),
])
def test_damage_is_told(tmp_path, lines, status, said):
    done, page = convert(tmp_path, lines)
    assert done.returncode == status and said in done.stderr
    assert bool(page) == (status == 3) and ("warning" in page) == (status == 3)


def test_a_sweep_is_of_its_own_image(tmp_path, launch):
    """Stubs and entries: each unsafe boundary is where objdump finds its instruction."""
    swept = launch(runs.Run("sweep for a page", "quick", words=("run=sweep", "entry=ret"),
                            smp="1", icount=True, timeout=300))
    done, page = convert(tmp_path, swept.text.split("\n"))
    assert done.returncode == 0 and done.stderr == ""
    assert "stubs_ret+" in page and "<code>iretq</code>" in page


def test_the_image_gives_the_instructions(tmp_path, iso):
    """The first instruction of an entry is a PUSH, wherever the linker has put it."""
    elf = iso.with_suffix(".elf")
    names = subprocess.run(["nm", elf], capture_output=True, text=True, check=True).stdout
    address = next(int(row.split()[0], 16) for row in names.splitlines()
                   if row.endswith(" nmi_entry"))
    lines = [text.replace("4096 2", f"{address} 1") for text in STREAM
             if "sweep_unsafe" not in text]
    done, page = convert(tmp_path, lines)
    assert done.returncode == 0 and done.stderr == ""
    assert f"0x{address:x} push rax" in page
