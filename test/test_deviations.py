# SPDX-License-Identifier: MIT
"""tools/conform: with a machine that is none, what comes of each way to end; and a part of the real
thing. The known deviations, and the page that shows them."""

import json
import os
import re
import resource
import signal
import subprocess

import iststorm_conform as conform
import pytest
from conftest import ROOT
from test_static import page_part

TOOL = ROOT / "tools" / "conform"

# Writes the image's report. A check's result is in its name.
MACHINE = '''
import json, os, sys, time
CHECKS = ["a.holds", "a.deviates", "a.skipped", "b.holds", "b.kills", "b.hangs", "c.holds",
          "d.kills-openly", "d.hangs-openly"]
def say(line):
    print(line, flush=True)
def record(type_, **more):
    say("# " + json.dumps({"v": 1, "type": type_, "domain": "emulated", **more}))
words = dict(word.split("=") for word in sys.argv[1].split())
say("KTAP version 1")
record("machine", cmdline=sys.argv[1])
say("1..1\\nok 1 probe")
for name in CHECKS:
    if words["run"] == "list":
        about = {"danger": "end"} if name.endswith("openly") else {}
        record("list", item="rule", name=name, section="SDM 3A 6.1", about="as it must", **about)
        continue
    rule = {"check": name, "section": "SDM 3A 6.1", "rule": "as it must"}
    rule |= {"danger": "end"} if name.endswith("openly") else {}
    if name in words["check"].split(","):
        if name.startswith(os.environ.get("KILLS", "b.kills")) or name.startswith("d.kills"):
            sys.exit(7)
        if "hangs" in name:
            time.sleep(60)
        result = name.partition(".")[2].partition("-")[0]
        result = result if result in ("deviates", "skipped") else "holds"
        record("conform", **rule, expected="this", seen="that at 0x123456", result=result)
say("iststorm: PASS")
'''
KNOWN = '''
[[deviation]]
check = "{}"
platforms = ["vmm 1.2"]
kind = "{}"
seen = "{}"
why = "a reason"
'''
ALL_KNOWN = "".join(KNOWN.format(*row) for row in (
    ("a.deviates", "corrupts", "that at ADDRESS"),
    ("b.kills", "kills", "python3 ended with status 7"),
    ("b.hangs", "kills", "the machine hangs"),
    ("d.kills-openly", "kills", "python3 ended with status 7"),
    ("d.hangs-openly", "kills", "the machine hangs")))


@pytest.fixture
def tool(tmp_path):
    """A function that runs tools/conform on the machine above."""
    (tmp_path / "machine.py").write_text(MACHINE)
    platform = f"vmm 1.2.3=/usr/bin/python3 {tmp_path}/machine.py '{{words}}'"

    def run(known, *arguments, platform=platform, **options):
        if known is not None:
            (tmp_path / "known.toml").write_text(known, errors="surrogateescape")
        done = subprocess.run([TOOL, "--hang", "1", "--known", tmp_path / "known.toml", "--output",
                               tmp_path / "out", "--platform", platform, *arguments],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              check=False, timeout=120, **options)
        return done
    return run


def outcomes(tmp_path):
    saved = json.loads((tmp_path / "out" / "conform.json").read_text())
    return {check["name"]: check["outcomes"]["vmm 1.2.3"]["result"] for check in saved["checks"]}


def test_each_way_to_end(tool, tmp_path):
    """All that is seen is known: a version's later parts and addresses do not count."""
    done = tool(ALL_KNOWN)
    assert (done.returncode, done.stdout) == (
        0, "vmm 1.2.3: 3 holds, 1 deviates, 2 killed, 2 hung, 1 skipped\n"), done.stderr
    assert outcomes(tmp_path) == {
        "a.holds": "holds", "a.deviates": "deviates", "a.skipped": "skipped", "b.holds": "holds",
        "b.kills": "killed", "b.hangs": "hung", "c.holds": "holds", "d.kills-openly": "killed",
        "d.hangs-openly": "hung"}
    text = (tmp_path / "out" / "conform.md").read_text()
    assert "| a.deviates | SDM 3A 6.1 | as it must | **deviates**: that at 0x123456 |" in text
    html = (tmp_path / "out" / "conform.html").read_text()
    assert "that at 0x123456" in html and "<script" not in html and "://" not in html


