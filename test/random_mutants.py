#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Break a random line of the image's sources, again and again, and show the changes that no test
sees.

Each of --count mutants is one change of line_mutants.py, drawn by the seed, which is the commit's
hash unless one is given. A change that the compiler refuses, or warns of, is not a mutant: another
is drawn. The others are tried in a copy of the tree: first by the unit tests and fuzzers of the
changed source, then by the runs and tests of the suite that reach the changed line, best killer
first. reach.py must have recorded which those are.

A mutant is equivalent if the image's code stays the same, or if judgements.toml argues that the
change cannot be seen. It is killed if a test fails, but not if tests only time out. One that is
killed by nothing but the lengths of its paths (path_lengths.json) is counted by itself.

Results are kept in build/random-mutants/, by the seed: the next call goes on from there.

exit status:
  0   at least 90 % of those that are not equivalent were killed, and at most 15 % are equivalent
  1   fewer were killed, or more are equivalent
  3   not all were tried in the minutes given, or a test fails without any mutant
  64  wrong usage
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import itertools
import json
import pathlib
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import iststorm_tool  # noqa: E402  (found through the path above)
import line_mutants  # noqa: E402
import mutants  # noqa: E402
import reach  # noqa: E402
import runs  # noqa: E402

ROOMS = ("lib", "cpu", "smp", "sched", "workloads")
RESULTS = ROOT / "build" / "random-mutants"
JUDGEMENTS = ROOT / "test" / "judgements.toml"
EXIT_MISSED, EXIT_UNFINISHED, EXIT_USAGE = 1, 3, 64
LEAST_KILLED, MOST_EQUIVALENT = 0.90, 0.15
MOST_TIME_OUTS = 3      # of a mutant, each of which takes long
# How often each kind is drawn. By their number alone, nearly all would be off by one.
SHARES = {line_mutants.STATEMENT: 6, line_mutants.COMPARISON: 4, line_mutants.OPERAND: 4,
          line_mutants.OFF_BY_ONE: 3, line_mutants.SLOT: 2, line_mutants.BARRIER: 1,
          line_mutants.INTERRUPTS: 1}
# A pattern of sources, and of tests that look there above all, which are tried first, in this
# order. NAME is what the first one's group matched.
LOOKS_THERE = (
    (r"src/workloads/conform/", (r"test_this_qemu_deviates", r"test_conform")),
    (r"src/workloads/sweep/", (r"run=sweep",)),
    (r"src/workloads/latency/", (r"test_bench_passes", r"test_latency|test_stamps")),
    (r"src/workloads/storm/(?:windows|crossings)", (r"run=windows", r"entry=\w+ windows")),
    (r"src/workloads/(?:run|storm)/(\w+)\.", (r"run=NAME\b", r"default|pairs", r"inject=")),
    (r"src/cpu/disciplines/(\w+)\.", (r"entry=NAME\b",)),
    (r"src/cpu/(?:ist|entry|entries|idt|stacks|percpu)", (r"pairs|windows", r"exhaust|run=nmi")),
    (r"src/cpu/hardware/", (r"machine_check|corrected|hot|run=mce",)),
    (r"src/cpu/(?:lastword|verdict|oops)", (r"triple|shutdown", r"inject=", r"test_reset")),
    (r"src/cpu/(?:trap|syscall)|src/sched/(?:user|end)", (r"run=user|run=fault|exhaust|smap",)),
    (r"src/cpu/(?:spinlock|patience)", (r"run=windows", r"hung")),
    (r"src/sched/", (r"run=thread|run=switch|run=windows", r"lost-|leak|linger|info-|shallow")),
    (r"src/smp/(?:apic|ipi)", (r"run=windows|run=irq|run=nmi", r"hung|deaf|apic|x2APIC")),
    (r"src/smp/(?:warp|exchange|clock)|src/cpu/clock", (r"clock",)),
    (r"src/smp/(?:bringup|trampoline)", (r"smp \d|sparse|late-ap", r"test_bringup")),
    (r"src/lib/(?:screen|font)", (r"test_screen", r"no screen")),
    (r"src/lib/(?:console|serial|report)", (r"stuck", r"test_console")),
)
# A pattern of sources, a test that runs them in an emulator that logs nothing, and its seconds.
UNLOGGED = (
    (r"src/workloads/conform/", "test/test_conform.py::test_bochs_holds_where_this_qemu_deviates",
     20),
)
# The ends of a mutant.
REFUSED, SAME, KILLED, LENGTHS, TIME_OUT, SURVIVED = (
    "refused", "same code", "killed", "lengths alone", "time-out alone", "survived")


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A mutant; its key says what changes where, and outlives changes of other lines."""
    change: line_mutants.Change
    line: int
    function: str
    diff: tuple

    @property
    def key(self):
        return "\n".join((f"{self.change.path} {self.function}",
                          *(row[0] + row[1:].strip() for row in self.diff)))


@dataclasses.dataclass
class Outcome:
    """A mutant's end, and the test that brought it; how many tests that reach it were run."""
    key: str
    room: str
    kind: str
    line: int
    what: str
    by: str = ""
    tried: int = 0
    reaching: int = 0
    seconds: float = 0.0


