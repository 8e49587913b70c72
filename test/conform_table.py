#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print docs/conformance.md's table: every check of run=conform, from its sources.

exit status:
  0   done
  64  wrong usage
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True

import iststorm_report  # noqa: E402  (found through the path above)

PAGE = ROOT / "docs" / "conformance.md"
PART = re.compile(r"(?<=<!-- checks -->\n).*?(?=<!-- /checks -->)", re.DOTALL)
TEXT = r'("[^"]*"(?:\s*"[^"]*")*)'
CHECK = re.compile(rf"\{{{TEXT},\s*{TEXT},\s*{TEXT},(?:\s*{TEXT},)?\s*\.")


def text_of(literals):
    """One or more C string literals, as the compiler joins them."""
    return "".join(re.findall(r'"([^"]*)"', literals)) if literals else ""


def read_checks():
    """(name, section, rule, danger) of every check, in the image's order: by subject."""
    checks = []
    for path in (ROOT / "src" / "workloads" / "conform").glob("*.c"):
        table = path.read_text(encoding="ascii").partition("CONFORM_CHECKS(")[2]
        subject, _, rows = table.partition(")")
        checks += [(subject, tuple(map(text_of, row))) for row in CHECK.findall(rows)]
    return [check for _, check in sorted(checks, key=lambda pair: pair[0])]


def make_table():
    rows = [("check", "section", "the rule", "may"), ("---",) * 4]
    rows += [(f"`{name}`", section, rule, danger.rstrip(","))
             for name, section, rule, danger in read_checks()]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def main(argv):
    parser = iststorm_report.Parser(prog="test/conform_table.py", description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into docs/conformance.md")
    if parser.parse_args(argv).write:
        page = PAGE.read_text(encoding="ascii")
        PAGE.write_text(PART.sub(lambda _: make_table(), page), encoding="ascii")
    else:
        print(make_table(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
