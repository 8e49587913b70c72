# SPDX-License-Identifier: MIT
"""How hard the storm is: what a second of it holds, where an instruction takes a nanosecond."""

from runs import Run

# All CPUs together. The last three are a workload's rounds: wake-ups, threads' lives, ring 3.
LEAST = {"irqs": 200_000, "softirqs": 200_000, "nmis": 160_000, "debugs": 100_000,
         "breakpoints": 30_000, "machine_checks": 30_000, "#SS and #DF": 3500, "switches": 40_000,
         "switch": 20_000, "thread": 2000, "user": 5000}
# Each CPU must have so much of each kind, of the mean.
LEAST_SHARE = 0.5


def counts(report):
    """By kind, how many each CPU took; of a workload, how many the least, and how many all."""
    cpus = report.of_type("cpu")
    taken = {kind: [cpu[kind] for cpu in cpus] for kind in LEAST if kind in cpus[0]}
    taken["#SS and #DF"] = [cpu["stack_faults"] + cpu["double_faults"] for cpu in cpus]
    for workload in report.of_type("workload"):
        rest = (workload["events_per_s"] - workload["cpu_min_per_s"]) / (len(cpus) - 1)
        taken[workload["workload"]] = [workload["cpu_min_per_s"]] + [rest] * (len(cpus) - 1)
    return taken


def test_a_second_holds_many_of_each_kind_on_each_cpu(launch):
    result = launch(Run("strength", "slow", smp="4", icount=True, words=("time=1s", "seed=5")))
    assert result.status == 0, result.explain()
    taken = counts(result.report)
    weak = {kind: sum(taken[kind]) for kind, least in LEAST.items() if sum(taken[kind]) < least}
    assert not weak
    uneven = {kind: each for kind, each in taken.items()
              if min(each) < LEAST_SHARE * sum(each) / len(each)}
    assert not uneven
