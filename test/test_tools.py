# SPDX-License-Identifier: MIT
"""tools/convert, tools/compare, tools/fleet: what they make of whole, cut and garbled reports."""

import csv
import importlib.machinery
import importlib.util
import io
import itertools
import json
import math
import random
import re
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import iststorm_latency as latency
import iststorm_page
import iststorm_report
import pytest
import synthetic
from conftest import ROOT



def load(name):
    """A tool as a module."""
    loader = importlib.machinery.SourceFileLoader(f"tools_{name}", str(ROOT / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


modules = {name: load(name) for name in ("convert", "compare", "fleet")}
NOTHING, DOMAINS, DAMAGED, USAGE = 1, 2, 3, 64


def tool(name, *arguments, text=None):
    return subprocess.run([ROOT / "tools" / name, *arguments], capture_output=True, text=True,
                          input=text, check=False)


@pytest.fixture(scope="module")
def bench():
    """A whole report, as text."""
    return synthetic.stream(synthetic.bench())


@pytest.fixture
def log(tmp_path):
    """A function that writes a log."""
    def write(text, name="a.log"):
        path = tmp_path / name
        path.write_text(text)
        return path
    return write


def result_of(text):
    return latency.result_of("a.log", iststorm_report.read_report(text.split("\n")))


# Histograms


def some_values():
    return [*range(-300, 300), *(sign * (1 << power) + more for power in range(8, 62)
                                 for more in (-1, 0, 1) for sign in (1, -1))]


def test_buckets_hold_their_values():
    for value in some_values():
        index = latency.bucket_index(value)
        lower, upper = latency.bucket_lower(index), latency.bucket_upper(index)
        assert lower <= value <= upper
        assert upper - lower <= abs(value) / latency.SUB_BUCKETS
        assert latency.bucket_lower(index + 1) == upper + 1
    # Some by hand: 64 and 65 share the first bucket that is two values wide.
    assert [latency.bucket_index(value) for value in (0, 63, 64, 65, 66, 127, 128, -63, -66)] == \
        [0, 63, 64, 64, 65, 95, 96, -63, -65]


def test_buckets_are_as_wide_as_the_images():
    """The preprocessor says how many bits of a value a bucket keeps."""
    done = subprocess.run(["gcc", "-E", "-P", "-I", ROOT / "src", "-"], capture_output=True,
                          input='#include "lib/histogram.h"\nHISTOGRAM_BITS\n', text=True,
                          check=True)
    assert int(done.stdout.split("\n")[-2]) == latency.SUB_BITS


@pytest.mark.parametrize("text", ["1", "1:", ":1", "1:2:3", "1:2 1:3", "1:x", "1:-2", "0x1:2"])
def test_damaged_buckets(text):
    with pytest.raises(ValueError):
        latency.parse_buckets(text)


def series_of(*sample_lists):
    series = latency.Series(())
    for values in sample_lists:
        record = synthetic.record(values)
        series.add(record, latency.parse_buckets(record["buckets"]))
    return series


def test_percentiles_of_samples_taken_together():
    generator = random.Random(7)
    lists = [[generator.randint(-20, 5000) for _ in range(5000)] for _ in range(3)]
    ranked = sorted(sum(lists, []))
    series = series_of(*lists)
    assert (series.count, series.min, series.max) == (15000, ranked[0], ranked[-1])
    for name, p in latency.PERCENTILES:
        true = ranked[round(15000 * p) - 1]
        assert true <= series.percentile(name) <= true + max(true, 0) / latency.SUB_BUCKETS
        low, high = series.interval(name, 3.29)
        assert low <= true <= high


def test_a_percentile_needs_samples_beyond_it():
    assert series_of([1] * 19).percentile("p50") is None
    assert series_of([1] * 20).percentile("p50") == 1
    assert series_of([1] * 999).percentile("p99") is None
    assert series_of([1] * 1000).percentile("p99") == 1
    assert series_of([1] * 500, [1] * 500).percentile("p99") == 1


def test_what_an_image_says_is_what_its_buckets_hold():
    """A percentile, or its absence, that the samples do not bear out is damage."""
    values = [*range(100, 300)] * 10
    for change in ({"p50": 198}, {"p99": 10}, {"p999": 299}, {"p50": None}):
        record = {name: value for name, value in {**synthetic.record(values), **change}.items()
                  if value is not None}
        name = next(iter(change))
        result = result_of(synthetic.stream([record, synthetic.record(values)]))
        assert len(result.records) == 1 and f"{name} is {change[name]}" in result.problems[0]


def test_no_latency_record_goes_unmissed(bench):
    """Their numbers have no gap; at the end, the count of all records tells."""
    lines = bench.split("\n")
    numbered = {json.loads(line[2:])["id"]: place for place, line in enumerate(lines)
                if '"type":"latency"' in line}
    for lost, told in (((1,), "1"), ((3, 4, 5, 9), "3-5, 9"), ((max(numbered),), None)):
        gone = [numbered[number] for number in lost]
        text = "\n".join(line for place, line in enumerate(lines) if place not in gone)
        problems = result_of(text).problems
        assert told is None or f"latency records are missing: {told}" in problems
        assert any("records came of" in problem for problem in problems)
    doubled = "\n".join(lines[:numbered[7]] + lines[numbered[7]:numbered[7] + 1] * 2
                        + lines[numbered[7] + 1:])
    assert "latency records are there twice: 7" in result_of(doubled).problems


def test_numbers_out_of_their_range_are_damage():
    text = synthetic.stream([synthetic.record([5] * 100, first=1 << 63),
                             synthetic.record([5] * 100, overhead=-1)])
    assert [problem for problem in result_of(text).problems if "of 64 bits" in problem] == [
        "line 4: damaged record: latency.first is no signed of 64 bits: 9223372036854775808",
        "line 5: damaged record: latency.overhead is no number of 64 bits: -1"]


def test_a_first_sample_below_zero():
    series = series_of([-5])
    assert series.first == -45
    series.add({**synthetic.record([-5]), "first": -60}, {-5: 1})
    assert series.first == -45


def test_buckets_that_go_on_in_further_lines():
    record = synthetic.record([3, 4, 4, 900])
    more = {"v": 1, "type": "buckets", "id": 1, "buckets": record["buckets"].split()[-1]}
    record["buckets"] = " ".join(record["buckets"].split()[:-1])
    result = result_of(synthetic.stream([record, more]))
    assert result.problems == [] and result.records[0][1] == {3: 1, 4: 2, 184: 1}
    lost = result_of(synthetic.stream([record]))
    assert lost.records == [] and "3 samples in buckets, count 4" in lost.problems[0]


# tools/convert


def test_jsonl(bench):
    done = tool("convert", "jsonl", "-", text=bench)
    assert (done.returncode, done.stderr) == (0, "")
    assert [f"# {line}" for line in done.stdout.splitlines()] == \
        [line for line in bench.splitlines() if line.startswith("# {")]
    only = tool("convert", "jsonl", "-", "--type", "latency", "--where", "event=bp", text=bench)
    assert {(record["type"], record["event"]) for record in
            map(json.loads, only.stdout.splitlines())} == {("latency", "bp")}


def test_csv(bench):
    done = tool("convert", "csv", "-", text=bench)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    records = result_of(bench).report.of_type("latency")
    assert done.returncode == 0 and len(rows) == len(records) > 50
    for row, record in zip(rows, records):
        assert {key: value for key, value in row.items() if value} == \
            {key: str(value) for key, value in record.items()}
    machine = tool("convert", "csv", "-", "--type", "machine", text=bench)
    assert len(list(csv.DictReader(io.StringIO(machine.stdout)))) == 1


def suite(text):
    done = tool("convert", "junit", "-", text=text)
    root = ElementTree.fromstring(done.stdout.encode())
    counts = tuple(int(root[0].get(key)) for key in ("tests", "failures", "errors", "skipped"))
    assert tuple(int(root.get(key)) for key in ("tests", "failures", "errors", "skipped")) == counts
    return done.returncode, root[0], counts


def test_junit(bench):
    status, root, counts = suite(bench)
    assert (status, counts) == (0, (2, 0, 0, 0))
    properties = {one.get("name"): one.get("value") for one in root.iter("property")}
    assert properties["cpu_model"] == "A processor"
    _, root, counts = suite(synthetic.stream([], verdict="FAIL: too slow"))
    assert counts == (2, 2, 0, 0)
    assert root.find("testcase[@name='verdict']/failure").get("message") == "FAIL: too slow"
    _, root, counts = suite("KTAP version 1\n1..1\nok 1 wake # SKIP one CPU\niststorm: PASS\n")
    assert counts == (2, 0, 0, 1)
    assert root.find("testcase/skipped").get("message") == "SKIP one CPU"


CONFORM = """\
KTAP version 1
1..3
# {"v":1,"type":"conform","domain":"emulated","check":"a.b","section":"SDM 3A 1",\
"rule":"as it must","expected":"this","seen":"that","result":"deviates"}
not ok 1 a.b
# {"v":1,"type":"conform","domain":"emulated","check":"a.c","section":"SDM 3A 2",\
"rule":"as it should","result":"holds"}
ok 2 a.c
# {"v":1,"type":"fault","domain":"emulated","check":"fill","cpu":3,"detail":"too deep"}
# fill: 1 faults
not ok 3 fill
iststorm: FAIL: x
"""


def test_junit_tells_rule_expected_and_seen():
    """And of a check of every run, what it found."""
    _, root, counts = suite(CONFORM)
    assert counts == (4, 3, 0, 0)
    broken, kept, fill = (root.find(f"testcase[@name='{name}']") for name in ("a.b", "a.c", "fill"))
    assert broken.find("failure").get("message") == "expected this; seen that"
    assert broken.find("failure").text == "as it must (SDM 3A 1)"
    assert {one.get("name"): one.get("value") for one in broken.iter("property")} == {
        "section": "SDM 3A 1", "rule": "as it must", "expected": "this", "seen": "that",
        "result": "deviates"}
    assert kept.find("failure") is None
    assert [one.get("value") for one in kept.iter("property")] == [
        "SDM 3A 2", "as it should", "", "", "holds"]
    assert fill.find("failure").get("message") == "1 faults"
    assert fill.find("failure").text == "CPU 3: too deep"
    _, root, counts = suite("GRUB\n")
    assert root.find("testcase/error").get("message") == "there is no report"


def test_junit_of_what_a_machine_may_say():
    text = synthetic.stream([], cpu_model='<&"\x01\ufffe>')
    _, root, _ = suite(text)
    assert [one.get("value") for one in root.iter("property")
            if one.get("name") == "cpu_model"] == ['<&"??>']


def test_hgrm(bench, tmp_path):
    done = tool("convert", "hgrm", "-", "-o", tmp_path / "h", "--where", "event=nmi", text=bench)
    assert done.returncode == 0
    name = "NMI-nmi-entry-warm-closed-all-cycles-cpu0-cpu0.hgrm"
    assert len(list((tmp_path / "h").iterdir())) == 10 + 36
    lines = (tmp_path / "h" / name).read_text().splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    rows = [list(map(float, line.split())) for line in lines[2:] if not line.startswith("#")]
    record = latency.select(result_of(bench).records, ["event=nmi", "stage=entry", "mode=warm"])[0]
    assert len(rows) == len(record[1])
    assert rows == sorted(rows) and rows[-1] == [record[0]["max"], 1.0, record[0]["count"]]
    for value, share, total, inverse in rows[:-1]:
        assert share == pytest.approx(total / record[0]["count"])
        assert inverse == pytest.approx(1 / (1 - share), rel=0.01)
    # The percentile that the image computed is the value of the first row that reaches it.
    assert next(row[0] for row in rows if row[1] >= 0.99) == record[0]["p99"]
    assert any(line.startswith("#[Max") and str(record[0]["max"]) in line for line in lines)


def test_hgrm_has_a_file_a_record(tmp_path):
    """A record of all pairs is no part of the measurement between the same two CPUs."""
    text = synthetic.stream([synthetic.record([5] * 1000), synthetic.record([9] * 100),
                             synthetic.record([7] * 100, **{"pass": "pairs"})])
    done = tool("convert", "hgrm", "-", "-o", tmp_path, text=text)
    totals = {path.name: re.search("Total count *= *([0-9]+)", path.read_text())[1]
              for path in tmp_path.iterdir()}
    assert done.returncode == 0 and totals == {
        "NMI-nmi-entry-warm-closed-all-cycles-cpu0-cpu0.hgrm": "1100",
        "NMI-nmi-entry-warm-closed-all-cycles-pairs-cpu0-cpu0.hgrm": "100"}


@pytest.mark.parametrize("kind", ["hgrm", "html"])
def test_domains_are_not_converted_together(kind, tmp_path):
    """Neither those of two runs in a row, nor those within one."""
    emulated, metal = (synthetic.stream([synthetic.record([value] * 1000)], domain=domain)
                       for value, domain in ((5, "emulated"), (50000, "metal")))
    for text in (emulated + metal, emulated.replace('"emulated"', '"metal"', 1)):
        done = tool("convert", kind, "-", "-o", tmp_path / "out", text=text)
        assert done.returncode == DOMAINS and "(emulated, metal)" in done.stderr
        assert not (tmp_path / "out").exists()


def test_units_are_not_converted_together(tmp_path):
    """Cycles and instructions of two runs in a row have files, and plots, of their own."""
    text = "".join(synthetic.stream([synthetic.record([value] * 1000, unit=unit)])
                   for value, unit in ((5, "cycles"), (50, "instructions")))
    assert tool("convert", "hgrm", "-", "-o", tmp_path, text=text).returncode == 0
    for value, unit in ((5, "cycles"), (50, "instructions")):
        lines = (tmp_path / f"NMI-nmi-entry-warm-closed-all-{unit}-cpu0-cpu0.hgrm").read_text()
        assert f"[Max     = {value:12.3f}, Total count    =         1000]" in lines
        assert f"[unit {unit}, domain emulated]" in lines
    page = tool("convert", "html", "-", text=text).stdout
    assert page.count("<figcaption>Tail</figcaption>") == page.count(">1,000</td>") == 2


def test_wrong_usage(bench, log):
    path = log(bench)
    for arguments in (["pdf", path], ["hgrm", path], ["html"], ["html", path, "--type", "cpu"],
                      ["csv", path, "--where", "nmi"]):
        assert tool("convert", *arguments).returncode == USAGE
    for name in ("convert", "compare", "fleet"):
        assert "exit status" in tool(name, "--help").stdout
        assert tool(name).returncode == USAGE


@pytest.mark.parametrize("kind", ["csv", "hgrm", "html"])
def test_nothing_to_convert(kind, tmp_path):
    done = tool("convert", kind, "-", "-o", tmp_path / "out", text=synthetic.stream([]))
    assert done.returncode == NOTHING and "no " in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments, complaint", [
    (["csv", "--where", "evnt=nmi"], "'evnt=nmi': unknown key, near 'event'; the keys are id, bat"),
    (["html", "--where", "colour=red"], "'colour=red': unknown key; the keys are id, batch, event"),
    (["jsonl", "--type", "outlier", "--where", "event=bp"], "unknown key; the keys are id, rank"),
    (["jsonl", "--type", "latencies"], "'latencies': unknown type, near 'latency'; the types are "),
    (["csv", "--type", "foo"], "'foo': unknown type; the types are batch, before, before_cpu"),
    (["junit", "--where", "event=bp"], "--where is not for junit")])
