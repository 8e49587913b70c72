# SPDX-License-Identifier: MIT
"""Latency results of a report: the image's histograms, and what can be computed from them.

The buckets are log-linear, as src/lib/histogram.h has them: values below 2 * SUB_BUCKETS have a
bucket each; above, each doubling is cut into SUB_BUCKETS of one width. A negative value's bucket
is that of its magnitude, mirrored.
"""

import collections
import dataclasses
import functools
import itertools
import json
import math
import os
import re

from iststorm_report import Report, lines_of, read_runs, read_schema
from iststorm_tool import Unknown

SUB_BITS = 5
SUB_BUCKETS = 1 << SUB_BITS
PERCENTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999))
TITLES = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9"}
WHOLE = 1000  # of which each percentile is a whole number of parts
# A percentile needs so many samples beyond it.
SAMPLES_BEYOND = 10
# Records that agree in these are of the same measurement, but for the CPUs.
KEY = ("stack", "event", "stage", "mode", "loop", "samples", "unit")
PASS_OF_PAIRS = "pairs"  # the measurements between all pairs of CPUs, in fewer samples each
MOST_TOLD = 20  # values of a key
MOST_RECORDS = 1 << 24  # of one run, in which ids are looked for
PAIR = re.compile(r"(-?[0-9]{1,6}):([0-9]{1,20})")


class NoneSuch(Exception):
    """No record meets a condition; the text lists the values that there are."""


class NotTogether(Exception):
    """Results that must not be in one table or plot; the text says why."""


