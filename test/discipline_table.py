#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print the table that compares the entry disciplines: README's.

What each does and gives up is told by src/cpu/entries.h; how many boundaries are unsafe, by the
sweep's runs in test/runs.py; how many instructions an event takes, from its trigger to the
handler's first and there and back, by test/path_lengths.json.

exit status:
  0   the table was printed, or written
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import generated  # noqa: E402  (found through the path above)
import iststorm_report  # noqa: E402
import path_lengths  # noqa: E402
import runs  # noqa: E402
from fault_table import row_of  # noqa: E402

README = ROOT / "README.md"
EVENTS = {"NMI": "nmi", "#DB": "db", "#BP": "bp", "#MC": "mc"}
NESTED_NMI = {"NESTS": "nests", "WAITS": "waits", "IS_FATAL": "is fatal"}
# Path and event of the sweep in which a discipline has unsafe boundaries.
UNSAFE = {"NMI behind #DB in NMI": ("nmi", "db-nmi"), "#DB in #BP": ("bp", "db"),
          "#DB in #DB": ("db", "db")}
HEAD = ("entry=", "what it does", "levels", "an NMI let into an NMI",
        "unsafe boundaries: " + " / ".join(UNSAFE), *EVENTS, "what it gives up")


def joined(literals):
    """C's string literals, one after another, as one text."""
    return "".join(re.findall(r'"([^"]*)"', literals))


def read_disciplines():
    """The rows of entries.h: name, levels, what becomes of a nested NMI, the two texts."""
    header = (ROOT / "src" / "cpu" / "entries.h").read_text(encoding="ascii")
    stacks = (ROOT / "src" / "cpu" / "stacks.h").read_text(encoding="ascii")
    most = re.search(r"#define IST_LEVELS (\d+)", stacks)[1]
    texts = r'((?:"[^"]*"\s*)+)'
    rows = re.findall(rf"^    E\(\w+, (\w+), (\w+), (\w+), \d+,\s*{texts},\s*{texts}\)",
                      header.replace("\\\n", "\n"), re.MULTILINE)
    return [(name, most if levels == "IST_LEVELS" else levels, NESTED_NMI[nmi], joined(about),
             joined(gives_up)) for name, levels, nmi, about, gives_up in rows]


def measured():
    """(discipline, event) -> [there, there and back, back]."""
    return {tuple(name.split()[:2]): ways for name, ways in path_lengths.read()["measured"].items()
            if name.endswith(" 0-0")}


def make_table():
    ways = measured()
    table = row_of(HEAD) + row_of(["---"] * len(HEAD))
    for name, levels, nmi, about, gives_up in read_disciplines():
        both = ["{} / {}".format(*ways[name, event][:2]) for event in EVENTS.values()]
        unsafe = [str(runs.SWEPT_UNSAFE[name].get(where, 0)) for where in UNSAFE.values()]
        table += row_of([f"`{name}`", about, levels, nmi, " / ".join(unsafe), *both, gives_up])
    return table


def main(argv):
    parser = iststorm_report.Parser(prog="test/discipline_table.py", description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into README.md")
    generated.put(README, "disciplines", make_table(), parser.parse_args(argv).write)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
