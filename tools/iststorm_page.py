# SPDX-License-Identifier: MIT
"""The latency page: one HTML file with all plots and tables of a report, which needs no network
and no script."""

import collections
import html
import itertools
import os
import re

import iststorm_latency as latency
import iststorm_plots as plots
import iststorm_tool as tool

STYLE_SHEET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "iststorm_page.css")
THEME_SWITCH = "dark"
# In the order in which a reader thinks of them; all others come after.
EVENTS = {
    "null": "nothing at all, between two stamps: the cost of the measurement itself",
    "trap": "INT n through a gate without IST, on the thread stack",
    "user": "entry from ring 3 and return",
    "syscall": "SYSCALL from ring 3 and return",
    "irq": "a hardirq, with the switch to the IRQ stack",
    "irq-nested": "a hardirq in a hardirq, already on the IRQ stack",
    "softirq": "a softirq, raised by a thread",
    "irq-softirq": "a softirq, raised by a hardirq and run at its end",
    "nmi": "a non-maskable interrupt",
    "db": "a debug exception, vector 1",
    "bp": "a breakpoint, vector 3",
    "mc": "a machine check, by INT 18",
    "ss": "a stack fault, vector 12",
    "df": "a double fault, vector 8",
    "wake": "a thread is woken and runs",
    "switch": "a context switch",
}
STAGES = {
    "send": "the sender's time to send",
    "entry": "trigger to the first instruction of the stub",
    "dispatch": "from there to the first instruction on the IRQ stack; for all other stacks "
                "there is none: the processor itself switches to them",
    "prologue": "from the first instruction on the final stack to the handler's first",
    "service": "the handler itself",
    "exit": "end of the handler to the first instruction back in the interrupted code",
    "one-way": "trigger to the handler; between CPUs by synchronised TSCs",
    "round-trip": "there and back; between CPUs until the sender has seen that the handler is done",
}
MODES = {
    "warm": "code, data and TLB were used just before",
    "cold-data": "all data of the way in and out is flushed from the caches before each sample: "
                 "the kernel's data, per-CPU areas, stacks and IDTs",
    "cold-tlb": "TLB flushed before each sample",
    "loaded": "all other CPUs write to one area of 4 MiB meanwhile, and interrupt each other",
    "halted": "the target slept in HLT",
}
LOOPS = {"closed": "", "open": "open loop, from the sending",
         "open-intended": "open loop, from the intended time"}
GATES = {"same": "no IST slot", "ist": "IST slot", "ist-adjusted": "IST slot, TSS.ist[] adjusted"}
# The stages that are shown unfolded; the rest is a click away.
MAIN_STAGES = ("entry", "dispatch", "prologue", "one-way", "round-trip")
MOST_ROWS = 400
WHOLE_WAY = "round-trip"
WAYS_BETWEEN = ("one-way", WHOLE_WAY)  # the stages that go from one CPU to another
SMALL_PART = 16
RELATIONS = ("threads of a core", "cores of a package", "packages", "two CPUs")
WORST_HEAD = ("worst", "times its median", "cause", "mostly in", "at, ms", "CPUs", "measurement")
MOST_BESIDE = 8  # CPUs of a map that has another beside it
PERCENTILE_NAMES = tuple(name for name, _ in latency.PERCENTILES)


class Page:
    """The sections so far, with their titles, for the table of contents."""

    def __init__(self, result):
        self.result = result
        self.sections = []
        self.parts = []
        self.figures = itertools.count(1)
        self.series = [one for one in latency.gather(result.records).values() if one.count]
        self.withheld = [(latency.Series(key, [(0, int(far))]), bound)
                         for (*key, far), bound in latency.withheld(result).items()]

    def section(self, title, *parts, below=()):
        name = f"s{len(self.sections) + 1}"
        self.sections.append((name, title, list(below)))
        self.parts.append(f'<section id="{name}">\n<h2>{text(title)}</h2>\n' + "\n".join(parts)
                          + "\n</section>")

    def prefix(self):
        return f"f{next(self.figures)}"

    def value(self, value, unit):
        """A latency as a table's cell: in its unit, and below as time."""
        if value is None:
            return '<td class="soft">&ndash;</td>'
        ns = self.result.ns(value, unit)
        return f"<td>{value:,}{f'<small>{ns_text(ns)}</small>' if ns is not None else ''}</td>"


