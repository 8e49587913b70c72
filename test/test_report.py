# SPDX-License-Identifier: MIT
"""tools/iststorm_report.py: what a whole report is, and that no damaged one reads as PASS."""

import json
import re
import subprocess
import zlib

import iststorm_report
import pytest
from conftest import ROOT

GOOD = """\
# command: qemu
SeaBIOS (version x)
# console: an early note
KTAP version 1
# a note
1..2
# {"v":1,"type":"machine","domain":"emulated","cpus":2}
ok 1 bring-up
ok 2 nmi # SKIP one CPU
# {"v":1,"type":"of-tomorrow","domain":"emulated","x":[1]}
iststorm: PASS
"""


def read(text, schema=None):
    return iststorm_report.read_report(text.split("\n"), schema)


def test_whole_report():
    report = read(GOOD)
    assert report.problems == [] and report.passed
    assert report.plan == 2 and report.notes == ["console: an early note", "a note"]
    assert [(test.name, test.ok, test.skipped) for test in report.tests] == [
        ("bring-up", True, False), ("nmi", True, True)]
    assert report.of_type("machine")[0]["cpus"] == 2


@pytest.mark.parametrize("cut", range(1, len(GOOD.split("\n")) - 1))
def test_no_cut_report_passes(cut):
    """Whichever line the stream breaks off at."""
    report = read("\n".join(GOOD.split("\n")[:cut]))
    assert not report.passed and report.problems


def test_failure():
    report = read("KTAP version 1\n1..1\nnot ok 1 nmi # cpu 3: lost\niststorm: FAIL: cpu 3\n")
    assert report.problems == [] and not report.passed and report.reason == "cpu 3"
    assert not report.test("nmi").ok and report.test("nmi").detail == "cpu 3: lost"


def test_a_note_may_follow_the_verdict():
    """Of an end that did not come, and of nothing else."""
    still_on = "# end=poweroff: the machine is still on; it halts\n"
    report = read(GOOD + still_on)
    assert report.passed and report.problems == [] and report.notes[-1].startswith("end=poweroff")
    assert not read(GOOD + still_on + "# a note\n").passed


def test_notes_between_runs():
    """A console's lines before its report begins are of the run that comes, an end's note of the
    run before."""
    runs = iststorm_report.read_runs((GOOD + "# end=x\nSeaBIOS\n" + GOOD).split("\n"))
    assert [run.problems for run in runs] == [[], []]
    assert [run.notes for run in runs] == [
        ["console: an early note", "a note", "end=x"], ["console: an early note", "a note"]]


def test_refusal_needs_no_plan():
    report = read("iststorm: REFUSED: 'colour=red'\n")
    assert report.problems == [] and report.verdict == "REFUSED"


@pytest.mark.parametrize("old, new, problem", [
    ("ok 1 bring-up\n", "", "numbered"),
    ("ok 1 ", "not ok 1 ", "not ok"),
    ("1..2\n", "", "no plan"),
    ("1..2\n", "1..3\n", "plan 1..3"),
    ("# a note", "KTAP version 1", "begins again"),
    ('"cpus":2}', '"cpus":', "damaged record"),
    ('# {"v":1,"type":"m', '# {"v":2,"type":"m', '"v":1'),
    ("ok 1 bring-up", "garbage ok 1 bring-up", "damaged"),
    ("# a note", "\ufffd\ufffd", "not of the report"),
    ("# a note", "# " + '{"v":' * 100000, "damaged record"),
    ("# a note", '# {"v":1,"type":"x","domain":"metal","x":' + "[" * 16 + "]" * 16 + "}",
     "damaged record"),
    ("iststorm: PASS\n", "iststorm: PASS\nok 3 more\n", "after the verdict"),
])
def test_problems(old, new, problem):
    assert old in GOOD
    report = read(GOOD.replace(old, new))
    assert any(problem in text for text in report.problems), report.problems


