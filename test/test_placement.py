# SPDX-License-Identifier: MIT
"""Where the image lies in memory: where there is room, or not at all."""

import re
import shutil
import subprocess

import path_lengths
import pytest
from conftest import AT_MAIN, ROOT, make
from runs import SWEPT_UNSAFE, Run, cpus, swept, swept_lengths

MIB = 1 << 20
ELSEWHERE = 21 * MIB
AT_BOOT_SECTOR = ("hbreak *0x7c00", "continue", "delete")
LASTWORD, LASTWORD_END = 40 * MIB, 45 * MIB


def lies_at(address):
    def check(report):
        found = report.of_type("machine")[0]["load_address"]
        return None if found == address else f"it was loaded at {found:#x}, not at {address:#x}"
    return check


def notes(text, wanted):
    """Whether a note has this in it."""
    def check(report):
        found = [note for note in report.notes if text in note]
        return None if bool(found) == wanted else f"notes with '{text}': {found}"
    return check


def without_memory_up_to(address):
    """A BIOS that has no memory from 1 MiB to there."""
    return *AT_BOOT_SECTOR, f"python take_e820({MIB}, {address})"


def run_elsewhere(launch, name, *words, address=ELSEWHERE, checks=(), **more):
    run = Run(name, "matrix", words=words, media="cdrom", checks=(lies_at(address), *checks),
              **more)
    result = launch(run, gdb=without_memory_up_to(address))
    assert not list(run.problems(result)), result.explain()


def test_it_is_small(iso):
    """A large table belongs behind the image (cpu/late.h): OVMF leaves 7 MiB from 1 MiB on, and
    other firmware less."""
    symbols = dict(row.split()[::-2] for row in path_lengths.output_of(
        "nm", path_lengths.ELF).splitlines() if row.endswith((" text_start", " image_end")))
    assert int(symbols["image_end"], 16) - int(symbols["text_start"], 16) < 5 * MIB // 2


@pytest.mark.parametrize("entry", SWEPT_UNSAFE)
def test_elsewhere(launch, entry):
    """The whole storm under each discipline, whose entries are patched."""
    run_elsewhere(launch, f"moved {entry}", "time=300ms", f"entry={entry}", checks=(cpus(2),))


def test_elsewhere_a_fault_is_planted_and_told_by_symbol(launch):
    run_elsewhere(launch, "moved fault", "inject=exhaust-nmi", "run=nmi", verdict="FAIL",
                  reason="the guard page below the NMI stack", checks=(notes("nmi_entry+", True),))


def test_elsewhere_no_path_is_longer(launch):
    run_elsewhere(launch, "moved sweep", "run=sweep", "entry=repeat", smp="1", icount=True,
                  checks=(swept("repeat"), swept_lengths("repeat")))


def test_in_the_place_of_the_last_word(launch):
    run_elsewhere(launch, "moved to the last word", "time=100ms", "run=nmi", address=LASTWORD,
                  checks=(notes("no free memory at", True),))


def test_elsewhere_by_uefi(launch, tmp_path):
    """GRUB takes the memory itself: there its relocator goes by GRUB's map."""
    (tmp_path / "boot" / "grub").mkdir(parents=True)
    shutil.copy(ROOT / "build" / "iststorm.elf", tmp_path / "boot")
    (tmp_path / "boot" / "grub" / "grub.cfg").write_text(
        f"cutmem {MIB} {ELSEWHERE}\nmultiboot2 /boot/iststorm.elf\nboot\n")
    iso = tmp_path / "cut.iso"
    subprocess.run(["grub-mkrescue", "-o", iso, tmp_path], check=True, capture_output=True)
    run = Run("moved uefi", "matrix", firmware="uefi", words=("time=300ms",),
              options=("--iso", str(iso)), checks=(lies_at(ELSEWHERE), cpus(2)))
    result = launch(run)
    assert not list(run.problems(result)), result.explain()


def test_no_other_address_has_its_frames(launch):
    """Or constants and code could be written to there. Nor is it moved without need."""
    run = Run("frames", "quick", words=("time=100ms", "run=nmi"),
              checks=(lies_at(MIB), notes("no free memory at", False)))
    inside, behind = "text_end - text_start + image_load_address", \
        "image_end - text_start + image_load_address"
    result = launch(run, gdb=("hbreak runner_prepare", "continue", "delete", f"x/x {inside}",
                              f"x/x {behind}"))
    assert not list(run.problems(result)), result.explain()
    assert result.stderr.count("Cannot access memory") == 1, result.stderr
    assert re.search(r"^0x[0-9a-f]+:\t0x[0-9a-f]+$", result.stderr, re.MULTILINE), result.stderr


@pytest.mark.parametrize("address, first", [
    (ELSEWHERE, ELSEWHERE), (ELSEWHERE, MIB), (LASTWORD - MIB, MIB), (LASTWORD_END - MIB, MIB)])
def test_the_frames_are_the_rest_of_the_map(launch, address, first):
    """Also where the memory before the image is there after all."""
    run = Run(f"rest {address // MIB} of {first // MIB}", "quick", words=("time=100ms", "run=nmi"),
              media="cdrom", checks=(lies_at(address),))
    result = launch(run, gdb=(
        *without_memory_up_to(address), *AT_MAIN, f"python take({address}, {first})",
        f"python print_frames(({LASTWORD}, {LASTWORD_END}))", "hbreak runner_prepare", "continue",
        "delete", "output 'pages.c'::total", r"echo \n"))
    assert not list(run.problems(result)), result.explain()
    counts = re.findall(r"^(?:frames: )?(\d+)$", result.stderr, re.MULTILINE)
    assert len(counts) == 2 and counts[0] == counts[1], result.stderr


def test_no_room(launch):
    """The memory that a loader has put the image into is not called memory."""
    make("kernel")
    run = Run("no room", "quick", media="memory", words=("run=nmi", "time=100ms"),
              verdict="REFUSED", reason="no room: the boot loader has put the image at 0x.*, and "
              "the memory map does not call 0x[0-9a-f]+ available")
    result = launch(run, gdb=(*AT_MAIN, f"python take({MIB}, {12 * MIB})"))
    assert not list(run.problems(result)), result.explain()
