# SPDX-License-Identifier: MIT
"""ci/lava: the QEMU job under the real dispatcher, and the checker of its log."""

import json
import os
import shutil
import subprocess

import pytest
from conftest import ROOT

LAVA = ROOT / "ci" / "lava"
UNPACKED = ROOT / "build" / "lava" / "lava-run"
LAVA_RUN = UNPACKED if UNPACKED.exists() else shutil.which("lava-run")
CASE = ("results", {"definition": "iststorm", "case": "nmi", "result": "pass"})
FAILED = ("results", {"definition": "iststorm", "case": "nmi", "result": "fail"})
JOB = ("results", {"definition": "lava", "case": "job", "result": "pass"})
PLAN = ("target", "1..1")
PASS = ("target", "iststorm: PASS")
FAIL = ("target", "iststorm: FAIL: CPU 1")
LOST = ("results", {"definition": "lava", "case": "job", "result": "fail"})


def check(text):
    return subprocess.run([LAVA / "check", "-"], input=text, capture_output=True, text=True,
                          check=False)


@pytest.mark.parametrize("status, entries", [
    (0, [PLAN, CASE, PASS, JOB]),
    (1, [PLAN, FAILED, PASS, JOB]),
    (1, [PLAN, CASE, FAIL, JOB]),
    (1, [PLAN, CASE, FAIL, PASS, JOB]),
    (1, [PLAN, CASE, PASS, FAIL, JOB]),
    (1, [PASS, JOB]),
    (1, [CASE, PASS, JOB]),
    (1, [("target", "1..24"), CASE, PASS, JOB]),
    (1, [PLAN, CASE, CASE, PASS, JOB]),
    (1, [PLAN, CASE, ("target", "iststorm: REFUSED: why"), JOB]),
    (3, [PLAN, CASE, JOB]),
    (3, [PLAN, CASE, PASS, LOST]),
    (3, [PLAN, CASE, ("info", "iststorm: PASS"), JOB]),
    (3, []),
])
@pytest.mark.parametrize("prefix", ["", "- "])
def test_checker(status, entries, prefix):
    text = "".join(prefix + json.dumps({"dt": "", "lvl": level, "msg": message}) + "\n"
                   for level, message in entries)
    assert check("not a record\n" + text).returncode == status


def filled(name, directory, **values):
    text = (LAVA / name).read_text()
    for key, value in values.items():
        assert f"@{key}@" in text
        text = text.replace(f"@{key}@", value)
    path = directory / name
    path.write_text(text)
    return path


def lava_run(directory, device, job, *options):
    if LAVA_RUN is None:
        pytest.skip("no lava-run: ci/lava/setup unpacks it into build/lava")
    if os.geteuid() != 0:
        pytest.skip("lava-run runs as root only")
    done = subprocess.run([LAVA_RUN, "--job-id", str(os.getpid()), "--output-dir",
                           directory / "out", "--device", device, *options, job],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=300)
    return done.returncode, done.stdout


@pytest.mark.parametrize("words, status, said", [
    ("time=300ms run=nmi,,debug", 0, "PASS"),
    ("time=300ms run=nmi inject=deep-stack", 1, "failed: fill"),
])
def test_qemu_job(iso, tmp_path, words, status, said):
    """LAVA completes both jobs; the checker tells them apart."""
    job = filled("qemu-job.yaml", tmp_path, ISO=f"file://{iso}", WORDS=words, MINUTES="3")
    ended, log = lava_run(tmp_path, LAVA / "qemu-device.yaml", job)
    assert ended == 0, log[-3000:]
    checked = check(log)
    assert checked.returncode == status and said in checked.stdout, checked.stdout + log[-3000:]


def test_grub_job_is_valid(tmp_path):
    device = filled("grub-device.yaml", tmp_path, CONSOLE="cat", RESET="true")
    job = filled("grub-job.yaml", tmp_path, MINUTES="3")
    ended, log = lava_run(tmp_path, device, job, "--validate")
    assert ended == 0, log[-3000:]
