# SPDX-License-Identifier: MIT
"""Shared by all tests: the repository, the built ISO, and a way to run it through tools/run.

`make test` runs two tests at a time, each in a process of its own, a worker of pytest-xdist: a test
writes to no file that another one may use, and what it lets make write is made by built.make()."""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

GDB_LIMIT_S = 120
# gdb's commands to be where nothing of what firmware and boot loader leave has been read.
AT_MAIN = ("hbreak *main", "continue", "delete")
TEST = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TEST.parent / "tools"), str(TEST)]
sys.dont_write_bytecode = True
# When the tests began, which all workers are told.
BEGAN = float(os.environ.setdefault("ISTSTORM_TESTS_BEGAN", str(time.time())))

import iststorm_report  # noqa: E402  (found through the path above)
import runs  # noqa: E402
from built import LOGS, ROOT, make  # noqa: E402

FIRMWARE = ROOT / "test" / "firmware"

# Fast and cheap first: what is broken everywhere shows at once. Then long tests, and short ones
# last: a worker that is done does not wait long for the other.
FILE_ORDER = ("test_report.py", "test_tools.py", "test_tool_ends.py", "test_hostile_reports.py",
              "test_page.py", "test_sweep.py", "test_runner.py", "test_static.py", "test_rooms.py",
              "test_readme.py", "test_man.py", "test_fresh.py", "test_build.py", "test_unit.py",
              "test_gdb.py", "test_flips.py", "test_random_mutants.py", "test_soak.py",
              "test_extend.py", "test_bringup.py", "test_placement.py", "test_overtaken.py",
              "test_runs.py", "test_mutants.py",
              "test_registers.py", "test_latency.py", "test_platforms.py", "test_deviations.py",
              "test_conform.py", "test_media.py", "test_firmware.py", "test_strays.py",
              "test_end.py", "test_reset.py", "test_lava.py", "test_determinism.py",
              "test_fleet.py", "test_console.py", "test_screen.py", "test_machine_check.py",
              "test_bad_input.py")

# Fixtures that take long and serve several tests: one worker has all tests that need one.
MADE_ONCE = ("bench_runs", "extended", "outcome", "in_nmi", "nested", "pxe", "died")


def pytest_configure(config):
    for group in runs.GROUPS:
        config.addinivalue_line("markers", f"{group}: runs of that group, see test/runs.py")
    config.addinivalue_line("markers", "xdist_group(name): those of one name run on one worker")


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items):
    def place(item):
        name = item.path.name
        return FILE_ORDER.index(name) if name in FILE_ORDER else len(FILE_ORDER)
    items.sort(key=place)
    for item in items:
        for name in MADE_ONCE:
            if name in item.fixturenames:
                item.add_marker(pytest.mark.xdist_group(name))


@dataclasses.dataclass
class Result:
    """The result of tools/run, and the report that it logged."""
    status: int
    report: iststorm_report.Report
    text: str
    stderr: str

    def explain(self):
        """For a failed assertion: the end of what there is to see."""
        return f"status {self.status}\n{self.stderr}\n{self.text[-4000:]}"


@pytest.fixture(scope="session")
def schema():
    return iststorm_report.read_schema()


@pytest.fixture(scope="session")
def iso():
    """The ISO, built if it is not up to date."""
    make("iso")
    return ROOT / "build" / "iststorm.iso"


def under_gdb(command, arguments):
    """Runs tools/run, told to wait for gdb, and gdb with these arguments behind those that
    tools/run names, after which it ends the machine or lets it go. (status, stderr, what gdb
    said)."""
    tool = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    try:
        line = tool.stderr.readline()
        match = re.search(r"gdb -x (\S+) -ex '(target \S+ \S+)' (\S+)", line)
        assert match, line + tool.communicate(timeout=20)[1]
        script, target, elf = match.groups()
        done = subprocess.run(
            ["gdb", "-nx", "-batch", "-ex", "set width 0", "-x", script, "-ex", target, *arguments,
             elf], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=GDB_LIMIT_S, check=False)
        stderr = tool.communicate(timeout=GDB_LIMIT_S)[1]
    finally:
        tool.terminate()
        tool.communicate(timeout=20)
    return tool.returncode, stderr, done.stdout


@pytest.fixture
def launch(iso):
    """A function that runs a row of runs.py and returns its Result; with what gdb is to do first,
    as commands of its own and of test/firmware/commands.py."""
    def launch_run(run, gdb=()):
        log = LOGS / f"{re.sub(r'[^A-Za-z0-9.=,-]+', '-', run.name)}.log"
        assert not log.exists() or log.stat().st_mtime < BEGAN, f"two runs are called '{run.name}'"
        log.touch()
        command = [ROOT / "tools" / "run", "--quiet", "--log", log, *run.arguments()]
        if gdb:
            command[1:1] = ["--gdb", "--timeout", str(GDB_LIMIT_S)]
            arguments = [f"-ex={each}" for each in (f"source {FIRMWARE}/commands.py", *gdb,
                                                    "detach")]
            status, stderr, said = under_gdb(command, arguments)
            stderr += said
        else:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL,
                                  check=False)
            status, stderr = done.returncode, done.stderr.decode("utf-8", "replace")
        text = log.read_text(encoding="utf-8")
        lines = text.split("\n")
        if "--allow-reboot" in run.options:
            lines = iststorm_report.last_boot(lines)
        return Result(status, iststorm_report.read_report(lines, True), text, stderr)
    return launch_run
