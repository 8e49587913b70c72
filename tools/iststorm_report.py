#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Read iststorm's report: KTAP verdicts, JSON records and the verdict line at the end.

As a command, it reads a log (a file of build/runs, or a serial capture of a real machine) and
prints a summary. tools/run and the tests read reports with it as a module.

exit status:
  0   PASS
  1   FAIL, and a report without a verdict
  2   REFUSED
  3   PASS, but the report is damaged: its sound part is printed; or the tool itself failed, as on
      an unreadable log
  64  wrong usage
"""

import sys

sys.dont_write_bytecode = True

import iststorm_tool as tool  # noqa: E402

if __name__ == "__main__":
    tool.begin("tools/iststorm_report.py")

import argparse  # noqa: E402
import dataclasses  # noqa: E402
import functools  # noqa: E402
import json  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import zlib  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# As the image says by run=list; test/list_tables.py --write writes it.
SCHEMA = os.path.join(ROOT, "tools", "report_schema.json")
SCHEMA_VERSION = 1
DOMAINS = ("emulated", "virtual", "metal")
EXIT_DAMAGED = 3

VERDICT_LINE = re.compile(r"iststorm: (?:(PASS)|(FAIL|REFUSED): (.*))")
# OVMF and GRUB draw on the serial port too.
CONTROL_SEQUENCE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][0-9A-Z]")
# No number has more digits than any report has lines.
PLAN_LINE = re.compile(r"1\.\.([0-9]{1,9})(?: #.*)?")
TEST_LINE = re.compile(r"(not ok|ok) ([0-9]{1,9}) ([^#]*?)(?: # ?(.*))?")
# tools/run writes this line at the head of its logs, not the machine.
COMMAND_NOTE = "# command: "
# After the verdict: why the machine is still there.
LAST_NOTE = re.compile(r"# end=.*")
MOST_LEVELS = 16  # that a record may have, should those of tomorrow have any
# Of the schema's kinds of numbers.
RANGES = {"number": range(1 << 64), "signed": range(-(1 << 63), 1 << 63)}
# A record needs these keys. All images wrote them; other keys are younger than some images.
NEEDED = {
    "latency": ("id", "count", "buckets", "overhead"),
    "sweep_path": ("entry", "path", "addresses"),
    "sweep_unsafe": ("entry", "path", "event", "boundary", "address", "bytes"),
    "sweep": ("entry", "path", "event", "boundaries", "unsafe", "closed"),
    "conform": ("check", "section", "rule", "result"),
}
# A line that is none of the image's, and so like one that it must be a damaged one.
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
    # Of all lines from KTAP version 1 on, with their ends: the CRC-32.
    lines_crc32: int = 0

    def of_type(self, name):
        return [record for record in self.records if record["type"] == name]

    def test(self, name):
        """The verdict of that name, or None."""
        return next((test for test in self.tests if test.name == name), None)

    @property
    def passed(self):
        """A stream whose last line is not the verdict is a FAIL."""
        return self.verdict == "PASS"


@functools.cache
def read_schema():
    """The record types, each with its fields: {type: {field: (kind, documentation)}}."""
    with open(SCHEMA, encoding="ascii") as stream:
        return json.load(stream)


def read_report(lines, strict=False):
    """Read a stream's lines, as clean_line gives them. Lines of firmware and GRUB are skipped;
    notes may come before the report begins, of consoles that are not there for example. Strictly,
    records have every number of today's schema, which those of older images need not have."""
    report = Report()
    started = False
    for number, line in enumerate(lines, 1):
        if not started:
            if line == "KTAP version 1":
                started = True
                sum_line(report, line)
            elif (match := VERDICT_LINE.fullmatch(line)):
                take_verdict(report, match)
            elif is_note(line):
                report.notes.append(line[2:])
            continue
        if report.verdict and line and not LAST_NOTE.fullmatch(line):
            report.problems.append(f"line {number}: after the verdict: {line[:200]}")
            report.verdict, report.reason = None, ""
        take_line(report, number, line, strict)
        sum_line(report, line)
    check_whole(report, started)
    return report