def text(value):
    return html.escape(str(value))


def ns_text(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("&micro;s", 1e3)):
        if abs(ns) >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def ordered(values, known):
    """Distinct values: those known in their order, then the others as they come."""
    found = list(dict.fromkeys(values))
    return [value for value in known if value in found] + \
        [value for value in found if value not in known]


def table(head, rows, css=""):
    """Rows are of ready cells."""
    return ('<div class="scroll"><table' + (f' class="{css}"' if css else "") + "><thead><tr>"
            + "".join(f"<th>{cell}</th>" for cell in head) + "</tr></thead><tbody>\n"
            + "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows) + "\n</tbody></table></div>")


def fold(summary, parts, is_open=False):
    return (f"<details{' open' if is_open else ''}><summary>{summary}</summary>"
            + "\n".join(parts) + "</details>")


def figure(caption, svg):
    return f"<figure><figcaption>{text(caption)}</figcaption>\n{svg}\n</figure>"


def cross(series):
    return latency.is_cross(dict(zip(("from", "to"), series.cpus[0])))


def event_label(series):
    return f"{series.event}{', cross-CPU' if cross(series) else ''}"


def stage_label(series):
    words = [series.stage, LOOPS.get(series.loop, series.loop),
             series.samples if series.samples != "all" else ""]
    return ", ".join(filter(None, words))


def row_label(series):
    """Where the table's caption says the rest."""
    return f"{series.stage}, as intended" if series.loop.endswith("intended") else series.stage


def explained(known, name):
    return f": {known[name]}" if name in known else ""


def page(result):
    """The whole page, as text."""
    made = Page(result)
    write_overview(made)
    write_surcharge(made)
    for stack in dict.fromkeys(series.stack for series in made.series):
        write_stack(made, stack)
    write_pairs(made)
    write_outliers(made)
    write_environment(made)
    write_tests(made)
    write_explanations(made)
    return document(made)


def document(made):
    name = made.result.name
    main = banner(made.result) + "\n" + os.linesep.join(made.parts)
    return html_page(f"iststorm: interrupt latency per stack, {name}", contents(made), main,
                     f"Made by iststorm's tools/convert from {text(name)}.")


def style_text():
    """The style sheet; and the system's choice of light or dark, and the other one when the box is
    ticked."""
    with open(STYLE_SHEET, encoding="ascii") as sheet:
        style = sheet.read()
    dark = style[style.index(".dark-theme {"):].split("}", 1)[0].split("{", 1)[1]
    light = style[style.index(":root {"):].split("}", 1)[0].split("{", 1)[1]
    light = light.replace("color-scheme: light dark;", "color-scheme: light;")
    return style + (f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }}\n"
                    f":root:has(#{THEME_SWITCH}:checked) {{ {light} }} }}\n"
                    "@media (prefers-color-scheme: light) {\n"
                    f":root:has(#{THEME_SWITCH}:checked) {{ color-scheme: dark; {dark} }} }}\n")


def share_styles(main):
    """The same with a class for each style that the plots' elements have, and the style sheet of
    these: a page has few and each a thousand times."""
    classes = {}

    def name(match):
        return f'{match[1]} class="k{classes.setdefault(match[2], len(classes))}"'
    main = re.sub(r'(<(?:g|path|rect|text|use)\b[^>]*?) style="([^"]*)"', name, main)
    return main, "".join(f".k{number} {{ {style} }}\n" for style, number in classes.items())


def html_page(title, items, main, footer):
    """A whole document: `items` are of the list of contents, `main` and `footer` ready HTML."""
    main, shared = share_styles(main)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{text(title)}</title>