@pytest.mark.parametrize("known, line", [
    ("", "new: a.deviates on vmm 1.2.3: expected this; seen that at 0x123456"),
    (KNOWN.format("a.deviates", "loses", "else"), "changed: a.deviates on vmm 1.2.3: seen that at "
     "0x123456; known was: else"),
    (ALL_KNOWN + KNOWN.format("b.holds", "loses", "that"),
     "gone: b.holds on vmm 1.2.3 holds now; known was: that")])
def test_what_is_not_as_known_fails(tool, known, line):
    done = tool(known, "--check", "a.deviates", "--check", "b.holds")
    assert done.returncode == 1 and line in done.stdout.split("\n"), done.stdout + done.stderr


def test_a_file_that_does_not_exist_yet(tool, tmp_path):
    """Works at once, without kinds and reasons; what is added by hand stays."""
    def run(*arguments):
        return tool(None, "--check", "a.deviates", "--check", "b.kills", *arguments)
    done = run()
    assert done.returncode == 1 and "known.toml: no deviation is known" in done.stderr
    assert re.findall("^new: (.*?) on", done.stdout, re.MULTILINE) == ["a.deviates", "b.kills"]
    done = run("--update")
    assert done.returncode == 0 and "2 deviations now; 1 have no kind yet" in done.stderr
    assert run().returncode == 0
    known = (tmp_path / "known.toml").read_text()
    assert known.count("kind =") == 1 and "why =" not in known
    (tmp_path / "known.toml").write_text(known + 'why = "because"\n')
    assert run("--update").returncode == 0
    assert (tmp_path / "known.toml").read_text().endswith('why = "because"\n')
    table = subprocess.run([TOOL, "--counts", "--known", tmp_path / "known.toml"], text=True,
                           capture_output=True, check=True).stdout
    assert "| not sorted yet | 1 |\n" in table and "| kills or hangs the emulator | 1 |\n" in table


