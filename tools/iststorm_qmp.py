# SPDX-License-Identifier: MIT
"""QEMU's control socket (QEMU docs: qmp-spec): whether the machine runs, and pictures of its
screen. And the clock of a machine, which stands still while somebody has paused it."""

import contextlib
import json
import re
import socket
import struct
import time
import zlib

ANSWER_S = 10
# In which the machine stands because somebody wants it so; in the others it cannot go on.
PAUSED = {"paused", "debug", "prelaunch", "inmigrate", "postmigrate", "finish-migrate", "save-vm",
          "restore-vm", "suspended", "colo"}


class Clock:
    """Seconds, but for those in which the machine is paused."""

    def __init__(self):
        self.left_out, self.paused_at = 0, None

    def now(self):
        return (time.monotonic() if self.paused_at is None else self.paused_at) - self.left_out

    def pause(self):
        if self.paused_at is None:
            self.paused_at = time.monotonic()

    def go_on(self):
        """After a pause: returns how long it was."""
        stood = time.monotonic() - self.paused_at
        self.left_out, self.paused_at = self.left_out + stood, None
        return stood


class Control:
    """`theirs` is QEMU's end of the socket, which it gets by its number, as arguments() says.
    Nothing here waits for a QEMU that does not answer, but ask()."""

    def __init__(self, clock):
        self.clock, self.rest, self.questions, self.answers = clock, b"", 0, {}
        self.ours, self.theirs = socket.socketpair()
        self.send("qmp_capabilities")
        self.send("query-status")

    def arguments(self):
        return ["-chardev", f"socket,id=iststorm-control,fd={self.theirs.fileno()}",
                "-mon", "chardev=iststorm-control,mode=control"]

    def send(self, command, **arguments):
        """Returns the number that the answer will have."""
        self.questions += 1
        question = {"execute": command, "arguments": arguments, "id": self.questions}
        with contextlib.suppress(OSError):  # QEMU is gone: the next read shows it
            self.ours.sendall(json.dumps(question).encode() + b"\n")
        return self.questions

    def read(self, wait_s=0):
        """Reads QEMU's messages; returns a text for people, and None when QEMU has closed the
        socket."""
        self.ours.settimeout(wait_s)
        try:
            data = self.ours.recv(1 << 16)
        except (BlockingIOError, TimeoutError):
            return []
        except ConnectionError:
            data = b""
        *lines, self.rest = (self.rest + data).split(b"\n")
        told = [self.take(json.loads(line)) for line in lines]
        return [text for text in told if text] if data else None

    def take(self, message):
        if "id" in message:
            self.answers[message["id"]] = message
        status = message.get("return", {}).get("status")
        if message.get("event") == "STOP":
            self.send("query-status")  # which says why
        elif message.get("event") == "RESUME" or status == "running":
            return self.go_on()
        elif status in PAUSED:
            return self.pause()
        elif status:
            return f"QEMU has stopped the machine: {status}"
        return None

    def pause(self):
        if self.clock.paused_at is not None:
            return None
        self.clock.pause()
        return "the machine is paused: until it goes on, no time counts"

    def go_on(self):
        if self.clock.paused_at is None:
            return None
        return f"the machine goes on: it was paused for {self.clock.go_on():.1f} s"

    def ask(self, command, **arguments):
        """Waits until QEMU has done it. OSError: it has not."""
        number, end = self.send(command, **arguments), time.monotonic() + ANSWER_S
        while number not in self.answers:
            if self.read(1) is None:
                raise OSError("QEMU closed its control socket")
            if time.monotonic() > end:
                raise OSError(f"QEMU gave no answer to {command} in {ANSWER_S} s")
        if "error" in self.answers[number]:
            raise OSError(self.answers[number]["error"]["desc"])


def convert_ppm(ppm):
    """A binary PPM as a PNG: QEMU writes PNG itself only where it was built so."""
    header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", ppm)
    if not header:
        raise ValueError("QEMU's screendump is not a PPM")
    width, height = int(header[1]), int(header[2])
    rows = (ppm[start:start + 3 * width]
            for start in range(header.end(), header.end() + 3 * width * height, 3 * width))

    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
            + chunk(b"IEND", b""))
