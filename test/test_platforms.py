# SPDX-License-Identifier: MIT
"""The platforms beside the installed QEMU: fetching QEMU 10."""

import shutil
import subprocess

import pytest
from conftest import ROOT

NOWHERE = "http://127.0.0.1:9/debian"


@pytest.fixture
def fetch(tmp_path):
    """ci/platforms/qemu-10 in a tree of its own, where nothing is unpacked yet."""
    script = tmp_path / "ci" / "platforms" / "qemu-10"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "ci" / "platforms" / "qemu-10", script)

    def run(*arguments):
        return subprocess.run([script, *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False, timeout=120)
    return run


def test_fetching_says_that_there_is_no_network(fetch):
    done = fetch("--mirror", NOWHERE)
    assert done.returncode == 1 and done.stdout == ""
    assert f"{NOWHERE} could not be read: E: " in done.stderr and "connect" in done.stderr


def test_fetching_does_nothing_where_it_is_there(fetch, tmp_path):
    qemu = tmp_path / "build" / "qemu-10" / "qemu-system-x86_64"
    qemu.parent.mkdir(parents=True)
    qemu.write_text("#!/bin/sh\necho QEMU emulator version 10\n")
    qemu.chmod(0o755)
    done = fetch("--mirror", NOWHERE)
    assert done.returncode == 0 and "QEMU emulator version 10" in done.stdout


@pytest.mark.parametrize("arguments, status", [(["--help"], 0), (["--mirror"], 64), (["x"], 64)])
def test_usage(fetch, arguments, status):
    done = fetch(*arguments)
    assert done.returncode == status and "usage:" in done.stdout + done.stderr
