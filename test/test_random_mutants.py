# SPDX-License-Identifier: MIT
"""The random mutants: what they change, how they are drawn, which tests can kill them, and what is
counted."""

import collections
import itertools
import json

import line_mutants
import mutants
import pytest
import random_mutants
import reach
from conftest import ROOT

C = '''/* A comment; with (a < b) and 1. */
#include "lib/1.h"
#define MOST 8

static int take(struct trap_frame *frame, int a)
{
    int old = a;

    for (int i = 0; i < MOST; i++)
        call(frame, a);
    if (a == 2)
        return old;
    frame->rax = "3 < 4"[0];
    call(a,
         __atomic_load_n(&old, __ATOMIC_ACQUIRE));
    interrupts_off();
    __asm__ volatile("mfence" : : : "memory");
    return interrupts_save() && !old;
}
'''

NASM = '''; mov rax, 1
%include "cpu/1.inc"
global entry:function
entry:
        cli
        mov     rax, rcx                ; 2
        jne     .out
        and     qword [rsp + 16], -8
        INJECT  FAULT, {nop}, \\
                {push rdi}
        lfence
.out:
        db      "3"
'''


def changed(path, text):
    """kind -> the lines before and after, without blanks around them."""
    found = collections.defaultdict(set)
    for change in line_mutants.changes(path, text):
        assert change.apply(text).count("\n") == text.count("\n")
        before, *after = change.diff(text)
        found[change.kind].add((before[1:].strip(), "|".join(row[1:].strip() for row in after)))
    return found


def test_changes_of_c():
    found = changed("src/lib/a.c", C)
    assert found["statement"] == {
        ("call(frame, a);", "{}"), ("return old;", "{}"), ('frame->rax = "3 < 4"[0];', "{}"),
        ("call(a,", "__atomic_load_n(&old, __ATOMIC_ACQUIRE));|{}"),
        ("return interrupts_save() && !old;", "{}")}
    assert found["comparison"] == {
        ("for (int i = 0; i < MOST; i++)", "for (int i = 0; i <= MOST; i++)"),
        ("if (a == 2)", "if (a != 2)")}
    assert found["operand"] == {
        ("call(frame, a);", "call(a, frame);"), ("if (a == 2)", "if (!(a == 2))"),
        ("return interrupts_save() && !old;", "return interrupts_save() || !old;"),
        ("return interrupts_save() && !old;", "return interrupts_save() && old;")}
    assert found["off by one"] == {
        ("#define MOST 8", "#define MOST 7"), ("#define MOST 8", "#define MOST 9"),
        ("for (int i = 0; i < MOST; i++)", "for (int i = 1; i < MOST; i++)"),
        ("if (a == 2)", "if (a == 1)"), ("if (a == 2)", "if (a == 3)"),
        ('frame->rax = "3 < 4"[0];', 'frame->rax = "3 < 4"[1];')}
    assert found["slot"] == {('frame->rax = "3 < 4"[0];', 'frame->rcx = "3 < 4"[0];')}
    assert found["barrier"] == {
        ('__asm__ volatile("mfence" : : : "memory");', "{}"),
        ("__atomic_load_n(&old, __ATOMIC_ACQUIRE));", "__atomic_load_n(&old, __ATOMIC_RELAXED));")}
    assert found["interrupts"] == {
        ("interrupts_off();", "{}"),
        ("return interrupts_save() && !old;", "return read_flags() && !old;")}


def test_changes_of_nasm():
    found = changed("src/cpu/a.asm", NASM)
    assert found["interrupts"] == {("cli", "")}
    assert found["barrier"] == {("lfence", "")}
    assert found["comparison"] == {("jne     .out", "je     .out")}
    assert ("mov     rax, rcx                ; 2", "mov     rcx, rax                ; 2") in \
        found["operand"]
    assert ("and     qword [rsp + 16], -8", "or     qword [rsp + 16], -8") in found["operand"]
    assert ("and     qword [rsp + 16], -8", "and     qword [rsp + 16 + 8], -8") in found["slot"]
    assert ("mov     rax, rcx                ; 2", "mov     rax, rdx                ; 2") in \
        found["slot"]
    assert len(found["statement"]) == 4     # MOV, JNE, AND, INJECT
    assert {before for before, _ in found["off by one"]} == {"and     qword [rsp + 16], -8"}


