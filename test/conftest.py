# SPDX-License-Identifier: MIT
"""What the tests share: the repository, the built ISO, and a way to run it through tools/run.

`make test` runs two tests at a time, each in a process of its own, a worker of pytest-xdist: a test
writes to no file that another one may use, and what it lets make write is made by make() below."""

import dataclasses
import fcntl
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test"
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True
# When the tests began, which all workers are told.
BEGAN = float(os.environ.setdefault("ISTSTORM_TESTS_BEGAN", str(time.time())))
# A make that a test starts is not part of the one that started the tests.
for variable in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(variable, None)

import iststorm_report  # noqa: E402  (found through the path above)
import runs  # noqa: E402

# Fast and cheap first: what is broken everywhere shows at once. Then what takes long, and last what
# is short again: a worker that is done does not wait long for the other.
FILE_ORDER = ("test_report.py", "test_tools.py", "test_page.py", "test_sweep.py",
              "test_runner.py", "test_static.py", "test_readme.py", "test_unit.py", "test_gdb.py",
              "test_runs.py", "test_mutants.py", "test_latency.py", "test_platforms.py",
              "test_deviations.py", "test_conform.py", "test_media.py", "test_reset.py",
              "test_lava.py", "test_determinism.py", "test_fleet.py", "test_console.py",
              "test_screen.py", "test_machine_check.py", "test_bad_input.py")

# What is made once for several tests, and takes long: one worker has all tests that need it.
MADE_ONCE = ("bench_runs", "outcome", "in_nmi", "nested", "pxe")


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
    """What tools/run gave back, and the report that it logged."""
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


def make(target):
    """Has it made, if it is not up to date, while no other worker does the like."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / "make.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(["make", "-s", target], cwd=ROOT, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture(scope="session")
def iso():
    """The ISO, built if it is not up to date."""
    make("iso")
    return ROOT / "build" / "iststorm.iso"


@pytest.fixture
def launch(iso, schema):
    """A function that runs a row of runs.py and returns its Result."""
    def launch_run(run):
        log = LOGS / f"{re.sub(r'[^A-Za-z0-9.=,-]+', '-', run.name)}.log"
        assert not log.exists() or log.stat().st_mtime < BEGAN, f"two runs are called '{run.name}'"
        log.touch()
        command = [ROOT / "tools" / "run", "--quiet", "--log", log, *run.arguments()]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL,
                              check=False)
        text = log.read_text(encoding="utf-8")
        lines = text.split("\n")
        if "--allow-reboot" in run.options:
            lines = iststorm_report.last_boot(lines)
        return Result(done.returncode, iststorm_report.read_report(lines, schema), text,
                      done.stderr.decode("utf-8", "replace"))
    return launch_run