def sum_line(report, line):
    """The image writes no empty line: terminal servers do."""
    if line:
        report.lines_crc32 = zlib.crc32(f"{line}\n".encode(errors="replace"), report.lines_crc32)


def read_log(path):
    """Read the report in a file, - for stdin."""
    return read_report(lines_of(path))


def lines_of(path):
    """A log's lines, - for stdin's, as read_report takes them."""
    if path == "-":
        return map(clean_line, sys.stdin.buffer.read().split(b"\n"))
    with tool.naming(path), open(path, "rb") as stream:
        return map(clean_line, stream.read().split(b"\n"))


def read_runs(lines):
    """Read a log with any number of runs in a row, as a serial console collects them: a Report
    each."""
    return [read_report(run) for run in split_runs(lines)]


def split_runs(lines):
    """Firmware's lines after a verdict belong to no run. Lines like the image's belong to the run
    before, whose verdict they spoil. Notes are the next run's first."""
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
    """The lines after a verdict."""
    return (LAST_NOTE.fullmatch(line) or DAMAGED_LINE.match(line) or TEST_LINE.fullmatch(line))


def last_boot(lines):
    """The machine's lines since its last start, where a stream has several boots."""
    return list(split_runs(lines))[-1]


def take_verdict(report, match):
    report.verdict, report.reason = match[1] or match[2], match[3] or ""


def take_line(report, number, line, strict):
    if (match := VERDICT_LINE.fullmatch(line)):
        take_verdict(report, match)
    elif line.startswith("# {"):
        take_record(report, number, line, strict)
    elif (match := PLAN_LINE.fullmatch(line)):
        if report.plan is not None:
            report.problems.append(f"line {number}: a second plan")
        report.plan = int(match[1])
    elif (match := TEST_LINE.fullmatch(line)):
        ok, name, detail = match[1] == "ok", match[3].strip(" -"), match[4] or ""
        skipped = detail.upper().startswith("SKIP")
        if not ok and not detail:
            detail = detail_before(report, name)
        report.tests.append(Test(ok, int(match[2]), name, detail, skipped))
    elif line.startswith("#"):
        report.notes.append(line[1:].strip())
    elif line == "KTAP version 1":
        report.problems.append(f"line {number}: the report begins again (a reset?)")
    elif line and DAMAGED_LINE.match(line):
        report.problems.append(f"line {number}: damaged: {line[:200]}")
    elif line:
        report.problems.append(f"line {number}: not of the report: {line[:200]}")


def detail_before(report, name):
    """The image tells details of a failure in a note before it."""
    before = report.notes[-1] if report.notes else ""
    return before.removeprefix(f"{name}: ") if before.startswith(f"{name}: ") else ""


def take_record(report, number, line, strict):
    record = parse_record(line[2:])
    if record and record.get("type") == "verdict":
        problem = wrong_count(report, record) or wrong_lines(report, record)
        report.problems += [f"line {number}: {problem}"] if problem else []
    report.lines += 1
    report.lines_sum = (report.lines_sum + zlib.crc32(line.encode())) % (1 << 32)
    if record is None:
        report.problems.append(f"line {number}: damaged record: {line[:200]}")
        return
    if wrong := [*wrong_head(record)] or [*wrong_fields(record, read_schema())]:
        report.problems += (f"line {number}: damaged record: {text}" for text in wrong)
        return
    report.records.append(record)
    if strict:
        report.problems += (f"line {number}: {text}"
                            for text in missing_numbers(record, read_schema()))


