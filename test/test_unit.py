# SPDX-License-Identifier: MIT
"""The hosted unit tests of the image's machine-free parts, and fuzz runs that `make soak` makes
longer."""

import subprocess

import pytest
from conftest import ROOT


@pytest.mark.parametrize("target", ["unit", "fuzz"])
def test_make(target):
    done = subprocess.run(["make", "-s", "-j2", target, "FUZZ_SECONDS=3"], cwd=ROOT,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
