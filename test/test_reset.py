# SPDX-License-Identifier: MIT
"""A run that dies leaves word, which the next boot finds; a run with a verdict leaves none."""

import re
import struct
import subprocess
import sys
import threading

import iststorm_report
import pytest
from conftest import ROOT
from monitor import Monitor
from runs import Run, fault


def two_boots(*words):
    """A machine's lines until the second verdict line; its first run ends in a reset."""
    command = subprocess.run([ROOT / "tools" / "run", "--print-command", "--accel", "tcg", "--smp",
                              "2", *words], capture_output=True, text=True, check=True).stdout
    assert " -no-reboot " in command
    command = "exec " + command.replace(" -no-reboot ", " ")
    lines, verdicts = [], 0
    with subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as qemu:
        watchdog = threading.Timer(120, qemu.kill)
        watchdog.start()
        for line in qemu.stdout:
            lines.append(iststorm_report.clean_line(line.rstrip(b"\n")))
            verdicts += bool(iststorm_report.VERDICT_LINE.fullmatch(lines[-1]))
            if verdicts == 2:
                break
        watchdog.cancel()
        qemu.kill()
    assert verdicts == 2, lines[-20:]
    return lines


def test_a_verdict_clears_the_word(iso):
    lines = two_boots("time=300ms", "end=reboot")
    report = iststorm_report.read_report(iststorm_report.last_boot(lines))
    assert lines.count("KTAP version 1") == 2
    assert report.passed and report.test("before").ok, report.reason
    assert not report.of_type("before") and not report.of_type("before_cpu")


def test_a_failure_clears_it_too(iso):
    """And what a run says of the one before it, the next does not say again."""
    lines = two_boots("time=300ms", "end=reboot", "inject=deep-stack", "run=nmi")
    report = iststorm_report.read_report(iststorm_report.last_boot(lines))
    assert report.verdict == "FAIL" and report.test("before").ok, report.reason


def test_a_reset_by_hand_leaves_word(iso, tmp_path):
    """In the middle of a run that is sound: nothing to tell, but that it was cut off. With
    stop=first the next run ends by that."""
    path = tmp_path / "qmp"
    command = [sys.executable, ROOT / "tools" / "run", "--accel", "tcg", "--smp", "2",
               "--qmp", path, "--allow-reboot", "--timeout", "120", "--log", tmp_path / "log",
               "time=1m", "stop=first", "run=debug", "seed=5"]
    pressed = False
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as process:
        for line in process.stdout:
            if line.startswith("ok 1 probe") and not pressed:
                Monitor(path).say("system_reset")
                pressed = True
        assert process.wait(60) == 1 and pressed
    report = iststorm_report.read_report(iststorm_report.last_boot(
        (tmp_path / "log").read_text().split("\n")))
    found, = report.of_type("before")
    assert report.verdict == "FAIL" and found["seed"] == 5 and "reason" not in found
    assert re.search(r"the run before this died without a verdict after \d+ ms", report.reason)
    assert [record["check"] for record in report.of_type("fault")] == ["before"]


MAGIC = "addr=0x2800008,data=0x64726f777473616c,data-len=8"


@pytest.mark.parametrize("words, said", [
    ((MAGIC,), "damaged"),
    ((MAGIC, "addr=0x2800000,data=0x1,data-len=8"), "damaged"),
    (("addr=0x2800008,data=0x64726f777473616d,data-len=8",), None),
])
def test_a_record_that_cannot_be_believed_is_ignored(launch, words, said):
    """Memory holds at boot what a dying machine, or chance, has left there."""
    extra = tuple(word for one in words for word in ("-device", f"loader,{one}"))
    result = launch(Run(f"garbled word {len(words)} {said}", "fault", extra=extra,
                        words=("time=200ms", "run=debug")))
    assert result.report.passed and not result.report.of_type("before"), result.explain()
    assert ("a damaged record, which is ignored" in result.text) == bool(said)


def record(layout, cpus):
    """The first part of src/cpu/lastword.c's record, whole: its checksum is right."""
    words = [0x64726f777473616c, layout, cpus, 77, 0, 0, 0]
    total = 0xcbf29ce484222325
    for word in words:
        total = (total ^ word) * 0x100000001b3 % 2**64
    return struct.pack("<8Q", total, *words)


@pytest.mark.parametrize("layout, cpus, said", [
    (1, 2, "a record of another build"), (1, 2**20, "a damaged record")])
def test_a_record_of_another_build_is_ignored(launch, tmp_path, layout, cpus, said):
    (tmp_path / "record").write_bytes(record(layout, cpus))
    extra = ("-device", f"loader,file={tmp_path / 'record'},addr=0x2800000,force-raw=on")
    result = launch(Run(f"word of {cpus} CPUs", "fault", extra=extra,
                        words=("time=200ms", "run=debug")))
    assert result.report.passed and f"{said}, which is ignored" in result.text, result.explain()


