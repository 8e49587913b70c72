# SPDX-License-Identifier: MIT
"""run=conform: its list, its records, and what a check leaves behind, whatever the machine did."""

import subprocess

import built
import iststorm_conform
import pytest
from conftest import ROOT
from runs import Run

RULES = built.listed("rule")
SAFE = [name for name, rule in RULES.items() if "danger" not in rule]


def conform(name, *words, smp="1", **options):
    return Run(f"conform {name}", "quick", words=("run=conform", "seed=7", *words), smp=smp,
               icount=True, timeout=120, **options)


@pytest.fixture(scope="module")
def outcome(request):
    return {}


def whole_run(launch, outcome):
    if "first" not in outcome:
        outcome["first"] = launch(conform("whole", smp="2"))
    return outcome["first"]


def test_every_check_that_is_safe_is_tried_once(launch, outcome):
    result = whole_run(launch, outcome)
    records = result.report.of_type("conform")
    assert [record["check"] for record in records] == SAFE, result.explain()
    assert len(SAFE) > 200
    assert result.report.problems == []
    for record in records:
        assert record["result"] in ("holds", "deviates", "skipped")
        assert record["result"] == "skipped" or \
            (record["expected"] == record["seen"]) == (record["result"] == "holds"), record
        test = result.report.test(record["check"])
        assert test.ok == (record["result"] != "deviates")
        assert bool(test.skipped) == (record["result"] == "skipped")


def test_deviations_make_the_verdict(launch, outcome):
    """And nothing else does: the machine is as it was, for all that the run itself checks."""
    result = whole_run(launch, outcome)
    deviations = sum(record["result"] == "deviates" for record in result.report.of_type("conform"))
    assert [fault["check"] for fault in result.report.of_type("fault")] == ["manual"][:deviations]
    assert (result.report.verdict == "FAIL") == (deviations > 0)
    assert deviations == 0 or f"{deviations} of {len(SAFE)} rules" in result.report.reason


def test_this_qemu_deviates_as_known(launch, outcome):
    """So that a check that has become wrong is seen wherever all checks are tried."""
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True,
                             check=True).stdout.split()[3]
    known = iststorm_conform.read_known()
    if not any(one.is_of(f"qemu {version}") for one in known):
        pytest.skip(f"nothing is known of QEMU {version}")
    seen = {record["check"]: iststorm_conform.Outcome(record["result"], record["expected"],
                                                      record["seen"])
            for record in whole_run(launch, outcome).report.of_type("conform")}
    assert not list(iststorm_conform.compare(known, f"qemu {version}", seen))


def test_dangers_that_this_qemu_does_not_meet(launch):
    """No whole run tries these, and yet here they come to their end, and hold."""
    of_qemu = {one.check for one in iststorm_conform.read_known() if one.is_of("qemu 7.2")}
    names = sorted(name for name, rule in RULES.items() if name not in of_qemu
                   and rule.get("danger") in ("hang", "kill"))
    result = launch(conform("dangers", f"check={','.join(names)}", smp="2"))
    assert {"shadow.hlt", "smp.startup-ignored"} <= set(names)
    assert {record["check"]: record["result"] for record in result.report.of_type("conform")} == \
        dict.fromkeys(names, "holds"), result.explain()


def test_bochs_holds_where_this_qemu_deviates(launch):
    """A check that deviates says nothing of itself; there, it has to hold elsewhere."""
    known = iststorm_conform.read_known()
    of_qemu, of_bochs = ({one.check for one in known if one.is_of(platform)}
                         for platform in ("qemu 7.2", "bochs 2.7"))
    names = sorted(of_qemu & set(SAFE) - of_bochs)
    result = launch(Run("conform bochs", "quick", words=("run=conform", f"check={','.join(names)}"),
                        options=("--machine", "bochs")))
    assert len(names) > 40
    assert {record["check"]: record["seen"] for record in result.report.of_type("conform")
            if record["result"] != "holds"} == {}, result.explain()
    assert result.report.verdict == "PASS", result.explain()


def test_a_run_repeats_every_byte(launch, outcome):
    first = whole_run(launch, outcome)
    assert launch(conform("again", smp="2")).text == first.text


def test_another_cpu_is_asked_for(launch):
    result = launch(conform("alone", "check=smp.nmi,deliver.frame"))
    assert [(record["check"], record["result"]) for record in result.report.of_type("conform")] == [
        ("deliver.frame", "holds"), ("smp.nmi", "skipped")]
    assert result.report.verdict == "PASS", result.explain()


def test_a_dangerous_check_is_named_before_it_begins(launch):
    result = launch(conform("shutdown", "check=pairs.shutdown"))
    assert result.report.verdict is None and result.status == 3, result.explain()
    assert any(note.startswith("conform: pairs.shutdown begins") for note in result.report.notes)


def test_an_unknown_check_is_refused(launch):
    result = launch(conform("unknown", "check=deliver.fram"))
    assert result.report.verdict == "REFUSED", result.explain()
    assert "'check=deliver.fram'" in result.report.reason and "run=list" in result.report.reason
