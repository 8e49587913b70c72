# SPDX-License-Identifier: MIT
"""Plots of latencies as SVG to stand in an HTML page: no scripts, nothing from elsewhere.

Colours are the page's: matplotlib draws with stand-ins, which become CSS variables, so that one
drawing serves light and dark. Text stays text, in the page's font.
"""

import io
import math
import re

from iststorm_tool import Trouble

try:
    import matplotlib
except ModuleNotFoundError as error:
    raise Trouble("a page needs Matplotlib for its plots: type ci/setup pages") from error
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator

import iststorm_latency as latency

SERIES_COLOURS = 8
# Stand-in -> CSS variable. No two may be alike, and none may be a colour that is meant.
COLOURS = {"#000101": "--text", "#000102": "--soft", "#000103": "--grid", "#000104": "--ground",
           **{f"#0002{number:02x}": f"--series-{number}" for number in range(SERIES_COLOURS)}}
TEXT, SOFT, GRID, GROUND, *SERIES = COLOURS
STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "iststorm", "font.family": "DejaVu Sans",
    "font.size": 9, "text.color": TEXT, "axes.edgecolor": SOFT, "axes.labelcolor": TEXT,
    "axes.facecolor": "none", "figure.facecolor": "none", "xtick.color": SOFT, "ytick.color": SOFT,
    "xtick.labelcolor": TEXT, "ytick.labelcolor": TEXT, "grid.color": GRID, "grid.linewidth": 0.7,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "axes.labelsize": 9, "lines.solid_capstyle": "round", "path.simplify": False,
    # The grid marks the ticks.
    "xtick.major.size": 0, "ytick.major.size": 0, "xtick.minor.size": 0, "ytick.minor.size": 0,
}
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)))
PANEL = (5.5, 3.8)
MOST_TICKS = 7
LABEL_INCHES = {"x": 0.47, "y": 0.2}  # that a tick's label needs
NEAR_TENTHS = 6  # of a point
HEAT = "viridis"
# How many times the fastest pair's time the brightest colour of a map is, and what stands beside
# the colours.
HEAT_FACTORS = {2: (1, 1.25, 1.5, 2), 4: (1, 1.5, 2, 3, 4), 8: (1, 2, 4, 8), 16: (1, 2, 4, 8, 16)}


def style(index):
    """A stage's colour; lines of the same stage differ by their dashes."""
    return {"color": SERIES[index % SERIES_COLOURS],
            "linestyle": DASHES[index // SERIES_COLOURS % len(DASHES)]}


def inline(figure, title, prefix):
    """The figure as an SVG element for HTML. `prefix` keeps its ids apart from the others'."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None,
                                                "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*|<style.*?</style>", "", text, flags=re.DOTALL)
    text = without_groups(text)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    text = re.sub("#000[12][0-9a-f]{2}",
                  lambda match: f"var({COLOURS[match[0]]})", text)
    text = re.sub(r'\bd="([^"]*)"', lambda match: f'd="{short_path(match[1])}"', text)
    text = re.sub(r"([0-9]\.[0-9]{2})[0-9]+", r"\1", text)
    text = text.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana")
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    text = re.sub(r"\s*\n\s*", "", text)
    box = re.search(r'viewBox="0 0 ([0-9.]+) ', text)[1]
    return re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>",
                  rf'<svg \1 role="img" aria-label="{title}" style="max-width:{float(box):.0f}pt" '
                  r'xmlns:xlink="http://www.w3.org/1999/xlink">', text, count=1).strip()


def without_groups(text):
    """Groups that say nothing but their names left out."""
    said = []

    def keep(match):
        if match[0] == "</g>":
            return "</g>" if said.pop() else ""
        if match[1].endswith("/"):
            return ""
        rest = re.sub(r'\s*\bid="[^"]*"', "", match[1])
        said.append(bool(rest.strip()))
        return f"<g{rest}>" if said[-1] else ""
    return re.sub(r"<g\b([^>]*)>|</g>", keep, text)


def short_path(text):
    """The same path for the eye: points next to the last one are left out, the others are written
    by their distance to it, in tenths. A path with curves is only rounded."""
    steps = re.findall(r"([A-Za-z])\s*([^A-Za-z]*)", text)
    if any(command not in "MLz" for command, _ in steps):
        return "".join(command + " ".join(tenths(round(10 * float(word)))
                                          for word in words.split()) for command, words in steps)
    out, last, place = [], None, None
    for number, (command, words) in enumerate(steps):
        if command == "z":
            out.append("z")
            continue
        point = [round(10 * float(word)) for word in words.split()]
        ends = number + 1 == len(steps) or steps[number + 1][0] != "L"
        if command == "M":
            out.append(f"M{tenths(point[0])} {tenths(point[1])}")
        else:
            x, y = point[0] - place[0], point[1] - place[1]
            if max(abs(x), abs(y)) < NEAR_TENTHS and not ends:
                continue
            kind = "h" if y == 0 else "v" if x == 0 else "l"
            said = {"h": tenths(x), "v": tenths(y), "l": f"{tenths(x)} {tenths(y)}"}[kind]
            out.append(said if kind == last == "l" and said[0] == "-" else
                       f" {said}" if kind == last == "l" else kind + said)
            command = kind
        last, place = command, point
    return "".join(out)


def tenths(value):
    return f"{value / 10:g}"


def drawn(draw):
    """A function that draws, in our style whatever the user's settings are."""
    def wrapper(*arguments, **options):
        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE}):
            return draw(*arguments, **options)
    return wrapper


