# SPDX-License-Identifier: MIT
"""Reports that no image writes, as a broken line, a broken machine or somebody hostile may: each
reader reads on or names the line, in bounded time, and takes none for a whole one."""

import contextlib
import io
import itertools
import json
import random
import re
import resource
import subprocess

import iststorm_latency as latency
import iststorm_plots
import iststorm_report
import iststorm_tool
import pytest
import synthetic
from conftest import ROOT
from test_tools import load

PROGRAMS = {name: load(name) for name in ("convert", "compare", "fleet", "run")}
DAMAGED = 3
STORM = ("machine", "cpu", "workload", "heartbeat", "machine_check", "verdict")
HEAD = '# {"v":1,"type":"%s","domain":"emulated"'


def value_of(kind, name, type_name):
    """Values that a field may hold."""
    texts = {"buckets": "6:1" if type_name == "buckets" else "5:2", "addresses": "4096 2 5 -7",
             "withheld": "entry one-way", "stage": "round-trip", "mode": "warm", "loop": "closed",
             "samples": "all", "event": "nmi", "path": "nmi", "entry": "shift", "bytes": "90",
             "unit": "cycles", "result": "holds"}
    numbers = {"count": 3, "min": 5, "max": 6, "p50": None, "p90": None, "p99": None, "p999": None,
               "lost_lines": 0, "boundary": 1, "boundaries": 4, "address": 4098}
    if kind == "text":
        return None if name in ("pass", "reason") else texts.get(name, f"a {name}")
    return numbers.get(name, 1)


def record_of(type_name, schema):
    fields = {name: value_of(kind, name, type_name)
              for name, (kind, _) in schema[type_name].items()}
    return {"v": 1, "type": type_name, "domain": "metal",
            **{name: value for name, value in fields.items() if value is not None}}


def every_record(schema, *but):
    """A report with one record of each type, of which nothing is wrong."""
    types = [name for name in schema if name not in ("machine", "verdict", *but)]
    records = [json.dumps(record_of(name, schema), separators=(",", ":"))
               for name in ("machine", *types)]
    lines = ["KTAP version 1", "1..2", *(f"# {record}" for record in records),
             "# nmi: a note", "ok 1 nmi", "ok 2 wake # SKIP one CPU"]
    end = '# {"v":1,"type":"verdict","domain":"metal","result":"PASS","time_ms":5,"events":9,' \
        '"faults":0,"lost_lines":0}'
    return "\n".join([*lines, end, "iststorm: PASS", ""])


@contextlib.contextmanager
def only_what_is_said():
    """A tool's answers to a report that it cannot use."""
    with contextlib.suppress(iststorm_tool.Trouble, iststorm_tool.WrongUsage,
                             PROGRAMS["convert"].Nothing, PROGRAMS["compare"].NotComparable,
                             latency.NotTogether, latency.NoneSuch):
        yield


@pytest.fixture
def without_plots(monkeypatch):
    """Drawing takes long; what is drawn is looked up all the same."""
    for name in ("tail", "ridges", "dumbbells", "heat_map"):
        monkeypatch.setattr(iststorm_plots, name, lambda *_: "<svg></svg>")


def read_with_each(data, directory):
    """Everything that reads a report, as the tools do it."""
    lines = list(map(iststorm_report.clean_line, data.split(b"\n")))
    report = iststorm_report.read_report(lines)
    list(iststorm_report.summary_of(report))
    results = [latency.result_of("a", one) for one in iststorm_report.read_runs(lines)]
    whole = results[0] if len(results) == 1 else latency.together("a", results)
    convert = PROGRAMS["convert"]
    for name in convert.FORMATS:
        options = convert.parse_arguments([name, "x", "-o", str(directory / name), *(
            ["--elf", "/dev/null"] if name == "sweep" else [])])
        with only_what_is_said():
            convert.FORMATS[name](whole, options)
    for arguments in (["a", "b", "--all"], ["a", "b", "--pairs"]):
        options = PROGRAMS["compare"].parse_arguments(arguments)
        with only_what_is_said(), contextlib.redirect_stdout(io.StringIO()):
            found, certain = PROGRAMS["compare"].compare(results, results, options)
            PROGRAMS["compare"].print_environment(results, results)
            PROGRAMS["compare"].print_numbers(found, True)
            PROGRAMS["compare"].print_missing(results, results, options)
    rows = [PROGRAMS["fleet"].row_of(result) for result in results]
    for write in PROGRAMS["fleet"].FORMATS.values():
        write(rows, results)
    assert PROGRAMS["fleet"].as_text(rows, results).replace("\n", "").isprintable()
    with only_what_is_said():
        listened = PROGRAMS["run"].Report(open_null(), True)
        listened.take(PROGRAMS["run"].Lines().feed(data), 0)
        PROGRAMS["run"].check_whole(listened, "x")
        PROGRAMS["run"].trusted(listened, PROGRAMS["run"].parse_arguments(["time=1s"]))
    return report


