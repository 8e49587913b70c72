#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Lose each register in each way into and out of the kernel, and see who tells.

Of each row of the image's list of entry paths (src/cpu/entry_path.inc) the PUSHes that save
registers and the POPs that restore them are found in its disassembly. Each is changed in a copy of
the image: the PUSH takes another register, or the register is popped once more, from the next one's
place. Under each entry discipline that has the path, a storm on two CPUs must fail, and its verdict
must name the register, the CPU and an event that comes that way. Registers that a path does not
save are listed. The benchmark's own entry, latency_irq_entry, is on no row: no storm comes that
way.

exit status:
  0   every loss was told, with register, CPU and event
  1   one was not
  64  wrong usage
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import iststorm_report  # noqa: E402  (found through the path above)
import iststorm_tool  # noqa: E402
import path_lengths  # noqa: E402

EXIT_UNTOLD = 1
RUN_LIMIT_S = 240  # of the host's clock
# In the order of struct trap_frame's names in reverse, as entry.inc pushes them.
REGISTERS = ("rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi",
             "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
ONE_BYTE, TWO_BYTES = REGISTERS[:7], REGISTERS[7:]  # how long their PUSH and POP are
NUMBERS = {name: number for number, name in enumerate(
    ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *TWO_BYTES))}
PUSH, POP = 0x50, 0x58

# The names that known.c's callers give their events, by the path's vector or kind.
BY_IRQ = r"interrupt|hardirq"
BY_SYSCALL = r"SYSCALL( with \w+)?"
BY_TRAP = r"#PF|#GP|#UD|software trap|SMAP|SMEP|ICEBP"    # the last is #UD on QEMU
EVENTS = {
    "#DB": r"single step|execution breakpoint|data breakpoint|ICEBP|SYSCALL with TF",
    "#BP": r"INT3|NMI behind INT3", "NMI": r"NMI|NMI behind INT3", "#DF": r"contributory pair",
    "#SS": r"absent SS|non-canonical RBP", "#MC": r"INT 18",
    "TRAP": BY_TRAP, "IRQ": BY_IRQ, "SYSCALL": BY_SYSCALL, "SOFTIRQ": "softirq",
    "SWITCH": r"switch|yield|wake-up", "EXIT": f"{BY_TRAP}|{BY_IRQ}|{BY_SYSCALL}|INT3",
}
# Registers that need not come back, or come back unsaved: why no run can tell.
CALLERS = "the ABI's: the caller's"
NO_SAVE = {
    "SYSCALL": {"rax": "the answer", "rcx": "SYSCALL itself overwrites it",
                "r11": "SYSCALL itself overwrites it"},
    "SWITCH": dict.fromkeys(("rax", "rcx", "rdx", "rsi", "rdi", *TWO_BYTES[:4]), CALLERS),
    "SOFTIRQ": dict.fromkeys(("rax", "rcx", "rdx", "rsi", "rdi", *TWO_BYTES[:4]), CALLERS)
    | dict.fromkeys(TWO_BYTES[5:], "kept by the handlers, by the ABI"),
}


@dataclasses.dataclass(frozen=True)
class Step:
    """A PUSH or POP of a register."""
    address: int
    push: bool
    register: str


@dataclasses.dataclass(frozen=True)
class Path:
    """A row of the image's list, but for mere stubs: its PUSHes that save, its POPs that restore,
    in runs that belong together."""
    name: str           # the vector's, or the kind's
    kind: str
    symbol: str
    disciplines: tuple
    saves: tuple
    restores: tuple     # of tuples


@dataclasses.dataclass(frozen=True)
class Loss:
    """`register` of `path` is lost by these bytes. `way`: entry or exit."""
    path: Path
    way: str
    register: str
    discipline: str
    patch: tuple        # (address, bytes)
    words: tuple

    def __str__(self):
        return (f"entry={self.discipline} {self.path.name} {self.path.symbol} {self.way} "
                f"{self.register}")


def encoded(base, register):
    number = NUMBERS[register]
    return bytes([0x41, base + number - 8] if number >= 8 else [base + number])