<style>
{style_text()}{shared}</style>
</head>
<body>
<div class="page">
<nav aria-label="Contents"><a class="brand" href="#">iststorm</a><ol>{items}</ol>
<label><input type="checkbox" id="{THEME_SWITCH}"> switch light and dark</label></nav>
<main>
{main}
<footer>{footer}</footer>
</main>
</div>
</body>
</html>
"""


def contents(made):
    items = []
    for name, title, below in made.sections:
        inner = "".join(f'<li><a href="#{anchor}">{text(words)}</a></li>'
                        for anchor, words in below)
        items.append(f'<li><a href="#{name}">{text(title)}</a>'
                     + (f"<ol>{inner}</ol>" if inner else "") + "</li>")
    return "\n".join(items)


def banner(result):
    machine, report = result.machine, result.report
    good = report.passed and not result.problems
    verdict = report.verdict or "no verdict"
    badges = [f'<li class="{"good" if good else "bad"}">{text(verdict)}</li>',
              f"<li>domain: {text(result.domain)}</li>"]
    badges += [f"<li>{text(words)}</li>" for words in (
        f"{machine['cpus_online']} CPUs" if "cpus_online" in machine else "",
        f"{machine['firmware']}" if "firmware" in machine else "",
        f"TSC {machine['tsc_hz'] / 1e6:.0f} MHz" if machine.get("tsc_hz") else "") if words]
    names = (machine.get("system_vendor"), machine.get("system_product"), machine.get("cpu_model"))
    parts = ["<header><h1>Interrupt latency per stack</h1>",
             f"<p>{text(', '.join(filter(None, names)) or 'an unknown machine')}</p>",
             f'<ul class="badges">{"".join(badges)}</ul>']
    if report.verdict and not report.passed:
        parts.append(f'<p class="bad">{text(report.reason)}</p>')
    if result.problems:
        parts.append('<div class="warning" role="alert"><b>This report is truncated or damaged. '
                     "What could be saved is shown.</b><ul>"
                     + "".join(f"<li>{text(one)}</li>" for one in tool.first(result.problems))
                     + "</ul></div>")
    return "\n".join([*parts, "</header>"])


def write_overview(made):
    """A chart a stage of all events, one row each: the warm case."""
    if not made.series:
        return
    mode = ordered((series.mode for series in made.series), MODES)[0]
    charts, more = [], []
    for unit in dict.fromkeys(series.unit for series in made.series):
        for stage in ordered((series.stage for series in made.series), STAGES):
            rows = [(f"{event_label(series)} ({series.stack})", series) for series in made.series
                    if (series.mode, series.unit, series.stage, series.loop, series.samples)
                    == (mode, unit, stage, "closed", "all") and series.event != "null"]
            if rows:
                svg = plots.dumbbells(rows, made.result.tsc_hz,
                                      text(f"{stage} of every event"), made.prefix())
                (charts if stage in MAIN_STAGES else more).append(
                    figure(f"{stage}{explained(STAGES, stage)}",
                           svg + withheld_note(made, mode, unit, stage)))
    made.section("At a glance", f"<p>Mode {text(mode)}{text(explained(MODES, mode))}. The dot is "
                 "the median, the diamond p99; the line reaches from minimum to maximum.</p>",
                 *charts, fold("More stages", more) if more else "",
                 fold("The same in numbers", list(overview_tables(made, mode))))


def withheld_note(made, mode, unit, stage):
    """Which events have no row in a stage's chart although they were measured."""
    names = [f"{event_label(one)} ({one.stack})" for one, _ in made.withheld
             if (one.mode, one.unit, one.stage, one.loop, one.samples)
             == (mode, unit, stage, "closed", "all")]
    return (f'<p class="soft">Withheld, since the two clocks\' offset drifted or is not known to a '
            f"tenth of the median: {text(', '.join(names))}.</p>") if names else ""


