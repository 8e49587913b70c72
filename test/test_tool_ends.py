# SPDX-License-Identifier: MIT
"""How the host's tools end: whatever goes wrong with a tool itself is no answer of it, and says
what it was. Statuses below 3 are answers."""

import array
import fcntl
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import termios
import time

import iststorm_tool
import pytest
import synthetic
from conftest import ROOT

TROUBLE, USAGE = 3, 64
READERS = {
    "report": ["tools/iststorm_report.py"],
    "fleet": ["tools/fleet"], "fleet csv": ["tools/fleet", "--format", "csv"],
    "jsonl": ["tools/convert", "jsonl"], "csv": ["tools/convert", "csv"],
    "junit": ["tools/convert", "junit"], "lava": ["ci/lava/check"]}
OTHERS = {"docs": ["tools/conform", "--docs"], "command": ["tools/run", "--print-command"]}
TOOLS = sorted({command[0] for command in (*READERS.values(), *OTHERS.values())}
               | {"tools/compare", "tools/iststorm_man.py"})
REPORT = synthetic.stream([synthetic.record([5, 6, 7] * 50, event=event)
                           for event in ("nmi", "bp")])


def run(command, root=ROOT, **options):
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               **options}
    return subprocess.run([root / command[0], *command[1:]], text=True, check=False, timeout=60,
                          **options)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "a.log"
    path.write_text(REPORT)
    return path


def commands(log):
    return [*([*command, log] for command in READERS.values()), *OTHERS.values(),
            ["tools/compare", "--all", log, log]]


def is_trouble(done, *said):
    assert done.returncode == TROUBLE, done
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr, done.stderr
    assert all(text in done.stderr for text in said), done.stderr
    return True


def test_stdout_that_takes_nothing(log):
    for command in commands(log):
        with open("/dev/full", "w", encoding="ascii") as full:
            assert is_trouble(run(command, stdout=full), "stdout: No space left on device")
        assert is_trouble(run(["/bin/sh", "-c", 'exec "$@" >&-', "sh", ROOT / command[0],
                               *command[1:]]), "stdout: Bad file descriptor")


@pytest.mark.parametrize("tool", TOOLS)
def test_help_that_cannot_be_written(tool):
    with open("/dev/full", "w", encoding="ascii") as full:
        assert is_trouble(run([tool, "--help"], stdout=full), "No space left")
    assert run([tool, "--help"]).returncode == 0