def open_null():
    class Null:
        def write(self, line):
            line.encode(errors="backslashreplace")
    return Null()


def test_a_report_of_every_record_is_read_by_all(schema, tmp_path):
    report = read_with_each(every_record(schema).encode(), tmp_path)
    assert report.problems == [] and len(report.records) == len(schema)
    assert len((tmp_path / "html").read_text()) > 10000
    assert "4 boundaries" in (tmp_path / "sweep").read_text()


@pytest.mark.usefixtures("without_plots")
@pytest.mark.parametrize("but", [(), ("latency", "sweep_path", "sweep", "sweep_unsafe")])
def test_each_key_may_be_missing(schema, tmp_path, but):
    """Of each record, one at a time: as where a bit of its name has changed. Either a reader goes
    on without it, or the line is told. A storm's report is looked at otherwise than a
    benchmark's."""
    lines = every_record(schema, *but).split("\n")
    for place, line in enumerate(lines):
        record = json.loads(line[2:]) if line.startswith("# {") else {}
        for key in record if not but or record.get("type") in STORM else ():
            changed = line.replace(f'"{key}":', f'"{key[:-1]}~":', 1)
            data = "\n".join([*lines[:place], changed, *lines[place + 1:]]).encode()
            report = read_with_each(data, tmp_path)
            needed = ("v", "type", "domain", *iststorm_report.NEEDED.get(record["type"], ()))
            assert bool(report.problems) == (key in needed), (line, key)
            assert all(problem.startswith(f"line {place + 1}: ") for problem in report.problems)


HOSTILE = ("-1", str(1 << 64), "9" * 400, "9" * 5000, "1e999", "1e400", "0.5", "NaN", "-Infinity",
           "true", "null", '"x"', '""', '"\\ud800"', '"\\udc00x"', '"\\u001b[2J\\u0000"',
           '"1:1 1:1"', '"-99999999999:5"', '"\\u00b2"', "[]", "{}", "[" * 14 + "]" * 14,
           "[" * 40 + "]" * 40, '"' + "y" * 5000 + '"')


@pytest.mark.usefixtures("without_plots")
def test_each_value_may_be_another(schema, tmp_path):
    """A line that does not fit is reported by its number, without a terminal's commands."""
    lines = every_record(schema).split("\n")
    fields = [(place, key) for place, line in enumerate(lines) if line.startswith("# {")
              for key in json.loads(line[2:])]
    generator = random.Random(5)
    for place, key in generator.choices(fields, k=150):
        value = generator.choice(HOSTILE)
        changed = re.sub(rf'("{key}":)("[^"]*"|[-0-9]+)', lambda match: match[1] + value,
                         lines[place], count=1)
        data = "\n".join([*lines[:place], changed, *lines[place + 1:]]).encode()
        report = read_with_each(data, tmp_path)
        assert len(report.records) + bool(report.problems) >= len(schema), changed
        assert all(f"line {place + 1}: " in problem or "the verdict record" in problem
                   for problem in report.problems), changed
        summary = [*map(iststorm_tool.printable, iststorm_report.summary_of(report))]
        assert "".join(summary).isprintable()


def record_with(counts, **fields):
    """A latency record with so many samples of each value."""
    buckets = {latency.bucket_index(value): count for value, count in sorted(counts.items())}
    made = {**synthetic.record([1]), "first": -7, "min": min(counts), "max": max(counts),
            "buckets": " ".join(f"{index}:{count}" for index, count in buckets.items()),
            "count": sum(counts.values()), **fields}
    series = latency.Series(())
    series.add(made, buckets)
    said = {name: series.percentile(name) for name, _ in latency.PERCENTILES}
    return {**made, **{name: value for name, value in said.items() if value is not None}}


def test_values_at_the_ends_are_drawn(tmp_path):
    """Every number of 64 bits has a place on the page."""
    least, most, all_ = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1
    stacks = ({least: 50, most: 50}, {1: all_}, {1: 1 << 63, most: 1}, {0: 1 << 62}, {0: 1},
              {least: 1})
    pairs = ((0, 1, 0), (1, 0, most), (all_, 0, least), (0, all_, 1))
    records = [record_with(counts, stack=f"stack {number}", event=event)
               for number, counts in enumerate(stacks) for event in ("nmi", "null")]
    records += [record_with({value: 100}, **{"from": source, "to": target, "pass": "pairs"})
                for source, target, value in pairs]
    for tsc_hz in (1, all_):
        text = synthetic.stream(records, tsc_hz=tsc_hz)
        report = read_with_each(text.encode(), tmp_path)
        assert report.problems == [] and "stack 5" in (tmp_path / "html").read_text()