@functools.cache
def listing():
    """(address, text) of each instruction that a path may have."""
    text = path_lengths.output_of("objdump", "-dw", "--no-show-raw-insn", "-j", ".text",
                                  path_lengths.ELF)
    rows = re.findall(r"^ *([0-9a-f]+):\t(.*?) *$", text, re.MULTILINE)
    return [(int(address, 16), words) for address, words in rows]


@functools.cache
def symbols():
    rows = (row.split() for row in path_lengths.output_of("nm", path_lengths.ELF).splitlines())
    return {int(row[0], 16): row[2] for row in rows if len(row) == 3}


def steps_of(start, end):
    for address, text in listing():
        match = re.fullmatch(r"(push|pop) +%(\w+)", text)
        if start <= address < end and match and match[2] in REGISTERS:
            yield Step(address, match[1] == "push", match[2])


def runs_of(pops):
    """Cut where a register would come a second time: each run is a way out of its own."""
    runs = [[]]
    for pop in pops:
        if any(pop.register == other.register for other in runs[-1]):
            runs.append([])
        runs[-1].append(pop)
    return [tuple(run) for run in runs if run]


def saves_for(pushes, restores):
    """The PUSHes that these POPs take back, last in first out; those before and between are not of
    registers that are saved (an RSP's copy, SYSCALL's RIP and flags)."""
    names = [push.register for push in pushes]
    for run in restores:
        wanted = [pop.register for pop in reversed(run)]
        for first in range(len(names) - len(wanted) + 1):
            if names[first:first + len(wanted)] == wanted:
                yield from pushes[first:first + len(wanted)]
                break


@functools.cache
def paths():
    names = path_lengths.disciplines_of_image()
    vectors, kinds = path_lengths.vector_names(), path_lengths.path_kinds()
    rows = [row for row in path_lengths.entry_paths() if row[1] - row[0] > 16]
    exits = [run for start, end, _, kind, _ in rows if kinds[kind] == "EXIT"
             for run in runs_of([step for step in steps_of(start, end) if not step.push])]
    found = []
    for start, end, vector, kind, under in rows:
        steps = list(steps_of(start, end))
        restores = runs_of([step for step in steps if not step.push])
        pushes = [step for step in steps if step.push]
        saves = tuple(dict.fromkeys(saves_for(pushes, restores or exits[:1])))
        name = vectors.get(vector, kinds[kind])
        disciplines = tuple(n for i, n in enumerate(names) if under >> i & 1)
        found.append(Path(name, kinds[kind], symbols()[start], disciplines, saves,
                          tuple(restores)))
    return found


def neighbour(register):
    group = ONE_BYTE if register in ONE_BYTE else TWO_BYTES
    return group[(group.index(register) + 1) % len(group)]


def patch_of_pop(run, number):
    """So that the register of this POP is wrong whatever the handler has left in it: the next POP
    takes it too, or the two change places where their lengths differ. The last one's place goes to
    another register, and the exit itself has used up RAX."""
    pop = run[number]
    if number + 1 == len(run):
        return pop.address, encoded(POP, neighbour(pop.register))
    following = run[number + 1]
    if len(encoded(POP, following.register)) == len(encoded(POP, pop.register)):
        return following.address, encoded(POP, pop.register)
    return pop.address, encoded(POP, following.register) + encoded(POP, pop.register)


def words_of(path, run):
    """The run that takes this way out: the storm; pairs, where an event comes inside an NMI."""
    nested = path.name == "NMI" and len(run) == 1
    by_ret = "ret" in path.disciplines and (path.kind == "EXIT" and len(path.disciplines) == 1
                                            or len(path.restores) > 1 and run == path.restores[1])
    return ("run=pairs",) if nested or by_ret else ()


def losses():
    """All of them."""
    for path in paths():
        for discipline in path.disciplines:
            kept = {name for name in REGISTERS if name not in NO_SAVE.get(path.kind, {})}
            for push in path.saves:
                if push.register in kept:
                    patch = (push.address, encoded(PUSH, neighbour(push.register)))
                    yield Loss(path, "entry", push.register, discipline, patch, ())
            for run in path.restores:
                for number, pop in enumerate(run):
                    if pop.register in kept:
                        yield Loss(path, "exit", pop.register, discipline,
                                   patch_of_pop(run, number), words_of(path, run))


