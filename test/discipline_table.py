#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print the table that compares the entry disciplines: docs/sweep.md's.

run=list tells how each works and where it does not protect; the sweep's runs in test/runs.py tell
how many boundaries are unsafe; test/path_lengths.json tells how many instructions an event takes,
from its trigger to the handler's first, and there and back.

exit status:
  0   the table was printed, or written
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import built  # noqa: E402  (found through the path above)
import generated  # noqa: E402
import iststorm_tool  # noqa: E402
import path_lengths  # noqa: E402
import runs  # noqa: E402
from fault_table import row_of  # noqa: E402

PAGE = ROOT / "docs" / "sweep.md"
EVENTS = {"NMI": "nmi", "#DB": "db", "#BP": "bp", "#MC": "mc"}
# Path and event of the sweep in which a discipline has unsafe boundaries.
UNSAFE = {"NMI behind #DB in NMI": ("nmi", "db-nmi"), "#DB in #BP": ("bp", "db"),
          "#DB in #DB": ("db", "db")}
HEAD = ("entry=", "what it does", "levels", "an NMI let into an NMI",
        "unsafe boundaries: " + " / ".join(UNSAFE), *EVENTS, "what it gives up")


def measured():
    """(discipline, event) -> [there, there and back, back]."""
    return {tuple(name.split()[:2]): ways for name, ways in path_lengths.read()["measured"].items()
            if name.endswith(" 0-0")}


def make_table():
    ways = measured()
    table = row_of(HEAD) + row_of(["---"] * len(HEAD))
    for name, record in built.listed("discipline").items():
        both = ["{} / {}".format(*ways[name, event][:2]) for event in EVENTS.values()]
        unsafe = [str(runs.SWEPT_UNSAFE[name].get(where, 0)) for where in UNSAFE.values()]
        table += row_of([f"`{name}`", record["about"], record["levels"], record["nested_nmi"],
                         " / ".join(unsafe), *both, record["gives_up"]])
    return table


def main(argv):
    parser = iststorm_tool.Parser(prog="test/discipline_table.py", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into docs/sweep.md")
    generated.put(PAGE, "disciplines", make_table(), parser.parse_args(argv).write)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
