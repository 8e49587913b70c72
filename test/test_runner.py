# SPDX-License-Identifier: MIT
"""tools/run with QEMUs that are none: its exit status must never be greener than the truth."""

import importlib.machinery
import importlib.util
import io
import json
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import time

import iststorm_qmp
import pytest
import synthetic
from conftest import ROOT
from monitor import Monitor

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


def passes(cmdline):
    """The same of a run with these words."""
    record = {"v": 1, "type": "machine", "domain": "emulated", "cmdline": cmdline}
    return f"{BEGIN} echo '# {json.dumps(record)}'; echo iststorm: PASS; "


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
    (lambda text: text.replace("ok 1 latency\n", ""), "lines before it were altered, lost"),
    (lambda text: text.replace('"PASS"', '"FAIL"'), "the verdict record 'FAIL'")])
def test_a_damaged_report_is_no_pass(fake, tmp_path, damage, complaint):
    """However the machine ends. Of several boots the last one counts."""
    said = tmp_path / "said"
    for end, words in (("exit 33", ()), ("exec sleep 60", ["end=halt"])):
        whole = synthetic.stream(FEW, cmdline=" ".join(words))
        said.write_text(damage(whole))
        done = fake(f"cat {said}; {end}", *words)
        assert done.returncode == NO_VERDICT
        assert "verdict PASS, but the report is damaged" in done.stderr and complaint in done.stderr
        said.write_text(damage(whole) + whole)
        assert fake(f"cat {said}; {end}", *words).returncode == 0
    said.write_text(damage(whole))
    assert own(f"cat {said}").returncode == NO_VERDICT


def test_a_run_that_died_in_its_report_is_none_of_the_next_boots(fake, tmp_path):
    """It failed, and the machine reset in the middle of the line before the next report."""
    died = without_a_record(synthetic.stream(FEW, verdict="FAIL: #PF")).split("ok 1")[0]
    (tmp_path / "said").write_text(f"{died}#   {synthetic.stream(FEW)}")
    done = fake(f"cat {tmp_path}/said; exit 33")
    assert done.returncode == NO_VERDICT
    assert "verdict PASS, but the report is damaged" in done.stderr


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


def test_timeout(fake, tmp_path):
    done = fake("sleep 60 & sleep 60", "--timeout", "0.5")
    assert done.returncode == NO_VERDICT and done.stderr.endswith(
        "tools/run: no verdict: time-out after 0.5 s; nothing was heard of the machine\n")
    done = fake("echo KTAP; printf 'ok 1 pro'; sleep 60", "--timeout", "0.5")
    assert done.returncode == NO_VERDICT and re.search(
        rf"log in {re.escape(os.path.relpath(tmp_path / 'log'))}\ntools/run: no verdict: time-out "
        r"after 0.5 s; heard last, \d s before: ok 1 pro\n$", done.stderr), done.stderr
    assert (tmp_path / "log").read_text().endswith("\nKTAP\nok 1 pro\n")


