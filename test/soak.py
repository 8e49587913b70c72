#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What takes longer than a test may: storms with many seeds, and the benchmarks of bring-up and
flood that compare runs of one build on one host. Run by `make soak`."""

import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True

import iststorm_report  # noqa: E402  (found through the path above)

EXIT_FAILED = 1
SEEDS = 20
BRINGUP_CPUS = (2, 16, 64, 128, 255)
BRINGUP_LIMIT_US = 150_000  # for the most CPUs
FLOOD_CPUS = (2, 64)
FLOOD_RUNS = 5
FLOOD_RATIO = 2


class Failed(Exception):
    """A run or a comparison that did not hold; the text says which."""


def launch(smp, *words):
    """One run under TCG; its report. Raises Failed unless it passed."""
    command = [str(ROOT / "tools" / "run"), "--accel", "tcg", "--smp", str(smp), "--mem", "1G",
               *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise Failed(f"smp {smp} {' '.join(words)}: {done.stderr.strip().splitlines()[-1]}")
    return iststorm_report.read_report(done.stdout.splitlines())


def soak_seeds():
    """The storm on 8 CPUs, each time with another seed."""
    for seed in range(1, SEEDS + 1):
        report = launch(8, "time=5s", f"seed={seed}")
        events = report.of_type("verdict")[0]["events"]
        print(f"storm  seed {seed:2}  {events} events  PASS", flush=True)


def measure_bringup():
    """From the first start-up IPI to all CPUs online, the best of three."""
    for cpus in BRINGUP_CPUS:
        times = [launch(cpus, "run=nmi", "time=100ms").of_type("machine")[0]["bringup_us"]
                 for _ in range(3)]
        print(f"bring-up  {cpus:3} CPUs  {min(times) / 1000:.1f} ms", flush=True)
    if min(times) > BRINGUP_LIMIT_US:
        raise Failed(f"bring-up of {cpus} CPUs takes {min(times)} us, over {BRINGUP_LIMIT_US}")


def flood_rate(cpus):
    """Events a second that all CPUs together send to themselves."""
    report = launch(cpus, "run=nmi,debug,irq", "target=self", "time=3s")
    return sum(record["events_per_s"] for record in report.of_type("workload"))


def measure_flood():
    """Many CPUs on few real ones must not take much less than few."""
    rates = {}
    for cpus in FLOOD_CPUS:
        rates[cpus] = statistics.median(flood_rate(cpus) for _ in range(FLOOD_RUNS))
        print(f"flood  {cpus:3} CPUs  {rates[cpus]:.0f} events/s, all to self", flush=True)
    few, many = (rates[cpus] for cpus in FLOOD_CPUS)
    if not 1 / FLOOD_RATIO <= many / few <= FLOOD_RATIO:
        raise Failed(f"{FLOOD_CPUS[1]} CPUs take {many / few:.2f} times as many events")


PARTS = {"seeds": soak_seeds, "bringup": measure_bringup, "flood": measure_flood}


def main(argv):
    parser = iststorm_report.Parser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="part",
                        help="seeds, bringup, flood; all when none is given")
    try:
        for part in parser.parse_args(argv).parts or PARTS:
            PARTS[part]()
    except Failed as failure:
        print(f"soak: {failure}", file=sys.stderr)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