RECORD, RUN_BYTES, REASON_BYTES, SLOTS = 0x2800000, 64, 192, 2
TICK_NS = 10**7


def sum_of(part):
    """src/cpu/lastword.c's checksum of a part, whose first word it is."""
    total = 0xcbf29ce484222325
    for word, in struct.iter_unpack("<Q", part[8:]):
        total = (total ^ word) * 0x100000001b3 % 2**64
    return total


class Slots:
    """The CPUs' slots in a record, a part of as many bytes as its checksum covers."""

    def __init__(self, record):
        self.record = bytearray(record)
        self.first = RUN_BYTES + REASON_BYTES
        self.size = next(size for size in range(64, 1024, 64)
                         if self.words(0, size)[0] == sum_of(self.slot(0, size)))

    def slot(self, index, size=None):
        start = self.first + index * (size or self.size)
        return bytes(self.record[start:start + (size or self.size)])

    def words(self, index, size=None):
        return list(struct.unpack_from("<4Q", self.slot(index, size)))

    def set_time(self, cpu, time_ns):
        for index in range(cpu * SLOTS, (cpu + 1) * SLOTS):
            part = bytearray(self.slot(index))
            struct.pack_into("<Q", part, 24, time_ns)
            struct.pack_into("<Q", part, 0, sum_of(part))
            start = self.first + index * self.size
            self.record[start:start + self.size] = part


@pytest.fixture(scope="module", name="died")
def died_record(iso, tmp_path_factory):
    """The record of a run of two CPUs, copied in the middle of it."""
    folder = tmp_path_factory.mktemp("died")
    command = [sys.executable, ROOT / "tools" / "run", "--accel", "tcg", "--smp", "2",
               "--qmp", folder / "qmp", "--timeout", "120", "--log", folder / "log",
               "time=1m", "run=debug"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as process:
        for line in process.stdout:
            if line.startswith("ok 1 probe"):
                monitor = Monitor(folder / "qmp")
                monitor.say("stop")
                monitor.say("pmemsave", val=RECORD, size=4096, filename=str(folder / "record"))
                monitor.say("quit")
    return (folder / "record").read_bytes()


@pytest.mark.parametrize("ticks, accused", [(99, False), (100, True)])
def test_a_busy_host_accuses_nobody(launch, tmp_path, died, ticks, accused):
    """Below 100 silent ticks an emulator's host may have held up a sound CPU."""
    slots = Slots(died)
    slots.set_time(0, 200 * TICK_NS)
    slots.set_time(1, (200 - ticks) * TICK_NS)
    (tmp_path / "record").write_bytes(slots.record)
    extra = ("-device", f"loader,file={tmp_path / 'record'},addr={RECORD},force-raw=on")
    result = launch(Run(f"silent for {ticks} ticks", "fault", extra=extra, verdict="FAIL",
                        words=("time=200ms", "run=debug")))
    found, = result.report.of_type("before")
    assert found["silent_us"] == ticks * TICK_NS // 1000, result.explain()
    assert found.get("cpu") == (1 if accused else None)
    said = "on the CPU that was silent for longest" if accused else "no CPU stands out"
    assert said in result.report.reason


def test_a_triple_fault_leaves_word_on_uefi(launch):
    run = Run("triple-fault uefi", "fault", words=("inject=triple-fault", "time=4s", "seed=77"),
              firmware="uefi", options=("--allow-reboot",), verdict="FAIL",
              reason=r"the run before this died without a verdict after \d+ ms, seed 77\b",
              checks=(fault("before"),))
    result = launch(run)
    assert not list(run.problems(result)), result.explain()
    found, = result.report.of_type("before")
    cpus = result.report.of_type("before_cpu")
    assert found["cpus"] == 2 and found["seed"] == 77 and found["time_ms"] >= 500
    assert [cpu["cpu"] for cpu in cpus] == [0, 1] and all(cpu["events"] for cpu in cpus)
    assert found["time_ms"] == max(cpu["time_us"] for cpu in cpus) // 1000
    assert found["cpu"] == min(cpus, key=lambda cpu: cpu["time_us"])["cpu"]
    assert found["silent_us"] >= 1000000
    assert all("ticks" in cpu["last"] for cpu in cpus)
    assert all(re.fullmatch(r"[a-z0-3 ]+: ([\w.]+\+)?0x[0-9a-f]+", cpu["at"]) for cpu in cpus)
    assert result.report.test("before").ok is False
    assert [test.name for test in result.report.tests if not test.ok] == ["before"]


def test_without_leave_a_reset_gives_no_verdict(launch):
    run = Run("triple-fault", "fault", words=("inject=triple-fault", "time=2s"))
    result = launch(run)
    assert result.status == 3 and result.report.verdict is None, result.explain()