def finite(text):
    """No image writes a value that JSON lacks, or an infinite number."""
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def parse_record(text):
    """The record, or None for what is none: damaged, nested as none of ours and no reader is, or
    with half of a character that takes two."""
    try:
        record = json.loads(text, parse_float=finite, parse_constant=finite)
        if "\\u" in text:
            json.dumps(record, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    layer = [record]
    for _ in range(MOST_LEVELS):
        layer = [inner for outer in layer
                 for inner in (outer.values() if isinstance(outer, dict) else outer)
                 if isinstance(inner, (dict, list))]
    return record if not layer else None


def wrong_count(report, record):
    """In which way the record lines before the verdict's are not those that the image wrote. Images
    of old do not say."""
    written, written_sum = record.get("records"), record.get("records_sum")
    if (written, written_sum) in ((None, None), (report.lines, report.lines_sum)):
        return None
    if written == report.lines:
        return "a record was altered on its way: the sum of their lines is another one"
    return f"{report.lines} records came of {short(written)} that were written"


def wrong_lines(report, record):
    """The same of all lines, in their order."""
    if record.get("lines_crc32", report.lines_crc32) == report.lines_crc32:
        return None
    return "lines before it were altered, lost, added or swapped: their CRC-32 is another one"


def wrong_head(record):
    """The keys that every record begins with."""
    if record.get("v") != SCHEMA_VERSION or not isinstance(record.get("type"), str):
        yield f"it needs \"v\":{SCHEMA_VERSION} and \"type\""
    elif record.get("domain") not in DOMAINS:
        yield f"its domain is {short(record.get('domain'))}"


def missing_numbers(record, schema):
    for name, (kind, _) in schema.get(record["type"], {}).items():
        if kind == "number" and name not in record:
            yield f"{record['type']}.{name} is missing"


def wrong_fields(record, schema):
    """The fields that are of another kind than the schema says, or missing where a record says
    nothing without them. Keys that the schema does not know are skipped."""
    for name in NEEDED.get(record.get("type"), ()):
        if name not in record:
            yield f"{record['type']}.{name} is missing"
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
    for record in report.of_type("verdict"):
        if report.verdict and record.get("result", report.verdict) != report.verdict:
            report.problems.append(f"the last line says {report.verdict}, the verdict record "
                                   f"{short(record.get('result'))}")


def print_summary(report, out):
    for line in summary_of(report):
        print(tool.printable(line), file=out)


def summary_of(report):
    for record in report.of_type("machine"):
        yield f"machine: {describe(record)}"
    for test in report.tests:
        state = "skip" if test.skipped else "ok" if test.ok else "NOT OK"
        yield f"{state:6} {test.name}{': ' + test.detail if test.detail else ''}"
    for record in report.of_type("fault"):
        yield f"fault: {describe(record)}"
    yield from latency_table(report.of_type("latency"))
    for problem in tool.first(report.problems):
        yield f"problem: {problem}"
    yield f"{report.verdict or 'FAIL: no verdict'}{': ' + report.reason if report.reason else ''}"


def describe(record):
    return " ".join(f"{key}={value}" for key, value in record.items() if key not in ("v", "type"))


def latency_table(records):
    """One row a latency record, one column a key that any of them has."""
    keys = list(dict.fromkeys(key for record in records for key in record
                              if key not in ("v", "type", "domain")))
    rows = [keys] + [[str(record.get(key, "")) for key in keys] for record in records]
    widths = [max(len(row[column]) for row in rows) for column in range(len(keys))]
    for row in rows if records else []:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip()


def status_of(report):
    if report.verdict == "PASS":
        return EXIT_DAMAGED if report.problems else 0
    return 2 if report.verdict == "REFUSED" else 1


def main(argv):
    parser = tool.Parser(prog="tools/iststorm_report.py", description=__doc__,
                         formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", help="the report to read; - for stdin")
    report = read_log(parser.parse_args(argv).log)
    print_summary(report, sys.stdout)
    return status_of(report)


if __name__ == "__main__":
    tool.end_with(main)
