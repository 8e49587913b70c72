# SPDX-License-Identifier: MIT
"""The rooms of src: each uses only those below it, by include and by symbol, and no large part of
one hangs together so that none of it can be understood alone."""

import re
import subprocess

import pytest
from conftest import ROOT, make

# A room may use those before it. Nothing below workloads knows of a workload, or of a test.
ROOMS = ("lib", "cpu", "smp", "sched", "workloads", "boot")
LARGEST_CIRCLE = 10

# Stems that files of several folders share, and what all of them are about.
SHARED_STEMS = {
    "above": "a room's questions to the rooms above it",
    "apic": "the local APIC: its driver, and the manual's rules of it",
    "debug": "#DB and #BP: the storm of them, and the manual's rules of them",
    "irq": "interrupts on the IRQ stack: how they get there, and the storm of them",
    "mce": "#MC: the handler, and the storm of it",
    "msr": "model-specific registers: the machine's, and those that a unit test plays",
    "nmi": "NMIs: how they are blocked, the storm of them, and the manual's rules of them",
    "offsets": "a room's constants for NASM, and how they get there",
    "pairs": "two events that meet; both names are public: run=pairs and the rules pairs.*",
    "softirq": "softirqs: how they run, and the storm of them",
    "switch": "the context switch, and the storm of it",
    "syscall": "SYSCALL: its way in, and the manual's rules of it",
    "thread": "threads: their lives, and the storm of those",
    "user": "ring 3 threads, and the storm of them",
    "vectors": "interrupt vectors: the kernel's, and the latency benchmark's",
}


def room(path):
    return ROOMS.index(path.split("/")[0])


def sources(*suffixes):
    return sorted(str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*")
                  if path.suffix in suffixes and path.parent != ROOT / "src")


def upward_includes(name, text):
    return [f"{name} includes {other}" for other in
            re.findall(r'^\s*[#%]include\s+"(\w+/[^"]+)"', text, re.MULTILINE)
            if room(other) > room(name)]


def workloads_of_others(name, text):
    """Includes of a file of src/workloads that are neither its own folder's nor run's."""
    folder = name.split("/")[1]
    return [f"{name} includes workloads/{other}/" for other in
            re.findall(r'^\s*[#%]include\s+"workloads/(\w+)/', text, re.MULTILINE)
            if other not in (folder, "run")]


def read_symbols(text):
    """nm's answer of objects: (symbol: object that defines it, [(object, symbol it uses)])."""
    defined, used = {}, []
    for name, kind, symbol in re.findall(r"^(?:.*/obj/)?(\S+)\.o:[0-9a-f ]*([A-Za-z]) (\S+)$",
                                         text, re.MULTILINE):
        if kind == "U":
            used.append((name, symbol))
        elif kind.isupper():
            defined[symbol] = name
    return defined, used


def upward_symbols(defined, used):
    """The linker script's symbols and the compiler's are defined in no object."""
    return [f"{name} uses {symbol} of {defined[symbol]}" for name, symbol in used
            if symbol in defined and room(defined[symbol]) > room(name)]


def circles(defined, used):
    """The objects that use each other, directly or through others: the strongly connected
    components (Tarjan), largest first."""
    uses = {}
    for name, symbol in used:
        if symbol in defined:
            uses.setdefault(name, set()).add(defined[symbol])
    order, low, path, found = {}, {}, [], []

    def visit(name):
        order[name] = low[name] = len(order)
        path.append(name)
        for other in uses.get(name, ()):
            if other not in order:
                visit(other)
            if other in path:
                low[name] = min(low[name], low[other])
        if low[name] == order[name]:
            at = path.index(name)
            found.append(sorted(path[at:]))
            del path[at:]

    for name in uses:
        if name not in order:
            visit(name)
    return sorted(found, key=len, reverse=True)


@pytest.fixture(scope="module")
def symbols():
    make("elf")
    objects = [f"build/obj/{name}.o" for name in sources(".c", ".asm")
               if not name.endswith("/offsets.c")]      # the constants of a room for NASM
    listing = subprocess.run(["nm", "-A", *objects], cwd=ROOT, capture_output=True, text=True,
                             check=True).stdout
    return read_symbols(listing)


def test_no_room_includes_what_is_above():
    wrong = [line for name in sources(".c", ".h", ".asm", ".inc", ".def")
             for line in upward_includes(name, (ROOT / "src" / name).read_text())]
    assert not wrong, "\n".join(wrong)


def shared_stems(names):
    """The stems that files of more than one folder have."""
    folders = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        folders.setdefault(file.split(".")[0], set()).add(folder)
    return {stem for stem, found in folders.items() if len(found) > 1}


def test_files_that_share_a_stem_are_about_the_same_thing():
    """One that is missing here is new, so give it another name or say what they have in common;
    one that is here alone is no longer shared."""
    shared = shared_stems(sources(".c", ".h", ".asm", ".inc", ".def", ".py"))
    assert shared == SHARED_STEMS.keys()
    assert shared_stems(["cpu/a.c", "cpu/a.h", "smp/b.c", "lib/b.asm"]) == {"b"}


def test_no_workload_knows_another():
    wrong = [line for name in sources(".c", ".h", ".asm", ".inc") if name.startswith("workloads/")
             for line in workloads_of_others(name, (ROOT / "src" / name).read_text())]
    assert not wrong, "\n".join(wrong)
    assert workloads_of_others("workloads/run/a.c", '#include "workloads/storm/b.h"')
    assert not workloads_of_others("workloads/storm/a.c", '#include "workloads/run/b.h"')


def test_no_object_uses_what_is_above(symbols):
    defined, used = symbols
    assert len(defined) > 500 and len(used) > 1000
    wrong = upward_symbols(defined, used)
    assert not wrong, "\n".join(wrong)


def test_circles_are_small_and_in_one_room(symbols):
    largest = circles(*symbols)[0]
    assert len(largest) <= LARGEST_CIRCLE, "\n".join(largest)
    assert len({room(name) for name in largest}) == 1, "\n".join(largest)


NM = """\
build/obj/cpu/trap.c.o:                 U format
build/obj/cpu/trap.c.o:                 U text_end
build/obj/cpu/trap.c.o:                 U thread_exit
build/obj/cpu/trap.c.o:0000000000000010 T trap_handler
build/obj/cpu/trap.c.o:0000000000000000 t thread_wake
build/obj/lib/format.c.o:0000000000000000 T format
build/obj/sched/schedule.c.o:                 U trap_handler
build/obj/sched/schedule.c.o:                 U thread_wake
build/obj/sched/schedule.c.o:0000000000000000 T thread_exit
build/obj/sched/thread.c.o:                 U thread_exit
build/obj/sched/thread.c.o:0000000000000008 B thread_wake
"""


def test_an_upward_symbol_is_seen():
    assert upward_symbols(*read_symbols(NM)) == ["cpu/trap.c uses thread_exit of sched/schedule.c"]
    assert not upward_symbols(*read_symbols(NM.replace("U thread_exit", "U format")))


def test_an_upward_include_is_seen():
    assert upward_includes("cpu/trap.c", '#include "lib/format.h"\n#include "sched/thread.h"\n') \
        == ["cpu/trap.c includes sched/thread.h"]
    assert upward_includes("cpu/entry.asm", '%include "smp/x.inc"') != []


def test_a_circle_is_seen():
    assert circles(*read_symbols(NM))[0] == ["cpu/trap.c", "sched/schedule.c", "sched/thread.c"]
    found = circles(*read_symbols(NM.replace("U trap_handler", "U format")))
    assert found[0] == ["sched/schedule.c", "sched/thread.c"]
