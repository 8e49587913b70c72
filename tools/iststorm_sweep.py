# SPDX-License-Identifier: MIT
"""The sweep's page: every instruction boundary of every path, and where an event destroys
something, as one HTML file that needs no network and no script. Instructions are read from the
image by objdump, where it is the image that was swept."""

import collections
import itertools
import re
import subprocess

import iststorm_tool as tool
from iststorm_latency import check_together
from iststorm_page import fold, html_page, table, text

EVENTS = {"nmi": "an NMI", "db": "a #DB", "db-nmi": "an NMI behind a #DB",
          "irq": "an interrupt, where IF is set"}
STEP = re.compile(r"-?[0-9]{1,20}")
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t([^\t]*)\t?(.*)$")


class NotTheImage(Exception):
    """The instructions cannot be told; the text says why."""


class Sweep:
    """One discipline's records: boundaries by path, counts and unsafe ones by path and event."""

    def __init__(self, entry):
        self.entry = entry
        self.paths, self.counts = {}, {}
        self.unsafe = collections.defaultdict(dict)

    def take(self, record):
        where = record["path"], record.get("event")
        if record["type"] == "sweep_path":
            self.paths[record["path"]] = addresses_of(record["addresses"])
        elif record["type"] == "sweep":
            self.counts[where] = record
        else:
            self.unsafe[where][record["boundary"]] = record


def addresses_of(told):
    """The first address, then how much further each next one is. ValueError: it is damaged."""
    steps = told.split()
    if wrong := [step for step in steps if not STEP.fullmatch(step)]:
        raise ValueError(f"addresses have {wrong[0][:80]!r}")
    return list(itertools.accumulate(map(int, steps)))


def sweeps_of(result):
    """A Sweep a discipline, in the order of the stream. Adds to the result's problems."""
    sweeps = {}
    for record in result.report.records:
        if record["type"] in ("sweep_path", "sweep", "sweep_unsafe"):
            entry = record["entry"]
            try:
                sweeps.setdefault(entry, Sweep(entry)).take(record)
            except ValueError as error:
                result.problems.append(f"damaged {record['type']} record {record['path']}: {error}")
    return list(sweeps.values())


def read_instructions(elf, sweeps):
    """Address -> its instruction's text. NotTheImage: objdump or the image is not there, or it is
    another build's than the one that was swept."""
    try:
        done = subprocess.run(["objdump", "-d", "-M", "intel", elf], capture_output=True,
                              text=True, check=False)
    except OSError as error:
        raise NotTheImage(f"no instructions: objdump: {error}") from error
    if done.returncode:
        raise NotTheImage(f"no instructions: {done.stderr.strip()}")
    rows = [match for line in done.stdout.split("\n") if (match := INSTRUCTION.match(line))]
    encoded = {int(row[1], 16): row[2].replace(" ", "") for row in rows}
    same = [record["bytes"].startswith(encoded.get(record["address"], "none"))
            for sweep in sweeps for found in sweep.unsafe.values() for record in found.values()]
    # A few differ in the same build: instructions patched at boot, as CLAC where there is SMAP.
    if same and sum(same) < 0.9 * len(same):
        raise NotTheImage(f"no instructions: {elf} is not the image that was swept")
    return {int(row[1], 16): " ".join(row[3].split("#")[0].split()) for row in rows if row[3]}


def page(result, sweeps, instructions):
    """The whole page, as text. NotTogether: domains are mixed."""
    check_together(result)
    body = ["<header><h1>Every instruction boundary</h1><p>The losses to an event at each "
            "instruction boundary of the ways into and out of the kernel, under each entry "
            "discipline. Destroyed state was put back, so one run counts all.</p>"
            '<p class="strip"><i></i> safe <i class="lost"></i> something is destroyed; each mark '
            f"is a boundary, from the stub to the IRET. Domain: {text(result.domain)}.</p>"
            "</header>", *warnings(result)]
    body += [f'<section id="{text(sweep.entry)}">\n<h2>entry={text(sweep.entry)}</h2>\n'
             + overview(sweep) + "\n".join(path_part(sweep, name, instructions)
                                           for name in sweep.paths) + "\n</section>"
             for sweep in sweeps]
    items = [f'<li><a href="#{text(sweep.entry)}">entry={text(sweep.entry)}</a></li>'
             for sweep in sweeps]
    return html_page("iststorm: the sweep", "\n".join(items), "\n".join(body),
                     "Made by iststorm's tools/convert.")


def warnings(result):
    if not result.problems:
        return []
    return ['<div class="warning" role="alert"><ul>'
            + "".join(f"<li>{text(problem)}</li>" for problem in tool.first(result.problems))
            + "</ul></div>"]


def overview(sweep):
    rows = []
    for path in sweep.paths:
        cells = []
        for event in EVENTS:
            count = sweep.counts.get((path, event))
            if count is None:
                cells.append('<td class="bad">missing</td>')
            elif not count["boundaries"]:
                cells.append('<td class="soft">-</td>')
            else:
                css = "bad" if count["unsafe"] else "good"
                closed = f", {count['closed']} closed" if count["closed"] else ""
                cells.append(f'<td class="{css}">{count["unsafe"]} of {count["boundaries"]}'
                             f"{closed}</td>")
        rows.append([f"<td>{text(path)}</td>", *cells])
    return table(("unsafe, of path", *(text(about) for about in EVENTS.values())), rows)


def path_part(sweep, path, instructions):
    """Its strips; and in a fold, the instructions with the loss at each."""
    boundaries = sweep.paths[path]
    # Where fewer were tried, which ones is not told.
    events = [event for event in EVENTS if (count := sweep.counts.get((path, event)))
              and count["boundaries"] == len(boundaries)]
    strips = "".join(strip(sweep, path, event, instructions) for event in events)
    unsafe = sum(len(sweep.unsafe[path, event]) for event in events)
    told = f"{text(path)} <span>{len(boundaries)} boundaries, {unsafe} losses</span>"
    return (f"<h3>{text(path)}</h3>{strips}"
            + fold(told, [listing(sweep, path, events, instructions)]))


def strip(sweep, path, event, instructions):
    lost = sweep.unsafe[path, event]
    marks = "".join(
        f'<i{" class=lost" if at in lost else ""} title="{text(where(address, instructions))}'
        + (f": {text(losses(lost[at]))}" if at in lost else "") + '"></i>'
        for at, address in enumerate(sweep.paths[path]))
    return f'<p class="strip"><b>{text(EVENTS[event])}</b>{marks}</p>'


def losses(record):
    return record.get("lost", "something")


def where(address, instructions):
    return f"0x{address:x} {instructions.get(address, '')}".strip()


def listing(sweep, path, events, instructions):
    rows = []
    for at, address in enumerate(sweep.paths[path]):
        found = [sweep.unsafe[path, event].get(at) for event in events]
        place = next((f"{one['symbol']}+{one.get('offset', '?')}" for one in found
                      if one and "symbol" in one), "")
        rows.append([f"<td>{at}</td>", f"<td>0x{address:x}</td>", f"<td>{text(place)}</td>",
                     f"<td><code>{text(instructions.get(address, ''))}</code></td>",
                     *(f'<td class="bad">{text(losses(one))}</td>' if one else "<td></td>"
                       for one in found)])
    return table(("no.", "address", "where", "instruction",
                  *(text(EVENTS[event]) for event in events)), rows, "rules")
