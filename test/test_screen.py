# SPDX-License-Identifier: MIT
"""The report on the screen: VGA text without a serial port, and a framebuffer under UEFI."""

import gzip
import json
import re
import shlex
import socket
import struct
import subprocess
import time
import zlib

import pytest
from conftest import ROOT

FONT = "/usr/share/consolefonts/Lat15-VGA16.psf.gz"
GLYPH_WIDTH, GLYPH_HEIGHT = 8, 16
PSF1_HEADER_BYTES = 4


class Machine:
    """A QEMU without COM1 that halts at the end, and its QMP socket."""

    def __init__(self, iso, directory, words):
        path = str(directory / "qmp")
        printed = subprocess.run(
            [ROOT / "tools" / "run", "--iso", iso, "--accel", "tcg", "--smp", "2", "--qmp", path,
             "--print-command", *words, "end=halt"], capture_output=True, text=True, check=True)
        command = shlex.split(printed.stdout)
        command[command.index("chardev:com1")] = "none"
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.directory = directory
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while "return" not in (answer := json.loads(self.file.readline())):
            assert "error" not in answer, answer

    def screen(self):
        """The VGA text screen, 25 lines of 80 characters."""
        path = self.directory / "vga"
        self.command("pmemsave", val=0xb8000, size=4000, filename=str(path))
        text = path.read_bytes()[::2].decode("cp437")
        return "\n".join(text[start:start + 80].rstrip() for start in range(0, 2000, 80))

    def close(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()


@pytest.mark.parametrize("words, verdict", [
    (("time=500ms",), "iststorm: PASS"), (("colour=red",), "iststorm: REFUSED: 'colour=red'")])
def test_without_a_serial_port_the_screen_tells(iso, tmp_path, words, verdict):
    machine = Machine(iso, tmp_path, words)
    try:
        end = time.monotonic() + 60
        while verdict not in machine.screen() and time.monotonic() < end:
            time.sleep(0.2)
        assert verdict in machine.screen(), machine.screen()
    finally:
        machine.close()


ROWS_OF_THE_PAGE = (r"iststorm .* emulated .* 2 CPUs .* bios", r"storm 0:00:0\d of 0:00:04 ",
                    r"so far: PASS$", r"seed 7 +seed=7 time=4s end=halt$",
                    r"hardware:  0 corrected errors  0 times throttled  0 unexplained NMIs",
                    r"events a second +\d+", r"CPU 0 +\u2584.*\d", r"hottest stack: .* of CPU \d",
                    "-{80}$")


# Of CPU 1, in bank 2: CPU, bank, status, MCG status, address, miscellaneous.
CORRECTED_ERROR = "mce 1 2 0x9c00000000000151 0 0x5a000 0x86"


def wait_for(machine, wanted):
    """The screen, once it has what a regex says; or as it is after a minute."""
    end = time.monotonic() + 60
    while not re.search(wanted, screen := machine.screen(), re.MULTILINE) \
            and time.monotonic() < end:
        time.sleep(0.1)
    return screen


def test_the_page_shows_the_run_and_then_its_verdict(iso, tmp_path):
    machine = Machine(iso, tmp_path, ("seed=7", "time=4s"))
    try:
        screen = wait_for(machine, r"^ storm 0:00:0[1-9][^$]*ok 1 probe$")
        places = [re.search("^ *" + row, screen, re.MULTILINE) for row in ROWS_OF_THE_PAGE]
        assert all(places), screen
        assert [place.start() for place in places] == sorted(place.start() for place in places)
        assert screen.index("-" * 80) < screen.index("ok 1 probe")
        machine.command("human-monitor-command", **{"command-line": CORRECTED_ERROR})
        screen = wait_for(machine, "^iststorm: ")
        assert screen.rstrip().endswith("\niststorm: PASS"), screen
        assert re.search(r"^ PASS$", screen, re.MULTILINE) and "\u2588" * 2 in screen
        assert "after 0:00:0" in screen and "faults: 0" in screen
        assert "hardware:  1 corrected errors  0 times throttled" in screen, screen
    finally:
        machine.close()


def test_a_failures_reason_is_read_in_whole_words(iso, tmp_path):
    machine = Machine(iso, tmp_path, ("run=nmi", "time=2s", "stop=first", "inject=deep-stack"))
    try:
        rows = wait_for(machine, "^iststorm: FAIL").split("\n")
        reason = re.search(r"FAIL: (.* must stay free)", "".join(row.ljust(80) for row in rows))[1]
        side = next(row.index("after ") for row in rows if "after 0:00:0" in row)
        beside = [row[side:] for row in rows[7:11] if row[side:].strip()]
        assert len(beside) > 1 and " ".join(beside) == reason, "\n".join(rows)
    finally:
        machine.close()


def read_glyphs():
    """The font's printable ASCII: bitmap of a cell -> character."""
    with gzip.open(FONT) as file:
        glyphs = file.read()[PSF1_HEADER_BYTES:]
    return {glyphs[code * GLYPH_HEIGHT:(code + 1) * GLYPH_HEIGHT]: chr(code)
            for code in range(0x20, 0x7f)}


def read_picture(path):
    """The characters that stand on a screenshot of tools/run, unknown ones as '?'."""
    png = path.read_bytes()
    width, height = struct.unpack(">II", png[16:24])
    rows = zlib.decompress(png[png.index(b"IDAT") + 4:])
    stride = 1 + 3 * width
    glyphs = read_glyphs()

    def cell(column, row):
        bitmap = bytearray()
        for y in range(row * GLYPH_HEIGHT, (row + 1) * GLYPH_HEIGHT):
            start = y * stride + 1 + 3 * column * GLYPH_WIDTH
            bits = 0
            for x in range(GLYPH_WIDTH):
                bits = bits << 1 | any(rows[start + 3 * x:start + 3 * x + 3])
            bitmap.append(bits)
        return glyphs.get(bytes(bitmap), "?")

    return "\n".join("".join(cell(column, row) for column in range(width // GLYPH_WIDTH)).rstrip()
                     for row in range(height // GLYPH_HEIGHT))


@pytest.mark.parametrize("card", ["std", "virtio", "vmware"])
def test_a_framebuffer_shows_the_report(iso, tmp_path, card):
    picture = tmp_path / "screen.png"
    done = subprocess.run(
        [ROOT / "tools" / "run", "--iso", iso, "--accel", "tcg", "--smp", "2", "--firmware", "uefi",
         "--quiet", "--log", tmp_path / "log", "--screenshot", picture, "time=500ms",
         "--", "-vga", card], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    screen = read_picture(picture)
    assert "hardware:  0 corrected errors" in screen
    assert screen.rstrip().endswith("\niststorm: PASS"), screen