def overview_tables(made, mode):
    """An event a row: its median on the way there, and how long there and back takes."""
    for unit in dict.fromkeys(series.unit for series in made.series):
        found = {(series.event, cross(series), series.stage): series for series in made.series
                 if (series.mode, series.unit, series.loop, series.samples)
                 == (mode, unit, "closed", "all") and series.event != "null"}
        unknown = {(one.event, cross(one)) for one, _ in made.withheld
                   if (one.mode, one.unit, one.loop, one.samples, one.stage)
                   == (mode, unit, "closed", "all", "one-way")}
        rows = []
        for (event, far, stage), both in found.items():
            if stage == "round-trip":
                there = found.get((event, far, "one-way"))
                rows.append([f"<td>{text(event_label(both))} ({text(both.stack)})</td>",
                             f"<td>{both.count:,}</td>",
                             '<td class="soft">withheld</td>' if (event, far) in unknown else
                             made.value(there.percentile("p50") if there else None, unit),
                             *(made.value(value, unit) for value in (
                                 both.min, *map(both.percentile, PERCENTILE_NAMES), both.max))])
        head = [text(unit), "samples", "one-way p50", "there and back: min",
                *(latency.TITLES[name] for name in PERCENTILE_NAMES), "max"]
        yield table(head, rows)


def write_surcharge(made):
    """The cost of an IST slot over the same gate without one, and of the adjustment."""
    records = made.result.report.of_type("surcharge")
    head = ["gate", "CPU", "samples", "entry, median", "there and back, least",
            "there and back, median", "over no IST slot"]
    unit = made.series[0].unit if made.series else "cycles"
    rows = [[f"<td>{text(GATES.get(record.get('gate'), record.get('gate')))}</td>",
             f"<td>{text(record.get('cpu'))}</td>", f"<td>{record['count']:,}</td>",
             *(made.value(record.get(name), unit) for name in
               ("entry_cycles", "min_cycles", "median_cycles", "over_same_cycles"))]
            for record in records if record.get("count")]
    if rows:
        made.section("IST surcharge", "<p>The same gate and the same stub, without an IST slot, "
                     "with one, and with TSS.ist[] moved on the way in and out: what the hardware "
                     f"and what nesting cost. In {text(unit)}.</p>", table(head, rows))


def write_stack(made, stack):
    """Per event and origin, a fold a mode: tail plot, histogram and table of all stages."""
    parts, below = [], []
    series = [one for one in made.series if one.stack == stack]
    for event, far in dict.fromkeys((one.event, cross(one)) for one in series):
        group = [one for one in series if (one.event, cross(one)) == (event, far)]
        anchor = made.prefix()
        below.append((anchor, event_label(group[0])))
        origin = "sent by another CPU" if far else "on the CPU itself"
        parts.append(f'<h3 id="{anchor}">{text(event)}, {origin} <small>'
                     f"{text(EVENTS.get(event, ''))}</small></h3>")
        modes = ordered((one.mode for one in group), MODES)
        for mode in modes:
            summary = f"{text(mode)}<span>{text(explained(MODES, mode))}</span>"
            parts.append(fold(summary, mode_parts(made, [one for one in group if one.mode == mode],
                                                  mode == modes[0]), mode == modes[0]))
        parts += modes_part(made, group, modes)
    made.section(f"Stack: {stack}", *parts, below=below)


def mode_parts(made, group, main):
    """Plots and a table for each unit, kind of loop and choice of samples; `main` of them has a
    histogram of each stage."""
    def kind(one):
        return one.unit, one.loop.partition("-")[0], one.samples
    for wanted in dict.fromkeys(map(kind, group)):
        series = [one for one in group if kind(one) == wanted]
        stages = ordered((one.stage for one in series), STAGES)
        named = [(colour_of(one), one)
                 for one in sorted(series, key=lambda one: stages.index(one.stage))]
        what = f"{event_label(series[0])} on {series[0].stack}, {series[0].mode}"
        loop = f", {wanted[1]} loop" if wanted[1] != "closed" else ""
        which = f", {wanted[2]} samples" if wanted[2] != "all" else ""
        yield f'<div class="plots{"" if main else " beside"}">'
        yield figure(f"Tail{loop}{which}", plots.tail(
            named, made.result.tsc_hz, text(f"tail of {what}"), made.prefix()))
        if main:
            yield figure(f"Histogram{loop}{which}", plots.ridges(
                named, made.result.tsc_hz, text(f"histogram of {what}"), made.prefix()))
            yield "</div>"
        yield series_table(made, named)
        if not main:
            yield "</div>"


