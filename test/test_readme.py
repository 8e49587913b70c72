# SPDX-License-Identifier: MIT
"""What README.md says of the sources and tests is there: its tables of clauses and of faults."""

import re

import discipline_table
import fault_table
import mutants
import runs
from conftest import ROOT
from test_static import readme_part

QUOTED = re.compile(r"`([^`]+)`")


def rows_of(part):
    """The cells of a table's rows, without its head."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")]
            for line in readme_part(part).strip().split("\n")[2:]]


CLAUSES = rows_of("clauses")


def listed(path, pattern):
    return set(re.findall(pattern, (ROOT / path).read_text(), re.MULTILINE))


CHECKS = listed("src/cpu/fault.h", r'^    C\(\w+, "(\w+)"')
WORKLOADS = {name for path in (ROOT / "src" / "workloads").glob("*.c")
             for name in re.findall(r'^    \.name = "(\w+)"', path.read_text(), re.MULTILINE)}
MUTANTS = {mutant.name for mutant in mutants.MUTANTS}


def test_clauses_are_numbered_without_a_gap():
    numbers = [tuple(map(int, row[0].split("."))) for row in CLAUSES]
    for (paragraph, sentence), after in zip(numbers, numbers[1:]):
        assert after in ((paragraph, sentence + 1), (paragraph + 1, 1)), after
    assert numbers[0] == (1, 1) and len(numbers) > 40


def test_symbols_of_the_clauses_are_in_their_files():
    wrong = []
    for number, _, symbols, files, _ in CLAUSES:
        paths = [ROOT / "src" / name for name in QUOTED.findall(files)]
        assert paths and QUOTED.findall(symbols), number
        wrong += [f"{number}: no {path}" for path in paths if not path.is_file()]
        texts = [path.read_text() for path in paths if path.is_file()]
        for symbol in QUOTED.findall(symbols):
            if not any(re.search(rf"\b{symbol}\b", text) for text in texts):
                wrong.append(f"{number}: no {symbol} in {files}")
        for path, text in zip(paths, texts):
            if not any(re.search(rf"\b{symbol}\b", text) for symbol in QUOTED.findall(symbols)):
                wrong.append(f"{number}: nothing of {symbols} in {path}")
    assert not wrong, "\n".join(wrong)


def exists(kind, name):
    """Whether a test column's word is there: a check, a mutant, a run, a fault, a test."""
    if kind:
        return name in (CHECKS if kind.startswith("check") else MUTANTS)
    if match := re.fullmatch(r"(run|inject)=(.*)", name):
        return match[2] in (WORKLOADS if match[1] == "run" else fault_table.read_faults())
    path, _, function = name.partition("::")
    return (ROOT / path).is_file() and f"def {function}(" in (ROOT / path).read_text()


def test_what_fails_without_a_clause_exists():
    wrong, seen = [], 0
    for number, _, _, _, tests in CLAUSES:
        for phrase in tests.split("; "):
            kind = re.match(r"(checks?|mutants?) `", phrase)
            for name in QUOTED.findall(phrase):
                seen += 1
                if not exists(kind and kind[1], name):
                    wrong.append(f"{number}: {name}")
    assert not wrong and seen > 80, wrong


def test_the_table_of_faults_is_that_of_the_sources():
    """test/fault_table.py --write puts it there, from runs."""
    rows = rows_of("faults")
    faults = fault_table.read_faults()
    assert list(faults) == list(runs.FAULTS) != []
    assert [(row[0].strip("`"), *row[1:4]) for row in rows] == [
        (name, fault_table.words_beside(name), about, runs.FAULTS[name].name)
        for name, about in faults.items()]
    assert all(row[-1].startswith("no verdict" if row[3] == "shutdown" else "CPU ")
               for row in rows)


def test_the_table_of_disciplines_is_that_of_the_sources():
    """test/discipline_table.py --write puts it there."""
    rows = rows_of("disciplines")
    assert [row[0].strip("`") for row in rows] == ["shift", *runs.DISCIPLINES]
    assert readme_part("disciplines") == discipline_table.make_table()
