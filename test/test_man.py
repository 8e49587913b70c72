# SPDX-License-Identifier: MIT
"""The tools' man pages say all that their --help says, in troff's language."""

import os
import re
import subprocess

import iststorm_man
import pytest
from conftest import ROOT

TOOLS = dict(iststorm_man.executables())


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    subprocess.run([ROOT / "tools" / "iststorm_man.py", folder], check=True)
    return {path.stem: path.read_text() for path in folder.iterdir()}


def words(text):
    return re.sub(r"[^\w{}<>=/]+", " ", text.lower()).split()


def shown(page):
    """The words that troff prints of a page, behind its NAME."""
    lines = page.split(".SH SYNOPSIS\n")[1].split("\n")
    text = [re.sub(r"^\.SH ", "", line) for line in lines
            if not line.startswith(".") or line.startswith(".SH ")]
    return words(re.sub(r"\\f.|\\&", "", "\n".join(text)).replace("\\e", "\\"))


def test_each_tool_has_a_page(pages):
    assert set(pages) == set(TOOLS) > {"iststorm-run", "iststorm-fleet", "iststorm-report"}


@pytest.mark.parametrize("name", TOOLS)
def test_a_page_says_all_that_help_says(pages, name):
    text = subprocess.run([TOOLS[name], "--help"], capture_output=True, text=True, check=True,
                          env={**os.environ, "COLUMNS": iststorm_man.COLUMNS}).stdout
    said = shown(pages[name])
    said.remove("description")
    assert said == words(text.removeprefix("usage: "))


@pytest.mark.parametrize("name", TOOLS)
def test_a_page_has_sections(pages, name):
    page = pages[name]
    assert page.startswith(f'.TH {name.upper()} 1 ""')
    heads = re.findall(r"^\.SH (.*)$", page, re.MULTILINE)
    assert heads[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"] and "OPTIONS" in heads
    assert any(head.startswith("EXIT STATUS") for head in heads)
    assert re.search(r"^\.TP\n\\fB0\\fR\n", page, re.MULTILINE)
    assert re.search(rf"^\.SH NAME\n{re.escape(name)} \\- \w", page, re.MULTILINE)


@pytest.mark.parametrize("line, printed", [
    (".br", "\\&.br"), ("'x'", "\\&'x'"), ("a.b", "a.b"), ("--help", "\\-\\-help"),
    (r"a\nb", r"a\enb")])
def test_text_is_no_request(line, printed):
    assert iststorm_man.escaped(line) == printed


def test_a_list_is_told_from_an_example():
    assert list(iststorm_man.block(["  0   done", "      and well", "  64  wrong usage"])) == [
        ".TP", "\\fB0\\fR", "done", "and well", ".TP", "\\fB64\\fR", "wrong usage"]
    assert list(iststorm_man.block(["  -o PATH, --output PATH", "          the file"])) == [
        ".TP", "\\fB\\-o PATH, \\-\\-output PATH\\fR", "the file"]
    assert list(iststorm_man.block(["    make  test"])) == [
        ".PP", ".RS", ".nf", "make  test", ".fi", ".RE"]