def modes_part(made, group, modes):
    """The modes beside each other: there and back, a row a mode."""
    for unit in dict.fromkeys(one.unit for one in group):
        rows = {one.mode: (colour_of(one), one) for one in group
                if (one.stage, one.loop, one.samples, one.unit)
                == ("round-trip", "closed", "all", unit)}
        if len(rows) > 1:
            what = f"{event_label(group[0])} on {group[0].stack}"
            svg = plots.ridges([rows[mode] for mode in modes if mode in rows], made.result.tsc_hz,
                               text(f"histogram of {what} by mode"), made.prefix(),
                               lambda one: one.mode)
            yield fold("modes<span>: beside each other, there and back</span>",
                       [figure("Histogram, round-trip", svg)])


def colour_of(series):
    """A stage has one colour on the whole page; from the intended time, other dashes."""
    known = list(STAGES)
    place = known.index(series.stage) if series.stage in STAGES else plots.SERIES_COLOURS - 1
    return place + plots.SERIES_COLOURS * series.loop.endswith("intended")


FIRST = '<span title="before the warm-up; of several CPUs the largest">first</span>'


def series_table(made, named):
    """The numbers, which are also the plots' legend; and the withheld stages."""
    head = [f"{text(named[0][1].unit)}", "samples", FIRST, "min",
            *(latency.TITLES[name] for name in PERCENTILE_NAMES), "max"]
    rows = [(one.stage, [stage_cell(index, one), f"<td>{one.count:,}</td>", *(
        made.value(value, one.unit) for value in (
            one.first, one.min, *map(one.percentile, PERCENTILE_NAMES), one.max))])
            for index, one in named]
    rows += [(one.stage, [stage_cell(colour_of(one), one),
                          f'<td class="withheld" colspan="{len(head) - 1}">withheld: the two '
                          "clocks' offset drifted, or is not known to a tenth of the median, but "
                          f"to {bound:,} cycles</td>"])
             for one, bound in made.withheld if same_table(one, named[0][1])]
    stages = ordered((stage for stage, _ in rows), STAGES)
    return table(head, [row for _, row in sorted(rows, key=lambda row: stages.index(row[0]))])


def stage_cell(index, series):
    colour = f"var(--series-{index % plots.SERIES_COLOURS})"
    return (f'<td title="{text(STAGES.get(series.stage, ""))}"><i class="swatch" '
            f'style="border-color:{colour}"></i>{text(row_label(series))}</td>')


def same_table(one, other):
    """Whether two are of one table: they differ in their stage, or in what a loop counts from."""
    def kind(series):
        return (series.stack, series.event, series.mode, series.loop.partition("-")[0],
                series.samples, series.unit, cross(series))
    return kind(one) == kind(other)


def between(cells):
    """Those of these pairs that are of two CPUs."""
    return {pair: one for pair, one in cells.items() if pair[0] != pair[1]}


