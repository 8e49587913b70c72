# SPDX-License-Identifier: MIT
"""A workload is one file, a key three places, a rule one row, an IST stack two rows and a handler:
in a copy of the tree each is added, and nothing else."""

import json
import shutil

import pytest
import runs
from conftest import ROOT
from test_build import copy_of_sources, make
from test_static import run

WORKLOAD = r"""/* SPDX-License-Identifier: MIT */
/* The workload `xyz`: counts as far as xyz= says. */
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "workloads/workload.h"

static struct tally CPU_TABLE(tallies);
extern uint64_t hypervisor_events;

static void conduct(const struct run *run)
{
    for (uint64_t i = 0; i < run->xyz; i++)
        __asm__ volatile("int $28" : : : "memory");
    tallies[cpu_index()].sent = run->xyz;
    tallies[cpu_index()].received = hypervisor_events;
}

WORKLOAD(xyz) = {
    .name = "xyz",
    .about = "counts to a number",
    .alone = true,
    .keys = KEYS("xyz"),
    .conduct = conduct,
    .tallies = tallies,
};
"""
HANDLER = r"""/* SPDX-License-Identifier: MIT */
/* The handler of #HV. */
#include "cpu/ist_handlers.h"

uint64_t hypervisor_events;

void hypervisor_handler(struct trap_frame *frame);
void hypervisor_handler(struct trap_frame *frame)
{
    ist_enter((struct arrival){.lowered = true}, HYPERVISOR_STACK, frame, "#HV");
    hypervisor_events++;
    ist_leave(HYPERVISOR_STACK);
}
"""
STACK = 'STACK(HYPERVISOR, "HV", 6, EXCEPTION_STKSZ, IST_LEVELS)\n'
# A vector whose row there is.
VECTOR = ('VECTOR(28, HV, "#HV", trap_entry, trap_handler, THREAD, 0)\n',
          'VECTOR(28, HV, "#HV", hypervisor_entry, hypervisor_handler, HYPERVISOR, 0)\n')
PARSER = r"""static bool parse_xyz(struct parse *p, struct span value)
{
    return whole_number(value, 10, UINT64_MAX, &p->out->run.xyz) ||
           fail_syntax(p, "not how far to count");
}

"""
ROW = """    OPTION(xyz, "a number", "run=xyz: how far to count") \\
"""
RULE = """    {"deliver.xyz", "SDM 3A 6.13", "#DE is a fault", .probe = deliver_de,
     .raises = "#DE"},
"""
# File, the text before which something is added, and that.
PLACES = (
    ("src/boot/options.h", "    OPTION(mac,", ROW),
    ("src/boot/options.c", "static bool parse_samples(", PARSER),
    ("src/workloads/run/runner.h", "    uint32_t samples;", "    uint64_t xyz;\n"),
    ("src/workloads/conform/deliver.c", '    {"deliver.int-8",', RULE),
    ("src/cpu/stacks.def", "STACK(IRQ,", STACK))


@pytest.fixture(scope="module")
def extended(iso, tmp_path_factory):
    """The tree with one more of each, built from what is built here already."""
    tree = copy_of_sources(tmp_path_factory.mktemp("extended") / "tree")
    shutil.copytree(ROOT / "build" / "obj", tree / "build" / "obj")
    (tree / "src/workloads/storm/xyz.c").write_text(WORKLOAD)
    (tree / "src/cpu/hypervisor.c").write_text(HANDLER)
    vectors = (tree / "src/cpu/vectors.def").read_text()
    assert vectors.count(VECTOR[0]) == 1
    (tree / "src/cpu/vectors.def").write_text(vectors.replace(*VECTOR))
    for name, before, text in PLACES:
        old = (tree / name).read_text()
        assert old.count(before) == 1, f"{name}: {before}"
        (tree / name).write_text(old.replace(before, text + before))
    make(tree, "build/list.jsonl", CI="1")
    return tree


def execute(tree, words, verdict="PASS"):
    asked = runs.Run(words, "quick", words=tuple(words.split()), smp="1", icount=True,
                     verdict=verdict)
    result = runs.execute(asked, tree, tree / f"{verdict}.log")
    assert not list(asked.problems(result)), (*asked.problems(result), result.stderr)
    return result.report


def test_all_are_listed(extended):
    lines = (extended / "build" / "list.jsonl").read_text().splitlines()
    named = {(record["item"], record["name"]): record["about"] for record in map(json.loads, lines)}
    assert named["workload", "xyz"] == "counts to a number"
    assert named["key", "xyz"] == "run=xyz: how far to count"
    assert named["rule", "deliver.xyz"] == "#DE is a fault"


def test_the_errors_name_them(extended):
    assert " xyz" in execute(extended, "run=?", "REFUSED").reason
    assert " xyz=" in execute(extended, "nosuch=1", "REFUSED").reason
    assert "'xyz=1': no effect" in execute(extended, "run=nmi xyz=1", "REFUSED").reason


@pytest.mark.parametrize("entry", ["shift", "none"])
def test_the_workload_raises_the_new_stacks_event(extended, entry):
    """As often as the key says; the stack is used, and one level of it."""
    report = execute(extended, f"run=xyz xyz=7 entry={entry}")
    record, = report.of_type("workload")
    assert (record["workload"], record["received"]) == ("xyz", 7)
    stack, = (record for record in report.of_type("stack") if record["stack"] == "HV")
    assert stack["used_bytes"] > 0 and stack["deepest_level"] == 1, stack


def test_two_stacks_cannot_claim_one_ist_code(extended):
    """Nor is the image built."""
    stacks = extended / "src" / "cpu" / "stacks.def"
    rows = stacks.read_text()
    stacks.write_text(rows.replace('"HV", 6,', '"HV", 5,'))
    try:
        done = run("make", "build/obj/cpu/stacks.c.o", cwd=extended)
    finally:
        stacks.write_text(rows)
    assert done.returncode != 0 and "two stacks claim one IST code" in done.stderr


def test_the_rule_is_tried(extended):
    record, = execute(extended, "run=conform check=deliver.xyz").of_type("conform")
    assert (record["check"], record["result"]) == ("deliver.xyz", "holds")