def test_no_change_is_none():
    for path in random_mutants.sources(random_mutants.ROOMS):
        text = (ROOT / path).read_text(encoding="ascii")
        assert all(change.apply(text) != text for change in line_mutants.changes(path, text))


def first(seed, count=50, rooms=("lib",)):
    paths = random_mutants.sources(rooms)
    return [one.key for one in itertools.islice(random_mutants.draw(seed, paths), count)]


def test_the_seed_draws():
    one = first("a")
    assert one == first("a") and one != first("b")
    assert len(set(one)) == len(one)
    assert all(key.startswith("src/lib/") for key in one)


def test_each_kind_is_drawn():
    paths = random_mutants.sources(random_mutants.ROOMS)
    drawn = itertools.islice(random_mutants.draw("a", paths), 200)
    kinds = collections.Counter(one.change.kind for one in drawn)
    assert set(kinds) == set(line_mutants.KINDS)


def test_hosted_tests_are_found_by_source_and_by_header():
    built_from = random_mutants.sources_of_hosted_tests()

    def names(path):
        return {one.test.name for one in random_mutants.hosted_candidates(path, built_from)}
    assert {"unit-test_madt", "fuzz-madt"} <= names("src/smp/acpi/madt.c")
    assert "unit-test_format" in names("src/lib/format.h")
    assert "unit-test_console" in names("src/lib/console.c")    # which the test itself includes
    assert names("src/cpu/entry.asm") == set()


@pytest.mark.parametrize("path, test, rank", [
    ("src/workloads/storm/nmi.c", "run=nmi", 0), ("src/workloads/storm/nmi.c", "run=nmi,irq", 0),
    ("src/workloads/storm/irq.c", "run=nmi", 3),
    ("src/workloads/storm/irq.c", "inject=lost-irq", 2),
    ("src/cpu/disciplines/ret.asm", "entry=ret pairs", 0),
    ("src/cpu/disciplines/ret.asm", "entry=repeat pairs", 1), ("src/lib/crc32.c", "run=nmi", 0)])
def test_some_tests_look_there_above_all(path, test, rank):
    assert random_mutants.rank_of(path, test) == rank


def outcome(what, number, room="lib"):
    return random_mutants.Outcome(f"src/lib/a.c f{number}\n-a\n+b", room, "statement", number, what)


JUDGED = {"src/lib/a.c f5\n-a\n+b": (True, "it is the same"),
          "src/lib/a.c f6\n-a\n+b": (False, "nobody looks")}


def test_rates():
    outcomes = [outcome("killed", 1), outcome("killed", 2), outcome("lengths alone", 3),
                outcome("same code", 4), outcome("survived", 5), outcome("survived", 6),
                outcome("time-out alone", 7, "cpu")]
    counts = random_mutants.rates(outcomes, JUDGED)
    assert counts["all"]["argued"] == 1 and counts["all"]["survived"] == 1
    assert random_mutants.rate_of(counts["all"]) == 3 / 5
    assert random_mutants.rate_of(counts["lib"]) == 3 / 4
    text = "\n".join(random_mutants.summarise(outcomes, JUDGED))
    assert "judged equivalent: it is the same" in text and "judged visible: nobody looks" in text
    assert "time-out alone: src/lib/a.c:7 f7" in text and "60.0 %" in text


@pytest.mark.parametrize("killed, same, survived, status", [
    (90, 0, 10, 0), (89, 0, 11, 1), (84, 15, 1, 0), (84, 16, 0, 1)])
def test_status(killed, same, survived, status):
    outcomes = [outcome("killed", 1)] * killed + [outcome("same code", 2)] * same + \
        [outcome("survived", 3)] * survived
    assert random_mutants.status_of(outcomes, {}) == status


def test_judgements_are_of_this_form():
    for key, (equivalent, why) in random_mutants.read_judgements().items():
        head, *diff = key.split("\n")
        assert (ROOT / head.split(" ")[0]).is_file(), key
        assert all(row[0] in "+-" for row in diff) and why.strip()
        assert isinstance(equivalent, bool)


def test_only_those_that_are_mutants_count():
    drawn = list(itertools.islice(random_mutants.draw("a", random_mutants.sources(("lib",))), 5))
    results = {one.key: outcome(what, 1) for one, what in zip(
        drawn, ("killed", "refused", "survived", "same code"))}
    found, enough = random_mutants.first_of(drawn, results, 3)
    assert [one.what for one in found] == ["killed", "survived", "same code"] and enough
    assert random_mutants.first_of(drawn, results, 4) == (found, False)