def write_pairs(made):
    """A heat map a measurement that was made between all CPUs, and what of it the machine's
    topology tells."""
    places = {record["cpu"]: tuple(record.get(name, 0) for name in ("package", "core", "smt"))
              for record in made.result.report.of_type("topology") if "cpu" in record}
    maps = maps_of_pairs(made.result)
    shown, more = [], []
    for key, cells in maps.items():
        series = latency.Series(key)
        counts = {one.count for one in between(cells).values()}
        caption = f"{series.event}, {stage_label(series)}, {series.mode}"
        samples = " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))
        main = series.stage == WHOLE_WAY and series.mode == next(iter(MODES))
        (shown if main else more).append(figure(
            f"{caption}: median of {samples} samples, {series.unit}", plots.heat_map(
                {pair: one.percentile("p50") for pair, one in cells.items()}, places,
                floor_of(maps, series), text(caption), made.prefix())))
    if shown or more:
        wide = max(len({cpu for pair in cells for cpu in pair}) for cells in maps.values())
        grid = "<div>" if wide > MOST_BESIDE else '<div class="plots">'
        made.section("CPU to CPU", "<p>Rows send, columns take; CPUs stand by package, core and "
                     "thread. The colour says how many times the fastest pair's median it is, by "
                     "the logarithm and to twice at least; what is less than a sixteenth of the "
                     "fastest way there and back counts as that. A dash: not measured, or withheld."
                     f" {text(pairs_told(made))}</p>",
                     "<p>An emulated machine's CPUs share the host's: a pair whose median is far "
                     "from the others' waited for the host's scheduler.</p>"
                     if made.result.domain == "emulated" and series.unit == "cycles" else "",
                     grid, *shown, "</div>", relations_table(made, maps, places),
                     fold("More stages and modes", [grid, *more, "</div>"], not shown)
                     if more else "")


def maps_of_pairs(result):
    """{measurement: {(from, to): series}}, of those between many pairs."""
    by_pair = latency.gather(result.paired or result.records, lambda record: (
        latency.key_of(record), record.get("from"), record.get("to")))
    maps = {}
    for (key, source, target), one in by_pair.items():
        if None not in (source, target) and one.percentile("p50") is not None:
            maps.setdefault(key, {})[source, target] = one
    return {key: cells for key, cells in maps.items()
            if len(between(cells)) >= len({cpu for pair in cells for cpu in pair}) > 1}


def floor_of(maps, series):
    """A shorter stage is too small a part of the whole way for a colour of its own."""
    way = series.key[latency.KEY.index("stage")]
    whole = tuple(WHOLE_WAY if name == way else name for name in series.key)
    ways = [one.percentile("p50") for one in between(maps.get(whole, {})).values()]
    return max(min(ways, default=0) / SMALL_PART, 1)


def relation(pair, places):
    source, target = (places.get(cpu) for cpu in pair)
    if source is None or target is None:
        return "two CPUs"
    return ("threads of a core" if source[:2] == target[:2] else
            "cores of a package" if source[:1] == target[:1] else "packages")


