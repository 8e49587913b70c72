# SPDX-License-Identifier: MIT
"""Checks of the sources that need no run."""

import re
import subprocess

import built
import generated
import pytest
from conftest import ROOT

LONGEST_LINE = 100
NO_SPDX = {"LICENSE", "README.md", "TRICKS.md", "ci/packages", ".gitignore",
           "test/path_lengths.json", "tools/report_schema.json"}


def listed_files():
    """The files that git has or would add, as paths below the root."""
    listing = subprocess.run(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    return sorted(name for name in listing.split("\0") if name and (ROOT / name).is_file())


FILES = listed_files()
TEXTS = {name: (ROOT / name).read_bytes() for name in FILES
         if "/corpus/" not in name and not name.endswith((".png", ".dat"))}
SOURCES = [name for name in FILES if re.fullmatch(r"src/.*\.(c|h|asm|inc|ld)", name)]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False, **options)


def test_files_are_plain_text():
    wrong = []
    for name, text in TEXTS.items():
        for number, line in enumerate(text.split(b"\n"), 1):
            where = f"{name}:{number}: "
            if not line.isascii():
                wrong.append(where + "not ASCII")
            if len(line) > LONGEST_LINE and not name.endswith(".md"):
                wrong.append(where + f"{len(line)} columns")
            if line != line.rstrip():
                wrong.append(where + "blanks at the end")
            if b"\t" in line and name != "GNUmakefile" and not name.endswith(".mk"):
                wrong.append(where + "tab")
        if text and not text.endswith(b"\n") or text.endswith(b"\n\n"):
            wrong.append(f"{name}: must end in one line end")
    assert not wrong, "\n".join(wrong)


def test_files_say_their_licence():
    wrong = [name for name, text in TEXTS.items() if name not in NO_SPDX
             and not re.search(rb"SPDX-License-Identifier: MIT( \*/| -->)?$",
                               b"\n".join(text.split(b"\n")[:3]), re.MULTILINE)]
    assert not wrong, wrong


def test_headers_are_the_compilers_own():
    """Others are libc's, which gcc alone does not bring: the build would end at the first."""
    freestanding = {"stdarg.h", "stdbool.h", "stddef.h", "stdint.h"}
    wrong = [f"{name} includes <{header}>" for name in SOURCES for header in
             re.findall(r"^\s*#include\s+<(.+)>", (ROOT / name).read_text(), re.MULTILINE)
             if header not in freestanding]
    assert not wrong, "\n".join(wrong)


def test_no_line_comments():
    wrong = []
    for name in SOURCES:
        if name.endswith((".c", ".h")):
            text = re.sub(r'"(\\.|[^"\\\n])*"|/\*.*?\*/', '""', (ROOT / name).read_text(),
                          flags=re.DOTALL)
            wrong += [name] if "//" in text else []
    assert not wrong, wrong


def test_shell_files_pass_shellcheck():
    shell = [name for name, text in TEXTS.items() if re.match(rb"#!.*\b(ba)?sh\b", text)]
    assert "ci/setup" in shell and ".ci/run" in shell
    done = run("shellcheck", *shell, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_grub_reads_its_menu():
    for name in ("grub.cfg", "grub-machine.cfg"):
        done = run("grub-script-check", name, cwd=ROOT)
        assert done.returncode == 0, done.stderr


def page_part(page, name):
    """The text of the page between <!-- NAME --> and <!-- /NAME -->."""
    match = generated.part(name).search((ROOT / page).read_text())
    assert match, f"{page} has no part '{name}'"
    return match[0]


@pytest.mark.parametrize("name", ["README.md", "grub.cfg", "docs/running.md",
                              "docs/hypervisors.md", "docs/sweep.md", "docs/planted-faults.md"])
def test_keys_in_examples_have_an_effect(name):
    """No example with a key that the image would refuse, in that run or in any."""
    text = (ROOT / name).read_text()
    example = r'''(?:^ *storm|tools/run|CMDLINE=")[^\n=`]*?((?: ?[a-z]+=[^\s`"]+)+)'''
    lines = re.findall(example, text, re.MULTILINE)
    examples = [dict(word.split("=", 1) for word in line.split()) for line in lines]
    assert examples and set().union(*examples) <= set(built.listed("key"))
    for example in examples:
        refused = {key for key in example if is_refused(key, example.get("run", "storm"))}
        assert not refused, example


def is_refused(key, names):
    """Whether a key is used by some workloads, but by none of a run's."""
    workloads = built.listed("workload").values()
    users = {one["name"] for one in workloads if key in one["keys"].split()}
    storm = {one["name"] for one in workloads if one["alone"] == "no"}
    run = set().union(*(storm if name == "storm" else {name} for name in names.split(",")))
    return bool(users) and not users & run
