#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plant every fault that the image knows, and print the table of the checks that caught
them: docs/planted-faults.md's.

exit status:
  0   each fault was caught by the check that test/runs.py names
  1   one was not
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import built  # noqa: E402  (found through the path above)
import generated  # noqa: E402
import iststorm_report  # noqa: E402
import iststorm_tool  # noqa: E402
import runs  # noqa: E402

EXIT_NOT_CAUGHT = 1
HEAD = ("inject=", "with", "what it breaks", "check", "CPU", "stack", "level", "event",
        "the verdict's reason")
PAGE = ROOT / "docs" / "planted-faults.md"


class NotCaught(Exception):
    """A fault that its check did not see; the text says what came instead."""


def read_faults():
    """Name -> what it breaks, in the image's order."""
    return {name: fault["about"] for name, fault in built.listed("planted-fault").items()}


def words_beside(name):
    """The other words of its run, as the command line and QEMU have them."""
    words = [*runs.FAULT_WORDS.get(name, ()), *runs.FAULT_RUNS.get(name, {}).get("options", ())]
    if extra := runs.FAULT_RUNS.get(name, {}).get("extra"):
        words += ["--", *extra]
    return f"`{' '.join(words)}`" if words else ""


def plant(name, directory):
    """The row of the run that plants this fault: what it breaks is not in it."""
    run = runs.fault_run(name)
    log = pathlib.Path(directory) / "log"
    command = [ROOT / "tools" / "run", "--quiet", "--log", log, *run.arguments()]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
                          check=False)
    report = iststorm_report.read_report(
        iststorm_report.last_boot(log.read_text(encoding="utf-8").split("\n")))
    if report.verdict != run.verdict or done.returncode != runs.STATUS[run.verdict]:
        raise NotCaught(f"{name}: verdict {report.verdict}, status {done.returncode}")
    if (problem := runs.FAULTS[name](report)) is not None:
        raise NotCaught(f"{name}: {problem}")
    if run.verdict is None:
        said = done.stderr.decode("utf-8", "replace").strip()
        return runs.FAULTS[name].name, "", "", "", "", said.split("tools/run: ")[-1]
    record = runs.FAULTS[name].find(report)
    return (*(record[key] for key in ("check", "cpu", "stack", "level", "event")), report.reason)


def row_of(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


def make_table(say):
    table = row_of(HEAD) + row_of(["---"] * len(HEAD))
    with tempfile.TemporaryDirectory(prefix="iststorm-faults-") as directory:
        for name, about in read_faults().items():
            *place, reason = plant(name, directory)
            table += row_of([f"`{name}`", words_beside(name), about, *place, reason])
            say(f"{name}: {reason}")
    return table


def main(argv):
    parser = iststorm_tool.Parser(prog="test/fault_table.py", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into docs/planted-faults.md")
    options = parser.parse_args(argv)
    try:
        table = make_table(lambda text: print(text, file=sys.stderr, flush=True))
    except NotCaught as error:
        print(f"fault_table: {error}", file=sys.stderr)
        return EXIT_NOT_CAUGHT
    generated.put(PAGE, "faults", table, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