@dataclasses.dataclass
class Candidate:
    """A test that may kill, and how long it takes."""
    test: object            # of mutants.try_run
    seconds: float
    lengths: bool = False   # it counts the instructions of paths, which most changes alter


def sources(rooms, root=ROOT):
    return sorted(str(path.relative_to(root)) for room in rooms
                  for path in (root / "src" / room).rglob("*")
                  if path.suffix in (".c", ".h", ".asm", ".inc"))


def all_changes(paths, root=ROOT):
    """Kind -> its changes, in the order of the sources."""
    found = {kind: [] for kind in line_mutants.KINDS}
    for path in paths:
        for change in line_mutants.changes(path, (root / path).read_text(encoding="ascii")):
            found[change.kind].append(change)
    return found


def draw(seed, paths, root=ROOT):
    """Mutants without end, or until there are no more; none twice."""
    dice, left, seen = random.Random(seed), all_changes(paths, root), set()
    while any(left.values()):
        kinds = [kind for kind in SHARES if left[kind]]
        kind = dice.choices(kinds, [SHARES[kind] for kind in kinds])[0]
        place = dice.randrange(len(left[kind]))
        left[kind][place], left[kind][-1] = left[kind][-1], left[kind][place]
        change = left[kind].pop()
        text = (root / change.path).read_text(encoding="ascii")
        line = change.lines(text)[0]
        drawn = Drawn(change, line, line_mutants.enclosing(text, line), tuple(change.diff(text)))
        if drawn.key not in seen:
            seen.add(drawn.key)
            yield drawn


# The tests that can kill a mutant.

def sources_of_hosted_tests():
    """Name of a unit test or fuzzer -> the sources that it is built from."""
    text = "".join((ROOT / "test" / "unit" / name).read_text(encoding="ascii")
                   for name in ("unit.mk", "lib.mk")).replace("\\\n", " ")
    found = {}
    for kind, name, listed in re.findall(r"^(UNIT_test|FUZZ)_(\w+) :=(.*)$", text, re.MULTILINE):
        if name.islower():
            own = f"test/unit/test_{name}.c" if kind == "UNIT_test" else f"test/fuzz/fuzz_{name}.c"
            target = f"unit-test_{name}" if kind == "UNIT_test" else f"fuzz-{name}"
            found[target] = [own, *listed.split()]
    return found


def includes(path):
    """A source, with what it includes, and what that includes."""
    found, left = set(), [path]
    while left:
        path = left.pop()
        if path not in found and (ROOT / path).is_file():
            found.add(path)
            left += ["src/" + name for name in re.findall(
                r'^\s*[#%]include "([^"]+)"', (ROOT / path).read_text(encoding="ascii"),
                re.MULTILINE)]
    return found


def hosted_candidates(path, built_from):
    """A unit test or fuzzer with this source, or with one that includes it."""
    for target, listed in built_from.items():
        if any(path in includes(one) for one in listed):
            command = ("make", "-s", "CI=", "FUZZ_SECONDS=3", target)
            yield Candidate(mutants.Test(target, command), 5)


ROW = re.compile(r"test/test_runs\.py::test_run\[(.*)\]$")


def without_lengths(run):
    """The lengths of the sweep's paths have a test of their own here."""
    kept = tuple(check for check in run.checks if "swept_lengths" not in check.__qualname__)
    return dataclasses.replace(run, checks=kept)


def candidate_of(reached, rows):
    """A recorded test, as one that can be run in another tree."""
    row = ROW.match(reached.test)
    limit = max(mutants.RUN_LIMIT_S, 8 * int(reached.seconds))
    if row and row[1] in rows:
        run = mutants.in_tree(without_lengths(rows[row[1]]))
        if isinstance(run, runs.Run):
            limit = min(limit, run.timeout or limit)
            return Candidate(dataclasses.replace(run, timeout=limit), reached.seconds)
    test = mutants.Test(reached.test, mutants.node(reached.test, *reached.more), limit)
    return Candidate(test, reached.seconds + 2, "has_grown" in reached.test)


