# SPDX-License-Identifier: MIT
"""Refusals of iststorm: status 37, and a reason that names the culprit."""

import re

import pytest
from conftest import ROOT
from runs import FAULTS, WORKLOADS, Run


def refused(name, reason, words=(), **machine):
    return Run(name, "refused", words, verdict="REFUSED", reason=reason, timeout=60, **machine)


COMMAND_LINES = [
    refused("unknown key", r"'colour=red'.*run.*time.*cpus.*seed.*inject.*console.*end",
            ("colour=red",)),
    refused("no key=value", r"'fast'", ("fast",)),
    refused("no key", r"'=10s'", ("=10s",)),
    refused("unknown workload", r"'run=nmi,nosuch'.*storm", ("run=nmi,nosuch",)),
    refused("no workload", r"'run='", ("run=",)),
    refused("unknown fault", r"'inject=nosuch'", ("inject=nosuch",)),
    refused("time without unit", r"'time=10'.*ms", ("time=10",)),
    refused("time of nothing", r"'time=0s'", ("time=0s",)),
    refused("time beyond 64 bits", r"'time=99999999999999999999h'",
            ("time=99999999999999999999h",)),
    refused("no CPU", r"'cpus=0'", ("cpus=0",)),
    refused("negative CPUs", r"'cpus=-1'", ("cpus=-1",)),
    refused("more CPUs than there are", r"3", ("cpus=3",)),
    refused("seed that is none", r"'seed=abc'", ("seed=abc",)),
    refused("unknown end", r"'end=explode'.*poweroff", ("end=explode",)),
    refused("unknown console", r"'console=serial:com9'", ("console=serial:com9",)),
    refused("samples without latency",
            r"'samples=100': no effect in this run; the runs that use it are latency$",
            ("samples=100",)),
    refused("time of a benchmark", r"'time=1s': no effect.* are storm pairs sweep windows$",
            ("time=1s", "run=latency")),
    refused("target without a sender", r"'target=self': no effect.* are irq nmi softirq$",
            ("run=debug", "target=self")),
    refused("a good word before a bad one", r"'b=2'", ("time=1s", "b=2")),
    refused("non-ASCII", r"'f", ("f\u00e4rg=r\u00f6d",)),
    refused("a word of 3,000 characters", r"'x{100}", ("x" * 3000,)),
    refused("a command line of 5,000 characters", r"5000 bytes", ("x" * 5000,)),
    refused("a control character", r"'a=", ("a=\x1b[2J",)),
]

MACHINES = [
    refused("no ACPI", r"(?i)acpi|rsdp|madt", machine="pc,acpi=off"),
    refused("no local APIC", r"(?i)apic", cpu="qemu64,-apic"),
    refused("32-bit processor", r"(?i)64-bit|long mode", cpu="qemu32"),
    refused("no NX", r"(?i)\bnx\b", cpu="qemu64,-nx"),
    refused("no TSC", r"(?i)tsc|time-stamp", cpu="qemu64,-tsc"),
    refused("no MSRs", r"(?i)msr", cpu="qemu64,-msr"),
    refused("too little memory", r"(?i)memory", smp="64", mem="20M"),
]


def test_empty_command_line_runs_the_default(launch):
    """The bound shows that the default is not a long run."""
    empty = ("-fw_cfg", "name=opt/iststorm/cmdline,file=/dev/null")
    run = Run("empty command line", "quick", words=(), extra=empty, timeout=90)
    result = launch(run)
    assert not list(run.problems(result)), result.explain()


@pytest.mark.refused
@pytest.mark.parametrize("run", COMMAND_LINES + MACHINES, ids=lambda run: run.name)
def test_refused(run, launch):
    result = launch(run)
    problems = list(run.problems(result))
    assert not problems, "\n".join(problems) + "\n" + result.explain()
    assert result.text.rstrip("\n").rsplit("\n", 1)[-1].isascii()


def listed(reason, after):
    """The names that an error lists behind a word."""
    return set(re.findall(r"[a-z][a-z0-9-]*", reason[reason.index(after) + len(after):]))


def test_every_fault_is_in_the_table(launch):
    result = launch(refused("inject=?", "", ("inject=?",)))
    names = {name for name in listed(result.report.reason, "'inject=?'") if "-" in name}
    assert names == {name for name in FAULTS if "-" in name}, result.report.reason


def test_every_workload_is_in_the_table(launch):
    result = launch(refused("run=?", "", ("run=?",)))
    names = listed(result.report.reason, "'run=?'")
    assert {"storm", *WORKLOADS} <= names, result.report.reason
