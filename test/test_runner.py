# SPDX-License-Identifier: MIT
"""tools/run with QEMUs that are none: its exit status must never be greener than the truth."""

import importlib.machinery
import importlib.util
import io
import os
import re
import shlex
import signal
import socket
import subprocess
import time

import pytest
import synthetic
from conftest import ROOT

TOOL = ROOT / "tools" / "run"
NO_VERDICT = 3
USAGE = 64


@pytest.fixture
def fake(tmp_path):
    """A function that runs tools/run on a QEMU that is the given shell script."""
    iso = tmp_path / "an.iso"
    iso.write_bytes(b"")

    def run(script, *arguments, **options):
        qemu = tmp_path / "qemu"
        qemu.write_text("#!/bin/sh\n" + script)
        qemu.chmod(0o755)
        command = [TOOL, "--qemu", qemu, "--iso", iso, "--log", tmp_path / "log", "--accel", "tcg",
                   *arguments]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              check=False, **options)
    return run


# As short as a whole report can be.
BEGIN = "echo KTAP version 1; echo 1..0; "
PASSES = BEGIN + "echo iststorm: PASS; "


@pytest.mark.parametrize("verdict, qemu_status, status", [
    ("PASS", 33, 0), ("FAIL: a stack", 35, 1), ("REFUSED: 'colour=red'", 37, 2)])
def test_verdict(fake, tmp_path, verdict, qemu_status, status):
    done = fake(f'{BEGIN} echo "iststorm: {verdict}"; exit {qemu_status}')
    assert done.returncode == status
    assert done.stdout == f"KTAP version 1\n1..0\niststorm: {verdict}\n"
    log = (tmp_path / "log").read_text().splitlines()
    assert log[0].startswith("# command: ") and log[1:] == done.stdout.splitlines()


@pytest.mark.parametrize("script, complaint", [
    ("exit 0", "no verdict: QEMU exited 0"),
    ("exit 33", "no verdict: QEMU exited 33, as for PASS, but no verdict came by COM1"),
    ("exit 35", "no verdict: QEMU exited 35, as for FAIL, but no verdict came by COM1"),
    ("echo 'iststorm: PASS'; exit 0", "verdict PASS needs QEMU's status 33"),
    ("echo 'iststorm: PASS'; exit 35", "verdict PASS needs QEMU's status 33"),
    ("echo 'iststorm: FAIL: x'; exit 33", "verdict FAIL needs QEMU's status 35"),
    ("echo 'iststorm: PASS'; kill -9 $$", "ended by signal 9"),
    ("echo 'iststorm: PASS'; echo 'ok 7 more'; exit 33", "is not the last line"),
    ("echo 'iststorm: PASS'; printf more; exit 33", "is not the last line"),
    ("echo 'iststorm: PASSED'; exit 33", "no verdict"),
    ("echo ' iststorm: PASS'; exit 33", "no verdict"),
    ("echo 'iststorm: FAIL'; exit 35", "no verdict"),
    (r"printf 'iststorm: PA\377SS\n'; exit 33", "no verdict"),
    ("head -c 300000 /dev/zero; exit 33", "no verdict"),
    ("echo 'iststorm: PASS'; exec >&-; exec sleep 60", "did not exit"),
])
def test_no_verdict(fake, script, complaint):
    done = fake(script)
    assert done.returncode == NO_VERDICT
    assert complaint in done.stderr


FEW = [synthetic.record([value] * 30) for value in (5, 7, 9)]


def without_a_record(text):
    return re.sub(r"# .*type.:.latency.*\n", "", text, count=1)


@pytest.mark.parametrize("damage, complaint", [
    (without_a_record, "3 records came of 4"),
    (lambda text: text.replace('"p50":5', '"p50":6', 1), "a record was altered"),
    (lambda text: text.replace('"latency",', '"latency"', 1), "damaged record"),
    (lambda text: text.replace("ok 1", "o?? 1"), "not of the report: o?? 1"),
    (lambda text: text.replace("ok 1 latency\n", ""), "plan 1..1, but 0 tests")])
def test_a_damaged_report_is_no_pass(fake, tmp_path, damage, complaint):
    """Whatever ends the machine. Of several boots the last one counts."""
    whole, said = synthetic.stream(FEW), tmp_path / "said"
    for end, words in (("exit 33", ()), ("exec sleep 60", ["end=halt"])):
        said.write_text(damage(whole))
        done = fake(f"cat {said}; {end}", *words)
        assert done.returncode == NO_VERDICT
        assert "verdict PASS, but the report is damaged" in done.stderr and complaint in done.stderr
        said.write_text(damage(whole) + whole)
        assert fake(f"cat {said}; {end}", *words).returncode == 0
    said.write_text(damage(whole))
    assert own(f"cat {said}").returncode == NO_VERDICT


