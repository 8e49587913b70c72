# SPDX-License-Identifier: MIT
"""Interrupts that nobody asked for: left over by firmware, whose place GRUB takes here, or of a
device that is still on. They are ended, counted and reported, and the run passes."""

import shutil
import subprocess

import iststorm_report
import pytest
from conftest import ROOT
from runs import Run
from test_gdb import debug

PENDING = 0x1f, 0x31, 0x41, 0xe0    # an exception's, a trap's, the storm's, the timer's
OWN = 0x40, 0x41                    # the storm's: STORM_VECTOR(0), and STORM_REMOTE more
LEVEL_VECTOR, SCI = 0x52, 9
DEVICE_VECTOR = 0x51                # GRUB's last calls of the BIOS may take it: an IRET in SeaBIOS

# The local APIC on, and interrupts to oneself, which wait until there are interrupts.
LEAVE_PENDING = ["write_dword 0xfee000f0 0x1ff",
                 *(f"write_dword 0xfee00300 {0x44000 | vector:#x}" for vector in PENDING)]


def hpet_sends(vector):
    """The HPET's first timer: such a message to CPU 0, a thousand times a second."""
    return ["write_dword 0xfed00010 0", "write_dword 0xfed000f0 0", "write_dword 0xfed000f4 0",
            f"write_dword 0xfed00110 {vector:#x}", "write_dword 0xfed00114 0xfee00000",
            "write_dword 0xfed00100 0x414c", "write_dword 0xfed00108 100000",
            "write_dword 0xfed00108 100000", "write_dword 0xfed00010 1"]


@pytest.fixture
def boot(iso, launch, tmp_path):
    """A function that boots the image behind these lines of GRUB's; its report."""
    def boot_behind(name, lines, *words):
        tree = tmp_path / "iso"
        (tree / "boot" / "grub").mkdir(parents=True)
        shutil.copy(ROOT / "build" / "iststorm.elf", tree / "boot")
        (tree / "boot" / "grub" / "grub.cfg").write_text("\n".join(
            ["insmod memrw", f"multiboot2 /boot/iststorm.elf {' '.join(words)}",
             "set gfxpayload=text", *lines, "boot"]) + "\n", encoding="ascii")
        subprocess.run(["grub-mkrescue", "-o", tmp_path / "left.iso", tree], check=True,
                       capture_output=True, stdin=subprocess.DEVNULL)
        run = Run(name, "quick", words=(), options=("--iso", tmp_path / "left.iso"),
                  extra=("-global", "hpet.msi=on"))
        result = launch(run)
        assert not list(run.problems(result)), result.explain()
        return result.report
    return boot_behind


def strays(report):
    """Where each vector was found, and how many interrupts each CPU counted."""
    found = {record["vector"]: (record["cpu"], record["found"])
             for record in report.of_type("stray_irq")}
    assert len(found) == len(report.of_type("stray_irq"))
    return found, [record["stray_irqs"] for record in report.of_type("cpu")]


def test_what_is_left_pending_is_ended(boot):
    """GRUB's last calls of the BIOS may take some of them, and end them as a BIOS does: not."""
    found, counts = strays(boot("left pending", LEAVE_PENDING, "time=300ms"))
    assert set(found) == set(PENDING) and found[0x1f] == (0, "pending")
    assert all(found[vector][1] in ("pending", "in service") for vector in PENDING)
    assert counts[0] >= 3 and counts[1] == 0    # the timer's own handler takes that of the timer


def test_a_device_that_still_sends_is_counted(boot):
    """Until the image takes the HPET for itself. GRUB's last calls of the BIOS take the first."""
    found, counts = strays(boot("still sends", hpet_sends(DEVICE_VECTOR), "time=200ms"))
    assert set(found) == {DEVICE_VECTOR} and counts[0] >= 3 and counts[1] == 0


# Device registers and ports, as a stopped CPU writes them: an instruction in the place of its next
# one. The code is the other CPUs', too, which stand still meanwhile.
HELPERS = f"""python
def execute(code, **registers):
    kept = {{name: int(gdb.parse_and_eval("$" + name)) for name in (*registers, "rip")}}
    inferior, rip = gdb.selected_inferior(), kept["rip"]
    bytes_before = bytes(inferior.read_memory(rip, len(code)))
    inferior.write_memory(rip, code)
    for name, value in registers.items():
        gdb.execute("set $" + name + f" = {{value}}")
    gdb.execute("set scheduler-locking on")
    gdb.execute("stepi")
    gdb.execute("set scheduler-locking off")
    inferior.write_memory(rip, bytes_before)
    for name, value in kept.items():
        gdb.execute("set $" + name + f" = {{value}}")
def out(port, value):
    execute(b"\\x66\\xef", rdx=port, rax=value)
def store(address, value):
    execute(b"\\x89\\x08", rax=address, rcx=value)
def ioapic(register, value):
    base = int(gdb.parse_and_eval("(long)'src/smp/ioapic.c'::mapped[0]"))
    store(base, register)
    store(base + 0x10, value)
def send_to_self(vector):
    store(-0x1200000 + 0x300, 0x44000 | vector)
# The input of ACPI's SCI is opened, and its power button is to ask.
def open_sci():
    out(0x604, 1)
    out(0x602, 0x100)
    ioapic({0x10 + 2 * SCI + 1}, 0)
    ioapic({0x10 + 2 * SCI}, {0x8000 | LEVEL_VECTOR:#x})
end"""


@pytest.fixture
def helpers(iso, tmp_path):
    script = tmp_path / "helpers.gdb"
    script.write_text(HELPERS, encoding="ascii")
    return f"source {script}"


def report_of(log):
    report = iststorm_report.read_log(log)
    assert report.passed and not report.problems, (report.reason, report.problems)
    return report


def test_the_storms_own_vectors_are_told_from_a_devices(helpers, tmp_path):
    """The chain's, and the one that other CPUs send."""
    log = tmp_path / "log"
    commands = ["break send_chain if $cpu() == 0", "continue", helpers]
    for vector in OWN * 3:
        commands += [f"python send_to_self({vector:#x})", "continue"]
    debug(log, *commands, "delete", "break report_verdict_line", "continue", "finish",
          words=("run=irq", "time=300ms"))
    report = report_of(log)
    found, counts = strays(report)
    assert set(found) == set(OWN) and counts[1] == 0
    assert len(OWN) * 2 <= counts[0] <= len(OWN) * 3    # one may merge with the storm's
    workload, = report.of_type("workload")
    assert workload["sent"] == workload["received"]


def test_a_level_that_comes_back_is_masked(helpers, tmp_path):
    log = tmp_path / "log"
    debug(log, "break check_thread if $cpu() == 0", "continue", helpers, "python open_sci()",
          "monitor system_powerdown", "delete", "break report_verdict_line", "continue", "finish",
          words=("run=debug", "time=300ms"))
    report = report_of(log)
    found = [(record["cpu"], record["vector"], record["found"], record.get("gsi"))
             for record in report.of_type("stray_irq")]
    assert found == [(0, LEVEL_VECTOR, "came", None), (0, LEVEL_VECTOR, "masked", SCI)]
    assert [record["stray_irqs"] for record in report.of_type("cpu")] == [100, 0]
