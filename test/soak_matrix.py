# SPDX-License-Identifier: MIT
"""The part `matrix` of soak.py: many runs that must pass, over CPUs, machines, models, firmware,
disciplines and targets, and among them each planted fault, which must be caught at the same load.

The runs and their order are drawn by a seed. Results are kept in build/soak/, so that the next call
goes on where one was ended; so is the log of each run that failed."""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import re
import time

import runs
from runs import Run

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "soak"
RUN_LIMIT_S = 900       # of the host's clock, however busy it is
CPUS = ("1", "2", "2", "3", "4", "4", "5", "8", "16", "32", "64", "6,sockets=2,cores=3",
        "8,sockets=1,cores=4,threads=2", "9,sockets=3,cores=3", "2,maxcpus=4")
MACHINES = ("q35", "q35", "pc", "q35,hpet=off", "pc,hpet=off")
MODELS = ("max", "max", "qemu64", "kvm64", "core2duo", "phenom", "Penryn", "Nehalem", "Westmere",
          "SandyBridge", "IvyBridge", "Haswell", "Broadwell", "Skylake-Client", "Skylake-Server",
          "Icelake-Server", "Denverton", "Opteron_G1", "Opteron_G5", "EPYC", "EPYC-Rome",
          "EPYC-Milan")
MEDIA = {"bios": ("memory", "cdrom", "usb"), "uefi": ("cdrom", "usb")}
DISCIPLINES = ("shift", *runs.DISCIPLINES)
TARGETS = ("mixed", "self", "neighbour", "random", "others")
ALONE_ONE_IN = 4        # so many run one workload, all others the storm
TIMES = ("300ms", "1s", "2s")


@dataclasses.dataclass(frozen=True)
class Item:
    """A run, and whether it plants a fault."""
    number: int
    run: Run


def draw_run(dice, number):
    """A run that must pass."""
    firmware = dice.choice(("bios", "bios", "uefi"))
    words = [f"entry={dice.choice(DISCIPLINES)}", f"time={dice.choice(TIMES)}",
             f"seed={dice.randrange(1, 2 ** 32)}"]
    if dice.randrange(ALONE_ONE_IN) == 0:
        words.append(f"run={dice.choice((*runs.WORKLOADS, 'pairs'))}")
    else:
        words.append(f"target={dice.choice(TARGETS)}")
    return Run(f"run {number}", "slow", words=tuple(words), smp=dice.choice(CPUS),
               machine=dice.choice(MACHINES), cpu=dice.choice(MODELS), firmware=firmware,
               media=dice.choice(MEDIA[firmware]), timeout=RUN_LIMIT_S)


def items(seed, count):
    """So many runs that must pass, and each planted fault, in the order of the seed."""
    dice = random.Random(seed)
    found = [draw_run(dice, number) for number in range(1, count + 1)]
    found += [dataclasses.replace(run, timeout=RUN_LIMIT_S) for run in runs.RUNS
              if run.group == "fault"]
    dice.shuffle(found)
    return [Item(number, run) for number, run in enumerate(found, 1)]


def describe(run):
    """The command that repeats it."""
    return f"{run.name}: tools/run {' '.join(run.arguments())}"


def execute(item, folder):
    """The line of the results' file."""
    log = folder / f"{item.number}-{re.sub(r'[^A-Za-z0-9=-]+', '-', item.run.name)}.log"
    before, start = os.getloadavg()[0], time.monotonic()
    result = runs.execute(item.run, ROOT, log)
    problems = list(item.run.problems(result))
    if problems:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"\n{describe(item.run)}\n{result.stderr}\n" + "\n".join(problems) + "\n")
    else:
        log.unlink()
    return {"number": item.number, "name": item.run.name, "fault": item.run.group == "fault",
            "seconds": round(time.monotonic() - start, 1), "load": round(before, 1),
            "problems": problems, "log": str(log) if problems else ""}


def read_results(path):
    """number -> what came of it, of an earlier call."""
    if not path.exists():
        return {}
    return {row["number"]: row
            for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def run_all(todo, jobs, folder, keep):
    """All that is to do, so many at a time."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(execute, item, folder) for item in todo]
        try:
            for future in concurrent.futures.as_completed(futures):
                keep(future.result())
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            raise


def summarise(results):
    """Lines, and whether all was as it should be."""
    alarms = [row for row in results if row["problems"] and not row["fault"]]
    missed = [row for row in results if row["problems"] and row["fault"]]
    loads = [row["load"] for row in results] or [0]
    faults = sum(row["fault"] for row in results)
    lines = [f"{row['name']}: {row['problems'][0]}\n    {row['log']}" for row in alarms + missed]
    lines.append(f"matrix  {len(results) - faults} runs, {len(alarms)} not PASS; {faults} planted "
                 f"faults, {len(missed)} not caught as they should be; load {min(loads)} to "
                 f"{max(loads)}")
    return lines, not alarms and not missed


def soak(seed, count, jobs, say):
    """Whether no run gave a false alarm, and each planted fault was caught."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"matrix-{seed}-{count}.jsonl"
    wanted, results = items(seed, count), read_results(path)

    def keep(row):
        results[row["number"]] = row
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        said = "; ".join(row["problems"])[:300] or "as it should be"
        say(f"{len(results):3}/{len(wanted)}  load {row['load']:4}  {row['seconds']:5} s  "
            f"{row['name']}: {said}")

    run_all([item for item in wanted if item.number not in results], jobs, FOLDER, keep)
    lines, good = summarise(results.values())
    say("\n".join(lines))
    return good