def test_names_that_there_are_not(arguments, complaint, few):
    done = tool("convert", *arguments, "-", text=few)
    assert done.returncode == USAGE and complaint in done.stderr and done.stdout == ""


@pytest.mark.parametrize("arguments, complaint", [
    (["csv", "--where", "event=nmmi"], "no record has 'event=nmmi'; as its event: nmi\n"),
    (["hgrm", "--where", "p50=7", "-o", "x"], "no record has 'p50=7'; as its p50: "),
    (["html", "--where", "id=1", "--where", "mode=cold-data"], "all of id=1 mode=cold-data"),
    (["csv", "--type", "fault"], "no records of type fault to convert; there are mach")])
def test_names_that_are_not_in_this_report(arguments, complaint, few):
    done = tool("convert", *arguments, "-", text=few)
    assert done.returncode == NOTHING and complaint in done.stderr and done.stdout == ""


def test_types_and_keys_of_tomorrow_are_known_where_they_are(few):
    new = '# {"v":1,"type":"tide","domain":"emulated","moon":"full"}\n'
    done = tool("convert", "csv", "-", "--type", "tide", "--where", "moon=full",
                text=few.replace("ok 1", new + "ok 1"))
    assert done.stdout == "v,type,domain,moon\n1,tide,emulated,full\n"
    wrong = tool("convert", "jsonl", "-", "--type", "tides", text=few.replace("ok 1", new + "ok 1"))
    assert wrong.returncode == USAGE and "near 'tide'" in wrong.stderr


