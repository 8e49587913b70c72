# SPDX-License-Identifier: MIT
"""Reports of benchmarks that never ran, for the tests of the tools that read them."""

import itertools
import json
import math
import random
import zlib

import iststorm_latency as latency

SELF_STAGES = {"entry": 60, "dispatch": 110, "service": 40, "exit": 90, "round-trip": 300}
CROSS_STAGES = {"send": 200, "one-way": 900, "round-trip": 1900}


def samples(generator, typical, count):
    """Latencies with a body, a second mode and a long tail."""
    values = [typical + int(generator.expovariate(1 / (typical * 0.08))) for _ in range(count)]
    for place in range(0, count, 50):
        values[place] += typical
    for place in range(0, count, 997):
        values[place] *= generator.randint(10, 200)
    return values


def record(values, **fields):
    """A latency record, as the image writes it."""
    counts = {}
    for value in values:
        counts[latency.bucket_index(value)] = counts.get(latency.bucket_index(value), 0) + 1
    made = {"v": 1, "type": "latency", "domain": "emulated", "stack": "NMI", "event": "nmi",
            "stage": "entry", "mode": "warm", "loop": "closed", "samples": "all",
            "unit": "cycles",
            "buckets": " ".join(f"{index}:{counts[index]}" for index in sorted(counts)),
            "from": 0, "to": 0, "count": len(values), "first": values[0] * 9,
            "min": min(values), "max": max(values), "overhead": 24}
    ranked = sorted(values)
    for name, p in latency.PERCENTILES:
        if latency.enough(len(values), p):
            value = ranked[latency.rank_of(len(values), p) - 1]
            upper = latency.bucket_upper(latency.bucket_index(value))
            made[name] = min(upper, made["max"])
    return {**made, **fields}


def stream(records, domain="emulated", verdict="PASS", cpu_model="A processor", **machine):
    """A whole report around records."""
    ids = itertools.count(1)
    records = [{**record, "id": next(ids)} if record["type"] == "latency" else record
               for record in records]
    head = {"v": 1, "type": "machine", "domain": domain, "version": "0.1", "firmware": "bios",
            "cpu_model": cpu_model, "system_vendor": "QEMU", "seed": 1, "cpus_online": 4,
            "tsc_hz": 2_000_000_000, **machine}
    lines = [line_of(record, domain) for record in (head, *records)]
    before = "\n".join(["KTAP version 1", "1..1", *lines, "ok 1 latency" if verdict == "PASS" else
                        "not ok 1 latency # too slow", ""])
    end = {"v": 1, "type": "verdict", "result": verdict.partition(":")[0], "time_ms": 1000,
           "events": 5000, "faults": 0, "records": len(lines),
           "records_sum": sum(map(zlib.crc32, map(str.encode, lines))) % (1 << 32),
           "lines_crc32": zlib.crc32(before.encode()), "seed": 1}
    return f"{before}{line_of(end, domain)}\niststorm: {verdict}\n"


def line_of(record, domain):
    return f"# {json.dumps({**record, 'domain': domain}, separators=(',', ':'))}"


def bench(seed=1, slower=1.0, count=4000, cpus=4, drift=0.0):
    """The records of a whole benchmark, small; `slower` is a factor on the NMI's entry, and
    `drift` a share by which each measurement differs from run to run."""
    generator = random.Random(seed)

    def record_of(typical, samples_of=count, **fields):
        typical *= math.exp(generator.gauss(0, drift))
        return record(samples(generator, int(typical), samples_of), **fields)
    records = []
    for stack, event in (("NMI", "nmi"), ("debug", "bp"), ("IRQ", "irq")):
        for mode in ("warm", "cold-data"):
            for stage, typical in SELF_STAGES.items():
                typical *= 3 if mode == "cold-data" else 1
                typical *= slower if (event, stage) == ("nmi", "entry") else 1
                records.append(record_of(typical, stack=stack, event=event, mode=mode,
                                         stage=stage))
    for stack, event in (("NMI", "nmi"), ("IRQ", "irq")):
        for stage, typical in CROSS_STAGES.items():
            for source, target in pairs(cpus):
                far = 1 + (source // 2 != target // 2)
                records.append(record_of(typical * far, count // 4, stack=stack, event=event,
                                         stage=stage, **{"from": source, "to": target}))
    return [null_test(count)] + records + others()


def null_test(count, slower=0):
    """An empty pair of stamps: what is left of it without its overhead is next to nothing."""
    return record([0] * (count - count // 9) + [2] * (count // 9), stack="TASK", event="null",
                  stage="round-trip", overhead=24 + slower)


def others():
    """A benchmark's other records."""
    gates = (("same", 0), ("ist", 14), ("ist-adjusted", 25))
    texts = [{"type": "surcharge", "gate": gate, "cpu": 0, "count": 4000, "entry_cycles": 40 + over,
              "min_cycles": 100 + over, "median_cycles": 120 + over, "over_same_cycles": over}
             for gate, over in gates]
    texts += [{"type": "topology", "cpu": cpu, "apic_id": cpu, "smt": cpu % 2, "core": 0,
               "package": cpu // 2} for cpu in range(4)]
    texts += [{"type": "overhead", "cpu": cpu, "pairs": 20000, "overhead_cycles": 24}
              for cpu in range(4)]
    texts += [{"type": "outlier", "id": 1, "rank": rank, "value": 20000 - rank, "time_us": 1234567,
               "sample": 17 * rank, "cause": "tick"} for rank in range(1, 17)]
    return [{"v": 1, **text} for text in texts]


def pairs(cpus):
    return [(source, target) for source in range(cpus) for target in range(cpus)
            if source != target]
