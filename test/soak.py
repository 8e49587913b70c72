#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs that take longer than a test may: storms with many seeds and more CPUs than a byte counts,
the fuzzers, and the benchmarks of bring-up and flood that compare runs of one build on one host.
Run by `make soak`.

The part `matrix` draws its runs by --seed, and keeps the results in build/soak/: the next
call goes on where one was ended. It wants a busy host, which --jobs makes.

exit status:
  0   all held
  1   something did not; for `matrix`, a false alarm, or a planted fault that was not caught
  64  wrong usage
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import iststorm_latency  # noqa: E402  (found through the path above)
import iststorm_report  # noqa: E402
import iststorm_tool  # noqa: E402
import soak_matrix  # noqa: E402

QEMU_10 = ROOT / "build" / "qemu-10" / "qemu-system-x86_64"
EXIT_FAILED = 1
SEEDS = 20
FUZZ_SECONDS = 60
MANY_CPUS = 257     # more than a byte counts: that takes x2APIC, which QEMU has since 10
BRINGUP_CPUS = (2, 16, 64, 128, 255)
BRINGUP_LIMIT_US = 150_000  # for the most CPUs
FLOOD_CPUS = (2, 64)
FLOOD_RUNS = 5
FLOOD_RATIO = 2
ENDURANCE_CPUS, ENDURANCE = 64, os.environ.get("ENDURANCE", "30m")
HEARTBEAT_LIMIT_MS = 10_000


class Failed(Exception):
    """A run or a comparison that did not hold; the text says which."""


def launch(smp, *words, qemu="qemu-system-x86_64"):
    """One run under TCG; its report. Raises Failed unless it passed."""
    command = [str(ROOT / "tools" / "run"), "--accel", "tcg", "--smp", str(smp), "--mem", "1G",
               "--qemu", str(qemu), *words]
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


def soak_many():
    """The whole storm on more CPUs than the tests have."""
    if not QEMU_10.exists():
        print("many  skipped: no QEMU 10: ci/platforms/qemu-10 unpacks it", flush=True)
        return
    events = launch(MANY_CPUS, "time=5s", qemu=QEMU_10).of_type("verdict")[0]["events"]
    print(f"many  {MANY_CPUS} CPUs  {events} events  PASS", flush=True)


def soak_fuzzers():
    """Each for longer than among the tests, and from another place."""
    command = ["make", "-s", "-j2", "fuzz", f"FUZZ_SECONDS={FUZZ_SECONDS}", "FUZZ_RUNS=-1",
               "FUZZ_SEED=2"]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Failed("a fuzzer found something, or was not built")


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


def look_at_counters(report):
    """All sent events have arrived or were merged, and the log is whole."""
    if report.problems or report.of_type("verdict")[0]["lost_lines"]:
        raise Failed(f"the report is damaged: {report.problems}")
    for record in report.of_type("workload"):
        missing = record["sent"] - record["received"] - record["coalesced"]
        if record["workload"] == "nmi" and missing:
            raise Failed(f"NMIs do not add up: {record}")
    beats = [0] + [record["time_ms"] for record in report.of_type("heartbeat")]
    longest = max(after - before for before, after in zip(beats, beats[1:]))
    if longest > HEARTBEAT_LIMIT_MS:
        raise Failed(f"no heartbeat for {longest} ms")
    return longest


def soak_benchmarks():
    """Benchmarks in a row: each is whole, and they can be taken together."""
    for seed in range(1, SEEDS + 1):
        result = iststorm_latency.result_of(
            f"seed {seed}", launch(4, "run=latency", "samples=200", f"seed={seed}"))
        if result.problems or not result.records:
            raise Failed(f"a benchmark's report is damaged: {result.problems}")
        print(f"benchmark  seed {seed:2}  {len(result.records)} measurements", flush=True)


def soak_endurance():
    """The whole storm on many CPUs for long."""
    report = launch(ENDURANCE_CPUS, f"time={ENDURANCE}")
    longest = look_at_counters(report)
    events = report.of_type("verdict")[0]["events"]
    print(f"endurance  {ENDURANCE_CPUS} CPUs  {ENDURANCE}  {events} events, a heartbeat at least "
          f"every {longest} ms  PASS", flush=True)


PARTS = {"seeds": soak_seeds, "many": soak_many, "fuzzers": soak_fuzzers,
         "bringup": measure_bringup, "flood": measure_flood, "benchmarks": soak_benchmarks}
# Not unless they are asked for: they take half an hour and more.
LONG_PARTS = ("endurance", "matrix")


def parse(argv):
    parser = iststorm_tool.Parser(prog="test/soak.py", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, *LONG_PARTS, []],
                        metavar="part", help=f"{', '.join(PARTS)}, these when none is given; "
                        "endurance and matrix, which take half an hour and more")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the matrix (1)")
    parser.add_argument("--runs", type=int, default=400, metavar="N",
                        help="of the matrix that must pass (400)")
    parser.add_argument("--jobs", type=int, default=4, metavar="N",
                        help="of the matrix at a time (4)")
    options = parser.parse_args(argv)
    if options.runs < 0 or options.jobs < 1:
        parser.error("fewer than no runs, or no job")
    return options


def soak_many_kinds(options):
    """Runs over all that there is to choose, and the planted faults among them."""
    if not soak_matrix.soak(options.seed, options.runs, options.jobs,
                            lambda text: print(text, flush=True)):
        raise Failed("a run of the matrix was not as it should be")


def main(argv):
    options = parse(argv)
    parts = {**PARTS, "endurance": soak_endurance, "matrix": lambda: soak_many_kinds(options)}
    try:
        for part in options.parts or PARTS:
            parts[part]()
    except Failed as failure:
        print(f"soak: {failure}", file=sys.stderr)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
