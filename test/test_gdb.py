# SPDX-License-Identifier: MIT
"""The gdb commands of tools/gdb, in a machine that waits for gdb as with `make debug`."""

import re
import subprocess

import iststorm_report
import pytest
from conftest import GDB_LIMIT_S, ROOT, under_gdb

# The last of four #BPs, each inside the one before, on the second CPU.
DEEPEST = ("-source workloads/storm/debug.c -function take_breakpoint "
           "if $cpu() == 1 && expectations[1].breakpoints == 3")


def debug(log, *commands, words=("run=debug,nmi", "time=1s")):
    """gdb's answers to these commands, by command. gdb ends the machine."""
    arguments = []
    for number, command in enumerate(commands):
        arguments += ["-ex", rf"echo \n@{number}@\n", "-ex", command]
    _, _, said = under_gdb(
        [ROOT / "tools" / "run", "--gdb", "--accel", "tcg", "--smp", "2", "--quiet", "--timeout",
         str(GDB_LIMIT_S), "--log", log, *words], [*arguments, "-ex", "kill"])
    parts = re.split(r"\n@\d+@\n", said)
    assert len(parts) == len(commands) + 1, said
    return dict(zip(commands, parts[1:]))


@pytest.fixture(scope="module")
def in_nmi(iso, tmp_path_factory):
    """Stopped where the probe's first NMI is handled: those before it try the watch."""
    return debug(tmp_path_factory.mktemp("gdb") / "log", "whose 0", "tbreak probe_cpu",
                 "continue 1", "break nmi_handler", "continue", "stacks", "whose $rsp",
                 "whose (long)$rsp - 4096 * 4", "whose $gs_base", "whose &stack_shapes",
                 "whose", "threads", "chain", "bt-all", "chain 7",
                 "stacks nosuch", "set {long}(stack_shapes[NMI_STACK].offset + $gs_base) = 0",
                 "stacks 0", "python walk = lambda: {}['lost']", "chain ")


def lines_of(text, name):
    """The lines of `stacks` about one kind of stack."""
    match = re.search(rf"^  {name} .*\n(    .*\n?)*", text, re.MULTILINE)
    assert match, text
    return match[0].splitlines()


def test_before_there_are_stacks(in_nmi):
    assert "no CPU has its stacks yet" in in_nmi["whose 0"]