def no_room():
    """Files of this process, and of those that it starts, can have no byte."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_full_disk_is_no_verdict(fake, tmp_path):
    """Neither for the log nor for stdout nor for temporary files."""
    done = fake(PASSES + "exec sleep 60", "--log", "/dev/full")
    assert (done.returncode, done.stderr) == (
        NO_VERDICT, "tools/run: /dev/full: No space left on device\n")
    full = fake(PASSES + "exit 33", preexec_fn=no_room)
    assert full.returncode == NO_VERDICT and "No usable temporary directory" in full.stderr
    with open("/dev/full", "w", encoding="ascii") as out:
        done = subprocess.run([TOOL, "--qemu", tmp_path / "qemu", "--iso", tmp_path / "an.iso",
                               "--log", tmp_path / "log", "--accel", "tcg"], stdout=out, text=True,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == NO_VERDICT and f"log in {os.path.relpath(tmp_path / 'log')}\n" \
        "tools/run: no verdict: stdout: No space left on device\n" in done.stderr


def test_a_disk_that_gets_full_in_the_run(tmp_path, fake):
    """The machine is ended at once."""
    def some_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    done = fake(f"echo $$ > {tmp_path}/pid; while :; do echo a line; done", preexec_fn=some_room)
    assert done.returncode == NO_VERDICT and done.stderr.endswith(
        f"tools/run: no verdict: {tmp_path / 'log'}: File too large\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize("end", ["poweroff", "reboot"])
def test_other_ends(fake, end):
    assert fake(passes(f"end={end}") + "exit 0", f"end={end}").returncode == 0
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
                             "--accel", "tcg"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)
    assert tool.stdout.readline() == "started\n"
    tool.send_signal(number)
    _, stderr = tool.communicate(timeout=20)
    assert tool.returncode == NO_VERDICT and re.search(
        rf"log in {re.escape(os.path.relpath(tmp_path / 'log'))}\ntools/run: no verdict: ended by "
        rf"{number.name}; heard last, \d+ s before: started\n$", stderr), stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "qemu.pid").read_text()), 0)


def test_a_run_outlives_its_terminal_where_it_was_told_to(tmp_path):
    """As by nohup."""
    qemu = tmp_path / "qemu"
    qemu.write_text(f"#!/bin/sh\necho started\nread line < {tmp_path}/go\n{PASSES} exit 33\n")
    qemu.chmod(0o755)
    os.mkfifo(tmp_path / "go")
    tool = subprocess.Popen([TOOL, "--qemu", qemu, "--iso", qemu, "--log", tmp_path / "log",
                             "--accel", "tcg"], stdout=subprocess.PIPE,
                            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert tool.stdout.readline() == b"started\n"
    tool.send_signal(signal.SIGHUP)
    (tmp_path / "go").write_text("go\n")
    tool.communicate(timeout=60)
    assert tool.returncode == 0


@pytest.mark.parametrize("asked, used, said", [
    (["time=1s", "run=nmi"], "time=1s run=nmi", ""), (["time=1s  run=nmi"], " time=1s run=nmi", ""),
    (["time=1s"], "", "was '', not 'time=1s'"), (["time=1s"], "time=2s", "'time=2s', not"),
    (["--", "-kernel", "k", "-append", "time=1s"], "", "was '', not 'time=1s'"),
    (["--", "-kernel", "k", "-append", "time=1s"], "time=1s", ""), ([], "time=1s", ""),
    (["time=1s" + "1" * 99], "time=1s111...", ""),
    (["time=1s" + "1" * 99], "time=2s111...", "not")])
def test_the_report_is_of_what_was_asked(fake, asked, used, said):
    done = fake(passes(used) + "exit 33", *asked)
    assert done.returncode == (NO_VERDICT if said else 0) and said in done.stderr
    assert not said or "verdict PASS, but of another run: the image's command line" in done.stderr
    done = fake(passes(used).replace("iststorm: PASS", "'iststorm: FAIL: x'") + "exit 35", *asked)
    assert done.returncode == (NO_VERDICT if said else 1)


def test_a_report_that_does_not_tell_what_it_was(fake):
    done = fake(PASSES + "exit 33", "time=1s")
    assert done.returncode == NO_VERDICT and "does not tell its command line" in done.stderr
    for line, status in (("FAIL: it died early", 35), ("REFUSED: 'x=1'", 37)):
        done = fake(f'{BEGIN} echo "iststorm: {line}"; exit {status}', "time=1s")
        assert done.returncode == {35: 1, 37: 2}[status]


@pytest.fixture
def seconds(monkeypatch):
    """A clock of the host that moves where it is set."""
    class Time:
        now = 1000.0
    monkeypatch.setattr(iststorm_qmp.time, "monotonic", lambda: Time.now)
    return Time


def events(control, *messages):
    """As if QEMU had written them; returns what is said of them."""
    control.theirs.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
    return control.read()


@pytest.mark.parametrize("status", ["paused", "debug", "prelaunch", "save-vm"])
def test_time_in_which_the_machine_is_paused_does_not_count(tool, seconds, status):
    clock = iststorm_qmp.Clock()
    control, bounds = iststorm_qmp.Control(clock), tool.Bounds(clock.now(), 20, 10, False)

    def broken(heard):
        return bounds.broken(clock.now(), heard, None)
    seconds.now += 5
    assert events(control, {"event": "STOP"}) == [] and not broken(1000)
    assert events(control, {"return": {"running": False, "status": status}, "id": 2}) == [
        "the machine is paused: until it goes on, no time counts"]
    assert events(control, {"return": {"running": False, "status": status}, "id": 3}) == []
    seconds.now += 500
    assert broken(1000) is None and clock.now() == 1005
    assert events(control, {"event": "RESUME"}) == [
        "the machine goes on: it was paused for 500.0 s"]
    assert events(control, {"event": "RESUME"}, {"return": {"running": True, "status": "running"},
                                                 "id": 4}) == []
    seconds.now += 6
    assert broken(1005) is None and broken(1000) == "no sign of life for 10 s"
    seconds.now += 10
    assert broken(1020) == "time-out after 20 s"


@pytest.mark.parametrize("status", ["internal-error", "io-error", "guest-panicked"])
def test_time_in_which_the_machine_cannot_go_on_counts(seconds, status):
    clock = iststorm_qmp.Clock()
    control = iststorm_qmp.Control(clock)
    assert events(control, {"event": "STOP"},
                  {"return": {"running": False, "status": status}, "id": 3}) == [
        f"QEMU has stopped the machine: {status}"]
    seconds.now += 7
    assert clock.now() == 1007


def test_what_qemu_is_asked_to_do(seconds):
    control = iststorm_qmp.Control(iststorm_qmp.Clock())
    asked = control.theirs.recv(1 << 16).decode().splitlines()
    assert [json.loads(line)["execute"] for line in asked] == ["qmp_capabilities", "query-status"]
    events(control, {"QMP": {"version": {}}}, {"return": {}, "id": 1}, {"event": "STOP"})
    assert json.loads(control.theirs.recv(1 << 16))["execute"] == "query-status"
    control.theirs.sendall(b'{"return": {}, "id": 4}\n{"error": {"desc": "no"}, "id": 5}\n')
    control.ask("screendump", filename="x")
    with pytest.raises(OSError, match="no"):
        control.ask("screendump", filename="x")
    control.theirs.close()
    with pytest.raises(OSError, match="closed its control socket"):
        control.ask("screendump", filename="x")
    assert control.read() is None


def test_a_machine_that_is_paused_and_goes_on(iso, tmp_path):
    """By QEMU's own word."""
    command = [TOOL, "--accel", "tcg", "--smp", "1", "--iso", iso, "--qmp", tmp_path / "qmp",
               "--log", tmp_path / "log", "run=nmi", "time=200ms"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("ok 1 probe"):
                monitor = Monitor(tmp_path / "qmp")
                monitor.say("stop")
                assert process.stderr.readline().endswith("until it goes on, no time counts\n")
                monitor.say("cont")
                assert re.search(r"paused for \d+\.\d s$", process.stderr.readline())
        assert process.wait(60) == 0


def test_quiet_shows_the_verdict_alone(fake):
    done = fake(PASSES + "exit 33", "--quiet")
    assert done.stdout == "iststorm: PASS\n"


@pytest.mark.parametrize("arguments", [
    ["--colour"], ["--smp", "many"], ["--smp", "0"], ["--smp"], ["--firmware", "coreboot"],
    ["--timeout", "-1"], ["--command", " "], ["--command", "x", "--icount"],
    ["--command", "x 'y"], ["--command", "x", "time=1s"], ["time=1s", "--", "-append", "time=2s"],
    ["--machine", "bochs", "--gdb"], ["--firmware", "uefi32", "--machine", "pc"],
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


def test_a_counting_machine_has_one_of_the_hosts_cpus(fake, tmp_path):
    """On two, QEMU's main loop and the thread of its CPUs race, and no run repeats."""
    script = f"grep Cpus_allowed: /proc/self/status > {tmp_path}/cpus; {PASSES} exit 33"

    def cpus(*arguments):
        assert fake(script, "--media", "cdrom", *arguments).returncode == 0
        return int((tmp_path / "cpus").read_text().split()[1].replace(",", ""), 16).bit_count()
    assert cpus("--icount") == 1
    assert cpus() == len(os.sched_getaffinity(0))


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


@pytest.mark.parametrize("version, wanted", [
    ("7.2.22 (Debian 1:7.2+dfsg-7)", "-singlestep -accel tcg"), ("8.0.4", "-singlestep -accel tcg"),
    ("8.1.0", "-accel tcg,one-insn-per-tb=on"), ("10.0.2", "-accel tcg,one-insn-per-tb=on")])
def test_every_instruction(fake, version, wanted):
    done = fake(f"echo 'QEMU emulator version {version}'", "--print-command", "--every-instruction")
    assert done.returncode == 0 and f" {wanted} " in done.stdout


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


def test_last_words_are_heard(tool):
    """Of a machine that writes them and exits just when the tool has given up listening."""
    here, there = os.pipe()

    class Exits:
        """Its exit is seen the second time that somebody asks."""
        asked = 0

        def poll(self):
            self.asked += 1
            if self.asked == 2:
                os.write(there, b"iststorm: FAIL: the end\n")
            return 35 if self.asked >= 2 else None

    class Report:
        quiet, verdict, lines = True, None, []

        def take(self, lines, now):
            self.lines += lines
    report = Report()
    followed = tool.Followed(Exits(), here, report, None, iststorm_qmp.Clock())
    bounds = tool.Bounds(0, None, None, False)
    assert followed.follow(bounds) is None
    assert report.lines == ["iststorm: FAIL: the end"]


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


@pytest.mark.parametrize("words", [["time=" + "9" * 5000 + "h"], ["passes=\u00b2"],
                                   ["samples=" + "1" * 5000, "run=latency"],
                                   ["--smp", "cpus=" + "9" * 5000]])
def test_numbers_that_no_machine_has(tool, words):
    """They are the image's to refuse, or QEMU's."""
    assert 60 <= tool.derive_timeout(tool.parse_arguments(words)) < 600


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
    """With any exit status, or without one."""
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
    script = shlex.join(["sh", "-c", passes("time=1s run=nmi") + "echo {words} >&2"])
    done = own(script, "time=1s", "run=nmi")
    assert done.returncode == 0 and "time=1s run=nmi" in done.stderr
    done = own("true {iso}", "run='x'")
    assert done.returncode == NO_VERDICT and "quote" in done.stderr
