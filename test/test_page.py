# SPDX-License-Identifier: MIT
"""The latency page: whole, alone, and looked at in a real browser."""

import base64
import html.parser
import io
import json
import math
import re
import shutil
import subprocess

import iststorm_latency as latency
import iststorm_page
import iststorm_plots
import iststorm_report
import matplotlib.image
import pytest
import synthetic
from conftest import ROOT

BROWSER = shutil.which("chromium")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--force-color-profile=srgb", "--host-resolver-rules=MAP * ~NOTFOUND")
needs_browser = pytest.mark.skipif(not BROWSER, reason="Chromium is not installed (chromium)")


def page_of(text):
    report = iststorm_report.read_report(text.split("\n"))
    return iststorm_page.page(latency.result_of("a.log", report))


@pytest.fixture(scope="module")
def page():
    return page_of(synthetic.stream(synthetic.bench()))


class Elements(html.parser.HTMLParser):
    """The elements of a page that the tests look at."""
    VOID = {"meta", "input", "br", "link", "img"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.open, self.wrong = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "xlink:href", "src"):
                self.links.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))


def test_the_page_is_whole(page):
    elements = Elements(page)
    assert elements.wrong == [] and elements.open == []
    assert len(elements.ids) == len(set(elements.ids))
    anchors = [link[1:] for link in elements.links if link.startswith("#") and len(link) > 1]
    assert len(anchors) > 10 and set(anchors) <= set(elements.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(elements.ids)
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == ["At a glance", "IST surcharge", "Stack: TASK", "Stack: NMI", "Stack: debug",
                      "Stack: IRQ", "CPU to CPU", "Outliers", "Environment", "Checks",
                      "How to read this"]
    # A tail for each stack, event, origin and mode, a histogram for each in its first mode and one
    # of all modes where there are two, 7 stages at a glance, 6 maps of pairs.
    assert elements.tags.count("svg") == (1 + 3 * 2 + 2) + (1 + 3 + 2) + 3 + 7 + 6


def test_every_stage_and_mode_is_explained(schema):
    """In the schema's order: each stage has a colour of its own by its place."""
    stages = schema["latency"]["stage"][1].split()
    assert list(iststorm_page.STAGES) == stages and len(stages) <= iststorm_plots.SERIES_COLOURS
    assert list(iststorm_page.MODES) == schema["latency"]["mode"][1].split()
    part = (ROOT / "docs/latency.md").read_text().split("| part | from | to |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(.*?)`", part, re.MULTILINE) == stages


def test_a_stage_has_one_colour(page):
    """Wherever it stands, and whatever other stages stand beside it."""
    found = {}
    for colour, stage in re.findall(r'border-color:var\((--series-[0-9])\)"></i>([a-z-]+)', page):
        found.setdefault(stage, set()).add(colour)
    assert len(found) == 7 and all(len(colours) == 1 for colours in found.values())
    assert len(set.union(*found.values())) == 7


def test_a_page_is_lean(page):
    """Paths say no more than the eye sees, and styles are said once."""
    paths = re.findall(r'<path[^>]* d="([^"]*)"', page)
    assert len(paths) > 500 and max(map(len, paths)) < 5000
    assert not re.search(r'<(path|text|use|g)[^>]* style="', page)
    assert not re.search(r'<g( id="[^"]*")?/?>', page)
    assert len(page) / page.count("<svg") < 20000


@pytest.mark.parametrize("path, short", [
    ("M 1 2 \nL 3 2 \nL 3 5.04 \nL 4 6 \nL 3 7 \nz\n", "M1 2h2v3l1 1-1 1z"),
    ("M 0 0 \nL 0.1 0 \nL 0.5 0.1 \nL 9 9 \n", "M0 0l9 9"),
    ("M 0 0 \nL 9 9 \nL 9.1 9 \n", "M0 0l9 9h0.1"),
    ("M 0 0 \nC 1 1.04 2 2 3 3 \nz\n", "M0 0C1 1 2 2 3 3z")])
def test_paths_are_as_short_as_the_eye_allows(path, short):
    assert iststorm_plots.short_path(path) == short


def test_pairs_have_the_map_alone():
    """Measurements between all pairs, of few samples, are in no plot of a stack."""
    own = [synthetic.record([900] * 2000, event=event, stage="round-trip",
                            **{"from": 0, "to": 1}) for event in ("irq", "nmi")]
    paired = [synthetic.record([5000] * 100, event=event, stage="round-trip",
                               **{"pass": "pairs", "from": source, "to": target})
              for source, target in [(0, 0), (0, 1), (1, 0), (1, 1)] for event in ("irq", "nmi")]
    records = [*own, *paired, {"v": 1, "type": "pairs", "cpus": 2, "measured": 4, "possible": 4}]
    result = latency.result_of("a.log", iststorm_report.read_report(
        synthetic.stream(records).split("\n")))
    assert [record["count"] for record, _ in result.records] == [2000, 2000]
    assert [record["count"] for record, _ in result.paired] == [100] * 8
    text = iststorm_page.page(result)
    assert text.count("2,000</td>") == 4 and "100</td>" not in text
    assert text.count("from CPU") == 2


@pytest.mark.parametrize("low, high, linear, ticks", [
    (24.6, 27.4, 0, [25, 26, 27]), (-0.2, 6, 1, [0, 1, 2, 5]),
    (-60, 2000, 10, [-10, 0, 10, 100, 1000]),
    (90, 40000, 0, [100, 300, 1000, 3000, 10000, 30000])])
def test_axes_have_round_values(low, high, linear, ticks):
    """Whole ones: nobody counts half an instruction."""
    assert iststorm_plots.ticks(low, high, linear) == ticks


def test_labels_of_an_axis_keep_apart(monkeypatch):
    """Where values go from 0 far up, there is little room between 0 and what comes next."""
    assert iststorm_plots.apart([-1, 0, 1, 10, 100], lambda place: math.copysign(
        math.log10(1 + abs(place)), place), 0.5) == [0, 10, 100]
    seen = []
    monkeypatch.setattr(iststorm_plots, "ticks", lambda *ends: seen.append(ends) or range(200))
    series = latency.Series(())
    for record in [synthetic.record([0, 1, 199])]:
        series.add(record, latency.parse_buckets(record["buckets"]))
    for draw, most in ((iststorm_plots.tail, 16), (iststorm_plots.ridges, 9)):
        series.key = tuple({"unit": "cycles"}.get(name, "") for name in latency.KEY)
        plot = draw([(0, series)], 2_000_000_000, "a plot", "f")
        assert 4 < plot.count(" ns") <= most
    assert len(seen) == 2


@pytest.mark.parametrize("values, floor, scale", [
    ([1000, 1040], 1, (1000, 1.04, 2)), ([1000, 2100], 1, (1000, 2.1, 4)),
    ([0, 63], 800, (800, 0.07875, 2)), ([100, 100000], 1, (100, 1000, 16))])
def test_colours_of_a_map_reach_far(values, floor, scale):
    """To twice the fastest pair at least, so that what differs little looks alike."""
    assert iststorm_plots.heat_scale(values, floor) == scale


@pytest.mark.parametrize("value, text", [
    (0, "0"), (847, "847"), (999.6, "1.00k"), (12000, "12.0k"), (131400, "131k"),
    (8.65e6, "8.65M")])
def test_numbers_of_a_map_have_three_digits(value, text):
    assert iststorm_plots.digits(value) == text


def map_of(cells, places=()):
    """The page's part on pairs; and of each map, the colours of its cells, a row after another."""
    records = [synthetic.record([value] * 100, stage=stage, **{"pass": "pairs"},
                                **dict(zip(("from", "to"), pair)))
               for stage, ways in cells.items() for pair, value in ways.items()]
    topology = [{"v": 1, "type": "topology", "cpu": cpu, "smt": cpu, "core": core,
                 "package": package} for cpu, (package, core) in enumerate(places)]
    text = page_of(synthetic.stream(records + topology))
    part = text[text.index("<h2>CPU to CPU"):text.index("<h2>Environment")]
    maps = [matplotlib.image.imread(io.BytesIO(base64.b64decode(image)))[..., :3]
            for image in re.findall(r"data:image/png;base64,\s*([^\"]*)", part)]
    return part, maps[::2]  # the others are those of the colours beside


def test_what_differs_little_looks_alike():
    """By a few hundredths: as a colour that one has to look for; by half, as another one."""
    ways = {(0, 1): 1000, (0, 2): 1040, (1, 0): 1000, (1, 2): 1500, (2, 0): 1000, (2, 1): 3000}
    for most, slowest in (("2\u00d7", 1040), ("4\u00d7", 3000)):
        part, (cells,) = map_of({"round-trip": {**ways, (2, 1): slowest}})
        height = cells.shape[0] // 3
        colour = {pair: cells[int(height * (pair[0] + 0.5)), int(height * (pair[1] + 0.5))]
                  for pair in ways}
        assert abs(colour[0, 2] - colour[0, 1]).max() < 0.1
        assert abs(colour[1, 2] - colour[0, 1]).max() > 0.15
        assert "1.00k (fastest pair)" in part and f"({most})" in part
        assert "median of 100 samples, cycles" in part


def test_a_map_says_what_was_not_measured():
    part, _ = map_of({"round-trip": {(0, 1): 70000, (1, 0): 1000, (2, 1): 1000}})
    assert part.count(">\u2013</text>") == 6 and "(16\u00d7 or more)" in part
    assert "A dash: not measured, or withheld." in part


def test_small_parts_of_the_way_have_no_colours():
    ways = {(0, 1): 1600, (1, 0): 1600}
    part, _ = map_of({"round-trip": ways, "service": {(0, 1): 0, (1, 0): 63}})
    assert "100 (or less)" in part and "1.60k (fastest pair)" in part


def test_where_cpus_sit_is_told_in_numbers_and_lines():
    places = [(0, 0), (0, 0), (0, 1), (1, 0)]
    ways = {(source, target): 1000 * (1 + 3 * (one[0] != other[0]) + (one != other))
            for source, one in enumerate(places) for target, other in enumerate(places)
            if source != target}
    part, _ = map_of({"round-trip": ways}, places)
    rows = re.findall(r"<td>nmi, round-trip, between (.*?)</td><td>([0-9]+)</td>"
                      r"<td>([0-9,]+)<small>.*?</td><td>([0-9,]+)<.*?</td><td>([0-9,]+)<", part)
    assert rows == [("threads of a core", "2", "1,000", "1,000", "1,000"),
                    ("cores of a package", "4", "2,000", "2,000", "2,000"),
                    ("packages", "6", "5,000", "5,000", "5,000")]
    threads = {cpu: (*place, cpu) for cpu, place in enumerate(places)}
    plot = iststorm_plots.heat_map(ways, threads, 1, "a map", "f")
    widths = re.findall(r"stroke: var\(--ground\)(?:; stroke-width: ([0-9]+))?", plot)
    assert sorted(widths) == ["", "", "3", "3"]


def test_the_worst_of_each_event_stands_first():
    def outlier(number, rank, value, **more):
        return {"v": 1, "type": "outlier", "id": number, "rank": rank, "value": value,
                "time_us": 1500, "sample": 7, **more}
    text = page_of(synthetic.stream([
        synthetic.record([100] * 100, stage="round-trip"),
        synthetic.record([200] * 100, stage="round-trip", mode="loaded"),
        synthetic.record([100] * 100, stage="round-trip", event="bp"),
        outlier(1, 1, 900, cause="tick"), outlier(1, 2, 800, part="exit"), outlier(2, 1, 70000),
        outlier(3, 1, 555, cause="stall", part="entry"), outlier(9, 1, 1)]))
    part = text[text.index("<h2>Outliers"):text.index("<h2>Environment")]
    first, folded = part.split("<details>", 1)
    assert re.findall(r"<td>([a-z]+)</td><td>([0-9,]+)<small>.*?</td><td>([0-9.]+)</td><td>([a-z]+)"
                      r"</td><td>([a-z]*)</td><td>1.500</td>", first) == [
        ("nmi", "70,000", "350", "unknown", ""), ("bp", "555", "5.5", "stall", "entry")]
    assert "<span>: 3 samples: 2 unknown, 1 tick</span>" in folded
    assert folded.count("800 at 1.500 ms: unknown, in exit<") == 1


def test_what_was_withheld_is_told():
    """Where a stage has no numbers since the clocks' offset does not serve it."""
    records = [synthetic.record([900] * 200, event="irq", stage=stage, mode=mode, batch=batch,
                                **{"to": 1})
               for batch, mode in ((1, "warm"), (2, "cold-tlb"))
               for stage in ("exit", "round-trip")]
    records.insert(0, synthetic.record([5] * 200, stage="one-way"))
    records += [{"v": 1, "type": "offset", "batch": batch, "when": when, "bound_cycles": bound,
                 "one_way": "withheld", "withheld": stage}
                for batch, stage in ((1, "entry one-way"), (2, "one-way"))
                for when, bound in (("before", 70), ("after", 1234))]
    text = page_of(synthetic.stream(records))
    rows = re.findall(r"</i>([a-z-]+)</td><td class=\"withheld\".*?>(.*?)</td>", text)
    assert [stage for stage, _ in rows] == ["entry", "one-way", "one-way"]
    assert all(words.endswith("but to 1,234 cycles") for _, words in rows)
    assert text.count("tenth of the median: irq, cross-CPU (NMI).</p>") == 1
    assert text.count('<td class="soft">withheld</td>') == 1


def test_what_else_happened_is_told_by_measurement():
    """With whatever its record says; and of all together."""
    text = page_of(synthetic.stream([
        {"v": 1, "type": "batch", "batch": 1, "cpu": 0, "smis": 1200, "gaps": 2, "tides": 77777},
        synthetic.record([5] * 200, batch=1, mode="cold-tlb", loop="open-intended", **{"to": 3}),
        {"v": 1, "type": "batch", "batch": 2, "cpu": 0, "smis": 34, "longest_gap_cycles": 20000}]))
    part = text[text.index("What else happened"):]
    assert "<span>: 1,234 SMIs, 2 gaps, the longest of 20,000 cycles (10 \u00b5s)</span>" in part
    assert "".join(f"<td>{cell}</td>" for cell in (
        1, "nmi", "cold-tlb", "open", 0, 3, "1,200", 2, "77,777")) in part
    assert "<th>longest gap cycles</th>" in part


def test_the_page_needs_nothing_from_elsewhere(page):
    elements = Elements(page)
    assert not {"script", "link", "iframe", "img"} & set(elements.tags)
    assert all(link.startswith(("#", "data:")) for link in elements.links)
    assert set(re.findall(r'[a-z]+://[^"\s]+', page)) <= {"http://www.w3.org/1999/xlink",
                                                          "http://www.w3.org/2000/svg"}
    assert not re.findall(r"@import|url\((?!#)", page)


def test_the_page_repeats_to_the_byte():
    text = synthetic.stream([synthetic.record([5, 6, 60] * 100, **{"from": source, "to": target})
                             for source, target in ((0, 0), *synthetic.pairs(2))])
    assert page_of(text) == page_of(text)


def test_colours_are_the_themes(page):
    """No stand-in colour is left, and each variable is one of the style sheet's."""
    assert "#0001" not in page and "#0002" not in page
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", page))
    assert {"--series-0", "--text"} <= used <= set(re.findall(r"(--[a-z0-9-]+):", page))


def test_what_a_machine_says_is_text_only():
    evil = '<script>alert("x")</script>&'
    text = page_of(synthetic.stream([synthetic.record([5] * 100, event=evil, stage=evil,
                                                      mode=evil, stack=evil)],
                                    cpu_model=evil, verdict=f"FAIL: {evil}"))
    elements = Elements(text)
    assert elements.wrong == [] and "script" not in elements.tags and evil not in text


@pytest.fixture(scope="module")
def extremes():
    """One value alone, counted instructions, values around zero, and 64 bits."""
    records = [synthetic.record([45] * 100, unit="instructions"),
               synthetic.record([-3, -2, 0, 0, 7] * 20, event="db"),
               synthetic.record([-300000, 400, 401, 60000] * 20, event="db", stage="exit"),
               synthetic.record([0] * 30, event="bp"),
               synthetic.record([1, 1 << 62], event="mc"),
               synthetic.record([40] * 20, event="nmi", **{"from": 1}),
               synthetic.record([40] * 20, event="nmi", **{"from": 0, "to": 200}),
               synthetic.record([40000] * 20, event="nmi", **{"from": 200, "to": 1}),
               synthetic.record([40] * 20, event="wake", **{"from": 1}),
               *(synthetic.record([40, 70] * 20, event="nmi", **{"from": 1}, loop=loop)
                 for loop in ("open", "open-intended")),
               synthetic.record([40, 70] * 20, event="nmi", **{"from": 1}, samples="smi-free")]
    return page_of(synthetic.stream(records))


def test_extremes(extremes):
    """Samples of other loops and without SMIs have plots of their own."""
    assert Elements(extremes).wrong == [] and extremes.count("<svg") == 16 + 4
    captions = re.findall(r"<figcaption>(Tail.*?)</figcaption>", extremes)
    assert captions.count("Tail, open loop") == captions.count("Tail, smi-free samples") == 1


@pytest.fixture(scope="module")
def wide():
    """Numbers as long as a busy host's, wherever a page has some."""
    values = [*range(1_000_000, 9_000_000, 80), 387_886_505]
    kinds = [(0, mode, "closed") for mode in iststorm_page.MODES]
    kinds += [(1, "warm", "closed"), (1, "loaded", "open"), (1, "loaded", "open-intended")]
    records = [synthetic.record(values, stack="TASK", event="irq-softirq", stage=stage, mode=mode,
                                loop=loop, **{"from": source})
               for source, mode, loop in kinds for stage in ("dispatch", "one-way", "round-trip")]
    outliers = [{"v": 1, "type": "outlier", "id": number, "rank": rank, "value": 387_886_505,
                 "time_us": 46_101_123, "sample": 19999, "cause": "tick gap stall",
                 "part": "one-way"} for number in range(1, len(records) + 1) for rank in (1, 2)]
    gates = [{"v": 1, "type": "surcharge", "gate": "ist-adjusted", "cpu": 254, "count": 10000,
              **dict.fromkeys(("entry_cycles", "min_cycles", "median_cycles", "over_same_cycles"),
                              12_345_678)}]
    clocks = [{"v": 1, "type": "offset", "from": 0, "to": 254, "batch": 1234, "when": "before",
               "exchanges": 1000, "offset_cycles": -123_456_789, "corrected_cycles": -123_456_789,
               "bound_cycles": 123_456_789, "one_way": "withheld", "withheld": "entry one-way"}]
    return page_of(synthetic.stream(records + outliers + gates + clocks))


def test_damage_stands_on_the_page(page):
    assert "truncated or damaged" not in page
    text = synthetic.stream([synthetic.record([5] * 100)])
    assert "truncated or damaged" in page_of(text[:-20])


# In a browser. The page has no script and forbids any; these are added to a copy.
LOOK = """
<script>
const out = {};
const inside = (inner, outer, slack) => inner.left >= outer.left - slack &&
    inner.right <= outer.right + slack && inner.top >= outer.top - slack &&
    inner.bottom <= outer.bottom + slack;
const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
document.querySelectorAll('details').forEach(one => { one.open = true; });
const plots = [...document.querySelectorAll('svg')];
out.plots = plots.length;
out.small = plots.filter(one => one.getBoundingClientRect().width < 150).length;
out.cut = []; out.overlapping = [];
for (const plot of plots) {
    const texts = [...plot.querySelectorAll('text')];
    const boxes = texts.map(one => one.getBoundingClientRect());
    texts.forEach((one, i) => {
        if (!inside(boxes[i], plot.getBoundingClientRect(), 1)) out.cut.push(one.textContent);
        for (let j = 0; j < i; j++)
            if (overlap(boxes[i], boxes[j]))
                out.overlapping.push(one.textContent + ' / ' + texts[j].textContent);
    });
}
const tables = [...document.querySelectorAll('.scroll')];
out.scrolled = tables.filter(one => one.scrollWidth > one.clientWidth).map(
    one => one.querySelector('thead').textContent);
out.shadows = tables.map(one => getComputedStyle(one)).every(
    one => one.overflowX == 'auto' && one.backgroundImage.includes('gradient'));
out.wide = document.documentElement.scrollWidth - window.innerWidth;
const ground = () => getComputedStyle(document.body).backgroundColor;
const look = one => getComputedStyle(one).fill + getComputedStyle(one).stroke;
const path = [...document.querySelectorAll('svg path')].find(
    one => look(one).includes('rgb(0, 114, 178)'));
const line = () => look(path);
out.light = [ground(), line()];
document.getElementById('dark').click();
out.dark = [ground(), line()];
document.body.textContent = '@@' + JSON.stringify(out) + '@@';
</script>
"""


def browse(path, directory, *arguments):
    done = subprocess.run([BROWSER, *FLAGS, f"--user-data-dir={directory / 'profile'}", *arguments,
                           path.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@needs_browser
@pytest.mark.parametrize("width, which", [
    (1400, "page"), (700, "page"), (1400, "extremes"), (1280, "wide"), (1920, "wide"),
    (700, "wide")])
def test_the_browsers_view(width, which, tmp_path, request):
    page = request.getfixturevalue(which)
    copy = tmp_path / "page.html"
    free = re.sub(r"<meta http-equiv[^>]*>", "", page)
    copy.write_text(free.replace("</body>", LOOK + "</body>"))
    dom = browse(copy, tmp_path, "--dump-dom", f"--window-size={width},1000")
    seen = json.loads(html.parser.unescape(re.search(r"@@(.*?)@@", dom[dom.index("<body"):])[1]))
    assert seen["plots"] == page.count("<svg") and seen["small"] == 0
    assert seen["cut"] == [] and seen["overlapping"] == []
    # Tables fit; on a narrow screen they scroll by themselves, and a shadow says so.
    assert seen["wide"] <= 0 and seen["shadows"] and (width < 1280 or seen["scrolled"] == [])
    assert (width, which) != (700, "wide") or seen["scrolled"]
    assert seen["light"][0] == "rgb(255, 255, 255)" and "rgb(0, 114, 178)" in seen["light"][1]
    assert seen["dark"][0] == "rgb(20, 23, 27)" and "rgb(88, 169, 224)" in seen["dark"][1]


@needs_browser
def test_the_page_as_it_is_can_be_seen(page, tmp_path):
    """Drawn by the browser, with its own ban on everything foreign: the colours are there."""
    (tmp_path / "page.html").write_text(page)
    shot = tmp_path / "shot.png"
    browse(tmp_path / "page.html", tmp_path, f"--screenshot={shot}", "--window-size=1400,4000")
    pixels = (matplotlib.image.imread(shot)[..., :3] * 255).round().astype(int)
    assert pixels.shape == (4000, 1400, 3)
    for colour in ((0, 114, 178), (213, 94, 0), (0, 158, 115), (26, 127, 55)):
        assert (pixels == colour).all(axis=2).sum() > 50, colour
