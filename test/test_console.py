# SPDX-License-Identifier: MIT
"""Where the report goes: serial ports by name, by address and from SPCR, several, stuck ones, none.

QEMU has no 16550 in memory on a PC: how such a one is driven is tested by unit/test_serial.c.
"""

import re
import socket
import struct
import subprocess
import threading

import pytest
from conftest import LOGS, ROOT
from monitor import Monitor
from runs import Run

COM1 = struct.pack("<BBBBQ", 1, 8, 0, 1, 0x3F8)
COM2 = struct.pack("<BBBBQ", 1, 8, 0, 1, 0x2F8)
IN_MEMORY = struct.pack("<BBBBQ", 0, 32, 0, 3, 0xFD000000)
BAUD_57600 = 6
WORDS = ("run=nmi", "time=100ms")


@pytest.fixture
def spcr(tmp_path):
    """A function that makes QEMU's option for an SPCR of revision 2."""
    def make(interface, address, baud=0):
        body = bytes([interface, 0, 0, 0]) + address + bytes(6) + bytes([baud]) + bytes(5)
        path = tmp_path / "spcr"
        path.write_bytes(body + b"\xff" * 4 + bytes(12))
        return "-acpitable", f"sig=SPCR,rev=2,data={path}"
    return make


def body_of(text):
    """The stream without what tools/run puts before it, and carriage returns."""
    return text[text.index("KTAP version 1"):].replace("\r\n", "\n").rstrip("\n")


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_spcr_names_a_second_port(launch, spcr, tmp_path, firmware):
    port = tmp_path / "com2"
    result = launch(Run(f"spcr {firmware}", "quick", words=WORDS, firmware=firmware,
                        extra=("-serial", f"file:{port}", *spcr(0, COM2, BAUD_57600))))
    assert result.report.verdict == "PASS", result.explain()
    assert "console: SPCR names the serial port 0x2f8" in result.report.notes
    assert body_of(port.read_text()) == body_of(result.text)


def divisor_in_the_run(directory, *extra):
    """Of COM1, while a run is stopped in its midst."""
    log = directory / "log"
    command = [ROOT / "tools" / "run", "--accel", "tcg", "--smp", "2", "--qmp", directory / "qmp",
               "--log", log, "run=nmi", "time=1s", "--", *extra]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as process:
        for line in process.stdout:
            if line.startswith("ok 1 probe"):
                monitor = Monitor(directory / "qmp")
                monitor.say("stop")
                read = [monitor.say("human-monitor-command", **{"command-line": text})
                        for text in ("o /b 0x3fb 0x83", "i /b 0x3f8", "o /b 0x3fb 0x03")]
                monitor.say("cont")
        assert process.wait(60) == 0
    return int(read[1].split("=")[1], 16)


def test_an_spcr_without_a_speed_leaves_the_firmwares(iso, spcr, tmp_path):
    """9,600 baud in QEMU. Before SPCR is read, COM1 was opened at 115,200."""
    assert divisor_in_the_run(tmp_path, *spcr(0, COM1)) == 12
    assert divisor_in_the_run(tmp_path, *spcr(0, COM1, BAUD_57600)) == 2


def test_the_port_of_spcr_alone(launch, spcr, tmp_path):
    port = tmp_path / "com2"
    result = launch(Run("spcr alone", "quick", words=(*WORDS, "console=serial:spcr"),
                        extra=("-serial", f"file:{port}", *spcr(0, COM2))))
    assert "KTAP" not in result.text and result.report.verdict is None
    assert port.read_text().rstrip().endswith("\niststorm: PASS")


@pytest.mark.parametrize("interface, address, note", [
    pytest.param(3, COM2, "console: no serial port from SPCR: its interface type 0x03 is not a "
                          "16550's", id="PL011"),
    pytest.param(0x12, IN_MEMORY, "console: no serial port at mmio:0xfd000000", id="empty")])
def test_an_spcr_of_no_use_is_said(launch, spcr, interface, address, note):
    result = launch(Run(f"spcr of interface {interface}", "quick", words=WORDS,
                        extra=spcr(interface, address)))
    assert result.report.verdict == "PASS", result.explain()
    assert note in result.report.notes