def rank_of(path, test):
    """0 for a test that looks at this source above all, then the next, and so on."""
    for pattern, tests in LOOKS_THERE:
        if match := re.match(pattern, path):
            tests = [one.replace("NAME", *match.groups()) if match.groups() else one
                     for one in tests]
            return next((rank for rank, one in enumerate(tests) if re.search(one, test)),
                        len(tests))
    return 0


class Suite:
    """The tests, and which of them reach what."""

    def __init__(self):
        rows = {run.name: run for run in runs.RUNS}
        self.reached = [(found, candidate_of(found, rows))
                        for found in reach.read_store(reach.all_tests())]
        self.hosted = sources_of_hosted_tests()
        self.names = reach.Sources()
        self.code = {line for lines in reach.lines_of_image().values() for line in lines}
        swept = [run for run in runs.RUNS if run.name.startswith("run=sweep ")]
        grown = mutants.pytest("test/test_latency.py", "no_code_has_grown")
        self.lengths = [Candidate(grown, 3, True),
                        *(Candidate(mutants.in_tree(run), 10, True) for run in swept)]

    def reaching(self, drawn, text):
        """The tests that reach the line; or its function, or its file, where no instruction says
        that it is of that line; or all, where none says so of the file. And which of these."""
        first, last = drawn.change.lines(text)
        path = drawn.change.path
        numbers = range(first, last + 1)
        names = {self.names.name(path, number)[0] for number in numbers}
        function = self.names.name(path, first)[1]
        ways = [("line", lambda found: not names.isdisjoint(found.lines)),
                ("function", lambda found: function in found.functions),
                ("file", lambda found: path in found.files)]
        for way, reaches in ways:
            if tests := [candidate for found, candidate in self.reached if reaches(found)]:
                return way, tests
        return "all", [candidate for found, candidate in self.reached if found.files]

    def candidates(self, drawn, text, kills):
        """All in the order in which they are to be tried: those first that have killed most for the
        time they take, which counts as longer the less they look there. A line that plants a
        fault is that fault's row's above all."""
        _, tests = self.reaching(drawn, text)
        tests = tests + [Candidate(mutants.Test(test, mutants.node(test), 240), seconds)
                         for pattern, test, seconds in UNLOGGED
                         if re.match(pattern, drawn.change.path)]
        planted = [f"inject={name.lower().replace('_', '-')}"
                   for name in re.findall(r"\bINJECT_(\w+)", " ".join(drawn.diff))]
        hosted = list(hosted_candidates(drawn.change.path, self.hosted))
        tests = sorted((test for test in tests if not test.lengths),
                       key=lambda test: test.test.name not in planted and
                       (1 + rank_of(drawn.change.path, test.test.name))
                       * (1 + test.seconds) / (1 + 3 * kills[test.test.name]))
        lengths = self.lengths if drawn.change.path.startswith("src/cpu/") else []
        return [*hosted, *tests, *lengths]


# Trying one.

def code_of(tree):
    """The image without what is for debuggers alone."""
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["objcopy", "--strip-all", tree / "build" / "iststorm.elf", stripped.name],
                       check=True)
        return pathlib.Path(stripped.name).read_bytes()