def test_a_damaged_failure_is_one(fake, tmp_path):
    (tmp_path / "said").write_text(without_a_record(synthetic.stream(FEW, verdict="FAIL: x")))
    done = fake(f"cat {tmp_path}/said; exit 35")
    assert done.returncode == 1 and "the report is damaged: line 7: 3 records came" in done.stderr


def test_control_sequences_are_no_part_of_the_report(fake):
    done = fake(r"printf '\033[2J\033[01;01HKTAP version 1\r\n1..0\n\033[0m\riststorm: PASS\r\n'"
                "\nexit 33")
    assert done.stdout == "KTAP version 1\n1..0\niststorm: PASS\n"
    assert done.returncode == 0


def test_last_line_without_end(fake):
    assert fake(BEGIN + "printf 'iststorm: PASS'; exit 33").returncode == 0


def test_timeout(fake):
    begin = time.monotonic()
    done = fake("sleep 60 & sleep 60", "--timeout", "0.5")
    assert done.returncode == NO_VERDICT and "time-out after 0.5 s" in done.stderr
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("end", ["poweroff", "reboot"])
def test_other_ends(fake, end):
    assert fake(PASSES + "exit 0", f"end={end}").returncode == 0
    assert fake("echo 'iststorm: PASS'; exit 33", f"end={end}").returncode == NO_VERDICT
    assert fake("exit 0", f"end={end}").returncode == NO_VERDICT


def test_end_halt(fake):
    assert fake("echo 'iststorm: FAIL: x'; exec sleep 60", "end=halt").returncode == 1
    assert fake("echo 'iststorm: PASS'; exit 0", "end=halt").returncode == NO_VERDICT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_qemu_too(tmp_path, number):
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/sh\necho $$ >$0.pid\necho started\nexec sleep 60\n")
    qemu.chmod(0o755)
    tool = subprocess.Popen([TOOL, "--qemu", qemu, "--iso", qemu, "--log", tmp_path / "log",
                             "--accel", "tcg"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert tool.stdout.readline() == b"started\n"
    tool.send_signal(number)
    _, stderr = tool.communicate(timeout=20)
    assert tool.returncode == NO_VERDICT and b"no verdict: ended by SIG" in stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "qemu.pid").read_text()), 0)


def test_quiet_shows_the_verdict_alone(fake):
    done = fake(PASSES + "exit 33", "--quiet")
    assert done.stdout == "iststorm: PASS\n"


@pytest.mark.parametrize("arguments", [
    ["--colour"], ["--smp", "many"], ["--smp", "0"], ["--smp"], ["--firmware", "coreboot"],
    ["--timeout", "-1"], ["--command", " "], ["--command", "x", "--icount"],
    ["--machine", "bochs", "--gdb"],
    ["--timeout", "soon"], ["--media", "usb", "--icount", "--accel", "kvm"],
    ["--screenshot", "x", "end=exit"]])
def test_wrong_usage(fake, arguments):
    done = fake("echo 'iststorm: PASS'; exit 33", *arguments)
    assert done.returncode == USAGE and done.stdout == "" and "usage:" in done.stderr


@pytest.mark.parametrize("arguments, booted", [
    (["--icount"], "build/iststorm.kernel"), (["--media", "memory"], "build/iststorm.kernel"),
    (["--media", "pxe"], "the tree of --tree")])
def test_an_iso_that_would_not_be_booted(fake, arguments, booted):
    """The run would be one of another image."""
    done = fake(PASSES + "exit 33", *arguments)
    assert done.returncode == USAGE and f"which boots {booted}" in done.stderr
    assert fake(PASSES + "exit 33", *arguments, "--media", "cdrom").returncode == 0


def test_what_is_missing_is_named(fake, tmp_path):
    done = fake("exit 33", "--qemu", tmp_path / "none")
    assert done.returncode == NO_VERDICT and "package qemu-system-x86" in done.stderr
    done = fake("exit 33", "--iso", tmp_path / "none.iso")
    assert done.returncode == NO_VERDICT and "none.iso" in done.stderr


def test_command(fake):
    done = fake("exit 33", "--print-command", "--smp", "6,sockets=2,cores=3", "--icount",
                "--media", "usb", "run=nmi,irq", "seed=1", "--", "-vga", "none")
    command = shlex.split(done.stdout)
    assert done.returncode == 0
    assert command[command.index("-smp") + 1] == "6,sockets=2,cores=3"
    assert command[command.index("-fw_cfg") + 1] == \
        "name=opt/iststorm/cmdline,string=run=nmi,,irq seed=1"
    assert command[command.index("-icount") + 1] == "shift=0,sleep=off"
    assert "-no-reboot" in command and "isa-debug-exit,iobase=0xf4,iosize=4" in command
    assert command[-2:] == ["-vga", "none"]
    assert "-fw_cfg" not in shlex.split(fake("exit 33", "--print-command").stdout)


def test_help(fake):
    done = fake("exit 33", "--help")
    assert done.returncode == 0 and "exit status" in done.stdout


