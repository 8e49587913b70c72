# SPDX-License-Identifier: MIT
"""Conformance: each check's result on each platform, compared with the known deviations.

A check is one rule of the manual, tried by the image's run=conform. A platform is a machine to try
it on. A deviation is a check that did not hold, or that killed or hung its machine; those that are
known stand in test/deviations.toml."""

import dataclasses
import json
import os
import re
import textwrap
import tomllib

from iststorm_report import ROOT
from iststorm_tool import Trouble

SOURCES = os.path.join(ROOT, "src", "workloads", "conform")
KNOWN = os.path.join(ROOT, "test", "deviations.toml")
# A check's results beside "holds" and "skipped", the worst first:
KINDS = {
    "kills": "kills or hangs the emulator",
    "loses": "loses an event",
    "corrupts": "corrupts state",
    "cosmetic": "cosmetic: told wrongly, and little hangs on it",
}
# The kind of a deviation that is not sorted yet.
UNSORTED = "not sorted yet"
# The danger of a check by which a machine is meant to end.
SHUT_DOWN = "shut down"
DEATHS = ("killed", "hung")
DEVIATING = ("deviates", *DEATHS)
RESULTS = ("holds", *DEVIATING, "skipped")
# An address in the image, which every build moves.
IMAGE_ADDRESS = re.compile(r"\b0x1[0-9a-f]{5}\b")


@dataclasses.dataclass(frozen=True)
class Check:
    """A check as the image lists it: the rule, and the danger of trying it."""
    name: str
    section: str
    rule: str
    danger: str = ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A check's result on a platform: holds, deviates, skipped, killed or hung."""
    result: str
    expected: str
    seen: str
    command: str = ""       # that shows it again

    @property
    def deviates(self):
        return self.result in DEVIATING


@dataclasses.dataclass(frozen=True)
class Deviation:
    """A known deviation. `platforms` are names with a version, of which the first parts count."""
    check: str
    platforms: tuple
    seen: str
    kind: str = ""
    why: str = ""

    def is_of(self, platform):
        return any(covers(known, platform) for known in self.platforms)


def covers(known, platform):
    """Whether 'qemu 7.2' means the platform 'qemu 7.2.22'."""
    return platform == known or platform.startswith(known + ".")


def plain(seen):
    """The result without the parts that change with the build."""
    return IMAGE_ADDRESS.sub("ADDRESS", seen)


