#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print docs/conformance.md's table: every check of run=conform, from its sources.

exit status:
  0   done
  64  wrong usage
"""

import argparse
import dataclasses
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import generated  # noqa: E402  (found through the path above)
import iststorm_conform  # noqa: E402
import iststorm_report  # noqa: E402

PAGE = ROOT / "docs" / "conformance.md"
PART = "checks"


def read_checks():
    """(name, section, rule, danger) of every check, in the image's order: by subject."""
    checks = [dataclasses.astuple(one.check) for one in iststorm_conform.read_sources().values()]
    return sorted(checks, key=lambda check: check[0].partition(".")[0])


def make_table():
    rows = [("check", "section", "the rule", "may"), ("---",) * 4]
    rows += [(f"`{name}`", section, rule, danger)
             for name, section, rule, danger in read_checks()]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def main(argv):
    parser = iststorm_report.Parser(prog="test/conform_table.py", description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into docs/conformance.md")
    generated.put(PAGE, PART, make_table(), parser.parse_args(argv).write)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