def short(value, _=None):
    """1500 as 1.5k: for axes."""
    for unit, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def time(value_ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("\u00b5s", 1e3)):
        if abs(value_ns) >= size:
            return f"{value_ns / size:.3g} {unit}"
    return f"{value_ns:.3g} ns"


def scale(axis, series, tsc_hz):
    """Logarithmic; where there are values below 1, linear around 0 as far as a tenth of the least
    median, and logarithmic on both sides: no value is left out. Cycles are labelled as time too."""
    axes, name, linear = axis.axes, axis.axis_name, 0
    least, greatest = min(one.min for one in series), max(one.max for one in series)
    if least < 1:
        linear = 10 ** max(math.floor(math.log10(max(min(map(middle, series)), 1))) - 1, 0)
        getattr(axes, f"set_{name}scale")("symlog", linthresh=linear, linscale=0.6)
        low, high = least * 1.5 if least < 0 else -0.2 * linear, max(greatest * 1.5, 2 * linear)
    else:
        getattr(axes, f"set_{name}scale")("log")
        margin = (greatest / least) ** 0.05 * 1.05
        low, high = least / margin, greatest * margin
    getattr(axes, f"set_{name}lim")(low, high)
    places = apart(ticks(low, high, linear), inches_along(axis, low, high), LABEL_INCHES[name])
    both = "{} ({})" if name == "y" else "{}\n{}"
    axis.set_ticks(places, [
        both.format(short(place), time(place * 1e9 / tsc_hz))
        if tsc_hz and series[0].unit == "cycles" else short(place) for place in places],
        linespacing=1.35)
    axis.set_minor_locator(NullLocator())