def unsaved():
    """Text lines: registers that a path does not save, and why they need not be."""
    for path in paths():
        saved = {step.register for step in (*path.saves, *sum(path.restores, ()))}
        if not path.saves and path.kind != "EXIT":
            yield f"{path.symbol}: saves nothing"
        for register in REGISTERS:
            why = NO_SAVE.get(path.kind, {}).get(register)
            if register not in saved or why:
                yield f"{path.symbol}: {register}: {why or 'NOT SAVED'}"


def offset_in_elf(elf, address):
    """Of a byte that the ELF file loads there."""
    table, size, count = (struct.unpack_from(shape, elf, at)[0]
                          for shape, at in (("<Q", 32), ("<H", 54), ("<H", 56)))
    for at in range(table, table + size * count, size):
        kind, _, offset, start, _, length = struct.unpack_from("<IIQQQQ", elf, at)
        if kind == 1 and start <= address < start + length:
            return offset + address - start
    raise AssertionError(f"0x{address:x} is not in the image")


def make_kernel(directory, patch):
    """The image with these bytes, as QEMU's -kernel takes it."""
    elf = bytearray(path_lengths.ELF.read_bytes())
    address, code = patch
    at = offset_in_elf(elf, address)
    elf[at:at + len(code)] = code
    (directory / "iststorm.elf").write_bytes(elf)
    kernel = directory / "iststorm.kernel"
    subprocess.run(["make", "-s", "-o", directory / "iststorm.elf", f"B={directory}", kernel],
                   cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    return kernel


def run_of(loss, directory):
    """The report of its run."""
    kernel = make_kernel(directory, loss.patch)
    log = directory / "log"
    subprocess.run([ROOT / "tools" / "run", "--quiet", "--media", "memory", "--accel", "tcg",
                    "--smp", "2", "--timeout",
                    str(RUN_LIMIT_S), "--log", log, f"entry={loss.discipline}", "time=2s",
                    "stop=first", "seed=1", *loss.words, "--", "-kernel", kernel],
                   stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return iststorm_report.read_report(log.read_text(encoding="utf-8").split("\n"))


def problem(loss, report):
    """None, or what is wrong with this verdict."""
    if report.verdict != "FAIL":
        return f"verdict {report.verdict}"
    told = re.match(r"CPU \d+: (.+) on stack \w+: ring \d: (\w+) is 0x\w+, not 0x\w+"
                    r"(?:, and wrong are ([\w ]+))?;", report.reason)
    if not told:
        return report.reason
    if loss.register not in (told[2], *(told[3] or "").split()):
        return f"another register: {report.reason}"
    if not re.fullmatch(EVENTS[loss.path.name], told[1]):
        return f"another event: {report.reason}"
    return None


def attempt(loss, keep=None):
    """None, or what is wrong; the log is kept there then."""
    with tempfile.TemporaryDirectory(prefix="iststorm-registers-") as name:
        directory = pathlib.Path(name)
        wrong = problem(loss, run_of(loss, directory))
        if wrong and keep:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(directory / "log", keep / re.sub(r"[^\w.=-]+", "-", f"{loss}.log"))
        return wrong


def main(argv):
    parser = iststorm_tool.Parser(prog="test/registers.py", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD",
                        help="only those whose names have all of these")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time (1)")
    parser.add_argument("--list", action="store_true", help="print them, and run nothing")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR",
                        help="put the logs of those that were not told there")
    options = parser.parse_args(argv)
    chosen = [loss for loss in losses() if all(word in str(loss).split() for word in options.words)]
    if not chosen or options.jobs < 1:
        parser.error("no such loss, or no job")
    print("\n".join(unsaved()))
    if options.list:
        print("\n".join(map(str, chosen)))
        return 0
    untold = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda loss: attempt(loss, options.keep), chosen)
        for number, (loss, wrong) in enumerate(zip(chosen, results), 1):
            untold += wrong is not None
            print(f"{number:4}/{len(chosen)} {loss}: {wrong or 'told'}", flush=True)
    print(f"{len(chosen) - untold} of {len(chosen)} losses told")
    return EXIT_UNTOLD if untold else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
