#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Read iststorm's report: KTAP verdicts, JSON records and the verdict line at the end.

As a command, it reads a log (a file of build/runs, or a serial capture of a real machine) and
prints what a person wants to know of it; as a module, it is what tools/run and the tests read with.

exit status:
  0   PASS
  1   FAIL, and a report without a verdict
  2   REFUSED
  3   PASS, but the report is damaged: what could be saved is printed
  64  wrong usage
"""

import argparse
import dataclasses
import difflib
import json
import os
import re
import signal
import sys
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCHEMA_HEADER = os.path.join(ROOT, "src", "lib", "report_schema.h")
SCHEMA_VERSION = 1
DOMAINS = ("emulated", "virtual", "metal")
EXIT_DAMAGED, EXIT_USAGE = 3, 64

VERDICT_LINE = re.compile(r"iststorm: (?:(PASS)|(FAIL|REFUSED): (.*))")
# OVMF and GRUB draw on the serial port too.
CONTROL_SEQUENCE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][0-9A-Z]")
PLAN_LINE = re.compile(r"1\.\.([0-9]+)(?: #.*)?")
TEST_LINE = re.compile(r"(not ok|ok) ([0-9]+) ([^#]*?)(?: # ?(.*))?")
# What tools/run writes at the head of its logs: not the machine's word.
COMMAND_NOTE = "# command: "
# After the verdict: why the machine is still there.
LAST_NOTE = re.compile(r"# end=.*")
MOST_LEVELS = 16  # that a record may have, should those of tomorrow have any
# Of the schema's kinds of numbers.
RANGES = {"number": range(1 << 64), "signed": range(-(1 << 63), 1 << 63)}
# What is no line of ours, and too much like one to be anything but a damaged one.
DAMAGED_LINE = re.compile(r'.*("v":1|"type":"|\bok [0-9]+ |iststorm: |KTAP version)')


def clean_line(line):
    """A line of the serial port's bytes as text, without control sequences and idle NULs."""
    return CONTROL_SEQUENCE.sub(b"", line).strip(b"\r\0").decode("utf-8", "backslashreplace")


@dataclasses.dataclass
class Test:
    """One KTAP verdict. Skipped tests are ok."""
    ok: bool
    number: int
    name: str
    detail: str
    skipped: bool


@dataclasses.dataclass
class Report:
    """A stream, read. `problems` says each way in which it is not a whole, well-formed report."""
    plan: int | None = None
    tests: list = dataclasses.field(default_factory=list)
    records: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)
    verdict: str | None = None
    reason: str = ""
    problems: list = dataclasses.field(default_factory=list)
    # Of the record lines so far, as they came: how many, and their CRC-32s, summed.
    lines: int = 0
    lines_sum: int = 0

    def of_type(self, name):
        return [record for record in self.records if record["type"] == name]

    def test(self, name):
        """The verdict of that name, or None."""
        return next((test for test in self.tests if test.name == name), None)

    @property
    def passed(self):
        """Whoever reads a stream without the verdict line as its last reads FAIL."""
        return self.verdict == "PASS"


def read_schema(path=SCHEMA_HEADER):
    """The record types, each with its fields: {type: {field: (kind, documentation)}}."""
    with open(path, encoding="ascii") as header:
        return parse_schema(header.read())


def parse_schema(text):
    text = re.sub(r"\\\n", " ", text)
    types = {}
    for match in re.finditer(r"^#define REPORT_FIELDS_(\w+)\(FIELD\)(.*)$", text, re.MULTILINE):
        fields = re.findall(r'\bFIELD\((\w+),\s*(\w+),\s*"([^"]*)"\)', match[2])
        types[match[1]] = {name: (kind, doc) for kind, name, doc in fields}
    return types


def read_report(lines, schema=None):
    """Read a stream's lines, as clean_line gives them. What firmware and GRUB wrote is skipped;
    notes may come before the report begins, of consoles that are not there for example."""
    report = Report()
    started = False
    for number, line in enumerate(lines, 1):
        if not started:
            if line == "KTAP version 1":
                started = True
            elif (match := VERDICT_LINE.fullmatch(line)):
                take_verdict(report, match)
            elif is_note(line):
                report.notes.append(line[2:])
            continue
        if report.verdict and line and not LAST_NOTE.fullmatch(line):
            report.problems.append(f"line {number}: after the verdict: {line[:200]}")
            report.verdict, report.reason = None, ""
        take_line(report, number, line, schema)
    check_whole(report, started)
    return report


def read_log(path, schema=None):
    """Read the report in a file, - for stdin."""
    return read_report(lines_of(path), schema)


def lines_of(path):
    """A log's lines, - for stdin's, as read_report takes them."""
    if path == "-":
        return map(clean_line, sys.stdin.buffer.read().split(b"\n"))
    with open(path, "rb") as stream:
        return map(clean_line, stream.read().split(b"\n"))


