# SPDX-License-Identifier: MIT
"""What the tests share: the repository, the built ISO, and a way to run it through tools/run."""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test"
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True
# A make that a test starts is not part of the one that started the tests.
for variable in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(variable, None)

import iststorm_report  # noqa: E402  (found through the path above)
import runs  # noqa: E402

# Fast and cheap first: what is broken everywhere shows at once.
FILE_ORDER = ("test_report.py", "test_tools.py", "test_page.py", "test_sweep.py",
              "test_runner.py", "test_static.py", "test_readme.py", "test_unit.py", "test_gdb.py",
              "test_runs.py", "test_mutants.py", "test_bad_input.py", "test_console.py",
              "test_screen.py", "test_media.py", "test_reset.py", "test_conform.py",
              "test_lava.py", "test_determinism.py")


def pytest_configure(config):
    for group in runs.GROUPS:
        config.addinivalue_line("markers", f"{group}: runs of that group, see test/runs.py")


def pytest_collection_modifyitems(items):
    def order(item):
        name = item.path.name
        return FILE_ORDER.index(name) if name in FILE_ORDER else len(FILE_ORDER)
    items.sort(key=order)


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


@pytest.fixture(scope="session")
def iso():
    """The ISO, built if it is not up to date."""
    built = subprocess.run(["make", "-s", "iso"], cwd=ROOT, capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return ROOT / "build" / "iststorm.iso"


@pytest.fixture
def launch(iso, schema):
    """A function that runs a row of runs.py and returns its Result."""
    def launch_run(run):
        log = LOGS / f"{re.sub(r'[^A-Za-z0-9.=,-]+', '-', run.name)}.log"
        command = [ROOT / "tools" / "run", "--quiet", "--log", log, *run.arguments()]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL,
                              check=False)
        text = log.read_text(encoding="utf-8") if log.exists() else ""
        lines = text.split("\n")
        if "--allow-reboot" in run.options:
            lines = iststorm_report.last_boot(lines)
        return Result(done.returncode, iststorm_report.read_report(lines, schema), text,
                      done.stderr.decode("utf-8", "replace"))
    return launch_run
