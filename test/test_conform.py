# SPDX-License-Identifier: MIT
"""run=conform: its list, its records, and what a check leaves behind, whatever the machine did."""

import re

import conform_table
import generated
import iststorm_conform
import pytest
from conftest import ROOT
from runs import Run

SAFE = [name for name, _, _, danger in conform_table.read_checks() if not danger]


def conform(name, *words, smp="1", **options):
    return Run(f"conform {name}", "quick", words=("run=conform", "seed=7", *words), smp=smp,
               icount=True, timeout=120, **options)


def test_the_page_has_every_check():
    """test/conform_table.py --write puts them there."""
    page = (ROOT / "docs" / "conformance.md").read_text()
    assert generated.part(conform_table.PART).search(page)[0] == conform_table.make_table()
    assert len(SAFE) > 200 and len(SAFE) == len(set(SAFE))


def test_list_tells_what_the_sources_say(launch):
    result = launch(conform("list", "check=list"))
    assert result.report.verdict == "PASS", result.explain()
    listed = [(record["check"], record["section"], record["rule"], record.get("danger", ""))
              for record in result.report.of_type("conform_listed")]
    assert listed == conform_table.read_checks()


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
    assert "'check=deliver.fram'" in result.report.reason and "check=list" in result.report.reason


def test_the_command_line_has_room_for_all_checks():
    header = (ROOT / "src" / "boot" / "cmdline.h").read_text()
    room = int(re.search(r"#define CMDLINE_CHECKS (\d+)", header)[1])
    assert len(iststorm_conform.read_sources()) <= room