class Hunt:
    """State that the attempts share."""

    def __init__(self, options, directory):
        self.options = options
        self.base = pathlib.Path(directory) / "base"
        mutants.copy_sources(self.base)
        if (error := mutants.build(self.base, ci="1")) is not None:
            raise Unfinished(f"unmutated, but {error}")
        self.code = code_of(self.base)
        self.suite = Suite()
        self.trees = queue.SimpleQueue()
        for number in range(options.jobs):
            self.trees.put(shutil.copytree(self.base, pathlib.Path(directory) / str(number)))
        self.kills = collections.Counter()
        self.sound = {}             # test -> what it says without a mutant
        self.lock = threading.Lock()
        self.is_ended = False       # by Ctrl-C: no more tests

    def is_sound(self, test):
        """Whether the test passes without a mutant, or its failure would say nothing."""
        with self.lock:
            if test.name not in self.sound:
                self.sound[test.name] = mutants.try_run(self.base, test)
            if self.sound[test.name] is None:
                self.kills[test.name] += 1
            return self.sound[test.name] is None

    def expose(self, tree, drawn, outcome):
        """Runs the tests until one fails."""
        text = (ROOT / drawn.change.path).read_text(encoding="ascii")
        candidates = self.suite.candidates(drawn, text, self.kills)
        outcome.reaching = len(candidates)
        began, time_outs = time.monotonic(), []
        for candidate in candidates:
            if self.is_ended:
                raise Unfinished("ended")
            if time.monotonic() - began > self.options.limit or len(time_outs) >= MOST_TIME_OUTS:
                break
            outcome.tried += 1
            problem = mutants.try_run(tree, candidate.test)
            if problem is None or not self.is_sound(candidate.test):
                continue
            said = f"{candidate.test.name}: {problem}"
            if re.search(r"time-out|is silent|status 124", problem):
                time_outs.append(said)
                continue
            outcome.what = LENGTHS if candidate.lengths else KILLED
            outcome.by = said[:600]
            return
        outcome.what, outcome.by = (TIME_OUT, time_outs[0][:600]) if time_outs else (SURVIVED, "")

    def attempt(self, drawn):
        """The tree is as before afterwards."""
        change = drawn.change
        outcome = Outcome(drawn.key, change.path.split("/")[1], change.kind, drawn.line, REFUSED)
        tree, began = self.trees.get(), time.monotonic()
        path = tree / change.path
        original = path.read_text(encoding="ascii")
        path.write_text(change.apply(original), encoding="ascii")
        try:
            if (error := mutants.build(tree, ci="1")) is not None:
                outcome.by = error[:200]
            elif code_of(tree) == self.code:
                outcome.what = SAME
            else:
                self.expose(tree, drawn, outcome)
        finally:
            path.write_text(original, encoding="ascii")
            self.trees.put(tree)
        outcome.seconds = round(time.monotonic() - began, 1)
        return outcome


class Unfinished(Exception):
    """Something that leaves no result; the text says what."""


# The results.

