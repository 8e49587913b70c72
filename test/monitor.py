# SPDX-License-Identifier: MIT
"""QEMU's QMP socket, for tests that do something to a machine from outside."""

import json
import socket
import time

BOUND_S = 60


class Monitor:
    """QEMU's QMP socket, as far as commands need it that have nothing to tell."""

    def __init__(self, path):
        end = time.monotonic() + BOUND_S
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                assert time.monotonic() < end, "QEMU has no QMP socket"
                time.sleep(0.05)
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        self.stream.readline()
        self.say("qmp_capabilities")

    def say(self, command, **arguments):
        json.dump({"execute": command, "arguments": arguments}, self.stream)
        self.stream.write("\n")
        self.stream.flush()
        while "return" not in (answer := json.loads(self.stream.readline())):
            assert "error" not in answer, answer
        return answer["return"]
