# SPDX-License-Identifier: MIT
"""The image's requests to firmware and chipset, as QEMU sees them."""

import re

import iststorm_report
import pytest
from conftest import make
from runs import Run, cpus, timer_is_measured
from test_gdb import debug

SEABIOS = "/usr/share/seabios/bios-microvm.bin"  # QEMU's own choice cannot start GRUB
WRITE = re.compile(r"memory_region_ops_write cpu \d+ mr \S+ addr (0x\w+) value (0x\w+) size (\d)")


def traced(launch, tmp_path, name, **run):
    """The writes to registers of devices in a run that passes, as (address, value, bytes)."""
    make("kernel")
    trace = tmp_path / "trace"
    run = Run(name, "quick", media="memory", words=("run=nmi", "time=10ms"),
              extra=("-trace", "memory_region_ops_write", "-D", trace), **run)
    result = launch(run)
    assert not list(run.problems(result)), result.explain()
    with open(trace, encoding="ascii") as lines:
        found = [WRITE.match(line) for line in lines]
    return [tuple(int(word, 0) for word in match.groups()) for match in found if match]


def test_the_gate_before_nmis_is_opened(launch, tmp_path):
    """On a processor whose DE_CFG QEMU does not have."""
    writes = traced(launch, tmp_path, "nmi gate", cpu="EPYC",
                    checks=(cpus(2), lfence_is("does-not")))
    indexes = [value for address, value, size in writes if (address, size) == (0x70, 1)]
    assert any(value & 0x80 for value in indexes), "SeaBIOS closes it no longer"
    assert indexes[-1] == 0x0d


def clock_is(source):
    """The clocks' rates came from there, and none of the other sources says another thing."""
    def check(report):
        if [note for note in report.notes if note.startswith("clocks disagree")]:
            return f"clocks disagree: {report.notes}"
        found = report.of_type("machine")[0]["clock_source"]
        return None if found == source else f"the clock was measured against {found}"
    return check


def lfence_is(name):
    def check(report):
        found = report.of_type("machine")[0].get("lfence")
        return None if found == name else f"LFENCE {found}, not {name}"
    return check


def test_microvm_has_reduced_hardware(launch):
    """Neither PM timer nor HPET nor port 0x61, and S5 by the sleep control register."""
    make("kernel")
    run = Run("microvm", "matrix", machine="microvm,acpi=on", media="memory",
              words=("run=debug", "time=100ms", "end=poweroff"), extra=("-bios", SEABIOS),
              checks=(cpus(2), clock_is("pit"), timer_is_measured, lfence_is("serialises")))
    result = launch(run)
    assert not list(run.problems(result)), result.explain()


def test_the_hpet_does_where_there_is_no_pm_timer(iso, tmp_path):
    log = tmp_path / "log"
    debug(log, "tbreak calibrate", "continue", "set var fadt.pm_timer_bits = 0",
          "break report_verdict_line", "continue", "finish", words=("run=debug", "time=100ms"))
    report = iststorm_report.read_log(log)
    assert report.passed, report.reason
    for check in clock_is("hpet"), timer_is_measured:
        assert check(report) is None


def test_a_wrong_checksum_is_reported_and_the_table_read(iso, tmp_path):
    """Of the FADT and the MADT, which are the first that QEMU's RSDT names."""
    log = tmp_path / "log"
    debug(log, "tbreak acpi_find", "continue", "set $entries = (unsigned *)(tables->root + 1)",
          "set {char}($entries[0] + 35) ^= 1", "set {char}($entries[1] + 35) ^= 1",
          "break report_verdict_line", "continue", "finish", words=("run=debug", "time=100ms"))
    report = iststorm_report.read_log(log)
    wrong = [note for note in report.notes if "wrong checksum" in note]
    assert [re.sub("0x[0-9a-f]+", "ADDRESS", note) for note in wrong] == [
        f"the ACPI table {name} at ADDRESS has a wrong checksum; it is read all the same"
        for name in ("FACP", "APIC")]
    assert report.passed, report.reason


@pytest.mark.parametrize("bit", [0, 18])
def test_every_cpu_shows_what_the_first_found_hidden(iso, tmp_path, bit):
    """Of bits that QEMU sets in IA32_MISC_ENABLE at reset, and that hide nothing."""
    log = tmp_path / "log"
    debug(log, "tbreak bringup_start", "continue", f"set var hidden_bits = 1ull << {bit}",
          "break report_verdict_line", "continue", "finish", words=("run=debug", "time=100ms"))
    report = iststorm_report.read_log(log)
    assert report.passed, report.reason


@pytest.mark.parametrize("smis", [0, 3])
def test_a_failure_says_how_many_smis_came(iso, tmp_path, smis):
    """QEMU's counter says 0: a look that saw less is one before SMIs."""
    log = tmp_path / "log"
    debug(log, "break check_failed", "continue", f"set var 'smi.c'::states[1].last -= {smis}",
          "delete", "break report_verdict_line", "continue", "finish",
          words=("inject=clobber-register", "run=nmi", "time=2s"))
    report = iststorm_report.read_log(log)
    first = report.of_type("fault")[0]
    assert (first["check"], first["cpu"], first["smis"]) == ("whole", 1, smis)
    said = f"; {smis} SMIs came since the last look, which may unblock NMIs"
    assert report.verdict == "FAIL" and report.reason.endswith(said) == bool(smis), report.reason