def read_results(path):
    """key -> Outcome, of what was tried before."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="ascii").splitlines()
    return {outcome.key: outcome for outcome in (Outcome(**json.loads(line)) for line in lines)}


def first_of(drawn, results, count):
    """Of those drawn, in their order, the first so many that are mutants and were tried; and
    whether there are enough, with none before them that is still to be tried."""
    found = []
    for one in drawn:
        if one.key not in results:
            return found, False
        if results[one.key].what != REFUSED:
            found.append(results[one.key])
        if len(found) == count:
            return found, True
    return found, False


def try_all(options, results, keep):
    """Tries mutants until there are enough, or time is over."""
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory(prefix="iststorm-mutants-") as directory, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        hunt = Hunt(options, directory)
        pending, drawn, mutants_in_line = set(), draw(options.seed, options.paths), 0
        lined_up = {}
        while True:
            while len(pending) < options.jobs and mutants_in_line < options.count and \
                    time.monotonic() < end:
                one = next(drawn, None)
                if one is None:
                    break
                if one.key in results:
                    mutants_in_line += results[one.key].what != REFUSED
                    continue
                mutants_in_line += 1
                pending.add(future := pool.submit(hunt.attempt, one))
                lined_up[future] = one
            if not pending:
                return
            try:
                done, pending = concurrent.futures.wait(
                    pending, return_when=concurrent.futures.FIRST_COMPLETED)
            except KeyboardInterrupt:
                hunt.is_ended = True
                raise Unfinished("ended; the same call goes on") from None
            for future in done:
                outcome = future.result()
                results[outcome.key] = outcome
                mutants_in_line -= outcome.what == REFUSED
                keep(outcome, lined_up.pop(future), mutants_in_line)


def read_judgements(path=JUDGEMENTS):
    """key -> (whether it is argued to be equivalent, why)."""
    table = tomllib.loads(path.read_text(encoding="ascii")).get("mutant", [])
    return {"\n".join((f"{row['path']} {row['in']}", *(f"-{line}" for line in row["was"]),
                       *(f"+{line}" for line in row["is"]))): (row["equivalent"], row["why"])
            for row in table}


def rates(outcomes, judgements):
    """Room -> counts: what came of its mutants, an argued equivalence apart."""
    found = {}
    for outcome in outcomes:
        equivalent, _ = judgements.get(outcome.key, (False, ""))
        what = "argued" if equivalent and outcome.what in (SURVIVED, TIME_OUT) else outcome.what
        for room in (outcome.room, "all"):
            found.setdefault(room, collections.Counter())[what] += 1
    return found


def rate_of(counts):
    """The share of the killed among those that are not equivalent."""
    others = counts.total() - counts[SAME] - counts["argued"]
    return (counts[KILLED] + counts[LENGTHS]) / others if others else 1.0


def summarise(outcomes, judgements):
    """Lines: the survivors with what is changed, and a table by room."""
    for outcome in outcomes:
        equivalent, why = judgements.get(outcome.key, (False, ""))
        if outcome.what not in (SURVIVED, TIME_OUT):
            continue
        head, *diff = outcome.key.split("\n")
        yield f"{outcome.what}: {head.replace(' ', f':{outcome.line} ', 1)} ({outcome.kind}; " \
            f"{outcome.tried} of {outcome.reaching} tests tried)"
        yield from (f"    {line}" for line in diff)
        if why:
            yield f"    judged {'equivalent' if equivalent else 'visible'}: {why.strip()}"
    table = rates(outcomes, judgements)
    columns = (SAME, "argued", KILLED, LENGTHS, TIME_OUT, SURVIVED)
    yield ""
    yield f"{'room':10} {'mutants':>8} " + " ".join(f"{name:>14}" for name in columns) + "     rate"
    for room in (*(room for room in ROOMS if room in table), "all"):
        counts = table.get(room, collections.Counter())
        yield f"{room:10} {counts.total():8} " + " ".join(
            f"{counts[name]:14}" for name in columns) + f"  {100 * rate_of(counts):5.1f} %"


def status_of(outcomes, judgements):
    counts = rates(outcomes, judgements).get("all", collections.Counter())
    equivalent = counts[SAME] + counts["argued"]
    good = rate_of(counts) >= LEAST_KILLED and equivalent <= MOST_EQUIVALENT * counts.total()
    return 0 if good else EXIT_MISSED


def commit():
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True,
                          check=True).stdout.strip()


def parse(argv):
    parser = iststorm_tool.Parser(prog="test/random_mutants.py", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, metavar="N", help="mutants (200)")
    parser.add_argument("--seed", default="", metavar="TEXT",
                        help="of the draw (the commit's hash)")
    parser.add_argument("--room", action="append", choices=ROOMS,
                        help="only of this room; may be said again (all five)")
    parser.add_argument("--file", metavar="PATH", help="only of this source")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="mutants at a time (2)")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="M",
                        help="begin none after so long; the next call goes on (no end)")
    parser.add_argument("--limit", type=float, default=900, metavar="S",
                        help="seconds after which a mutant's next test is not begun (900)")
    parser.add_argument("--again", action="store_true",
                        help="try again those that survived or only timed out, but for those "
                             "that are judged equivalent")
    parser.add_argument("--list", action="store_true", help="print the draw, and try nothing")
    options = parser.parse_args(argv)
    if options.count < 1 or options.jobs < 1:
        parser.error("no mutant, or no job")
    options.seed = options.seed or commit()
    options.paths = [path for path in sources(options.room or ROOMS)
                     if options.file in (None, path)]
    if not options.paths:
        parser.error(f"no source {options.file} in these rooms")
    return options


def main(argv):
    options = parse(argv)
    if options.list:
        for one in itertools.islice(draw(options.seed, options.paths), options.count):
            print(f"{one.change.kind}: {one.key}")
        return 0
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = RESULTS / f"{options.seed}.jsonl"
    results = read_results(kept)
    if options.again:
        equivalent = {key for key, (is_equivalent, _) in read_judgements().items() if is_equivalent}
        results = {key: outcome for key, outcome in results.items()
                   if outcome.what not in (SURVIVED, TIME_OUT) or key in equivalent}

    def keep(outcome, drawn, number):
        with kept.open("a", encoding="ascii") as file:
            file.write(json.dumps(dataclasses.asdict(outcome)) + "\n")
        print(f"{number:3}/{options.count} {outcome.seconds:6.1f} s  {drawn.change.path}:"
              f"{drawn.line} {drawn.change.kind}: {outcome.what} {outcome.by}"[:400], flush=True)

    try:
        try_all(options, results, keep)
    except Unfinished as failure:
        print(f"random_mutants: {failure}", file=sys.stderr)
        return EXIT_UNFINISHED
    outcomes, enough = first_of(draw(options.seed, options.paths), results, options.count)
    judgements = read_judgements()
    print("\n".join(summarise(outcomes, judgements)))
    if not enough:
        print(f"random_mutants: {len(outcomes)} of {options.count} were tried", file=sys.stderr)
        return EXIT_UNFINISHED
    return status_of(outcomes, judgements)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