# Runs in a row


@pytest.mark.parametrize("runs", [2, 20])
def test_runs_in_a_row_count_together(runs, bench):
    """A log of many runs, with what firmware says between: all samples, each outlier its own."""
    one = result_of(bench)
    text = "".join(f"Booting again, {number}\n{bench}" for number in range(runs))
    done = tool("convert", "jsonl", "-", "--type", "latency", text=text)
    assert done.returncode == 0 and done.stderr == ""
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == runs * len(one.records)
    assert len({record["id"] for record in records}) == len(records)
    assert sum(record["count"] for record in records) == runs * sum(
        record["count"] for record, _ in one.records)


def test_one_broken_run_of_many_is_told(bench):
    done = tool("convert", "jsonl", "-", text=bench + cut(bench) + "\n" + bench)
    assert done.returncode == DAMAGED and "run 2: no verdict in the last line" in done.stderr


# Reports that break off, and garbled ones


@pytest.fixture(scope="module")
def few():
    """A report of some latencies: the NMI's, on the CPU itself."""
    return synthetic.stream([record for record in synthetic.bench() if record["type"] != "latency"
                             or record["event"] == "nmi" and record["from"] == record["to"]])


def cut(text):
    """The report broken off in the middle of a record."""
    return text[:text.index('"mode":"cold-data"')]