def read_runs(lines, schema=None):
    """Read a log with any number of runs in a row, as a serial console collects them: a Report
    each."""
    return [read_report(run, schema) for run in split_runs(lines)]


def split_runs(lines):
    """What firmware writes after a verdict belongs to no run; what looks like ours there belongs
    to the run before, whose verdict it spoils. Notes there are the next run's first."""
    run, notes, begun, ended = [], [], False, False
    for line in lines:
        begins, is_verdict = line == "KTAP version 1", VERDICT_LINE.fullmatch(line)
        if begins and begun or ended and (begins or is_verdict):
            yield run
            run, notes, begun, ended = notes, [], False, False
        if not ended or belongs_to_the_run(line):
            run.append(line)
        elif is_note(line):
            notes.append(line)
        begun, ended = begun or begins, ended or bool(is_verdict)
    yield run


def is_note(line):
    return line.startswith("# ") and not line.startswith(("# {", COMMAND_NOTE))


def belongs_to_the_run(line):
    """What comes after a verdict."""
    return (LAST_NOTE.fullmatch(line) or DAMAGED_LINE.match(line) or TEST_LINE.fullmatch(line))


def last_boot(lines):
    """What the machine said since it last started, where a stream has several boots."""
    return list(split_runs(lines))[-1]


def take_verdict(report, match):
    report.verdict, report.reason = match[1] or match[2], match[3] or ""


def take_line(report, number, line, schema):
    if (match := VERDICT_LINE.fullmatch(line)):
        take_verdict(report, match)
    elif line.startswith("# {"):
        take_record(report, number, line, schema)
    elif (match := PLAN_LINE.fullmatch(line)):
        if report.plan is not None:
            report.problems.append(f"line {number}: a second plan")
        report.plan = int(match[1])
    elif (match := TEST_LINE.fullmatch(line)):
        detail = match[4] or ""
        skipped = detail.upper().startswith("SKIP")
        name = match[3].strip(" -")
        report.tests.append(Test(match[1] == "ok", int(match[2]), name, detail, skipped))
    elif line.startswith("#"):
        report.notes.append(line[1:].strip())
    elif line == "KTAP version 1":
        report.problems.append(f"line {number}: the report begins again (a reset?)")
    elif line and DAMAGED_LINE.match(line):
        report.problems.append(f"line {number}: damaged: {line[:200]}")
    elif line:
        report.problems.append(f"line {number}: not of the report: {line[:200]}")


def take_record(report, number, line, schema):
    record = parse_record(line[2:])
    if record and record.get("type") == "verdict":
        check_count(report, number, record)
    report.lines += 1
    report.lines_sum = (report.lines_sum + zlib.crc32(line.encode())) % (1 << 32)
    if record is None:
        report.problems.append(f"line {number}: damaged record: {line[:200]}")
        return
    if record.get("v") != SCHEMA_VERSION or not isinstance(record.get("type"), str):
        report.problems.append(f"line {number}: a record needs \"v\":{SCHEMA_VERSION} and \"type\"")
        return
    if record.get("domain") not in DOMAINS:
        report.problems.append(f"line {number}: a record of domain {record.get('domain')!r}")
        return
    report.records.append(record)
    if schema is not None:
        report.problems += (f"line {number}: {text}" for text in check_record(record, schema))