def test_known_deviations_outlive_a_full_disk(tool, tmp_path):
    assert tool(ALL_KNOWN).returncode == 0
    done = tool(KNOWN.format("a.deviates", "loses", "else"), "--update", preexec_fn=lambda:
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    assert done.returncode == 3 and "File too large" in done.stderr
    assert (tmp_path / "known.toml").read_text() == KNOWN.format("a.deviates", "loses", "else")


def test_results_that_cannot_be_written(tool):
    done = tool(ALL_KNOWN, "--check", "a.holds", "--output", "/dev/full/x")
    assert done.returncode == 3 and "/dev/full/x" in done.stderr


@pytest.mark.parametrize("option", ["--check", "--reproduce"])
def test_a_check_that_there_is_not(tool, option):
    done = tool("", option, "a.hold" if option == "--check" else "debug.two-dat")
    assert done.returncode == 64 and "unknown check, near '" in done.stderr, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_machines_too(tmp_path, number):
    (tmp_path / "machine.py").write_text(
        f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        f"open({str(tmp_path / 'started')!r}, 'w').close()\ntime.sleep(60)\n")
    os.mkfifo(tmp_path / "started")
    with subprocess.Popen([TOOL, "--platform", f"vmm=/usr/bin/python3 {tmp_path}/machine.py "
                           "{words}", "--output", tmp_path / "out"], stderr=subprocess.PIPE,
                          text=True) as process:
        (tmp_path / "started").read_text()
        process.send_signal(number)
        assert process.wait(60) == 3
        assert f"ended by {number.name}; the machines' logs are in " in process.stderr.read()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_result_that_is_damaged_is_none(tool, tmp_path):
    """The machine's report is read on, and the check is not held to be one that holds."""
    machine = tmp_path / "machine.py"
    assert tool("", "--check", "a.holds").returncode == 0
    machine.write_text(MACHINE.replace("result=result)", "result='hold\\ud800')"))
    done = tool("", "--check", "a.holds", "--check", "b.holds")
    assert done.returncode == 1 and outcomes(tmp_path)["a.holds"] == "killed"
    assert "the report is damaged: line" in done.stdout, done.stdout


def test_other_versions_have_their_own(tool):
    done = tool(ALL_KNOWN.replace("vmm 1.2", "vmm 1.20"), "--check", "a.deviates")
    assert done.returncode == 1 and "new: a.deviates" in done.stdout


@pytest.mark.parametrize("platform, said", [
    ("vmm=/bin/true {words}", "vmm did not start: true ended with status 0"),
    ("vmm=/no/such {words}", "vmm did not start: /no/such cannot be started")])
def test_a_machine_that_does_not_start(tool, platform, said):
    done = tool("", platform=platform)
    assert done.returncode == 3 and said in done.stderr, done.stderr


@pytest.mark.parametrize("known", [
    "[[deviation]]\ncheck = 'x'\n", "no toml", KNOWN.format("a.b", "odd", "x"), "deviation = 5\n",
    "deviation = [5]\n", KNOWN.format("a.b", "loses", "x").replace('["vmm 1.2"]', '"vmm 1.2"'),
    KNOWN.format("a.b", "loses", "x").replace('"a reason"', "5"), "\udcff", "x = " + "[" * 9999,
    KNOWN.format("a.b", "loses", "x") + "colour = 'red'\n"])
def test_a_bad_file_is_refused(tool, known):
    done = tool(known, "--check", "a.holds")
    assert done.returncode == 3 and "known.toml: " in done.stderr


def test_update_keeps_what_was_sorted(tool, tmp_path):
    known = "# a head\n" + KNOWN.format("a.deviates", "loses", "else") + \
        KNOWN.format("b.holds", "loses", "that")
    assert tool(known).returncode == 1
    assert tool(known, "--update").returncode == 0
    assert (tmp_path / "known.toml").read_text().startswith("# a head\n\n[[deviation]]\n")
    rows = {one.check: one for one in map(
        lambda row: conform.Deviation(**{**row, "platforms": tuple(row["platforms"])}),
        conform.tomllib.loads((tmp_path / "known.toml").read_text())["deviation"])}
    assert "b.holds" not in rows and rows["b.kills"].kind == "kills"
    assert rows["a.deviates"].kind == "loses" and rows["a.deviates"].seen == "that at ADDRESS"
    assert tool((tmp_path / "known.toml").read_text()).returncode == 0


@pytest.mark.parametrize("arguments", [["--platform", "vax"], ["--platform", "a="], ["--jobs", "0"],
                                       ["--hang", "0"], ["more"], ["--platform", "vmm=x"]])
def test_wrong_usage(arguments):
    done = subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 64 and "usage:" in done.stderr


def test_the_sources_show_how_each_check_is_made():
    sources = conform.read_sources()
    assert len(sources) > 200
    assert all(source.probes or source.functions for source in sources.values())
    assert sources["debug.two-data"].probes and sources["nmi.one-latched"].functions
    text = conform.bug_report(sources["debug.mov-ss-int3"], "vmm 1",
                              conform.Outcome("deviates", "this", "that", "tools/run x"), None)
    assert "    mov ss, [rdi]\n        int3\n" in text and "held_over_int3(" in text
    assert "\n    tools/run x\n" in text and "Expected: this\nSeen: that\n" in text


def test_the_installed_qemu_differs_as_known(iso):
    """All harmless checks."""
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True,
                             check=True).stdout.split()[3]
    if not any(one.is_of(f"qemu {version}") for one in conform.read_known()):
        pytest.skip(f"nothing is known of QEMU {version}")
    done = subprocess.run([TOOL, "--platform", "qemu", "--harmless", "--output",
                           ROOT / "build" / "test" / "conform"],
                          capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_known_deviations_are_sorted_and_of_checks_that_are_there():
    known, sources = conform.read_known(), conform.read_sources()
    assert known and {one.check for one in known} <= set(sources)
    assert not [one.check for one in known if len(one.why) < 10 or not one.kind]
    seen = [(one.check, platform) for one in known for platform in one.platforms]
    assert len(seen) == len(set(seen))


def test_the_page_shows_the_known_deviations():
    """tools/conform --docs prints what to put there."""
    table = subprocess.run([TOOL, "--docs"], capture_output=True, text=True, check=True).stdout
    assert page_part("docs/deviations.md", "deviations") == table


def test_the_page_counts_the_known_deviations():
    """tools/conform --counts prints what to put there."""
    table = subprocess.run([TOOL, "--counts"], capture_output=True, text=True, check=True).stdout
    assert page_part("docs/deviations.md", "counts") == table