def garbled(text):
    """One digit of one bucket's count is another: the line still parses."""
    return re.sub(r'(:"[0-9]+:)([0-9])', lambda match: match[1] + str((int(match[2]) + 1) % 10),
                  text, count=1)


@pytest.mark.parametrize("damage, complaint", [
    (cut, "no verdict in the last line"), (garbled, "damaged latency record NMI-nmi-entry-warm"),
    (lambda text: text.replace('"unit"', '"u\ufffdit', 1), "damaged record")])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "junit", "hgrm", "html"])
def test_damage_is_reported_and_the_rest_saved(kind, damage, complaint, few, tmp_path):
    out = tmp_path / "out"
    done = tool("convert", kind, "-", "-o", out, text=damage(few))
    assert done.returncode == DAMAGED and complaint in done.stderr
    saved = out if out.is_file() else next(out.iterdir())
    text = saved.read_text()
    assert len(text) > 200
    if kind not in ("jsonl", "csv"):
        assert complaint in text


def flip(line, place):
    """One character is another that a record may have there."""
    other = "7" if line[place] != "7" else "3"
    return line[:place] + other + line[place + 1:]


def test_no_altered_record_is_taken_for_a_whole_one(few):
    """Any one character of any record, and any record lost or doubled."""
    lines = few.split("\n")
    places = [place for place, line in enumerate(lines) if line.startswith("# {")]
    generator = random.Random(3)
    for place in places[:-1]:
        line = lines[place]
        for new in ([], [line, line], [flip(line, generator.randrange(2, len(line)))],
                    [flip(line, line.index('"domain":"') + 10)]):
            altered = [*lines[:place], *new, *lines[place + 1:]]
            assert iststorm_report.read_report(altered).problems, (line, new)


DEEP = "# " + '{"a":' * 50000 + "1" + "}" * 50000 + "\n"


@pytest.mark.parametrize("damage", [
    lambda text: text.replace('"first":', '"first":1', 1),
    lambda text: text.replace("\n# {", "\n", 1),
    lambda text: re.sub("\n# .*type.:.latency.*", "", text, count=1),
    lambda text: text.replace("ok 1", DEEP + "ok 1"),
    lambda text: text.replace("ok 1", DEEP.replace("50000", "900") + "ok 1")])
def test_every_tool_tells_of_damage_by_its_status(damage, log, tmp_path):
    path = log(damage(synthetic.stream([synthetic.record([5, 6, 7] * 50, event=event)
                                        for event in ("nmi", "bp", "db")])))
    for name, *arguments in (("iststorm_report.py", path), ("fleet", path), ("compare", path, path),
                             *(("convert", kind, path, "-o", tmp_path / kind) for kind in
                               ("jsonl", "csv", "junit", "hgrm", "html"))):
        done = tool(name, *arguments)
        assert done.returncode == DAMAGED and "Traceback" not in done.stderr, (name, done.stderr)


@pytest.mark.parametrize("first, second, complaint", [
    ('"id":2', '"id":3', "latency records are out of order: 2"),
    ('"id":1', '"id":4', "latency records are out of order: 1-3"),
    ('"type":"batch","batch":1', '"type":"batch","batch":2', "measurements are out of order: 1")])
def test_records_that_were_swapped_are_told(first, second, complaint, log):
    """Their number and the sum of their checksums stay as they were; images of old have no more."""
    records = [record for batch, event in enumerate(("nmi", "bp", "db", "mc"), 1) for record in (
        {"v": 1, "type": "batch", "batch": batch, "cpu": 0},
        synthetic.record([5, 6, 7] * 50, event=event, batch=batch))]
    lines = re.sub(r',"lines_crc32":[0-9]+', "", synthetic.stream(records)).split("\n")
    assert result_of("\n".join(lines)).problems == []
    one, other = (next(place for place, line in enumerate(lines) if part in line)
                  for part in (first, second))
    lines[one], lines[other] = lines[other], lines[one]
    path = log("\n".join(lines))
    for name, *arguments in (("fleet", path), ("compare", path, path), ("convert", "csv", path)):
        done = tool(name, *arguments)
        assert done.returncode == DAMAGED and complaint in done.stdout + done.stderr, name


