# SPDX-License-Identifier: MIT
"""The coverage page: which instructions of the entry code events have hit in any number of runs, as
one HTML file that needs no network and no script."""

import re

import iststorm_tool as tool
from iststorm_page import fold, html_page, table, text

EVENTS = {"nmi": "NMIs", "irq": "interrupts", "db": "#DBs"}
MAP = re.compile(r"[0-9a-f]{1,1024}")


class Path:
    """A path of one build: where its instructions begin, and the runs' hits together."""

    def __init__(self, begins):
        self.begins = begins
        self.hit = dict.fromkeys(EVENTS, 0)

    def places(self):
        return [place for place in range(self.begins.bit_length()) if self.begins >> place & 1]

    def count(self, event):
        return bin(self.hit[event] & self.begins).count("1")


def bits_of(record, key):
    """A map as an integer: the first digit has the first four bytes. ValueError: it is damaged."""
    digits = record.get(key, "")
    if not isinstance(digits, str) or not MAP.fullmatch(digits):
        raise ValueError(f"'{key}' is no map")
    return int(digits[::-1], 16)


def gather(results):
    """discipline -> name -> [Path], one for each build that has it in another form. Adds to the
    results' problems."""
    found = {}
    for result in results:
        for record in result.report.of_type("coverage"):
            name = str(record.get("path", "?"))
            try:
                begins = bits_of(record, "begins")
                hit = {event: bits_of(record, f"{event}_hit") for event in EVENTS}
            except ValueError as error:
                result.problems.append(f"damaged coverage record {name[:80]!r}: {error}")
                continue
            paths = found.setdefault(str(record.get("entry", "?")), {}).setdefault(name, [])
            path = next((one for one in paths if one.begins == begins), None)
            if not path:
                paths.append(path := Path(begins))
            for event in EVENTS:
                path.hit[event] |= hit[event]
    return found


def page(results):
    """The whole page, as text."""
    found = gather(results)
    runs = sum(bool(result.report.of_type("coverage")) for result in results)
    body = ["<header><h1>Instructions hit</h1><p>The instructions of the ways into and out of the "
            "kernel before which an event came, in all of "
            f"{runs} {'run' if runs == 1 else 'runs'} together.</p>"
            '<p class="strip"><i></i> hit <i class="missed"></i> not hit; each mark is an '
            "instruction. An interrupt comes only where interrupts are on.</p></header>",
            *warnings(results)]
    body += [f'<section id="{text(entry)}">\n<h2>entry={text(entry)}</h2>\n' + overview(paths)
             + "\n".join(path_part(name, one) for name, each in paths.items() for one in each)
             + "\n</section>" for entry, paths in found.items()]
    items = [f'<li><a href="#{text(entry)}">entry={text(entry)}</a></li>' for entry in found]
    return html_page("iststorm: coverage of the entry code", "\n".join(items), "\n".join(body),
                     "Made by iststorm's tools/convert.")


def warnings(results):
    problems = [problem for result in results for problem in result.problems]
    if not problems:
        return []
    return ['<div class="warning" role="alert"><ul>'
            + "".join(f"<li>{text(problem)}</li>" for problem in tool.first(problems))
            + "</ul></div>"]


def cells_of(counts, instructions):
    return [f"<td>{count} of {instructions}</td>" for count in counts]


def overview(paths):
    """Stubs are a few bytes of each vector, and told only where they were hit: not in the sum."""
    rows, sums, all_of_them = [], dict.fromkeys(EVENTS, 0), 0
    for name, each in paths.items():
        for path in each:
            counts = {event: path.count(event) for event in EVENTS}
            rows.append([f"<td>{text(name)}</td>",
                         *cells_of(counts.values(), len(path.places()))])
            if not name.startswith("stub "):
                all_of_them += len(path.places())
                sums = {event: sums[event] + counts[event] for event in EVENTS}
    rows.append(["<td><b>all but stubs</b></td>", *cells_of(sums.values(), all_of_them)])
    return table(("hit, of path", *(text(about) for about in EVENTS.values())), rows)


def path_part(name, path):
    strips = "".join(strip(path, event) for event in EVENTS)
    missed = [f"+{place:#x}" for place in path.places() if not path.hit["nmi"] >> place & 1]
    if missed:
        strips += fold(f"{len(missed)} not hit by an NMI", [f"<p>{' '.join(missed)}</p>"])
    return f"<h3>{text(name)}</h3>{strips}"


def strip(path, event):
    marks = "".join(f'<i{"" if path.hit[event] >> place & 1 else " class=missed"} '
                    f'title="+{place:#x}"></i>' for place in path.places())
    return f'<p class="strip"><b>{text(EVENTS[event])}</b>{marks}</p>'
