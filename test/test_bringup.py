# SPDX-License-Identifier: MIT
"""How the APs are started, on firmware that leaves them otherwise than QEMU's does: gdb changes it
before the image has read anything."""

import subprocess

import pytest
from conftest import AT_MAIN, FIRMWARE, make
from runs import Run, apic_ids, cpus

LAST_LOW_PAGE = 0x9E000     # that SeaBIOS calls free: where the trampoline goes


def lifted(directory, count, offset):
    """gdb's commands that add this to each APIC id, and leave the APs in the trampoline's page."""
    code = directory / "lift"
    subprocess.run(["nasm", "-f", "bin", f"-DPAGE={LAST_LOW_PAGE}", f"-DAPS={count - 1}",
                    f"-DOFFSET={offset}", "-o", code, FIRMWARE / "lift.asm"], check=True)
    return *AT_MAIN, f"python lift('{code}', {LAST_LOW_PAGE}, {offset})"


@pytest.mark.parametrize("count, cpu", [(4, "max"), (20, "phenom")])
def test_apic_ids_that_cpuid_does_not_give(launch, tmp_path, count, cpu):
    """As on AMD's families 10h and 15h. An AP's work before its reset must go on until then:
    at the first INIT its code is still there, and where it was not, an exception would end the
    machine."""
    make("kernel")
    run = Run(f"lifted {count}", "quick", smp=str(count), cpu=cpu, media="memory",
              words=("run=nmi", "time=100ms"),
              checks=(cpus(count), apic_ids(*range(16, 16 + count))))
    result = launch(run, gdb=(*lifted(tmp_path, count, 16), "hbreak apic_send_init", "continue",
                              "delete", f"x/2xb {LAST_LOW_PAGE}"))
    assert not list(run.problems(result)), result.explain()
    assert f"{LAST_LOW_PAGE:#x}:\t0xfa\t0x31" in result.stderr, result.stderr


def skipped(name, why):
    def check(report):
        found = [record for record in report.of_type("conform") if record["check"] == name]
        return None if [record["seen"] for record in found] == [why] else f"{found}"
    return check


def test_a_changed_apic_id_breaks_no_rule(launch, tmp_path):
    make("kernel")
    run = Run("lifted conform", "quick", media="memory", words=("run=conform", "check=apic.id"),
              checks=(skipped("apic.id", "firmware has changed the id"),))
    result = launch(run, gdb=lifted(tmp_path, 2, 16))
    assert not list(run.problems(result)), result.explain()


def test_the_third_start_up(launch):
    """An AP that is in SMM when INIT comes is deaf to the first two start-up IPIs: none is sent."""
    make("kernel")
    aps = 2
    skip = ("hbreak apic_send_startup", "continue", *("return", "continue") * (2 * aps), "delete")
    run = Run("third start-up", "quick", smp=str(aps + 1), media="memory",
              words=("run=nmi", "time=100ms"), checks=(cpus(aps + 1),))
    result = launch(run, gdb=("set confirm off", *skip))
    assert not list(run.problems(result)), result.explain()


@pytest.mark.parametrize("words, verdict, reason", [
    (("run=nmi",), "REFUSED", "no free page below 640 KiB in the memory map: CPUs start there"),
    (("run=nmi", "cpus=1"), "PASS", "")], ids=["2", "1"])
def test_no_memory_below_640_kib(launch, words, verdict, reason):
    make("kernel")
    run = Run(f"no low memory {words[-1]}", "quick", media="memory", words=(*words, "time=100ms"),
              verdict=verdict, reason=reason)
    result = launch(run, gdb=(*AT_MAIN, "python reserve_low_memory()"))
    assert not list(run.problems(result)), result.explain()