def parse_record(text):
    """The record, or None for what is none: damaged, or nested as none of ours and no reader is."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    layer = [record]
    for _ in range(MOST_LEVELS):
        layer = [inner for outer in layer
                 for inner in (outer.values() if isinstance(outer, dict) else outer)
                 if isinstance(inner, (dict, list))]
    return record if not layer else None


def check_count(report, number, record):
    """Whether the record lines before the verdict's are those that the image wrote. Images of old
    do not say."""
    written, written_sum = record.get("records"), record.get("records_sum")
    if (written, written_sum) in ((None, None), (report.lines, report.lines_sum)):
        return
    if written == report.lines:
        text = "a record was altered on its way: the sum of their lines is another one"
    else:
        text = f"{report.lines} records came of {written} that were written"
    report.problems.append(f"line {number}: {text}")


def check_record(record, schema):
    """How a record differs from the schema. What the schema does not know is skipped."""
    if record.get("domain") not in DOMAINS:
        yield f"domain {record.get('domain')!r}"
    yield from wrong_kinds(record, schema)
    for name, (kind, _) in schema.get(record["type"], {}).items():
        if kind == "number" and name not in record:
            yield f"{record['type']}.{name} is missing"


def wrong_kinds(record, schema):
    """The fields that are of another kind than the schema says."""
    for name, (kind, _) in schema.get(record["type"], {}).items():
        if name not in record:
            continue
        value = record[name]
        if kind == "text" and not isinstance(value, str):
            yield f"{record['type']}.{name} is no text: {short(value)}"
        elif kind != "text" and (not isinstance(value, int) or isinstance(value, bool)):
            yield f"{record['type']}.{name} is no integer: {short(value)}"
        elif kind in RANGES and value not in RANGES[kind]:
            yield f"{record['type']}.{name} is no {kind} of 64 bits: {short(value)}"


def short(value):
    return type(value).__name__ if isinstance(value, (list, dict)) else ascii(value)[:80]


def check_whole(report, started):
    if not started and report.verdict != "REFUSED":
        report.problems.append("no 'KTAP version 1'")
    if report.verdict is None:
        report.problems.append("no verdict in the last line")
    if report.verdict == "REFUSED" or not started:
        return
    if report.plan is None:
        report.problems.append("no plan")
    elif report.verdict == "PASS" and report.plan != len(report.tests):
        report.problems.append(f"plan 1..{report.plan}, but {len(report.tests)} tests")
    numbers = [test.number for test in report.tests]
    if numbers != list(range(1, len(numbers) + 1)):
        report.problems.append(f"tests are not numbered 1 to {len(numbers)}")
    if report.verdict == "PASS" and not all(test.ok for test in report.tests):
        report.problems.append("PASS, but a test is not ok")


def schema_table(schema):
    """The README's table of the schema, as Markdown."""
    rows = ["| type | key | kind | meaning |", "| --- | --- | --- | --- |"]
    for type_name, fields in schema.items():
        for name, (kind, doc) in fields.items():
            rows.append(f"| `{type_name}` | `{name}` | {kind} | {doc} |")
    return "\n".join(rows) + "\n"


def print_summary(report, out):
    for record in report.of_type("machine"):
        print("machine:", describe(record), file=out)
    for test in report.tests:
        state = "skip" if test.skipped else "ok" if test.ok else "NOT OK"
        print(f"{state:6} {test.name}{': ' + test.detail if test.detail else ''}", file=out)
    for record in report.of_type("fault"):
        print("fault:", describe(record), file=out)
    print_latency(report.of_type("latency"), out)
    for problem in report.problems:
        print("problem:", problem, file=out)
    verdict = report.verdict or "FAIL: no verdict"
    print(f"{verdict}{': ' + report.reason if report.reason else ''}", file=out)


def describe(record):
    return " ".join(f"{key}={value}" for key, value in record.items() if key not in ("v", "type"))


def print_latency(records, out):
    """One row a latency record, one column a key that any of them has."""
    keys = list(dict.fromkeys(key for record in records for key in record
                              if key not in ("v", "type", "domain")))
    rows = [keys] + [[str(record.get(key, "")) for key in keys] for record in records]
    widths = [max(len(row[column]) for row in rows) for column in range(len(keys))]
    for row in rows if records else []:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip(), file=out)


class Unknown(Exception):
    """An option names what there is not: wrong usage. The text says what there is."""

    def __init__(self, option, kind, name, known):
        near = difflib.get_close_matches(name, known, 1)
        super().__init__(f"{option}: unknown {kind}" + (f", near '{near[0]}'" if near else "")
                         + f"; the {kind}s are {', '.join(known)}")


def check_type(name, report, schema):
    """Types of tomorrow are known by the report that has them."""
    known = [*schema, *sorted({record["type"] for record in report.records} - set(schema))]
    if name not in known:
        raise Unknown(f"'{name}'", "type", name, known)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose exit status for wrong usage cannot be taken for a verdict."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def end_quietly():
    """When nobody reads on, as behind `| head`, a tool ends like any other in a pipeline."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def status_of(report):
    if report.verdict == "PASS":
        return EXIT_DAMAGED if report.problems else 0
    return 2 if report.verdict == "REFUSED" else 1


def main(argv):
    parser = Parser(prog="tools/iststorm_report.py", description=__doc__,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", nargs="?", help="the report to read; - for stdin")
    parser.add_argument("--records", metavar="TYPE", help="print its records as JSON lines")
    parser.add_argument("--schema", action="store_true",
                        help="print the schema, as the README's table")
    options = parser.parse_args(argv)
    if options.schema:
        print(schema_table(read_schema()), end="")
        return 0
    if options.log is None:
        parser.error("which log?")
    try:
        report = read_log(options.log)
        if options.records:
            check_type(options.records, report, read_schema())
    except (OSError, Unknown) as error:
        parser.error(str(error))
    if options.records:
        for record in report.of_type(options.records):
            print(json.dumps(record, separators=(",", ":")))
        for problem in report.problems:
            print(f"{parser.prog}: {problem}", file=sys.stderr)
    else:
        print_summary(report, sys.stdout)
    return status_of(report)


if __name__ == "__main__":
    end_quietly()
    sys.exit(main(sys.argv[1:]))
