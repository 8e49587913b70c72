#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write a man page for each tool, from its --help.

The page of tools/run is iststorm-run.1; read it by `man -l build/man/iststorm-run.1`.

exit status:
  0   the pages are written
  3   a tool gave no help, or the tool itself failed, as on a full disk
  64  wrong usage
"""

import sys

sys.dont_write_bytecode = True

import iststorm_tool as tool  # noqa: E402

if __name__ == "__main__":
    tool.begin("tools/iststorm_man.py")

import argparse  # noqa: E402
import os  # noqa: E402
import pathlib  # noqa: E402
import re  # noqa: E402
import subprocess  # noqa: E402

THIS = pathlib.Path(__file__).resolve()
COLUMNS = "80"  # argparse breaks its lines by this
SYNOPSIS_BLANKS = len("usage: ")
CODE_BLANKS = 4


def executables():
    """The other tools: the name of each one's page, and its path."""
    for path in sorted(THIS.parent.iterdir()):
        if path.is_file() and os.access(path, os.X_OK) and path != THIS:
            yield "iststorm-" + path.stem.removeprefix("iststorm_"), path


def help_of(path):
    done = subprocess.run([path, "--help"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, env={**os.environ, "COLUMNS": COLUMNS})
    if done.returncode or not done.stdout.startswith("usage: "):
        raise tool.Trouble(f"{path} --help: status {done.returncode}, and no usage")
    return done.stdout


def escaped(text):
    """A line of text that troff prints as it is, whatever it begins with."""
    return re.sub(r"^(?=[.'])", r"\\&", text.replace("\\", "\\e").replace("-", "\\-"))


def blanks_of(line):
    return len(line) - len(line.lstrip())


def list_item(lines):
    """A term and its text: beside it, behind two blanks or more, or below it."""
    term, _, text = re.sub(r"(?<=\S) {2,}", "\0", lines[0].strip(), count=1).partition("\0")
    yield from (".TP", f"\\fB{escaped(term)}\\fR")
    yield from (escaped(line.strip()) for line in [text, *lines[1:]] if line.strip())


def list_items(lines):
    """Its items begin at the least indented lines."""
    margin = min(map(blanks_of, lines))
    item = []
    for line in lines:
        if blanks_of(line) == margin and item:
            yield from list_item(item)
            item = []
        item.append(line)
    yield from list_item(item)


def block(lines):
    """A paragraph, a section's heading with its list, a list, or an example."""
    if len(lines) > 1 and lines[0].endswith(":") and lines[0] == lines[0].lower() \
            and lines[1].startswith(" "):
        yield f".SH {escaped(lines[0][:-1]).upper()}"
        yield from list_items(lines[1:])
    elif all(blanks_of(line) >= CODE_BLANKS for line in lines) \
            or lines[0].strip().startswith("tools/"):
        yield from (".PP", ".RS", ".nf", *(escaped(line.strip()) for line in lines), ".fi", ".RE")
    elif lines[0].startswith(" "):
        yield from list_items(lines)
    else:
        yield from (".PP", *map(escaped, lines))


def make_page(name, text):
    usage, _, rest = text.partition("\n\n")
    blocks = [one.strip("\n").split("\n") for one in re.split(r"\n\s*\n", rest) if one.strip()]
    about = re.split(r"[.:](?= |$)", " ".join(blocks[0]), maxsplit=1)[0]
    yield f'.TH {name.upper()} 1 "" iststorm'
    yield from (".SH NAME", f"{name} \\- {escaped(about)}", ".SH SYNOPSIS", ".nf")
    yield from (escaped(line[SYNOPSIS_BLANKS:]) for line in usage.split("\n"))
    yield from (".fi", ".SH DESCRIPTION")
    for lines in blocks:
        yield from block(lines)


def main(argv):
    parser = tool.Parser(prog="tools/iststorm_man.py", description=__doc__,
                         formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default="build/man",
                        help="where the pages go (build/man)")
    folder = parser.parse_args(argv).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in executables():
        page = "\n".join(make_page(name, help_of(path))) + "\n"
        (folder / f"{name}.1").write_text(page, encoding="ascii")
    return 0


if __name__ == "__main__":
    tool.end_with(main)