def bucket_lower(index):
    """The least value that falls into a bucket."""
    if index < 0:
        return -bucket_upper(-index)
    if index < 2 * SUB_BUCKETS:
        return index
    return (SUB_BUCKETS + index % SUB_BUCKETS) << (index // SUB_BUCKETS - 1)


def bucket_upper(index):
    """The greatest value that falls into a bucket."""
    if index < 0:
        return -bucket_lower(-index)
    return bucket_lower(index + 1) - 1


def bucket_index(value):
    """The bucket that a value falls into."""
    if value < 0:
        return -bucket_index(-value)
    shift = max(value.bit_length() - SUB_BITS - 1, 0)
    return shift * SUB_BUCKETS + (value >> shift)


def parse_buckets(text):
    """The counts by bucket of "index:count index:count"; ValueError where it is damaged."""
    counts = {}
    for word in text.split():
        match = PAIR.fullmatch(word)
        if not match or int(match[1]) in counts:
            raise ValueError(f"bucket {word!r}")
        counts[int(match[1])] = int(match[2])
    return dict(sorted(counts.items()))


def enough(count, p):
    """Whether as many samples can tell this percentile."""
    return count * (WHOLE - round(p * WHOLE)) >= SAMPLES_BEYOND * WHOLE


def rank_of(count, p):
    """The rank, from 1, of the first sample that as large a share is within, as the image has it:
    in whole numbers."""
    return -(-count * round(p * WHOLE) // WHOLE)


@dataclasses.dataclass
class Series:
    """Samples of one measurement: one record's, or those of several CPUs together."""
    key: tuple
    cpus: list = dataclasses.field(default_factory=list)
    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    count: int = 0
    min: int | None = None
    max: int | None = None
    first: int | None = None

    def __getattr__(self, name):
        if name in KEY:
            return self.key[KEY.index(name)]
        raise AttributeError(name)

    def add(self, record, counts):
        """One more record, with its counts by bucket."""
        self.cpus.append((record.get("from"), record.get("to")))
        self.counts.update(counts)
        self.count += record["count"]
        if record["count"]:
            self.min = record["min"] if self.min is None else min(self.min, record["min"])
            self.max = record["max"] if self.max is None else max(self.max, record["max"])
        if "first" in record:
            self.first = max(record["first"], record["first"] if self.first is None
                             else self.first)

    def at_rank(self, rank):
        """The bucket of the sample with that many before or at it."""
        seen = 0
        for index, count in sorted(self.counts.items()):
            seen += count
            if seen >= rank:
                return index
        return max(self.counts)

    def percentile(self, name):
        """Its value, or None where there are too few samples to tell."""
        p = dict(PERCENTILES)[name]
        if not self.counts or not enough(self.count, p):
            return None
        return min(bucket_upper(self.at_rank(rank_of(self.count, p))), self.max)

    def interval(self, name, z):
        """Between which values the percentile lies, by the binomial law of its rank."""
        p = dict(PERCENTILES)[name]
        spread = z * math.sqrt(self.count * p * (1 - p))
        low = self.at_rank(max(math.floor(self.count * p - spread), 1))
        high = self.at_rank(min(math.ceil(self.count * p + spread), self.count))
        return max(bucket_lower(low), self.min), min(bucket_upper(high), self.max)

    def tail(self):
        """(1/(1-p), value) for each bucket: the value that a share p of the samples is within."""
        points, seen = [], 0
        for index, count in sorted(self.counts.items()):
            points.append((self.count / (self.count - seen), max(bucket_lower(index), self.min)))
            seen += count
            upper = min(bucket_upper(index), self.max)
            points.append((self.count / max(self.count - seen, 1), upper))
        return points


@dataclasses.dataclass
class Result:
    """A report read for its latencies. `problems` adds to the report's what their records show."""
    name: str
    report: object
    records: list
    problems: list
    # And those between all pairs of CPUs: PASS_OF_PAIRS.
    paired: list = dataclasses.field(default_factory=list)

    @functools.cached_property
    def machine(self):
        return next(iter(self.report.of_type("machine")), {})

    @property
    def tsc_hz(self):
        return self.machine.get("tsc_hz") or None

    @property
    def domain(self):
        return next(iter(sorted(domains(self))), None)

    def ns(self, value, unit):
        """Cycles as nanoseconds, or None: instructions are not time."""
        if value is None or unit != "cycles" or not self.tsc_hz:
            return None
        return value * 1e9 / self.tsc_hz


def read_result(path):
    """The latencies of a log: of one run, or of several in a row taken together."""
    results = read_results(path)
    return results[0] if len(results) == 1 else together(os.path.basename(path), results)


def read_results(path):
    """The same, each run in the log by itself."""
    name, reports = os.path.basename(path), read_runs(lines_of(path))
    return [result_of(f"{name}#{number}" if len(reports) > 1 else name, report)
            for number, report in enumerate(reports, 1)]


def together(name, results):
    """Several runs as one: ids begin where those of the run before ended."""
    whole, past = Report(), 0
    for result in results:
        numbered = [record for record in result.report.records
                    if isinstance(record.get("id"), int)]
        for record in numbered:
            record["id"] += past
        past = max((record["id"] for record in numbered), default=past)
        whole.records += result.report.records
        whole.tests += result.report.tests
        whole.notes += result.report.notes
    failed = [result.report for result in results if not result.report.passed]
    last = (failed or [results[-1].report])[0]
    whole.verdict, whole.reason = last.verdict, last.reason
    return Result(name, whole, [pair for result in results for pair in result.records],
                  [f"run {number}: {problem}" for number, result in enumerate(results, 1)
                   for problem in result.problems],
                  [pair for result in results for pair in result.paired])


def result_of(name, report):
    """The latencies of a report."""
    problems = list(report.problems)
    problems += [f"{record['lost_lines']} lines of the report found no room on their way out"
                 for record in report.of_type("verdict") if record.get("lost_lines")]
    problems += wrong_ids(report.of_type("latency"))
    problems += out_of_order(report.records)
    records, more = [], {}
    for record in report.of_type("buckets"):
        more.setdefault(record.get("id"), []).append(str(record.get("buckets")))
    for record in report.of_type("latency"):
        try:
            text = " ".join([record["buckets"], *more.get(record["id"], ())])
            records.append((record, check_latency(record, text)))
        except ValueError as error:
            what = "-".join(str(record.get(name)) for name in KEY)
            problems.append(f"damaged latency record {what}: {error}")
    return Result(name, report, [pair for pair in records if "pass" not in pair[0]], problems,
                  [pair for pair in records if pair[0].get("pass") == PASS_OF_PAIRS])


def wrong_ids(records):
    """The image numbers its latency records from 1: those that are missing, or there twice."""
    ids = collections.Counter(record["id"] for record in records)
    there = [0, *sorted(number for number in ids if 0 < number <= MOST_RECORDS)]
    if missing := [span(before + 1, after - 1) for before, after in zip(there, there[1:])
                   if after > before + 1]:
        yield f"latency records are missing: {', '.join(missing)}"
    if twice := sorted(number for number, count in ids.items() if count > 1):
        yield f"latency records are there twice: {spans(twice)}"
    if wrong := sorted(number for number in ids if not 0 < number <= MOST_RECORDS):
        yield f"latency records have impossible ids: {spans(wrong)}"


def out_of_order(records):
    """Measurements and latency records come as they are numbered: which stand behind later ones."""
    for what, numbers in (
            ("latency records", [record["id"] for record in records
                                 if record["type"] == "latency"]),
            ("measurements", [record["batch"] for record in records if "batch" in record])):
        if late := {number for number, greatest in zip(numbers, itertools.accumulate(numbers, max))
                    if number < greatest}:
            yield f"{what} are out of order: {spans(sorted(late))}"


def span(first, last):
    return f"{first}-{last}" if last > first else str(first)


def spans(numbers):
    """Rising numbers as 1-3, 7."""
    text = []
    for _, run in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in run]
        text.append(span(run[0], run[-1]))
    return ", ".join(text)


def check_latency(record, text):
    """The counts by bucket of a latency record that holds together, with all its buckets' text."""
    counts = parse_buckets(text)
    if sum(counts.values()) != record["count"]:
        raise ValueError(f"{sum(counts.values())} samples in buckets, count {record['count']}")
    for name in ("min", "max"):
        if counts and name not in record:
            raise ValueError(f"{name} is missing")
    if counts and not (bucket_index(record["min"]) == min(counts)
                       and bucket_index(record["max"]) == max(counts)):
        raise ValueError("min and max are not in the first and the last bucket")
    series = Series(())
    series.add(record, counts)
    for name, _ in PERCENTILES:
        if record.get(name) != (value := series.percentile(name)):
            raise ValueError(f"{name} is {record.get(name)}, of the buckets {value}")
    return counts


def domains(*results):
    return {record.get("domain") for result in results for record in result.report.records}


def check_together(*results):
    """Results of an emulator, a virtual machine and silicon are never compared."""
    if len(found := domains(*results)) > 1:
        names = ", ".join(sorted(map(str, found)))
        raise NotTogether(f"results of different domains ({names}) are not comparable")


def key_of(record):
    return tuple(record.get(name, "") for name in KEY)


def is_cross(record):
    """Whether the event came from another CPU."""
    return record.get("from") != record.get("to")


def gather(records, group=lambda record: (*key_of(record), is_cross(record))):
    """Series by group, in the report's order: by default those of one measurement on all CPUs."""
    series = {}
    for record, counts in records:
        series.setdefault(group(record), Series(key_of(record))).add(record, counts)
    return series


def withheld(result):
    """{as gather() has it: to how many cycles the clocks' offset was known}, of the stages between
    two CPUs that were measured and are told of none."""
    offsets = collections.defaultdict(list)
    for record in result.report.of_type("offset"):
        offsets[record.get("batch")].append(record)
    there, found = gather(result.records), {}
    for record, _ in result.records:
        for offset in offsets.get(record.get("batch"), ()):
            for stage in offset.get("withheld", "").split():
                key = *key_of({**record, "stage": stage}), is_cross(record)
                if key not in there and record.get("loop") != "open-intended":
                    found[key] = max(offset.get("bound_cycles", 0), found.get(key, 0))
    return found


def select(records, conditions):
    """The records with these values, of conditions like mode=warm."""
    wanted = [condition.partition("=")[::2] for condition in conditions]
    return [(record, counts) for record, counts in records
            if all(str(record.get(name)) == value for name, value in wanted)]


def check_conditions(records, conditions):
    """Raises Unknown where a condition's key is none that such records may have, NoneSuch where
    none has its value."""
    schema = read_schema()
    names = [name for type_name in dict.fromkeys(record["type"] for record in records)
             for name in schema.get(type_name, ())]
    known = list(dict.fromkeys([*names, *(name for record in records for name in record)]))
    for condition in conditions:
        name, _, value = condition.partition("=")
        if records and name not in known:
            raise Unknown(f"'{condition}'", "key", name, known)
        values = list(dict.fromkeys(str(record[name]) for record in records if name in record))
        if value not in values:
            there = ", ".join(values) if len(values) <= MOST_TOLD else f"{len(values)} others"
            raise NoneSuch(f"no record has '{condition}'; as its {name}: {there or 'nothing'}")


def compact(record):
    return json.dumps(record, separators=(",", ":"))