def damaged(text, generator):
    """Bytes changed, lost or doubled, keys and values exchanged, lines moved."""
    data = bytearray(text.encode())
    for _ in range(generator.randint(1, 8)):
        place, length = generator.randrange(len(data)), generator.randint(1, 200)
        kind = generator.randrange(6)
        if kind < 2:
            data[place] = generator.randrange(256)
        elif kind == 2:
            del data[place:place + length]
        elif kind == 3:
            data[place:place] = data[generator.randrange(len(data)):][:length]
        elif kind == 4:
            data[place:place] = generator.choice(HOSTILE).encode()
        else:
            data[place:place] = b"\n"
    return bytes(data)


@pytest.mark.usefixtures("without_plots")
def test_no_damage_is_a_crash_or_a_whole_report(schema, tmp_path):
    """Of a benchmark, whose records hang together, and of a report with all records."""
    few = synthetic.stream([record for record in synthetic.bench(count=200, cpus=2)
                            if record.get("stack") != "IRQ"])
    generator = random.Random(11)
    for text, times in ((few, 50), (every_record(schema), 50)):
        whole = iststorm_report.read_report(text.split("\n"))
        for _ in range(times):
            report = read_with_each(damaged(text, generator), tmp_path)
            assert report.problems or report.records == whole.records or text is not few


MANY = 100000
WHOLE = synthetic.stream([synthetic.record([5, 6, 7] * 50)], cmdline="time=1s")


def latency_record(number):
    return "# " + json.dumps({**synthetic.record([1]), "id": number})


def beside(line):
    """A whole report with one more line."""
    return WHOLE.replace("ok 1", f"{line}\nok 1")


EXTREMES = {
    "plan of 5,000 digits": (WHOLE.replace("1..1", "1.." + "9" * 5000), "line 2"),
    "test of 5,000 digits": (WHOLE.replace("ok 1", "ok " + "9" * 5000), "line 5"),
    "headers": ("KTAP version 1\n1..1\n" * MANY, "no verdict"),
    "runs": (WHOLE.replace("iststorm: PASS", "iststorm: FAIL: x") * 1000, "last line says FAIL"),
    "nesting": (beside("# " + '{"a":' * MANY + "1" + "}" * MANY), "line 5"),
    "brackets": (beside("# {" + "[" * MANY), "line 5"),
    "integer": (beside(HEAD % "tide" + ',"x":' + "9" * 5000 + "}"), "line 5"),
    "number past all": (beside(HEAD % "tide" + ',"x":1e999}'), "line 5"),
    "line": (beside("x" * 3000000), "line 5"),
    "keys": (beside(HEAD % "tide" + "".join(f',"k{n}":1' for n in range(MANY)) + "}"), "came of"),
    "records": (beside("\n".join(HEAD % f"tide{n}" + "}" for n in range(MANY // 5))), "came of"),
    "gap": (beside(latency_record((1 << 24) - 1)), "missing: 2-16777214"),
    "order": (beside("\n".join(map(latency_record, range(9000, 5000, -1)))), "out of order"),
    "surrogate": (WHOLE.replace('"seed"', '"system_serial":"\\ud83d","seed"', 1), "line 3"),
    "NULs": (beside("ok\0\0\0" * MANY), "line 5"),
    "bytes": (beside("\udcff\udcfe" * MANY), "line 5"),
    "escapes": (beside("\x1b[" * MANY), "line 5"),
    "steps": (beside(HEAD % "sweep_path" + ',"entry":"x","path":"y","addresses":"' + "9" * 5000
                     + '"}'), "came of"),
    "notes": (beside("# a note\n" * MANY), "CRC-32"),
}
READERS = [["tools/convert", "jsonl"], ["tools/iststorm_report.py"], ["tools/fleet"],
           ["tools/compare"], ["tools/run"], ["ci/lava/check"], ["tools/convert", "csv"],
           ["tools/fleet", "--format", "junit"], ["tools/convert", "sweep", "--elf", "/dev/null"]]


def bounded_time():
    """Of the processor: a busy host changes nothing of it."""
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


def read_by(command, log):
    tool, *options = command
    arguments = {"tools/compare": [log, log], "tools/run": [
        "--command", f"sh -c 'cat {log} #{{words}}'", "--quiet", "--log", "/dev/null", "time=1s"]}
    return subprocess.run([ROOT / tool, *options, *arguments.get(tool, [log])], check=False,
                          capture_output=True, text=True, preexec_fn=bounded_time)


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes(name, tmp_path):
    text, said = EXTREMES[name]
    log = tmp_path / "a.log"
    log.write_bytes(text.encode(errors="surrogateescape"))
    for command in READERS[:5] if name == "headers" else READERS:
        done = read_by(command, log)
        assert 0 <= done.returncode <= DAMAGED, (command, done.returncode, done.stderr[-500:])
        assert "Traceback" not in done.stderr and "tool itself" not in done.stderr, done.stderr
        assert len(done.stderr) < 20000 and done.returncode != 0
        assert command != READERS[0] or said in done.stderr, done.stderr