def read_known(path=KNOWN):
    """The known deviations."""
    try:
        with open(path, "rb") as stream:
            rows = tomllib.load(stream).get("deviation", [])
    except (ValueError, RecursionError) as error:
        raise Trouble(f"{path}: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Trouble(f"{path}: each deviation must begin with [[deviation]]")
    return [take_row(path, number, row) for number, row in enumerate(rows, 1)]


def take_row(path, number, row):
    where = f"{path}: deviation {number} ({row.get('check', 'of no check')})"
    may = {field.name for field in dataclasses.fields(Deviation)}
    must = {field.name for field in dataclasses.fields(Deviation)
            if field.default is dataclasses.MISSING}
    if not must <= set(row) <= may:
        raise Trouble(f"{where}: has {', '.join(sorted(row))}; needs {', '.join(sorted(must))}; "
                      f"may have {', '.join(sorted(may - must))}")
    platforms = row["platforms"]
    texts = [value for name, value in row.items() if name != "platforms"]
    if not isinstance(platforms, list) or not platforms or \
            not all(isinstance(text, str) for text in [*platforms, *texts]):
        raise Trouble(f"{where}: platforms must be a list of texts, and all else a text")
    if row.get("kind", "") not in ("", *KINDS):
        raise Trouble(f"{where}: kind is '{row['kind']}', not one of {', '.join(KINDS)}")
    return Deviation(**{**row, "platforms": tuple(platforms)})


def known_of(known, check, platform):
    """The known deviation of a check on a platform, or None."""
    return next((one for one in known if one.check == check and one.is_of(platform)), None)


def compare(known, platform, outcomes):
    """The differences between results and known deviations, a line each. An untried check has
    none."""
    for check, outcome in outcomes.items():
        old = known_of(known, check, platform)
        if old is None and outcome.deviates:
            yield f"new: {check} on {platform}: expected {outcome.expected}; seen {outcome.seen}"
        elif old is not None and outcome.result == "holds":
            yield f"gone: {check} on {platform} holds now; known was: {old.seen}"
        elif old is not None and outcome.deviates and plain(outcome.seen) != old.seen:
            yield f"changed: {check} on {platform}: seen {outcome.seen}; known was: {old.seen}"


C_STRING = r'"((?:[^"\\]|\\.)*)"'
TEXT = rf"({C_STRING}(?:\s*{C_STRING})*)"
ROW = re.compile(rf"\{{((?:\s*{TEXT},){{3,4}})(\s*\..*?)\}},?\n(?=\s*\{{|\}};)", re.DOTALL)
PROBES = re.compile(r"^(USER_PROBE|PROBE)\((\w+),\s*(.*?)\);$", re.MULTILINE | re.DOTALL)
FUNCTION = re.compile(r"^(?:/\*(?:(?!\*/).)*\*/\n)?static [^;{}=]*?\b(\w+)\([^;{}]*\)"
                      r"(?:\n\{\n.*?^\}| \{[^\n]*\})\n", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass
class Source:
    """Where a check is written: its row's facts, the guest's instructions, and the C around."""
    check: Check
    path: str
    probes: dict
    functions: list


def joined(text):
    """Neighbouring C string literals as one text."""
    return "".join(re.findall(C_STRING, text))


def words_of(text):
    return set(re.findall(r"\w+", text))


def read_sources(directory=SOURCES):
    """Every check that the sources have: {name: Source}."""
    found = {}
    for name in sorted(os.listdir(directory)):
        if name.endswith(".c"):
            path = os.path.join(directory, name)
            with open(path, encoding="ascii") as stream:
                found.update(read_source(os.path.relpath(path, ROOT), stream.read()))
    return found


def read_source(path, text):
    begin = text.find("CONFORM_CHECKS(")
    if begin < 0:
        return {}
    body = text[:begin]
    probes = {match[2]: (match[1], joined(match[3])) for match in PROBES.finditer(body)}
    functions = {match[1]: match[0] for match in FUNCTION.finditer(body)}
    found = {}
    for match in ROW.finditer(text[begin:]):
        texts = [joined(one[0]) for one in re.findall(TEXT, match[1])]
        name, rest = texts[0], match[0][len(match[1]) + 1:]
        used = reached(rest, functions)
        mentioned = words_of(rest).union(*(words_of(functions[one]) for one in used))
        found[name] = Source(Check(*texts), path,
                             {one: probes[one] for one in probes if one in mentioned},
                             [functions[one] for one in functions if one in used])
    return found


def reached(text, functions):
    """The names of the functions that are used, directly or by others."""
    used, look = set(), words_of(text) & set(functions)
    while look:
        one = look.pop()
        used.add(one)
        look |= (words_of(functions[one]) & set(functions)) - used
    return used


@dataclasses.dataclass
class Results:
    """A run's results, {platform: {check: Outcome}}, and the known deviations."""
    checks: list
    platforms: list
    outcomes: dict
    known: list

    @property
    def news(self):
        return [line for platform in self.platforms
                for line in compare(self.known, platform, self.outcomes[platform])]

    def outcome(self, check, platform):
        return self.outcomes[platform].get(check.name)

    def kind(self, check, platform):
        """Of a deviation, or "": UNSORTED."""
        outcome, known = self.outcome(check, platform), known_of(self.known, check.name, platform)
        if not outcome or not outcome.deviates:
            return ""
        return known.kind if known and known.kind else \
            "kills" if outcome.result in DEATHS else ""

    def why(self, check):
        """The remarks on the check's known deviations, each once."""
        found = (known_of(self.known, check.name, platform) for platform in self.platforms)
        return list(dict.fromkeys(one.why for one in found if one and one.why))


def summary(results):
    """A line a platform."""
    text = ""
    for platform in results.platforms:
        counts = dict.fromkeys(RESULTS, 0)
        for outcome in results.outcomes[platform].values():
            counts[outcome.result] += 1
        text += f"{platform}: " + ", ".join(f"{count} {name}" for name, count in counts.items()
                                            if count or name == "holds") + "\n"
    return text


def cell(text):
    """Text within a Markdown table."""
    return text.replace("|", "\\|")


def markdown(results):
    rows = ["# Checks and platforms", "", summary(results).replace("\n", "  \n"),
            "| check | section | rule | " + " | ".join(results.platforms) + " |",
            "| --- | --- | --- |" + " --- |" * len(results.platforms)]
    for check in results.checks:
        cells = [check.name, check.section, check.rule]
        for platform in results.platforms:
            outcome = results.outcome(check, platform)
            cells.append("" if outcome is None else outcome.result if not outcome.deviates else
                         f"**{outcome.result}**: {outcome.seen}")
        rows.append("| " + " | ".join(map(cell, cells)) + " |")
    return "\n".join(rows) + "\n"


def json_text(results):
    return json.dumps({
        "v": 1,
        "platforms": results.platforms,
        "checks": [{**dataclasses.asdict(check), "outcomes": {
            platform: {**dataclasses.asdict(outcome), "kind": results.kind(check, platform)}
            for platform in results.platforms if (outcome := results.outcome(check, platform))}}
                   for check in results.checks],
        "news": results.news,
    }, indent=1) + "\n"


def outcomes_of(saved):
    """{platform: {check: Outcome}} of what json_text wrote."""
    found = {platform: {} for platform in saved["platforms"]}
    for check in saved["checks"]:
        for platform, outcome in check["outcomes"].items():
            outcome.pop("kind")
            found[platform][check["name"]] = Outcome(**outcome)
    return found


def updated(known, outcomes):
    """The known deviations after a run; those of untried checks stay. A new one has the kind and
    the remark of the same check's on another platform, or none yet."""
    rows = {}

    def add(check, platform, seen, kind, why):
        key = (check, seen)
        old = rows.setdefault(key, Deviation(check, (), seen, kind, why))
        rows[key] = dataclasses.replace(old, platforms=old.platforms + (platform,))
    for one in known:
        for platform in one.platforms:
            tried = [name for name in outcomes if covers(platform, name)
                     and outcomes[name].get(one.check, SKIPPED).result != "skipped"]
            if not tried:
                add(one.check, platform, one.seen, one.kind, one.why)
    for platform, seen in outcomes.items():
        for check, outcome in seen.items():
            if outcome.deviates:
                old = known_of(known, check, platform) or \
                    next((one for one in known if one.check == check), None)
                kind = "kills" if outcome.result in DEATHS else old.kind if old else ""
                add(check, short_version(platform), plain(outcome.seen), kind,
                    old.why if old else "")
    return sorted(rows.values(), key=lambda one: one.check)


SKIPPED = Outcome("skipped", "", "")


def short_version(platform):
    """'qemu 7.2' of 'qemu 7.2.22': a fix of Debian's is no new version here."""
    return re.sub(r"( [0-9]+\.[0-9]+)\.[0-9.]*$", r"\1", platform)


def known_text(path, rows):
    """The file of known deviations with other rows. Lines stay below 100 columns."""
    text = "# The known deviations of a machine; tools/conform --update writes this file.\n"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as old:
            text = old.read().split("[[deviation]]")[0].rstrip("\n") + "\n"
    for one in rows:
        text += "\n[[deviation]]\n"
        text += f"check = {quoted(one.check)}\n"
        text += f"platforms = [{', '.join(map(quoted, one.platforms))}]\n"
        text += f"kind = {quoted(one.kind)}\n" if one.kind else ""
        text += f"seen = {wrapped(one.seen)}\n"
        text += f"why = {wrapped(one.why)}\n" if one.why else ""
    return text


def quoted(text):
    """A TOML string: what JSON has, but for DEL and for characters past 16 bits."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def wrapped(text):
    """A TOML string; a long one over several lines, whose ends mean nothing."""
    if len(text) < 85:
        return quoted(text)
    lines = textwrap.wrap(text, 90, break_long_words=False, break_on_hyphens=False)
    return '"""\\\n' + " \\\n".join(quoted(line)[1:-1] for line in lines) + '"""'


def known_table(known, sources):
    """docs/deviations.md's tables, the worst first."""
    platforms = sorted({platform for one in known for platform in one.platforms},
                       key=platform_order)
    text = ""
    for kind, about in [*KINDS.items(), ("", UNSORTED)]:
        rows = [one for one in known if one.kind == kind]
        if not rows:
            continue
        text += f"### {about[0].upper()}{about[1:]}\n\n"
        text += "| check | the rule | on | seen | |\n| --- | --- | --- | --- | --- |\n"
        for one in rows:
            check = source_of(one, sources).check
            where = ", ".join(sorted(one.platforms, key=platforms.index))
            text += "| " + " | ".join(map(cell, (
                f"`{one.check}`", f"{check.rule} ({check.section})", where, one.seen, one.why)))
            text += " |\n"
        text += "\n"
    return text


def source_of(one, sources):
    if one.check not in sources:
        raise Trouble(f"a deviation is known of {one.check}, and there is no such check")
    return sources[one.check]


def known_counts(known, sources):
    """docs/deviations.md's table: how many rules a platform breaks, by kind."""
    platforms = sorted({platform for one in known for platform in one.platforms},
                       key=platform_order)
    text = "| of " + f"{len(sources)} rules | " + " | ".join(platforms) + " |\n"
    text += "| --- |" + " --- |" * len(platforms) + "\n"
    for kind, about in [*KINDS.items(), ("", UNSORTED)]:
        counts = [sum(one.kind == kind and platform in one.platforms for one in known)
                  for platform in platforms]
        if kind or any(counts):
            text += f"| {about} | " + " | ".join(map(str, counts)) + " |\n"
    return text


def platform_order(platform):
    name, _, version = platform.rpartition(" ")
    return name != "qemu", name, [int(part) for part in re.findall("[0-9]+", version)]


def instructions(source):
    """The guest's instructions: the probes' own text, one a line."""
    lines = []
    for name, (kind, text) in source.probes.items():
        lines.append(f"{name}:{'    ; in ring 3' if kind == 'USER_PROBE' else ''}")
        lines += [f"    {line.strip()}" for line in re.split(r";|\\n(?:\\t)?", text)
                  if line.strip()]
    return "\n".join(lines)


def bug_report(source, platform, outcome, known):
    """The text of a report to the platform's makers."""
    check = source.check
    parts = [f"# {platform}: {check.name} {outcome.result}", "",
             f"Rule: {check.rule} ({check.section}).",
             f"Expected: {outcome.expected}", f"Seen: {outcome.seen}"]
    if known and known.kind:
        parts += [f"Kind: {KINDS[known.kind]}"]
    if known and known.why:
        parts += [f"Remark: {known.why}"]
    parts += ["", "To see it again, after `make`:", "", f"    {outcome.command}"]
    if source.probes:
        parts += ["", "The guest's instructions:", "", indent(instructions(source))]
    parts += ["", f"What is set up and looked at ({source.path}):", "",
              indent("\n".join(source.functions) or "nothing: they are all there is")]
    return "\n".join(parts) + "\n"


def indent(text):
    return "\n".join(f"    {line}" if line else "" for line in text.rstrip().split("\n"))
