# SPDX-License-Identifier: MIT
"""The documents: their tables are those of the sources, and the files that they name exist."""

import re

import built
import discipline_table
import fault_table
import list_tables
import mutants
import pytest
import runs
from conftest import ROOT
from test_static import FILES, LONGEST_LINE, TEXTS, page_part

QUOTED = re.compile(r"`([^`]+)`")


def rows_of(page, part):
    """The cells of a table's rows, without its head."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")]
            for line in page_part(page, part).strip().split("\n")[2:]]


CLAUSES = rows_of("docs/kernel-stacks.md", "clauses")
CHECKS = built.listed("check")
WORKLOADS = built.listed("workload")
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
    rows = rows_of("docs/planted-faults.md", "faults")
    faults = fault_table.read_faults()
    assert list(faults) == list(runs.FAULTS) != []
    assert [(row[0].strip("`"), *row[1:4]) for row in rows] == [
        (name, fault_table.words_beside(name), about, runs.FAULTS[name].name)
        for name, about in faults.items()]
    assert all(row[-1].startswith("no verdict" if row[3] == "shutdown" else "CPU ")
               for row in rows)


def test_the_readme_explains_a_failure_of_the_table():
    """By the same words: a new wording, or another size of the frame, changes both."""
    reasons = {row[0].strip("`"): row[-1] for row in rows_of("docs/planted-faults.md", "faults")}
    name, line = re.search(r"inject=([\w-]+).*?^    iststorm: FAIL: (.*?)$",
                           (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL).groups()
    assert line == reasons[name]


def test_the_table_of_disciplines_is_that_of_the_sources():
    """test/discipline_table.py --write puts it there."""
    rows = rows_of("docs/sweep.md", "disciplines")
    assert [row[0].strip("`") for row in rows] == ["shift", *runs.DISCIPLINES]
    assert page_part("docs/sweep.md", "disciplines") == discipline_table.make_table()


@pytest.mark.parametrize("page, part, make", list_tables.TABLES,
                         ids=lambda one: getattr(one, "__name__", one))
def test_tables_are_what_the_image_lists(page, part, make):
    """test/list_tables.py --write puts them there."""
    assert page_part(page, part) == make()


def test_the_tools_schema_is_the_images():
    """test/list_tables.py --write puts it there."""
    assert list_tables.SCHEMA.read_text("ascii") == list_tables.schema_json()


# Markdown: its paragraphs are read in an editor, too; tables and links cannot be broken.
PAGES = [name for name in FILES if name.endswith(".md")]
LONGEST_README = 200
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ROOMS = ("src", "test", "tools", "ci", "docs")
SUFFIXES = ("c", "h", "asm", "inc", "def", "ld", "py", "md", "json", "toml", "mk", "cfg", "png")
PATH = re.compile(r"(?:\.?[\w-]+/)*\.?[\w-]+(?:\.(?:%s))?" % "|".join(SUFFIXES))


def prose_of(page):
    """Numbered lines that are neither a table's, nor code."""
    for number, line in enumerate((ROOT / page).read_text().split("\n"), 1):
        if not line.startswith(("|", "    ")):
            yield number, line


def test_prose_keeps_to_its_columns():
    wrong = [f"{page}:{number}: {len(line)} columns" for page in PAGES
             for number, line in prose_of(page)
             if len(line) > LONGEST_LINE and len(LINK.sub("", line)) > LONGEST_LINE // 2]
    assert not wrong, "\n".join(wrong)


# A sentence whose subject is a clause has to be read twice. A question may ask.
CLAUSE_FIRST = re.compile(
    r'(?:^|"""|# |/\* |\* |; |[.:] )(?:What|Who|Whoever|Whatever) [a-z](?![^.?]*\?)')


def test_sentences_begin_with_their_subject():
    wrong = []
    for name, text in TEXTS.items():
        for number, line in enumerate(text.decode().split("\n"), 1):
            heading = name.endswith(".md") and line.startswith("#")
            if not heading and CLAUSE_FIRST.search(line.lstrip()):
                wrong.append(f"{name}:{number}: {line.strip()}")
    assert not wrong, "\n".join(wrong)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= LONGEST_README


def test_the_index_has_every_page():
    linked = set(LINK.findall((ROOT / "docs" / "README.md").read_text()))
    assert {page.removeprefix("docs/") for page in PAGES
            if page.startswith("docs/")} - linked == {"README.md"}


def heading_anchors(page):
    """The anchors that a page's headings have, as GitHub and GitLab make them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in
            re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)}


def test_links_lead_somewhere():
    wrong = []
    for page in PAGES:
        for link in LINK.findall((ROOT / page).read_text()):
            if re.match(r"https?://", link):
                continue
            path, _, anchor = link.partition("#")
            target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
            if not target.exists() or anchor and anchor not in heading_anchors(target):
                wrong.append(f"{page}: {link}")
    assert not wrong, "\n".join(wrong)


def is_there(path):
    """A path from the root, or the end of a file's."""
    return (ROOT / path).exists() or any(name.endswith("/" + path) for name in FILES)


def test_files_that_documents_name_exist():
    """As `src/cpu/ist.c`, `cpu/ist.c` or `ist.c`; and a test's function behind its file."""
    wrong, seen = [], 0
    for page in PAGES:
        for quoted in QUOTED.findall((ROOT / page).read_text()):
            path, _, function = quoted.split()[0].rstrip("/").partition("::")
            of_a_room = path.split("/")[0] in ROOMS and "/" in path
            if not PATH.fullmatch(path) or not (of_a_room or path.endswith(
                    (".c", ".h", ".asm", ".def"))):
                continue
            seen += 1
            if not is_there(path):
                wrong.append(f"{page}: {path}")
            elif function and f"def {function.split('[')[0]}(" not in (ROOT / path).read_text():
                wrong.append(f"{page}: {quoted}")
    assert not wrong and seen > 100, "\n".join(wrong)