def test_complaints_that_nobody_hears_change_no_status(log):
    broken = log.with_name("broken.log")
    broken.write_text(REPORT[:len(REPORT) // 2])
    for command in (["tools/convert", "jsonl", broken], ["tools/convert", "nosuch", log],
                    ["tools/run", "--nosuch"], ["tools/fleet", "/nowhere"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            assert run(command, stderr=full).returncode == run(command).returncode
        closed = run(["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", ROOT / command[0], *command[1:]])
        assert closed.returncode == run(command).returncode


@pytest.mark.parametrize("name", READERS)
def test_a_log_that_cannot_be_read(name, tmp_path):
    command = READERS[name]
    missing, folder = tmp_path / "nosuch.log", tmp_path / "folder.log"
    folder.mkdir()
    assert is_trouble(run([*command, missing]), f"{missing}: No such file")
    if not name.startswith("fleet"):  # which reads what is in a folder
        assert is_trouble(run([*command, folder]), f"{folder}: Is a directory")
    assert is_trouble(run(["/bin/sh", "-c", 'exec "$@" <&-', "sh", ROOT / command[0], *command[1:],
                           "-"]), "stdin: Bad file descriptor")


def test_other_files_that_cannot_be_read(log, tmp_path):
    assert is_trouble(run(["tools/compare", log, tmp_path]), f"{tmp_path}: Is a directory")
    assert is_trouble(run(["tools/fleet", log, "--expect", tmp_path]), f"{tmp_path}: ")
    assert is_trouble(run(["tools/conform", "--docs", "--known", tmp_path]), f"{tmp_path}: ")


def no_room():
    """Files of this process can have no byte: as on a full disk, whoever runs it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "junit", "hgrm", "html"])
def test_an_output_without_room(kind, log, tmp_path):
    out = tmp_path / "out"
    assert is_trouble(run(["tools/convert", kind, log, "-o", out], preexec_fn=no_room),
                      f"{out}", "File too large")


def test_an_output_on_a_full_disk(log):
    assert is_trouble(run(["tools/convert", "csv", log, "-o", "/dev/full"]),
                      "/dev/full: No space left on device")


def has_read_all(process):
    """It has begun, and sleeps until there is more on stdin."""
    waiting = array.array("i", [0])
    fcntl.ioctl(process.stdin, termios.FIONREAD, waiting)
    state = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][0]
    return waiting[0] == 0 and state == "S"


def start_reading(command, text, **options):
    process = subprocess.Popen([ROOT / command[0], *command[1:], "-"], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, **options)
    process.stdin.write(text)
    process.stdin.flush()
    while not has_read_all(process):
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", READERS)
def test_signals(name, number):
    with start_reading(READERS[name], REPORT) as process:
        process.send_signal(number)
        assert process.wait(60) == TROUBLE
        assert process.stderr.read().endswith(f": ended by {number.name}\n")


def test_what_nohup_ignores_stays_ignored():
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with start_reading(["tools/iststorm_report.py"], REPORT, preexec_fn=ignore) as process:
        process.send_signal(signal.SIGHUP)
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.fixture
def copy(tmp_path):
    """The tools in a tree of their own."""
    for path in ("tools", "ci/lava"):
        shutil.copytree(ROOT / path, tmp_path / path)
    return tmp_path


def test_an_error_in_the_tool_itself(copy, log):
    """Says where, and is no answer."""
    module = copy / "tools" / "iststorm_report.py"
    text = module.read_text()
    begin = text.index("def read_report(")
    module.write_text(f"{text[:begin]}def read_report(*_):\n    return {{}}['lost']\n"
                      f"\n\ndef old_{text[begin + 4:]}")
    line = text[:begin].count("\n") + 2
    for command in ([READERS[name][0], *READERS[name][1:], log] for name in READERS
                    if name != "lava"):
        assert is_trouble(run(command, root=copy), "an error in the tool itself at "
                          f"iststorm_report.py:{line}: KeyError: 'lost'")


@pytest.mark.parametrize("damage", ["raise RuntimeError('x')\n", "def x(:\n", "import nosuch_\n"])
def test_a_tool_that_does_not_even_load(copy, log, damage):
    for name in ("report", "run", "conform", "convert", "fleet", "compare", "lava"):
        path = {"report": "tools/iststorm_report.py", "lava": "ci/lava/check"}.get(
            name, f"tools/{name}")
        if name == "report":
            continue
        module = copy / "tools" / "iststorm_report.py"
        module.write_text(damage)
        assert is_trouble(run([path, log], root=copy), "an error in the tool itself"), name


def test_without_the_plotting_library(tmp_path):
    """How to get it is told."""
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError(name='matplotlib')\n")
    done = run(["tools/conform", "--docs"], env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert is_trouble(done, "tools/conform: a page needs Matplotlib", "ci/setup pages")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path, link = tmp_path / "known.toml", tmp_path / "link"
    path.write_text("old\n")
    path.chmod(0o640)
    link.symlink_to(path)
    program = ("import resource, sys; sys.path.insert(0, sys.argv[1]); import iststorm_tool\n"
               "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
               "iststorm_tool.replace(sys.argv[2], 'new\\n')")
    done = subprocess.run([sys.executable, "-c", program, ROOT / "tools", path], check=False,
                          capture_output=True, text=True)
    assert "File too large" in done.stderr and path.read_text() == "old\n"
    iststorm_tool.replace(link, "new\n")
    assert path.read_text() == "new\n" and link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert {one.name for one in tmp_path.iterdir()} == {"known.toml", "link"}
    with pytest.raises(OSError):
        iststorm_tool.replace("/dev/full", "new\n")
    assert os.path.exists("/dev/full") and not os.path.isfile("/dev/full")