def test_what_cannot_be_told_is_a_message(iso, in_nmi):
    """Without a machine, and of what there is not: no command ends in Python's words."""
    words = ["stacks", "threads", "chain", "bt-all", "whose 0", "print $cpu()"]
    done = subprocess.run(
        ["gdb", "-nx", "-batch", "-x", ROOT / "tools" / "gdb" / "iststorm.py",
         *(f"-ex={word}" for word in words), iso.with_suffix(".elf")],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert said.count("no CPU has its stacks yet") == 5 and "$1 = -1" in said, said
    assert "stacks: No symbol \"nosuch\" in current context." in in_nmi["stacks nosuch"]
    assert "an error in the command 'chain' itself: KeyError: 'lost'" in in_nmi["chain "]
    assert "Python" not in said + "".join(in_nmi.values())


def test_stacks(in_nmi):
    text = in_nmi["stacks"]
    assert text.startswith("CPU 0 (APIC id 0, gdb's thread 1): <NMI> <TASK>\n")
    ist, level = lines_of(text, "NMI")
    assert "TSS.ist[2]" in ist and "(level 1 is next)" in ist
    assert re.search(r"level 0: high-water mark \d+ of 4096, end magic whole; in use, 184 bytes "
                     r"deep, by NMI  <- RSP", level)
    assert "(level 0 is next), 0 events on it, deepest level 3" in lines_of(text, "DB")[0]
    assert len(lines_of(text, "DB")) == 1 + 4
    assert "nest counter -1" in lines_of(text, "IRQ")[0]
    assert re.search(r"RUNNING +probe +\d+ of 8192, end magic whole$", text, re.MULTILINE)
    assert "DAMAGED" not in text


def test_a_damaged_end_magic_shows(in_nmi):
    assert "level 3: high-water mark 0 of 4096, end magic DAMAGED" in in_nmi["stacks 0"]


def test_whose(in_nmi):
    assert "CPU 0, stack NMI, level 0 of 4, 184 bytes deep of 4096" in in_nmi["whose $rsp"]
    assert "the guard page below its stack NMI" in in_nmi["whose (long)$rsp - 4096 * 4"]
    assert "CPU 0, its per-CPU area" in in_nmi["whose $gs_base"]
    assert "no stack" in in_nmi["whose &stack_shapes"]
    assert "whose which address?" in in_nmi["whose"]


def test_threads(in_nmi):
    text = in_nmi["threads"]
    for state, name in (("RUNNING", "idle"), ("BLOCKED", "softirqd"), ("RUNNING", "probe"),
                        ("BLOCKED", "reaper"), ("ASLEEP", "main")):
        assert re.search(rf"^ +\d+ +\d+  {state} +{name} +\d+ of 8192, end magic whole$", text,
                         re.MULTILINE), text


def test_chain(in_nmi):
    """The sender's registers all have known values, RBP too: the chain ends there."""
    text = in_nmi["chain"]
    assert text.startswith("CPU 0: <NMI> <TASK>\n")
    symbols = ["<NMI> +0x\\S+ nmi_handler at ", "<NMI> .* nmi_entry", "-- NMI, error code 0x0 --",
               "<TASK> .* known_nmi_xapic\\+"]
    assert re.search(r"(.*\n)*?.*".join(symbols), text), text
    assert text in in_nmi["bt-all"] and "CPU 1: <TASK>" in in_nmi["bt-all"]
    assert "CPU 7 has no stacks; these have: [0, 1]" in in_nmi["chain 7"]


@pytest.fixture(scope="module")
def nested(iso, tmp_path_factory):
    """Stopped on the debug stack's last level, and then in a tick."""
    return debug(tmp_path_factory.mktemp("gdb") / "log", f"break {DEEPEST}", "continue", "chain",
                 "stacks", "delete", "tbreak tick_handler", "continue 1", "chain ")


def test_chain_of_nested_levels(nested):
    tags = "<DB[3]> <DB[2]> <DB[1]> <DB> <TASK>"
    assert nested["chain"].startswith(f"CPU 1: {tags}\n")
    assert nested["chain"].count("-- #BP, error code 0x0 --") == 4
    assert nested["stacks"].startswith(f"CPU 1 (APIC id 1, gdb's thread 2): {tags}\n")


def test_stacks_of_nested_levels(nested):
    ist, *levels = lines_of(nested["stacks"], "DB")
    assert "(no level is left), 4 events on it, " in ist
    assert len(levels) == 4 and all(", by #BP" in level for level in levels)
    assert [level.endswith("<- RSP") for level in levels] == [False, False, False, True]


def test_chain_from_the_irq_stack(nested):
    match = re.match(r"CPU [01]: <IRQ> <TASK>\n", nested["chain "])
    assert match and "tick_handler" in nested["chain "] and "-- timer" in nested["chain "]


def test_a_power_off_without_effect_is_said(iso, tmp_path):
    """Of a sleep type that the machine does not know, as where firmware's tables are wrong: the
    verdict stands."""
    log = tmp_path / "log"
    said = debug(log, "break power_off", "continue", "set var power_registers.sleep_types[0] = 7",
                 "tbreak report_note", "continue", "finish",
                 words=("run=debug", "time=100ms", "end=poweroff"))
    assert "still on" in said["continue"], said
    report = iststorm_report.read_log(log)
    assert report.passed and not report.problems, report.problems
    assert report.notes[-1] == "end=poweroff: the machine is still on; it halts"


def test_no_way_to_power_off_is_said_before_the_run(iso, tmp_path):
    """As of a tablet whose ACPI is hardware-reduced and lacks the sleep registers."""
    log = tmp_path / "log"
    debug(log, "break acpi_read_fadt", "continue", "finish",
          "set var machine->fadt.pm1a_control.address = 0", "break runner_run", "continue",
          words=("run=debug", "time=100ms", "end=poweroff"))
    report = iststorm_report.read_log(log)
    assert "end=poweroff: no way to ACPI S5 was found; it will halt" in report.notes
