# SPDX-License-Identifier: MIT
"""A few of the mutants of mutants.py; `make mutants` tries them all."""

import re

import mutants
import pytest

# A mutant -> what must kill it.
QUICK = {
    "IST value not lowered on entry": "check stack: .*not adjusted",
    "a level's end magic is not looked at": "inject=stack-fill: no fault record",
    "a sample is never negative": r"unit latency_stages: .*FAILED.* nothing_is_clamped",
}


def test_mutants_match_the_sources():
    wrong = {mutant.name: mutant.matches(mutants.ROOT) for mutant in mutants.MUTANTS}
    assert all(count == 1 for count in wrong.values()), wrong


def test_names_are_unique():
    names = [mutant.name for mutant in mutants.MUTANTS]
    assert len(names) == len(set(names)) and len(names) >= 12


def test_a_few_mutants_are_killed():
    chosen = [mutant for mutant in mutants.MUTANTS if mutant.name in QUICK]
    killers = mutants.hunt(chosen, 1, print)
    assert set(killers) == set(QUICK)
    for name, pattern in QUICK.items():
        assert killers[name] and re.search(pattern, killers[name]), killers[name]


def test_a_survivor_is_told(monkeypatch):
    harmless = mutants.Mutant("a comment", mutants.ENTRY, "; SPDX-License-Identifier", "; Licence")
    monkeypatch.setattr(mutants, "build", lambda tree: None)
    monkeypatch.setattr(mutants, "try_run", lambda tree, run: None)
    monkeypatch.setattr(mutants, "MUTANTS", [harmless])
    assert mutants.main([]) == mutants.EXIT_SURVIVED


def test_a_mutant_of_other_sources_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(mutants, "MUTANTS",
                        [mutants.Mutant("gone", mutants.ENTRY, "no such line", "")])
    with pytest.raises(SystemExit) as refusal:
        mutants.main([])
    assert refusal.value.code == mutants.EXIT_USAGE and "gone" in capsys.readouterr().err