@pytest.mark.parametrize("count, crc, problem", [
    (2, 0, "the sum of their lines"), (3, 0, "2 records came of 3"), (1, 0, "2 records came of 1"),
    (2, None, "the sum of their lines"), (None, 5, "2 records came of None")])
def test_records_are_those_that_the_image_wrote(count, crc, problem):
    def with_verdict(**says):
        end = json.dumps({"v": 1, "type": "verdict", "domain": "emulated", **says})
        return read(GOOD.replace("iststorm: P", f"# {end}\niststorm: P"))
    lines = [line for line in GOOD.split("\n") if line.startswith("# {")]
    whole = sum(zlib.crc32(line.encode()) for line in lines) % (1 << 32)
    assert with_verdict(records=2, records_sum=whole).problems == []
    assert with_verdict().problems == []
    says = {"records": count, "records_sum": crc}
    assert any(problem in text for text in with_verdict(
        **{name: value for name, value in says.items() if value is not None}).problems)


def test_lines_are_those_that_the_image_wrote():
    """Each character of each line, each line lost, doubled, or swapped with the next: by the
    verdict record's CRC-32, whatever else tells of it."""
    begin, (before, after) = GOOD.index("KTAP"), GOOD.split("iststorm: P")
    end = {"v": 1, "type": "verdict", "domain": "emulated", "result": "PASS",
           "lines_crc32": zlib.crc32(before[begin:].encode())}
    whole = f"{before}# {json.dumps(end)}\niststorm: P{after}"
    assert read(whole).problems == [] == read(whole.replace("\n", "\n\n")).problems
    lines = whole.split("\n")
    first, last = lines.index("KTAP version 1") + 1, len(lines) - 3

    def told(*changed):
        problems = read("\n".join([*lines[:first], *changed, *lines[last:]])).problems
        return any("their CRC-32 is another one" in text for text in problems)
    body = lines[first:last]
    for place, line in enumerate(body):
        rest = body[place + 1:]
        assert told(*body[:place], *rest) and told(*body[:place], line, line, *rest)
        assert not rest or told(*body[:place], rest[0], line, *rest[1:])
        assert all(told(*body[:place], line[:at] + "~" + line[at + 1:], *rest)
                   for at in range(len(line)))


def test_schema():
    schema = {"cpu": {"cpu": ["number", "index"], "name": ["text", "its name, or none"]}}

    def wrong(text):
        return [*iststorm_report.wrong_fields({"type": "cpu", **text}, schema)]
    assert wrong({"cpu": 1}) == [] and wrong({"cpu": 1, "name": "x", "new": 1}) == []
    assert wrong({"cpu": "1"}) and wrong({"cpu": True}) and wrong({"cpu": 1, "name": 5})
    assert [*iststorm_report.missing_numbers({"type": "cpu"}, schema)] == ["cpu.cpu is missing"]


def test_what_a_record_needs_is_in_the_schema(schema):
    for name, keys in iststorm_report.NEEDED.items():
        assert set(keys) <= set(schema[name])


def test_the_schema_has_what_a_report_promises(schema):
    assert {"machine", "cpu", "stack", "workload", "latency", "fault", "heartbeat",
            "verdict"} <= set(schema)
    kinds = {kind for fields in schema.values() for kind, _ in fields.values()}
    assert kinds == {"number", "signed", "text"}


@pytest.mark.parametrize("text, status", [
    (GOOD, 0), (GOOD.replace("iststorm: PASS\n", ""), 1), (GOOD.replace("# a note", "\ufffd"), 3),
    ("iststorm: REFUSED: 'x'\n", 2), ("KTAP version 1\n1..0\niststorm: FAIL: x\n", 1)])
def test_command(text, status):
    done = subprocess.run([ROOT / "tools" / "iststorm_report.py", "-"], input=text, text=True,
                          capture_output=True, check=False)
    assert done.returncode == status and done.stdout