def relations_table(made, maps, places):
    """Whether it matters where the two CPUs sit: the medians of the pairs that sit alike."""
    rows = []
    for key, cells in maps.items():
        series, groups = latency.Series(key), {}
        for pair, one in between(cells).items():
            groups.setdefault(relation(pair, places), []).append(one.percentile("p50"))
        if series.mode == next(iter(MODES)) and series.stage in WAYS_BETWEEN:
            rows += [[f"<td>{text(series.event)}, {text(stage_label(series))}, between "
                      f"{name}</td>", f"<td>{len(group)}</td>",
                      *(made.value(value, series.unit) for value in (
                          min(group), sorted(group)[(len(group) - 1) // 2], max(group)))]
                     for name, group in ((name, groups.get(name)) for name in RELATIONS) if group]
    return table(["medians", "pairs", "fastest pair", "middle pair", "slowest pair"], rows)


def pairs_told(made):
    """How many of all pairs there are, where the report says it."""
    return " ".join(f"{record['measured']} of {record['possible']} pairs were measured."
                    for record in made.result.report.of_type("pairs")
                    if {"measured", "possible"} <= record.keys())


def write_outliers(made):
    """The worst sample of each event, and folded, of each of its measurements, with all others."""
    groups = outliers_by_event(made.result)
    if not groups:
        return
    rows, folded = [], []
    for label, measurements in groups.items():
        record, samples = measurements[0]
        rows.append([f"<td>{text(label)}</td>", *worst_cells(made, record, samples[0])])
        folded.append(fold(f"{text(label)}<span>: {text(causes_told(measurements))}</span>",
                           [outlier_table(made, measurements)]))
    host = " An emulated or virtual machine does not see what its host does meanwhile: that is a " \
        "stall." if made.result.domain != "metal" else ""
    made.section("Outliers", "<p>The worst sample of each event in any of its measurements, and "
                 f"what is known to have happened meanwhile.{host}</p>",
                 table(["event", *WORST_HEAD], rows, "causes"),
                 fold("The worst of each measurement, and the next ones", folded))


def causes_told(measurements):
    """How many outliers there are, and how many of each cause."""
    causes = collections.Counter(cause_of(one) for _, samples in measurements for one in samples)
    return f"{causes.total()} samples: " + ", ".join(
        f"{count} {cause}" for cause, count in causes.most_common())


def outliers_by_event(result):
    """{event: [(latency record, its outliers)]}, the worst first."""
    found = collections.defaultdict(list)
    for outlier in result.report.of_type("outlier"):
        if "value" in outlier:
            found[outlier.get("id")].append(outlier)
    groups = {}
    for pairs, records in (("", result.records), (", all pairs", result.paired)):
        for record, _ in records:
            if samples := sorted(found.get(record["id"], ()), key=lambda one: -one["value"]):
                far = ", cross-CPU" if latency.is_cross(record) and not pairs else ""
                groups.setdefault(f"{record.get('event')}{far}{pairs}", []).append(
                    (record, samples))
    return {label: sorted(group, key=lambda pair: -pair[1][0]["value"])
            for label, group in groups.items()}


def cause_of(outlier):
    return outlier.get("cause", "unknown")


def worst_cells(made, record, outlier, others=()):
    """Of a measurement's worst sample: what WORST_HEAD says. The others are a click away."""
    series, median = latency.Series(latency.key_of(record)), record.get("p50") or 0
    times = outlier["value"] / median if median > 0 else None
    loop = {"closed": "", "open-intended": "open, as intended"}.get(series.loop, series.loop)
    words = text(", ".join(filter(None, (
        series.mode, loop, series.stage if series.stage != WHOLE_WAY else ""))))
    lines = "<br>".join(f"{one['value']:,} at {at_ms(one)} ms: {text(cause_of(one))}"
                        f"{text(', in ' + one['part']) if 'part' in one else ''}"
                        for one in others)
    return [made.value(outlier["value"], series.unit),
            f"<td>{'&ndash;' if times is None else f'{times:,.{int(times < 10)}f}'}</td>",
            f"<td>{text(cause_of(outlier))}</td>", f"<td>{text(outlier.get('part', ''))}</td>",
            f"<td>{at_ms(outlier)}</td>",
            f"<td>{text(record.get('from'))} &rarr; {text(record.get('to'))}</td>",
            f"<td>{fold(words, [lines]) if others else words}</td>"]


def at_ms(outlier):
    return f"{outlier.get('time_us', 0) / 1000:,.3f}"


def outlier_table(made, measurements):
    """A measurement a row."""
    return table(WORST_HEAD, [worst_cells(made, record, worst, others)
                              for record, (worst, *others) in measurements], "causes")


def write_environment(made):
    rows = [[f"<td>{text(key)}</td>", f"<td>{text(value)}</td>"]
            for key, value in made.result.machine.items() if key not in ("v", "type")]
    parts = [table(["what", "value"], rows, "words") if rows else
             "<p>The report has no machine record.</p>"]
    for type_name, title in (("overhead", "Cost of reading the clock, per CPU"),
                             ("offset", "What one CPU's TSC shows beyond another's"),
                             ("topology", "Where the CPUs sit")):
        if records := made.result.report.of_type(type_name):
            parts.append(fold(title, [record_table(records)]))
    if records := made.result.report.of_type("batch"):
        parts.append(fold("What else happened during each measurement<span>: "
                          f"{text(batches_told(made, records))}</span>",
                          [record_table(named_batches(made.result, records))]))
    if notes := made.result.report.notes:
        items = "".join(f"<li>{text(note)}</li>" for note in notes[:MOST_ROWS])
        parts.append(fold("Notes of the run", [f"<ul>{items}</ul>"]))
    made.section("Environment", *parts)


def batches_told(made, records):
    """Of all measurements together; nothing of what no record knows."""
    words = [f"{sum(known):,} {what}" for name, what in (("smis", "SMIs"), ("gaps", "gaps"))
             if (known := [record[name] for record in records if name in record])]
    longest = max((record.get("longest_gap_cycles", 0) for record in records), default=0)
    ns = made.result.ns(longest, made.series[0].unit if made.series else "")
    return ", ".join(words) + (f", the longest of {longest:,} cycles" if longest else "") + (
        f" ({plots.time(ns)})" if longest and ns is not None else "")


def named_batches(result, records):
    """Which measurement each was, and all that its record says."""
    of_batch = {}
    for record, _ in result.records + result.paired:
        of_batch.setdefault(record.get("batch"), record)
    for record in records:
        which = of_batch.get(record.get("batch"), {})
        loop = which.get("loop", "").partition("-")[0]
        yield {"batch": record.get("batch"), "event": which.get("event", ""),
               "mode": which.get("mode", ""), "loop": which.get("pass", loop),
               "from": which.get("from", ""), "to": which.get("to", ""),
               **{name: value for name, value in record.items() if name != "cpu"}}


def record_table(records):
    """Any records, a row each."""
    records = list(records)
    keys = [key for key in dict.fromkeys(key for record in records for key in record)
            if key not in ("v", "type", "domain")]
    rest = f"<p>{len(records) - MOST_ROWS} more are in the report.</p>" * (
        len(records) > MOST_ROWS)
    return table((text(key.replace("_", " ")) for key in keys),
                 [[f"<td>{number_text(record.get(key, ''))}</td>" for key in keys]
                  for record in records[:MOST_ROWS]]) + rest


def number_text(value):
    return f"{value:,}" if isinstance(value, int) else text(value)


def write_tests(made):
    rows = [[f"<td>{text(test.name)}</td>",
             '<td class="soft">skipped</td>' if test.skipped else
             f'<td class="{"good" if test.ok else "bad"}">{"ok" if test.ok else "not ok"}</td>',
             f"<td>{text(test.detail)}</td>"] for test in made.result.report.tests]
    if rows:
        made.section("Checks", table(["check", "verdict", "detail"], rows, "words"))


def write_explanations(made):
    made.section("How to read this", f"""
<p><b>Tail plots</b> show which latency a share of the samples stayed within: every tenfold step to
the right looks at a tenth of the samples. The line is thin where fewer than
{latency.SAMPLES_BEYOND} samples lie beyond; the dot at its end is the maximum.</p>
<p><b>Percentiles</b> stand here only with at least {latency.SAMPLES_BEYOND}&thinsp;/&thinsp;(1 - p)
samples. Minimum, maximum and count are exact; percentiles come from histograms whose buckets are
at most 3&nbsp;% wide. The cost of reading the clock is subtracted, never clamped, so that small
values can be negative. The first sample stands apart and is not among the others; of several CPUs
it is the largest of their first ones.</p>
<p><b>Withheld</b> is a stage between two CPUs' clocks (entry, one-way) whose offset drifted
meanwhile, or is not known to a tenth of the median. A round trip needs one clock alone.</p>
<p><b>Loops</b>: in a closed loop the next event waits for the last one, so a slow one hides those
that would have come meanwhile (coordinated omission). In an open loop events are due at times of
their own; latencies from the intended time include the wait behind a late event.</p>
<p><b>Causes</b> of outliers: a tick, another interrupt (irq), an NMI or an SMI came in it; a gap,
in which the CPU stood still, lay before it; late: most of it was waiting since its intended time;
stall: it took over 100 &micro;s, as where the machine itself stands still. Mostly in: the stage
that took over half of the excess over the least.</p>
<p><b>Modes</b> are never mixed, and neither are domains: an emulator's latencies say nothing of
silicon. Samples of several CPUs are taken together in plots and tables of a stack. Measurements
between all pairs of CPUs, of fewer samples, stand in the maps alone; a CPU's events to itself have
their number there, and no colour.</p>
""", table(["stage", "from where to where"],
           [[f"<td>{text(name)}</td>", f"<td>{text(doc)}</td>"] for name, doc in STAGES.items()],
           "words"))