def test_gdb_finds_a_machine_that_waits(tmp_path):
    iso = tmp_path / "empty.iso"
    iso.write_bytes(bytes(2048))
    tool = subprocess.Popen([TOOL, "--iso", iso, "--log", tmp_path / "log", "--gdb"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r"localhost:([0-9]+)", tool.stderr.readline())[1])
        with connect(port) as gdb:
            gdb.sendall(b"$?#3f")
            assert gdb.recv(1) == b"+" and gdb.recv(3).startswith(b"$T")
    finally:
        tool.terminate()
        tool.communicate(timeout=20)
    assert tool.returncode == NO_VERDICT


def connect(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise AssertionError("QEMU's gdb server did not come up")


@pytest.fixture
def tool():
    """tools/run as a module."""
    loader = importlib.machinery.SourceFileLoader("tools_run", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tools_run", loader))
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("device, flags, probe_status, accel", [
    (False, "fpu vmx", 0, "tcg"), (True, "fpu", 0, "tcg"), (True, "fpu vmxoff", 0, "tcg"),
    (True, "fpu vmx", 3, "tcg"), (True, "fpu vmx", 0, "kvm"), (True, "svm fpu", 0, "kvm")])
def test_kvm_needs_a_probe_that_passes(tool, monkeypatch, device, flags, probe_status, accel):
    probes = []

    def probe(command, **_):
        probes.append(command)
        return subprocess.CompletedProcess(command, probe_status)

    monkeypatch.setattr(tool.os, "access", lambda *_: device)
    monkeypatch.setattr(tool.subprocess, "run", probe)
    cpuinfo = f"flags\t: {flags}\n"
    monkeypatch.setattr(tool, "open", lambda *_, **__: io.StringIO(cpuinfo), raising=False)
    assert tool.choose_accel(tool.parse_arguments([])) == accel
    assert tool.choose_accel(tool.parse_arguments(["--icount"])) == "tcg"
    assert tool.choose_accel(tool.parse_arguments(["--accel", "kvm"])) == "kvm"
    assert len(probes) <= 1 and all("cpus=1" in command for command in probes)


def test_time_out_follows_the_command_line(tool):
    def bound(*argv):
        return tool.derive_timeout(tool.parse_arguments(argv))
    boot = bound("time=1ms", "--smp", "1")
    assert 60 <= boot < 120 < bound("time=1ms", "--smp", "255")
    assert boot + 10 <= bound("--smp", "1") < boot + 60
    assert bound("time=72h") > 72 * 3600 and bound("time=2d") > 48 * 3600
    assert bound("time=1w") > 7 * 86400
    assert bound("run=latency", "time=1s") == bound("run=latency") > bound("time=1s") + 60
    assert bound("run=latency", "samples=100000") > 10 * (bound("run=latency") - boot)
    assert bound("time=1s", "--icount") > bound("time=10s")
    assert bound("time=1s", "--timeout", "7") == 7
    assert bound("--timeout", "0") is None and bound("--gdb") is None


@pytest.mark.parametrize("smp, count", [
    ("1", 1), ("9,sockets=3,cores=3", 9), ("2,maxcpus=4", 2), ("cpus=6", 6),
    ("sockets=2,cores=3,threads=2", 12)])
def test_cpu_count(tool, smp, count):
    assert tool.cpu_count(smp) == count


def own(command, *arguments):
    return subprocess.run([TOOL, "--command", command, "--log", os.devnull, *arguments],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize("verdict, status", [("PASS", 0), ("FAIL: x", 1), ("REFUSED: x", 2)])
def test_a_foreign_machine_is_judged_by_its_report(verdict, status):
    """Whatever it exits with, or when it does not."""
    for end in ("exit 5", "exec sleep 60"):
        assert own(f"""sh -c '{BEGIN} echo "iststorm: {verdict}"; {end}'""").returncode == status


def test_a_foreign_machine_without_a_verdict():
    done = own("sh -c 'exit 5'")
    assert done.returncode == NO_VERDICT and "no verdict: sh ended with status 5" in done.stderr
    done = own("sh -c 'echo why >&2; echo KTAP version 1 > {serial}; exit 5'")
    assert done.returncode == NO_VERDICT and "sh ended with status 5: why" in done.stderr
    done = own("sh -c 'exec sleep 60'", "--timeout", "0.5")
    assert done.returncode == NO_VERDICT and "time-out" in done.stderr
    done = own("/no/such/machine")
    assert done.returncode == NO_VERDICT and "/no/such/machine cannot be started" in done.stderr


def test_the_command_line_reaches_a_foreign_machine():
    done = own(f"sh -c '{PASSES} echo {{words}} >&2'", "time=1s", "run=nmi")
    assert done.returncode == 0 and "time=1s run=nmi" in done.stderr
    done = own("true {iso}", "run='x'")
    assert done.returncode == NO_VERDICT and "quote" in done.stderr