def test_a_row_that_looks_into_the_tree_is_run_there():
    """It expects the image of the mutated tree, not of this one."""
    rows = {run.name: run for run in mutants.runs.RUNS}
    for name in ("run=sweep entry=shift", "run=list"):
        assert mutants.in_tree(rows[name]).command[-1] == f"test/test_runs.py::test_run[{name}]"
    assert mutants.in_tree(rows["default"]) == rows["default"]


def test_what_only_looks_at_a_run_goes_with_the_test_that_makes_it(monkeypatch, tmp_path):
    """Alone it would make the run again, though it was recorded as of no time."""
    monkeypatch.setattr(reach, "STORE", tmp_path)
    for name, seconds, fixtures in (("a.py::run", 9, ["outcome"]), ("a.py::look", 0, ["outcome"]),
                                    ("a.py::other", 0, []), ("b.py::look", 0, ["outcome"])):
        reach.file_of(name).write_text(json.dumps({
            "test": name, "seconds": seconds, "fixtures": fixtures, "lines": [name],
            "functions": [], "files": []}))
    found = {one.test: one for one in reach.read_store(
        ["a.py::run", "a.py::look", "a.py::other", "b.py::look"])}
    assert {name: one.more for name, one in found.items()} == {
        "a.py::run": ("a.py::look",), "a.py::other": (), "b.py::look": ()}
    assert found["a.py::run"].lines == {"a.py::run", "a.py::look"}
    command = random_mutants.candidate_of(found["a.py::run"], {}).test.command
    assert command[-2:] == ("a.py::run", "a.py::look")


class FakeHunt:
    """Kills every second one, and refuses every third."""
    def __init__(self, options, directory):
        self.tried = []

    def attempt(self, drawn):
        self.tried.append(drawn.key)
        what = "refused" if len(self.tried) % 3 == 0 else \
            "killed" if len(self.tried) % 2 else "survived"
        return random_mutants.Outcome(drawn.key, "lib", drawn.change.kind, drawn.line, what)


def test_a_run_goes_on_where_the_last_one_ended(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(random_mutants, "RESULTS", tmp_path)
    monkeypatch.setattr(random_mutants, "Hunt", FakeHunt)
    words = ["--seed", "a", "--room", "lib", "--jobs", "1"]
    assert random_mutants.main([*words, "--count", "9", "--minutes", "0"]) == 3
    assert random_mutants.main([*words, "--count", "4"]) == 1
    assert random_mutants.main([*words, "--count", "9"]) == 1
    assert "all               9" in capsys.readouterr().out
    tried = [json.loads(line)["key"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert tried == first("a", len(tried)) and len(tried) > 9


@pytest.fixture
def suite(monkeypatch):
    """Four tests, of which each reaches less than the one before."""
    path, line = "src/lib/rate.c", 20
    (name, function), text = reach.Sources().name(path, line), (ROOT / path).read_text()
    monkeypatch.setattr(reach, "all_tests", lambda: [])
    monkeypatch.setattr(reach, "lines_of_image", lambda: {})
    monkeypatch.setattr(reach, "read_store", lambda tests: [
        reach.Reached("line", 3, {name}, {function}, {path}),
        reach.Reached("function", 2, set(), {function}, {path}),
        reach.Reached("file", 1, set(), set(), {path}),
        reach.Reached("none", 1, set(), set(), {"src/cpu/hardware/heat.c"}),
        reach.Reached("no image", 1, set(), set(), set())])
    at = sum(len(row) + 1 for row in text.split("\n")[:line - 1])
    return random_mutants.Suite(), path, text, at


@pytest.mark.parametrize("wanted, reaching", [
    ("line", ["line"]), ("function", ["line", "function"]), ("file", ["line", "function", "file"]),
    ("all", ["line", "function", "file", "none"])])
def test_who_reaches_a_line_is_asked(suite, wanted, reaching):
    suite, path, text, at = suite
    while suite.reached and suite.reached[0][0].test != wanted and wanted != "all":
        suite.reached.pop(0)
        reaching.pop(0)
    if wanted == "all":
        path, text, at = "src/lib/crc32.c", (ROOT / "src/lib/crc32.c").read_text(), 0
    change = line_mutants.Change(path, "statement", at, at + 1, " ")
    drawn = random_mutants.Drawn(change, 20, "", ())
    way, tests = suite.reaching(drawn, text)
    assert way == wanted and [test.test.name for test in tests] == reaching
