# SPDX-License-Identifier: MIT
"""The platforms beside the installed QEMU: QEMU 10, which has x2APIC, and how it is fetched; Bochs,
and machines of the user's own."""

import dataclasses
import os
import shutil
import subprocess

import pytest
from conftest import ROOT
from runs import Run, apic_ids, cpus, watched_alone

QEMU_10 = ROOT / "build" / "qemu-10" / "qemu-system-x86_64"


@pytest.fixture
def fetch(tmp_path):
    """ci/platforms/qemu-10 in a tree of its own, where nothing is unpacked yet."""
    script = tmp_path / "ci" / "platforms" / "qemu-10"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "ci" / "platforms" / "qemu-10", script)
    shutil.copy(ROOT / "ci" / "sources", script.parent.parent)
    (tmp_path / "sources.list").write_text("deb http://127.0.0.1:9/debian bookworm main\n")
    (tmp_path / "apt.conf").write_text(f'Dir::Etc::SourceList "{tmp_path}/sources.list";\n'
                                       'Dir::Etc::SourceParts "/dev/null";\n')

    def run(*arguments):
        return subprocess.run([script, *arguments], capture_output=True, text=True,
                              env={**os.environ, "APT_CONFIG": str(tmp_path / "apt.conf")},
                              stdin=subprocess.DEVNULL, check=False, timeout=120)
    return run


def test_fetching_says_that_there_is_no_network(fetch):
    done = fetch()
    assert done.returncode == 1 and done.stdout == ""
    assert "could not be read: E: " in done.stderr and "connect to 127.0.0.1:9" in done.stderr


def test_fetching_does_nothing_where_it_is_there(fetch, tmp_path):
    qemu = tmp_path / "build" / "qemu-10" / "qemu-system-x86_64"
    qemu.parent.mkdir(parents=True)
    qemu.write_text("#!/bin/sh\necho QEMU emulator version 10\n")
    qemu.chmod(0o755)
    done = fetch()
    assert done.returncode == 0 and "QEMU emulator version 10" in done.stdout


@pytest.mark.parametrize("arguments, status", [(["--help"], 0), (["--mirror", "x"], 64)])
def test_usage(fetch, arguments, status):
    done = fetch(*arguments)
    assert done.returncode == status and "usage:" in done.stdout + done.stderr


def check(run, launch, tool):
    """Launches a run on another machine."""
    result = launch(dataclasses.replace(run, options=tool))
    problems = list(run.problems(result))
    assert not problems, "\n".join(problems) + "\n" + result.explain()


def x2apic(report):
    mode = report.of_type("machine")[0]["apic_mode"]
    return None if mode == "x2apic" else f"the APICs are in mode {mode}"


def plugged(*apic_ids_):
    """More CPUs, each the only one of its socket, so that the ids are sparse."""
    return tuple(word for apic_id in apic_ids_ for word in
                 ("-device", f"max-x86_64-cpu,socket-id={apic_id},core-id=0,thread-id=0"))


@pytest.mark.parametrize("run", [
    Run("switched up to x2APIC", "quick", smp="4", words=("apic=x2apic", "time=500ms"),
        checks=(x2apic, cpus(4))),
    Run("APIC ids past 255", "quick", smp="2,sockets=512,cores=1,threads=1,maxcpus=512",
        extra=plugged(255, 256, 299, 511),
        checks=(x2apic, cpus(6), apic_ids(0, 1, 255, 256, 299, 511))),
    # `make soak` has the whole storm on as many.
    Run("257 CPUs", "slow", smp="257", mem="1G", words=("run=nmi", "time=100ms"),
        checks=(x2apic, cpus(257))),
], ids=lambda run: run.name)
def test_x2apic(run, launch):
    if not QEMU_10.exists():
        pytest.skip("no QEMU 10: ci/platforms/qemu-10 unpacks it into build/qemu-10")
    check(run, launch, ("--qemu", str(QEMU_10)))


def emulated(report):
    domain = report.of_type("machine")[0]["domain"]
    return None if domain == "emulated" else f"domain {domain}"


def measured_cold(report):
    """Where a line that is flushed must be there: QEMU flushes nothing, and faults nowhere."""
    modes = {record["mode"] for record in report.of_type("latency")}
    return None if "cold-data" in modes else f"measured in {modes} alone"


@pytest.mark.parametrize("run", [
    Run("bochs", "quick", words=("time=200ms",), checks=(emulated, cpus(2))),
    Run("bochs smp 1", "quick", smp="1", words=("run=nmi,debug", "time=200ms"),
        checks=(watched_alone(True),)),
    # It delivers the step of SYSCALL with TF in the kernel: to whichever thread runs in ring 3.
    Run("bochs steps", "quick", words=("run=debug,user", "time=300ms", "seed=1")),
    Run("bochs smp 8", "slow", smp="8", words=("time=100ms",), checks=(cpus(8),)),
    Run("bochs x2APIC", "quick", words=("apic=x2apic", "run=nmi,irq", "time=100ms"),
        checks=(x2apic, cpus(2))),
    Run("bochs bench", "quick", smp="1", words=("run=latency", "samples=100"),
        checks=(measured_cold,)),
    Run("bochs REFUSED", "quick", words=("colour=red",), verdict="REFUSED"),
], ids=lambda run: run.name)
def test_bochs(run, launch):
    check(run, launch, ("--machine", "bochs"))


def test_bochs_that_dies(launch):
    """A triple fault ends it, and what it said is the reason."""
    run = Run("bochs dies", "quick", words=("inject=exhaust-doublefault", "time=1s"), verdict=None)
    result = launch(dataclasses.replace(run, options=("--machine", "bochs")))
    assert result.status == 3 and "bochs ended with status 1: [CPU1" in result.stderr, \
        result.explain()


def test_a_command_of_the_users_own(launch):
    """QEMU once more, by the placeholders."""
    command = ("qemu-system-x86_64 -display none -no-reboot -cdrom {iso} -serial file:{serial} "
               "-m 512 -device isa-debug-exit")
    check(Run("own", "quick", words=("run=nmi", "time=100ms")), launch, ("--command", command))
