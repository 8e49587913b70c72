#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Record which lines of the image's sources each test reaches, for random_mutants.py.

The tests run with a qemu-system-x86_64 before the real one in PATH, which has QEMU log each
instruction that it translates. The debug information tells each instruction's line. A line is
kept by its text and its function, so that the record serves until the line itself changes.

Words behind -- are pytest's: test/reach.py -- test/test_runs.py -k storm

exit status: pytest's; 64 for wrong usage
"""

import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import iststorm_tool  # noqa: E402  (found through the path above)
import line_mutants  # noqa: E402

STORE = ROOT / "build" / "reach"
ELF = ROOT / "build" / "iststorm.elf"
QEMU = "qemu-system-x86_64"
# Where a QEMU is to log what it translates; set for each test.
LOGS = "ISTSTORM_REACH"
MISSING = "ISTSTORM_REACH_MISSING"   # set: only tests that are not recorded yet
# These boot no image, or none of this tree.
WITHOUT = ("test_build.py", "test_fresh.py", "test_man.py", "test_mutants.py", "test_page.py",
           "test_random_mutants.py", "test_readme.py", "test_report.py", "test_soak.py",
           "test_static.py", "test_tools.py", "test_unit.py")


def digest(*words):
    return hashlib.sha1("\0".join(words).encode()).hexdigest()[:12]


class Sources:
    """Names for lines that outlive a change of other lines."""

    def __init__(self, root=ROOT):
        self.root = root
        self.kept = {}

    def names_of_file(self, path):
        """The name of each line, and the name of its function; of line 0 a blank."""
        if path not in self.kept:
            text = (self.root / path).read_text(encoding="ascii")
            functions = [line_mutants.enclosing(text, number + 1)
                         for number in range(text.count("\n") + 1)]
            self.kept[path] = ["", *(
                (digest(path, function, line.strip()), digest(path, function))
                for line, function in zip(text.split("\n"), functions, strict=True))]
        return self.kept[path]

    def name(self, path, line):
        return self.names_of_file(path)[line]


def lines_of_image(elf=ELF):
    """Address of an instruction -> the lines that it is of: its own, and those of the calls that
    were put in line."""
    listing = subprocess.run(["objdump", "-dw", elf], capture_output=True, text=True,
                             check=True).stdout
    addresses = re.findall(r"^ *([0-9a-f]+):\t", listing, re.MULTILINE)
    said = subprocess.run(["addr2line", "-a", "-i", "-e", elf], input="\n".join(addresses),
                          capture_output=True, text=True, check=True).stdout
    lines = {}
    for row in said.splitlines():
        if row.startswith("0x"):
            here = lines.setdefault(int(row, 16), [])
        elif (match := re.search(r"(?:^|/)(src/\w[^:]*):(\d+)", row[row.rfind("src/"):])) and \
                match[2] != "0":
            here.append((match[1], int(match[2])))
    return lines


def translated(folder):
    """The addresses of all instructions that QEMUs logged there."""
    found = set()
    for log in pathlib.Path(folder).iterdir():
        with log.open(encoding="ascii", errors="replace") as rows:
            found.update(row[2:row.find(":")] for row in rows if row.startswith("0x"))
    return {int(address, 16) for address in found if re.fullmatch("[0-9a-f]+", address)}


def file_of(test):
    return STORE / (digest(test) + ".json")


# The plugin of pytest.

class Recorder:
    def __init__(self):
        self.lines = None
        self.sources = Sources()

    def record(self, item, folder, seconds):
        if self.lines is None and ELF.exists():
            self.lines = lines_of_image()
        reached = {line for address in translated(folder) for line in
                   (self.lines or {}).get(address, ())}
        names = [self.sources.name(*line) for line in reached]
        STORE.mkdir(parents=True, exist_ok=True)
        file_of(item.nodeid).write_text(json.dumps({
            "test": item.nodeid, "seconds": round(seconds, 2),
            "fixtures": [name for name in item.fixturenames if name in made_once()],
            "lines": sorted({name for name, _ in names}),
            "functions": sorted({function for _, function in names}),
            "files": sorted({path for path, _ in reached})}), encoding="ascii")

    def pytest_collection_modifyitems(self, items):
        if MISSING in os.environ:
            items[:] = [item for item in items if item.path.name not in WITHOUT
                        and not file_of(item.nodeid).exists()]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item):
        with tempfile.TemporaryDirectory(prefix="iststorm-reach-") as folder:
            os.environ[LOGS] = folder
            start = time.monotonic()
            yield
            self.record(item, folder, time.monotonic() - start)


def made_once():
    """The fixtures whose runs are logged as of the test that needs them first."""
    import conftest  # pylint: disable=import-outside-toplevel
    return conftest.MADE_ONCE


def pytest_configure(config):
    if LOGS in os.environ:
        config.pluginmanager.register(Recorder(), "iststorm-reach")


# For random_mutants.py.

@dataclasses.dataclass
class Reached:
    """A test with all that it reaches, by name; and tests that look at the same run."""
    test: str
    seconds: float
    lines: set
    functions: set
    files: set
    more: tuple = ()


A_LOOK_S = 1    # a test that takes less made no run of its own


def read_store(tests):
    """The lines that are recorded of these tests. Tests that share a fixture share its lines; of
    these, what makes no run goes with the one that takes longest: alone it would make that run."""
    records = [json.loads(file_of(test).read_text(encoding="ascii")) for test in tests
               if file_of(test).exists()]
    shared = {}
    for record in records:
        for fixture in record["fixtures"]:
            group = shared.setdefault((record["test"].split("::")[0], fixture), [])
            group.append(record)
    found = {record["test"]: Reached(record["test"], record["seconds"], *(
        set(record[part]) for part in ("lines", "functions", "files"))) for record in records}
    for group in shared.values():
        for part in ("lines", "functions", "files"):
            union = set().union(*(record[part] for record in group))
            for record in group:
                getattr(found[record["test"]], part).update(union)
        longest = max(group, key=lambda record: record["seconds"])["test"]
        looks = [record["test"] for record in group
                 if record["seconds"] < A_LOOK_S and record["test"] != longest]
        found[longest].more += tuple(found.pop(test).test for test in looks if test in found)
    return list(found.values())


def all_tests():
    """The ids of the suite's tests, but for those that boot nothing of this tree."""
    done = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", "-p",
                           "no:cacheprovider", "test"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    return [line for line in done.stdout.splitlines() if "::" in line
            and line.split("::")[0].split("/")[-1] not in WITHOUT]


def run_recorded(arguments, missing):
    """pytest with these arguments, every QEMU logging."""
    with tempfile.TemporaryDirectory(prefix="iststorm-qemu-") as folder:
        wrapper = pathlib.Path(folder) / QEMU
        wrapper.write_text(f'#!/bin/sh\nexec {shutil.which(QEMU)} "$@" -d in_asm '
                           f'-D "${LOGS}/$$.log"\n', encoding="ascii")
        wrapper.chmod(0o755)
        env = {**os.environ, LOGS: folder, "PATH": f"{folder}:{os.environ['PATH']}",
               "PYTHONPATH": str(ROOT / "test"), **({MISSING: "1"} if missing else {})}
        return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "reach",
                               *(arguments or ["test"])], cwd=ROOT, env=env,
                              check=False).returncode


def main(argv):
    parser = iststorm_tool.Parser(prog="test/reach.py", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missing", action="store_true",
                        help="only tests that are not recorded yet")
    parser.add_argument("arguments", nargs="*", help="of pytest, after -- (all tests)")
    options = parser.parse_args(argv)
    return run_recorded(options.arguments, options.missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