def ticks(low, high, linear):
    """Round values: the finer, the less there is between the ends; never more than fit."""
    span = high / max(low, linear or low)
    if span < 4 and not linear:
        return [place for place in MaxNLocator(MOST_TICKS - 1, integer=True).tick_values(low, high)
                if low <= place <= high]
    steps = (1,) if span > 1000 or low < -linear else (1, 3) if span > 100 else (1, 2, 5)
    places = {sign * step * 10 ** power for power in range(19) for step in steps
              for sign in (1, -1)}
    fitting = sorted([0] * bool(linear) + [place for place in places
                                           if low <= place <= high and abs(place) >= linear])
    return fitting[::1 + (len(fitting) - 1) // MOST_TICKS]


def inches_along(axis, low, high):
    """A function that tells how far along the axis, which has these ends, a value stands."""
    along = "xy".index(axis.axis_name)
    length = axis.axes.figure.get_size_inches()[along] * axis.axes.get_position().size[along]
    start, end = axis.get_transform().transform([low, high])
    return lambda value: length / (end - start) * (
        axis.get_transform().transform([value])[0] - start)


def apart(places, position, least):
    """Those whose labels do not run into each other: first those next to 0, which stays."""
    kept = []
    for place in sorted(places, key=abs):
        if all(abs(position(place) - position(other)) >= least for other in kept):
            kept.append(place)
    return sorted(kept)


def middle(series):
    return latency.bucket_lower(series.at_rank((series.count + 1) // 2))


@drawn
def tail(named, tsc_hz, title, prefix):
    """For each series, which latency a share p of the samples stays within, over 1/(1-p). It is
    drawn thin where fewer than ten samples lie beyond."""
    figure = Figure(figsize=PANEL)
    axes = figure.add_axes((0.24, 0.14, 0.74, 0.82))
    furthest = 10
    for index, series in named:
        points = series.tail()
        furthest = max(furthest, points[-1][0])
        sure = [point for point in points if point[0] <= series.count / latency.SAMPLES_BEYOND]
        axes.plot(*zip(*points[max(len(sure) - 1, 0):]), **style(index), linewidth=0.8)
        if sure:
            axes.plot(*zip(*sure), **style(index), linewidth=2)
        axes.plot(*points[-1], "o", color=style(index)["color"], markersize=4)
    axes.set_xscale("log")
    axes.set_xlim(1, furthest * 1.6)
    ticks = [1, 2] + [10 ** power for power in range(1, 10) if 10 ** power <= furthest * 1.6]
    axes.set_xticks(ticks, ["0", "50%"] + [f"{100 - 100 / tick:.10g}%" for tick in ticks[2:]])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("share of samples within, over 1 / (1 - p)")
    scale(axes.yaxis, [series for _, series in named], tsc_hz)
    axes.set_ylabel(named[0][1].unit)
    axes.grid(True)
    return inline(figure, title, prefix)


def row_label(series):
    """The stage, and from when: the other loops have plots of their own."""
    return f"{series.stage}\nas intended" if series.loop.endswith("intended") else series.stage


@drawn
def ridges(named, tsc_hz, title, prefix, label=row_label):
    """A histogram a series, one above the other on one axis; heights are logarithmic, so that a
    single sample can be seen beside a million."""
    rows = len(named)
    figure = Figure(figsize=PANEL)
    axes = figure.add_axes((0.2, 0.18, 0.76, 0.78))
    scale(axes.xaxis, [series for _, series in named], tsc_hz)
    for row, (index, series) in enumerate(named):
        base, colour = rows - 1 - row, style(index)["color"]
        x, y = outline(series)
        y = [base + 0.86 * height for height in y]
        axes.fill_between(x, base, y, color=colour, alpha=0.35, linewidth=0)
        axes.plot(x, y, color=colour, linewidth=1.1)
        if (median := series.percentile("p50")) is not None:
            axes.plot([median, median], [base, base + 0.93], color=TEXT, linewidth=0.9)
    axes.set_ylim(-0.05, rows)
    axes.set_yticks([rows - 0.7 - row for row in range(rows)], [label(one) for _, one in named],
                   linespacing=1.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(True, axis="x")
    axes.set_xlabel(f"{named[0][1].unit} (height: samples, logarithmic; bar: median)")
    return inline(figure, title, prefix)


def outline(series):
    """The histogram's steps as points; heights are logarithmic, 1 for the fullest bucket."""
    most = math.log1p(max(series.counts.values()))
    x, y = [], []
    for index, count in sorted(series.counts.items()):
        # As floats, since the last bucket ends past 64 bits.
        lower, upper = map(float, (latency.bucket_lower(index), latency.bucket_upper(index) + 1))
        height = math.log1p(count) / most
        if x and x[-1] == lower:
            x, y = x[:-1], y[:-1]
        else:
            x, y = [*x, lower], [*y, 0]
        x, y = [*x, lower, upper, upper], [*y, height, height, 0]
    return x, y


@drawn
def dumbbells(rows, tsc_hz, title, prefix):
    """One row a measurement, (label, series): its minimum, median, p99 and maximum on one line."""
    height = 0.8 + 0.27 * len(rows)
    figure = Figure(figsize=(10.4, height))
    axes = figure.add_axes((0.2, 0.65 / height, 0.77, 1 - 0.7 / height))
    named = list(enumerate(series for _, series in rows))
    scale(axes.xaxis, [series for _, series in named], tsc_hz)
    for row, series in named:
        y = len(rows) - 1 - row
        axes.plot([series.min, series.max], [y, y], color=GRID, linewidth=2, zorder=1)
        p50, p99 = series.percentile("p50"), series.percentile("p99")
        if p50 is not None and p99 is not None:
            axes.plot([p50, p99], [y, y], color=SERIES[0], linewidth=4, alpha=0.45, zorder=2)
        for value, marker, colour, size in ((series.min, "|", SOFT, 8), (series.max, "|", SOFT, 8),
                                            (p99, "D", SERIES[1], 5), (p50, "o", SERIES[0], 7)):
            if value is not None:
                axes.plot([value], [y], marker, color=colour, markersize=size, zorder=3)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(range(len(rows) - 1, -1, -1), [label for label, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(True, axis="x")
    axes.set_xlabel(rows[0][1].unit)
    return inline(figure, title, prefix)


@drawn
def heat_map(cells, places, floor, title, prefix):
    """Medians by (from, to): a sender is a row, a receiver a column. The colour is the ratio to the
    fastest pair's time, which is the floor at least. It goes by the logarithm, over so wide a range
    that small differences look alike. `places` says where CPUs sit, (package, core, thread):
    neighbours stand together, thin lines part cores of several threads, thick ones packages. A
    CPU's events to itself are no way between two, so they have a number and no colour. A pair
    without a number was not measured, or withheld."""
    cpus = sorted({cpu for pair in cells for cpu in pair},
                  key=lambda cpu: (places.get(cpu, ()), cpu))
    place = {cpu: index for index, cpu in enumerate(cpus)}
    side = 0.42 * max(len(cpus), 4)
    width, height = side + 2.3, side + 0.65
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.6 / width, 0.1 / height, side / width, side / height))
    beside = figure.add_axes(((side + 0.75) / width, 0.1 / height, 0.14 / width, side / height))
    between = {pair: value for pair, value in cells.items() if pair[0] != pair[1]}
    fastest, slowest, most = heat_scale(between.values(), floor)
    values = [[float("nan")] * len(cpus) for _ in cpus]
    for (source, target), value in between.items():
        values[place[source]][place[target]] = max(value, fastest) / fastest
    image = axes.imshow(values, cmap=HEAT, interpolation="none", aspect="equal",
                        norm=LogNorm(1, most, clip=True))
    for index in range(len(cpus)):
        axes.add_patch(Rectangle((index - 0.5, index - 0.5), 1, 1, color=GRID, linewidth=0))
    part_cpus(axes, [places.get(cpu, ()) for cpu in cpus])
    write_numbers(axes, cells, place, image, fastest)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(len(cpus)), cpus)
    axes.set_yticks(range(len(cpus)), cpus)
    axes.tick_params(length=0)
    axes.set_xlabel("to CPU")
    axes.set_ylabel("from CPU")
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = figure.colorbar(image, cax=beside)
    bar.ax.yaxis.set_minor_locator(NullLocator())
    factors = [f"{factor:g}\u00d7" for factor in HEAT_FACTORS[most]]
    factors[0] = "or less" if fastest == floor else "fastest pair"
    factors[-1] += " or more" * (slowest > most)
    bar.set_ticks(HEAT_FACTORS[most], labels=[
        f"{digits(factor * fastest)} ({says})"
        for factor, says in zip(HEAT_FACTORS[most], factors)])
    bar.outline.set_visible(False)
    return inline(figure, title, prefix)


def heat_scale(values, floor):
    """The value whose colour is the darkest, how many times that the greatest is, and how many
    times the brightest colour."""
    fastest = max(min(values), floor)
    slowest = max(values) / fastest
    return (fastest, slowest,
            next((factor for factor in HEAT_FACTORS if slowest <= factor), max(HEAT_FACTORS)))


def part_cpus(axes, places):
    """Lines between CPUs that are neighbours in the map, and not in the machine."""
    threads = len(set(places)) > len({place[:2] for place in places})
    for index, (place, before) in enumerate(zip(places[1:], places)):
        width = 3 if place[:1] != before[:1] else 1 if threads and place[:2] != before[:2] else 0
        if width:
            axes.axvline(index + 0.5, color=GROUND, linewidth=width)
            axes.axhline(index + 0.5, color=GROUND, linewidth=width)


def write_numbers(axes, cells, place, image, fastest):
    for source, row in place.items():
        for target, column in place.items():
            value = cells.get((source, target))
            red, green, blue, _ = image.cmap(image.norm(max(value or 0, fastest) / fastest))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            plain = TEXT if value is not None else SOFT
            axes.text(column, row, "\u2013" if value is None else digits(value), ha="center",
                      va="center", fontsize=8, color=plain if source == target or value is None
                      else "#ffffff" if dark else "#101010")


def digits(value):
    """Three of them, as 13.1k: for cells, which are to be compared with each other."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= 0.9995 * size:
            scaled = abs(value) / size
            return f"{value / size:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{unit}"
    return f"{value:.0f}"
