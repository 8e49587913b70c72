# SPDX-License-Identifier: MIT
"""Files that the tests let make build, and the image's own lists by run=list: its keys,
workloads, planted faults, disciplines, checks, rules and its report's schema."""

import fcntl
import functools
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test"
LIST = ROOT / "build" / "list.jsonl"
# A make that a test starts is not part of the one that started the tests.
for variable in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(variable, None)


def make(target):
    """Has it made, if it is not up to date, while no other worker does the like."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / "make.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(["make", "-s", target], cwd=ROOT, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
    assert made.returncode == 0, made.stdout + made.stderr


@functools.cache
def items():
    """The records of run=list, in their order; one boot a build makes them."""
    make(os.path.relpath(LIST, ROOT))
    return [json.loads(line) for line in LIST.read_text(encoding="ascii").splitlines()]


def listed(item):
    """The records of one kind of item, by name: {"nmi": {"name": "nmi", "about": ...}, ...}."""
    return {record["name"]: record for record in items() if record["item"] == item}


def schema():
    """The report's record types, as iststorm_report.read_schema has them."""
    types = {name: {} for name in listed("type")}
    for record in items():
        if record["item"] == "field":
            types[record["of"]][record["name"]] = [record["values"], record["about"]]
    return types