def test_ports_that_are_not_there_are_said(launch):
    ports = ("serial:com1", "serial:0x2f8", "serial:mmio:0xfd000000", "serial:mmio32:0x4000000000")
    result = launch(Run("absent ports", "quick", words=(*WORDS, "console=" + ",".join(ports))))
    assert result.report.verdict == "PASS", result.explain()
    for port in ("0x2f8", "mmio:0xfd000000", "mmio:0x4000000000"):
        assert f"console: no serial port at {port}" in result.report.notes


def test_a_refusal_comes_out_where_its_good_words_say(launch, tmp_path):
    port = tmp_path / "com2"
    launch(Run("refusal", "quick", words=("colour=red", "console=serial:com2"),
               extra=("-serial", f"file:{port}")))
    assert port.read_text().startswith("iststorm: REFUSED: 'colour=red'")


def test_without_any_console_the_run_goes_on(launch):
    result = launch(Run("no console", "quick", words=(*WORDS, "console=none"),
                        extra=("-vga", "none")))
    assert "KTAP" not in result.text
    assert "QEMU exited 33" in result.stderr    # its status is PASS's


def test_page_and_heartbeats_cost_little(launch):
    """In instructions; a page is drawn once a second."""
    result = launch(Run("cost of the page", "quick", words=("run=nmi", "time=1100ms", "seed=1"),
                        icount=True))
    assert result.report.verdict == "PASS", result.explain()
    note = next(note for note in result.report.notes if "status pages" in note)
    pages, us, ppm = map(int, re.match(
        r"(\d+) status pages and heartbeats took (\d+) us, (\d+) ppm ", note).groups())
    assert pages == 1 and 0 < us < 2000 and ppm < 10000, note


class Reader:
    """The other end of COM2, which reads nothing before the log of COM1 has these words.
    QEMU sends a byte at a time, and a socket has room for some hundred of these."""

    def __init__(self, path, log, words):
        self.path, self.log, self.words = path, log, words
        self.text = ""
        self.over = threading.Event()

    def __enter__(self):
        self.log.unlink(missing_ok=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.path))
        self.server.listen(1)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()
        return self

    def is_told(self):
        return self.log.exists() and self.words in self.log.read_text()

    def read(self):
        connection, _ = self.server.accept()
        while not self.is_told() and not self.over.wait(0.05):
            continue
        data = b""
        while (more := connection.recv(1 << 16)):
            data += more
        self.text = data.decode("ascii")
        connection.close()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(60)
        self.server.close()


def stuck_run(reader, name, *words):
    return Run(name, "quick", words=("run=nmi", "console=serial:com1,serial:com2", *words),
               extra=("-serial", f"unix:{reader.path}"))


def test_a_stuck_port_fails_the_run_and_does_not_stop_it(launch, tmp_path):
    """A reader that goes on behind the verdict still gets that."""
    with Reader(tmp_path / "com2", LOGS / "stuck-port.log", "\niststorm: FAIL") as reader:
        result = launch(stuck_run(reader, "stuck port", "time=200ms"))
    report = result.report
    assert (report.verdict, result.status) == ("FAIL", 1), result.explain()
    assert "console: serial port 0x2f8 takes no bytes" in report.notes
    assert [record["check"] for record in report.of_type("fault")] == ["console"]
    assert "serial port 0x2f8 took no bytes" in report.reason
    assert reader.text.splitlines()[-1] == f"iststorm: FAIL: {report.reason}"


def test_a_port_that_moves_again_has_the_whole_report(launch, tmp_path):
    with Reader(tmp_path / "com2", LOGS / "port-that-moves-again.log",
                "0x2f8 takes no bytes") as reader:
        result = launch(stuck_run(reader, "port that moves again", "time=2s"))
    assert result.report.verdict == "PASS", result.explain()
    assert "console: serial port 0x2f8 takes no bytes" in result.report.notes
    assert "console: serial port 0x2f8 moves again" in result.report.notes
    assert body_of(reader.text) == body_of(result.text)