def test_whoever_reads_no_further_is_not_complained_to(bench, log):
    path = log(bench)
    for name, *arguments in (("iststorm_report.py", path), ("fleet", path), ("conform", "--docs"),
                             ("compare", "--all", path, path), ("convert", "jsonl", path),
                             ("convert", "csv", path)):
        with subprocess.Popen([ROOT / "tools" / name, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as one:
            one.stdout.close()
            assert one.stderr.read() == ""
        assert one.returncode == -signal.SIGPIPE, name


# tools/compare


def compare(log, old, new, *arguments):
    return tool("compare", log(old, "old.log"), log(new, "new.log"), *arguments)


def sides(log, before, after):
    """Arguments of tools/compare for the reports of several runs."""
    return ["--before", *(log(text, f"b{place}.log") for place, text in enumerate(before)),
            "--after", *(log(text, f"a{place}.log") for place, text in enumerate(after))]


@pytest.fixture(scope="module")
def runs_of_one_image():
    """The summary of eight runs that differ by a tenth in each number, or more."""
    return [synthetic.stream(synthetic.bench(seed=seed, count=1000, cpus=2, drift=0.1))
            for seed in range(8)]


@pytest.fixture(scope="module")
def slow_runs():
    return [synthetic.stream(synthetic.bench(seed=seed, count=1000, cpus=2, drift=0.1, slower=2.5))
            for seed in range(8, 12)]


def test_runs_of_one_image_are_no_slower_than_each_other(runs_of_one_image, log):
    """Though dozens of numbers differ by more than the threshold."""
    done = tool("compare", *sides(log, runs_of_one_image[:4], runs_of_one_image[4:]))
    assert done.returncode == 0, done.stdout
    assert re.search(r"^1[0-9]{2} numbers compared: 0 slower, 0 faster, 1[0-9]{2} the same",
                     done.stdout, re.M)
    assert "4 and 4 runs: " in done.stdout and "at most 2 in 35" in done.stdout
    one = tool("compare", *sides(log, runs_of_one_image[:1], runs_of_one_image[1:2]))
    assert one.returncode in (0, 2) and " 0 slower, 0 faster" in one.stdout
    assert "too few to tell chance from change" in one.stdout


def test_what_got_slower_is_named(runs_of_one_image, slow_runs, log):
    done = tool("compare", *sides(log, runs_of_one_image[:4], slow_runs))
    slower = [line for line in done.stdout.splitlines() if line.startswith("slower")]
    assert done.returncode == 1 and len(slower) >= 6
    named = r"slower  nmi \(NMI\) entry (warm|cold-data) +(min|p[0-9.]+) .* \+[12][0-9]{2}"
    assert all(re.match(named, line) for line in slower), slower
    faster = tool("compare", *sides(log, slow_runs, runs_of_one_image[:4]))
    assert faster.returncode == 0 and f" 0 slower, {len(slower)} faster" in faster.stdout
    for more in (["--threshold", "300"], ["--where", "event=bp"]):
        done = tool("compare", *sides(log, runs_of_one_image[:4], slow_runs), *more)
        assert done.returncode == 0, done.stdout


def test_what_is_noisy_by_nature_hides_no_path(log):
    """Few samples, and those that waited for others, part the runs more clearly, otherwise."""
    def report(run):
        slow, high = run >= 4, run in (0, 3, 6, 7)
        records = [synthetic.record([value] * 1000, event=event, **more) for event, value, more in (
            ("nmi", 100 + run + 40 * slow, {}), ("irq", 60 + 900 * high, {"pass": "pairs"}),
            ("db", 60 + 900 * high, {"loop": "open-intended"}))]
        return synthetic.stream([synthetic.null_test(1000), *records])
    logs = [report(run) for run in range(8)]
    done = tool("compare", *sides(log, logs[:4], logs[4:]))
    slower = [line for line in done.stdout.splitlines() if line.startswith("slower ")]
    assert done.returncode == 1 and len(slower) == 2 and all("nmi" in line for line in slower)


def test_few_runs_prove_nothing(bench, runs_of_one_image, slow_runs, log):
    """Outstanding numbers are listed, and the exit status says that there is no answer."""
    for before, after in ((runs_of_one_image[:2], slow_runs[:2]),
                          ([bench], [synthetic.stream(synthetic.bench(seed=2, slower=1.5))])):
        done = tool("compare", *sides(log, before, after))
        assert done.returncode == 2 and " 0 slower, 0 faster" in done.stdout
        lines = [line for line in done.stdout.splitlines() if line.startswith("slower?")]
        assert lines[0].startswith("slower? nmi (NMI) entry")
        assert "take several logs each" in done.stdout


def test_runs_of_one_log_count_each(runs_of_one_image, log):
    done = compare(log, "".join(runs_of_one_image[:4]), "".join(runs_of_one_image[4:]))
    assert done.returncode == 0 and "4 and 4 runs" in done.stdout


def test_no_division_but_one_is_the_strongest():
    """All numbers noise: among all ways of dividing eight runs, one at most, either way round,
    shows anything. This bounds the false alarms."""
    judge = modules["compare"].judge
    generator = random.Random(4)
    noise = [[100 * math.exp(generator.gauss(0, 0.3)) for _ in range(8)] for _ in range(300)]
    alarms = separated = 0
    for after in itertools.combinations(range(8), 4):
        numbers = [judge.Number("m", "p50", "cycles",
                                [values[run] for run in range(8) if run not in after],
                                [values[run] for run in after]) for values in noise]
        assert judge.judge(numbers, 10)
        alarms += any(number.verdict != "same" for number in numbers)
        separated += any(min(number.after) > 1.1 * max(number.before) for number in numbers)
    assert alarms == 2 and separated > 20
    assert judge.strength([100, 101], [130, 140], 28, 10) > 0
    assert judge.strength([100, 101], [130, 140], 30, 10) == 0  # no more than the floor
    assert judge.strength([100, 101], [130, 140], 0, 30) == 0  # no more than the threshold
    assert [judge.divisions(*runs) for runs in ((1, 1), (2, 2), (3, 3), (4, 4), (3, 5))] == [
        1, 3, 10, 35, 56]


def test_a_null_test_that_shifted_ends_the_comparison(log):
    def report(slower, seed):
        records = [record for record in synthetic.bench(seed=seed, count=1000, cpus=2)
                   if record.get("event") != "null"]
        return synthetic.stream([synthetic.null_test(1000, slower), *records])
    for runs in (1, 3):
        before = [report(seed % 2, seed) for seed in range(runs)]
        after = [report(12 + seed % 2, seed + 10) for seed in range(runs)]
        done = tool("compare", *sides(log, before, after))
        assert done.returncode == DOMAINS and done.stdout == ""
        assert "the null test shifted: an empty pair of stamps takes 24" in done.stderr
    done = tool("compare", *sides(log, [report(0, 1)], [report(1, 1)]))
    assert done.returncode == 0 and "0 stand out" in done.stdout


def test_what_a_failed_run_measured_is_not_compared(bench, log):
    for verdict in ("FAIL: CPU 1: lost", "REFUSED: x"):
        bad = bench.replace("iststorm: PASS", f"iststorm: {verdict}")
        for old, new in ((bench, bad), (bad, bench)):
            done = compare(log, old, new)
            assert done.returncode == DOMAINS and done.stdout == "" and verdict in done.stderr


def test_what_differs_between_machines_is_told(log):
    def report(seed, **machine):
        return synthetic.stream([synthetic.record([5] * 100)], cmdline=f"run=latency seed={seed}",
                                **machine)
    old = report(1, entry="shift", microcode=5, bios_version="1.0")
    new = report(2, entry="ret", microcode=6, bios_version="1.1")
    lines = compare(log, old, new).stdout.splitlines()
    assert lines[:3] == ["bios_version: 1.0 -> 1.1", "microcode: 5 -> 6", "entry: shift -> ret"]
    done = tool("compare", *sides(log, [old, new], [new]))
    assert "entry: ret, shift -> ret" in done.stdout and "seed" not in done.stdout


def test_only_what_every_log_has_is_compared(log):
    """Which CPUs measure events to themselves depends on time: those that did in all logs."""
    def report(cpus, cycles):
        return synthetic.stream([
            synthetic.record([cycles[cpu]] * 1000, unit="instructions",
                             **{"from": cpu, "to": cpu}) for cpu in range(cpus)])
    fast, slow = report(2, [100, 100]), report(4, [100, 100, 900, 900])
    done = compare(log, fast, slow)
    assert done.returncode == 0 and "2 the same" in done.stdout
    assert "not in every log, and left out: CPUs 2->2, 3->3" in done.stdout


def test_few_samples_prove_little(log):
    """A median of thirty samples may move by more than the threshold by chance alone."""
    generator = random.Random(5)
    few = [synthetic.record([generator.randint(100, 1000) for _ in range(30)]) for _ in range(2)]
    assert abs(few[0]["p50"] - few[1]["p50"]) > 0.1 * few[0]["p50"]
    done = compare(log, synthetic.stream(few[:1]), synthetic.stream(few[1:]))
    assert done.returncode == 0 and " 0 stand out, 2 the same" in done.stdout


def test_counted_instructions_may_not_grow_at_all(log):
    def counted(length):
        return synthetic.stream([synthetic.record([length] * 100, unit="instructions")])
    assert compare(log, counted(45), counted(45)).returncode == 0
    done = compare(log, counted(45), counted(46))
    assert done.returncode == 1 and re.search(r"min +45 -> +46 instructions", done.stdout)
    assert compare(log, counted(45), counted(44)).returncode == 0
    assert compare(log, counted(45), counted(46), "--threshold", "5").returncode == 0


def test_where_a_tick_lands_is_no_growth(log):
    """It is in some samples of a count, and moves with any change of the code."""
    def counted(tick, loop="closed"):
        return synthetic.stream([synthetic.record([45] * (1000 - tick) + [1200] * tick, loop=loop,
                                                  unit="instructions")])
    assert compare(log, counted(3), counted(400)).returncode == 0
    assert compare(log, counted(3, "open"), counted(800, "open")).returncode == 0
    assert compare(log, counted(3), counted(800)).returncode == 1


def test_tscs_of_different_speed_are_compared_as_time(log):
    def at(tsc_hz, cycles):
        return synthetic.stream([synthetic.record([cycles] * 100)], tsc_hz=tsc_hz)
    done = compare(log, at(1_000_000_000, 500), at(2_000_000_000, 1000))
    assert done.returncode == 0 and "tsc_hz: 1000000000 -> 2000000000" in done.stdout
    done = compare(log, at(1_000_000_000, 500), at(2_000_000_000, 2000))
    assert done.returncode == 2 and re.search(r"500 -> +1,000 ns", done.stdout)


def test_pairs_by_themselves(log):
    """One pair among many gets lost in all of them together."""
    def pairs(slow):
        return synthetic.stream([
            synthetic.record([900 * (2 if slow and pair == (1, 2) else 1)] * 1000,
                             **{"from": pair[0], "to": pair[1]}) for pair in synthetic.pairs(4)])
    assert compare(log, pairs(False), pairs(True), "--where", "to=1").returncode == 0
    done = compare(log, pairs(False), pairs(True), "--pairs")
    assert done.returncode == 2 and "1->2" in done.stdout and "2->1" not in done.stdout


def test_what_there_is_not_to_compare(bench, log):
    done = compare(log, bench, bench, "--where", "stge=entry")
    assert done.returncode == USAGE and "unknown key, near 'stage'" in done.stderr
    done = compare(log, bench, bench, "--where", "mode=halted")
    assert done.returncode == DOMAINS and done.stdout == ""
    assert "no record has 'mode=halted'; as its mode: warm, cold-data\n" in done.stderr


def test_what_cannot_be_compared(bench, log):
    metal = synthetic.stream(synthetic.bench(), domain="metal")
    done = compare(log, bench, metal)
    assert done.returncode == DOMAINS and done.stdout == "" and "emulated, metal" in done.stderr
    other = synthetic.stream([synthetic.record([5] * 100, event="of-tomorrow")])
    assert compare(log, bench, other).returncode == DOMAINS
    done = compare(log, bench, synthetic.stream(synthetic.bench()[6:]))
    assert done.returncode == DAMAGED and "missing nmi (NMI) entry warm" in done.stdout
    for damage in (cut, garbled, lambda text: text.replace("\nok 1", "\n\ufffd\nok 1")):
        done = compare(log, bench, damage(bench))
        assert done.returncode == DAMAGED and "numbers compared" in done.stdout and done.stderr


# tools/fleet

STORM = """\
KTAP version 1
1..1
# {"v":1,"type":"machine","domain":"metal","system_vendor":"Acme","system_serial":"SN%s"}
# {"v":1,"type":"workload","domain":"metal","workload":"nmi","cpu_min_per_s":50,"cpu_max_per_s":100}
# {"v":1,"type":"workload","domain":"metal","workload":"irq","cpu_min_per_s":9,"cpu_max_per_s":10}
# {"v":1,"type":"heartbeat","domain":"metal","time_ms":10000,"events":7000,"faults":0}
ok 1 nmi
# {"v":1,"type":"verdict","domain":"metal","time_ms":259200000,"events":123456,"faults":0}
iststorm: PASS
"""
FAILED = STORM.replace("ok 1", "not ok 1").replace(": PASS", ": FAIL: CPU 3: lost") \
    .replace('123456,"faults":0', '123456,"faults":2')
LOST = '"faults":0,"lost_lines":2}\nist'
BROKEN = STORM[:STORM.index("ok 1")]


def fleet(*paths, arguments=()):
    done = tool("fleet", *paths, *arguments, "--format", "jsonl")
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_one_line_a_machine(log, tmp_path):
    log(STORM % 1, "one.log")
    log(FAILED % 2, "three.log")
    log(BROKEN % 3, "two.log")
    status, rows = fleet(tmp_path)
    assert status == 1 and len(rows) == 3
    assert rows[0] == {"identity": "one.log SN1 Acme", "verdict": "PASS", "elapsed_ms": 259200000,
                       "events": 123456, "slowest": "nmi 50/s (50 %)", "errors": 0, "hardware": "",
                       "damaged": 0, "reason": ""}
    assert (rows[1]["verdict"], rows[1]["errors"], rows[1]["reason"]) == ("FAIL", 2, "CPU 3: lost")
    assert (rows[2]["verdict"], rows[2]["elapsed_ms"], rows[2]["events"]) == ("FAIL", 10000, 7000)
    assert "no verdict" in rows[2]["reason"] and rows[2]["damaged"] > 0
    text = tool("fleet", tmp_path)
    assert text.returncode == 1 and text.stdout.endswith("3 runs: 1 PASS, 2 FAIL\n")
    assert "72h00m" in text.stdout and len(text.stdout.splitlines()) == 5
    assert len(tool("fleet", "--bad", tmp_path).stdout.splitlines()) == 4
    rows = list(csv.DictReader(io.StringIO(tool("fleet", tmp_path, "--format", "csv").stdout)))
    assert [row["verdict"] for row in rows] == ["PASS", "FAIL", "FAIL"]
    root = ElementTree.fromstring(tool("fleet", tmp_path, "--format", "junit").stdout.encode())
    assert (len(root), root.get("failures"), root.get("errors")) == (3, "2", "1")


@pytest.mark.parametrize("text, status", [
    (STORM, 0), (FAILED, 1), (BROKEN, 1), ("iststorm: REFUSED: 'x=y'\n", 2), ("", 1),
    (STORM.replace("ok 1", "x\nok 1"), 3), (STORM.replace('"faults":0}\nist', LOST), 3),
    (STORM + "ok 2 more\n", 1)])
def test_fleets_exit_status(text, status, log):
    assert fleet(log(text))[0] == status


def test_a_damaged_report_is_no_pass(log, tmp_path):
    """Also where the exit status has something worse to say."""
    log(STORM.replace("ok 1", "x\x1b\nok 1") % 1, "damaged.log")
    status, (row,) = fleet(tmp_path)
    assert (status, row["verdict"], row["damaged"]) == (3, "DAMAGED", 1)
    assert "line 7" in row["reason"] and "x?" in tool("fleet", tmp_path).stdout
    log(STORM % 2, "whole.log")
    log(FAILED % 3, "worse.log")
    status, rows = fleet(tmp_path)
    assert status == 1 and [row["verdict"] for row in rows] == ["DAMAGED", "PASS", "FAIL"]
    assert tool("fleet", tmp_path).stdout.endswith("3 runs: 1 PASS, 1 DAMAGED, 1 FAIL\n")


def test_who_is_expected_and_has_no_log(log, tmp_path):
    machine = '"mac":"52:54:00:ab:00:01","ip":"10.0.0.7","system_vendor":"Acme"'
    log((STORM % 1).replace('"system_vendor":"Acme"', machine), "rack-1.log")
    log((STORM % 2) * 2, "rack-2.log")
    names = tmp_path / "names"
    names.write_text("52-54-00-AB-00-01\n525400ab0001\n10.0.0.7\nsn1\nrack-2\n"
                     "rack-2.log # twice\n\n# none\n")
    assert fleet(tmp_path, arguments=("--expect", names))[0] == 0
    names.write_text("rack-1\nrack-3\n52:54:00:ab:00:02\n")
    status, rows = fleet(tmp_path, arguments=("--expect", names))
    assert status == 1
    assert [(row["identity"].split()[0], row["verdict"]) for row in rows[3:]] == [
        ("rack-3", "no log"), ("52:54:00:ab:00:02", "no log")]
    text = tool("fleet", tmp_path, "--expect", names, "--bad").stdout
    assert text.endswith("\n0 runs: 2 without a log\n") and len(text.splitlines()) == 4
    junit = tool("fleet", tmp_path, "--expect", names, "--format", "junit").stdout
    assert ElementTree.fromstring(junit.encode()).get("errors") == "2"
    names.write_text("# nobody\n")
    done = tool("fleet", tmp_path, "--expect", names)
    assert done.returncode == 64 and "names no machine" in done.stderr


def test_a_folder_without_logs_is_said(log, tmp_path):
    log(STORM % 1, "rack-1.txt")
    done = tool("fleet", tmp_path)
    assert done.returncode == 1 and done.stderr == f"tools/fleet: no file *.log in {tmp_path}\n"
    assert done.stdout.splitlines()[1:] == ["0 runs"]


def test_runs_in_a_row(log):
    """A console's log: firmware's lines between runs are nobody's; a run that died has failed."""
    firmware = "SeaBIOS\nBooting from ROM\n"
    status, rows = fleet(log(firmware + STORM + firmware + BROKEN + firmware + STORM + firmware))
    assert status == 1 and [row["verdict"] for row in rows] == ["PASS", "FAIL", "PASS"]
    assert [row["identity"].split()[0] for row in rows] == ["a.log#1", "a.log#2", "a.log#3"]
    status, rows = fleet(log((firmware + "iststorm: REFUSED: x\n") * 2 + STORM))
    assert status == 2 and [row["verdict"] for row in rows] == ["REFUSED", "REFUSED", "PASS"]
    assert not any(row["damaged"] for row in rows)
    status, rows = fleet(log((STORM + firmware) * 20))
    assert status == 0 and len(rows) == 20 and not any(row["damaged"] for row in rows)


JUNK = bytes(random.Random(1).randrange(256) for _ in range(5000)).replace(b"\n", b"")


@pytest.mark.parametrize("noise", [
    lambda text: text.replace(b"\n", b"\r\n"), lambda text: text.replace(b"\n", b"\r\r\n"),
    lambda text: text.replace(b"\n", b"\n\0"), lambda text: b"\0" * 100 + text,
    lambda text: b"\x1b[2J\x1b[1;1H" + text.replace(b"\n", b"\x1b[0m\r\n"),
    lambda text: JUNK + b"\n" + text + JUNK, lambda text: b"x" * 3000000 + b"\n" + text])
def test_what_consoles_put_around_a_report(noise, tmp_path):
    """Serial over LAN, terminal servers, lines at the wrong speed before the kernel."""
    (tmp_path / "a.log").write_bytes(noise((STORM % 1).encode()))
    status, (row,) = fleet(tmp_path)
    assert (status, row["verdict"], row["damaged"]) == (0, "PASS", 0)


def test_a_benchmarks_longest_latency(log):
    records = [synthetic.record([1, 2, 70000]), synthetic.record([3, 4], event="bp")]
    for domain, longest in (("metal", "nmi entry 70000 cycles"), ("emulated", "")):
        _, rows = fleet(log(synthetic.stream(records, domain=domain)))
        assert rows[0]["slowest"] == longest


def test_what_a_machine_noted_and_passed_with(log):
    cpu = '# {"v":1,"type":"cpu","domain":"metal","cpu":%d,"corrected_errors":2,"throttles":%d}\n'
    text = STORM % 1
    _, rows = fleet(log(text.replace("ok 1", cpu % (0, 3) + cpu % (1, 4) + "ok 1")))
    assert (rows[0]["verdict"], rows[0]["hardware"]) == ("PASS", "4 corrected, 7 throttled")
    beat = text.replace('"faults":0}\nok', '"faults":0,"corrected_errors":9}\nok')
    _, rows = fleet(log(beat[:beat.index("ok 1")]))
    assert (rows[0]["verdict"], rows[0]["hardware"]) == ("FAIL", "9 corrected")
    _, rows = fleet(log("GRUB loading.\n"))
    assert rows[0]["reason"] == "no verdict: there is no report in it"
    left = ('# {"v":1,"type":"machine_check","domain":"metal","cpu":0,"bank":3,"kind":"deferred",'
            '"when":"before","count":1}\n')
    _, rows = fleet(log(text.replace("ok 1", left + left + left.replace('"before"', '"now"') +
                                     "ok 1")))
    assert rows[0]["hardware"] == "2 deferred before"


def test_boards_without_a_name(log):
    _, rows = fleet(log(STORM.replace("Acme", "To be filled by O.E.M.") % 4))
    assert rows[0]["identity"] == "a.log SN4"
