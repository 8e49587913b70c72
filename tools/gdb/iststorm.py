# SPDX-License-Identifier: MIT
"""gdb commands for iststorm's stacks: who is on them, how deep, and whose an address is.

    gdb -x tools/gdb/iststorm.py -ex 'target remote localhost:PORT' build/iststorm.elf

`make debug` starts QEMU and says the port. All that is known here of the image's layout comes from
the image: structures and enumerations from its debug information, constants from the macros in the
debug information of src/cpu/stacks.c.
"""

import contextlib
import re

import gdb  # gdb's own: this file runs inside it

MOST_LINES = 40  # of a chain
WORD = 8
ADDRESSES = 1 << 64


# The image's layout.

def macro(name, known={}):
    """The value of a constant macro that src/cpu/stacks.c sees."""
    if not known:
        text = gdb.execute("info macros stack_find", to_string=True)
        known.update(re.findall(r"^#define (\w+) (.*)$", text, re.MULTILINE))
    if name not in known:
        raise gdb.GdbError(f"the image's debug information has no macro {name}")
    value = known[name]
    if isinstance(value, str):
        numbers = re.sub(r"\b[A-Za-z_]\w*", lambda word: hex(macro(word[0])), value)
        value = known[name] = int(gdb.parse_and_eval(numbers)) % ADDRESSES
    return value


def size_of(type_name):
    return gdb.lookup_type(type_name).sizeof


def enum_value(type_name, name):
    return gdb.lookup_type(type_name)[name].enumval


def state_of(thread):
    """As its enumerator, without the prefix."""
    return str(thread["state"]).removeprefix("THREAD_")


def at(type_name, address):
    """The object of that type at an address."""
    return gdb.Value(address).cast(gdb.lookup_type(type_name).pointer()).dereference()


def static_of(function, name):
    """The file-wide static object `name` of the file that has `function`."""
    block = gdb.lookup_global_symbol(function).symtab.static_block()
    return gdb.lookup_symbol(name, block)[0].value()


class Shape:
    """A kind of CPU stack: one row of the image's own list."""

    def __init__(self, kind):
        shape = gdb.parse_and_eval("stack_shapes")[kind]
        self.kind = kind
        self.name = shape["name"].string()
        self.offset, self.level_size, self.levels, self.ist = (
            int(shape[field]) for field in ("offset", "level_size", "levels", "ist"))

    def top(self, cpu, level):
        return (percpu_address(cpu) + self.offset + self.level_size * (self.levels - level))


def shapes(known=[]):
    if not known:
        known += [Shape(kind) for kind in range(enum_value("enum stack_kind", "CPU_STACK_KINDS"))]
    return known


def percpu_address(cpu):
    return macro("CPU_WINDOWS_BASE") + cpu * macro("CPU_WINDOW")


def percpu(cpu):
    return at("struct percpu", percpu_address(cpu))


def cpu_count():
    return int(gdb.parse_and_eval("cpu_count"))


# Memory. QEMU shows it as the selected CPU sees it: nothing of a window before its paging is on.

def read_words(address, size):
    memory = gdb.selected_inferior().read_memory(address, size)
    return memoryview(bytes(memory)).cast("Q")


def used_bytes(low, high):
    """As stack_used_bytes: from the top to the lowest word that is not the fill pattern."""
    words = read_words(low, high - low)
    untouched = 1
    while untouched < len(words) and words[untouched] == macro("STACK_FILL"):
        untouched += 1
    return high - low - untouched * WORD


def magic_is_whole(address):
    return read_words(address, WORD)[0] == macro("STACK_END_MAGIC")


# Whose stack is this address, which kind, how deep?

class Place:
    """As struct stack_place; `shape` is None on a thread's stack and where there is none."""

    def __init__(self, text, owner=None, shape=None, level=0, low=0, high=0):
        self.text, self.owner, self.shape = text, owner, shape
        self.level, self.low, self.high = level, low, high

    @property
    def tag(self):
        """As a backtrace has it: <NMI>, <DB[1]>."""
        return f"<{self.text}[{self.level}]>" if self.level else f"<{self.text}>"

    @property
    def key(self):
        return self.text, self.owner, self.level


def find(address):
    window = address - macro("CPU_WINDOWS_BASE")
    if 0 <= window < cpu_count() * macro("CPU_WINDOW"):
        return find_in_window(window // macro("CPU_WINDOW"), window % macro("CPU_WINDOW"))
    slot = address - macro("THREAD_SLOTS_BASE")
    if 0 <= slot < macro("THREAD_SLOTS") * macro("THREAD_SLOT"):
        return find_in_slot(slot // macro("THREAD_SLOT"), slot % macro("THREAD_SLOT"))
    return Place("none")


def find_in_window(cpu, offset):
    for shape in shapes():
        end = shape.offset + shape.level_size * shape.levels
        if shape.offset <= offset < end:
            level = (end - 1 - offset) // shape.level_size
            high = shape.top(cpu, level)
            return Place(shape.name, cpu, shape, level, high - shape.level_size, high)
    if offset < size_of("struct percpu"):
        return Place("per-CPU area", cpu)
    return Place("guard", cpu)


def find_in_slot(slot, offset):
    high = macro("THREAD_SLOTS_BASE") + (slot + 1) * macro("THREAD_SLOT")
    low = high - macro("THREAD_SIZE")
    in_stack = offset >= macro("THREAD_SLOT") - macro("THREAD_SIZE")
    return Place("TASK" if in_stack else "guard", slot, None, 0, low, high)


def whose(address):
    place = find(address)
    if place.text == "none":
        return "no stack"
    if place.shape:
        return (f"CPU {place.owner}, stack {place.text}, level {place.level} of "
                f"{place.shape.levels}, {place.high - address} bytes deep of "
                f"{place.shape.level_size}")
    if place.high:
        about = f"thread slot {place.owner}, {describe_thread(slots()[place.owner])}"
        if place.text == "guard":
            return f"{about}, the guard below its stack"
        return f"{about}, {place.high - address} bytes deep of {place.high - place.low}"
    if place.text != "guard":
        return f"CPU {place.owner}, its {place.text}"
    above = [shape for shape in shapes()
             if percpu_address(place.owner) + shape.offset > address]
    return (f"CPU {place.owner}, the guard page below its stack {above[0].name}" if above
            else f"CPU {place.owner}, the guard page above its stacks")


# Threads.

def slots():
    return static_of("thread_of_slot", "threads")


def describe_thread(thread):
    name = thread["name"].string() if int(thread["name"]) else "unused"
    return f"'{name}' of CPU {int(thread['cpu'])}, {state_of(thread)}"


def living_slots():
    """The slots that are not free: the lowest are handed out first, and QEMU's memory comes
    slowly, so the search ends with the last of them."""
    array, free = slots(), enum_value("enum thread_state", "THREAD_FREE")
    left = int(static_of("threads_alive", "alive"))
    for slot in range(array.type.range()[1] + 1):
        if left == 0:
            return
        if int(array[slot]["state"]) != free:
            left -= 1
            yield slot, array[slot]


def thread_line(slot, thread):
    high = macro("THREAD_SLOTS_BASE") + (slot + 1) * macro("THREAD_SLOT")
    low = high - macro("THREAD_SIZE")
    magic = low + size_of("struct thread_info")
    try:
        stack = (f"{used_bytes(magic, high):5} of {high - low}, "
                 f"end magic {'whole' if magic_is_whole(magic) else 'DAMAGED'}")
    except gdb.MemoryError:
        stack = "unmapped"
    name = thread["name"].string()
    return f"{slot:5}  {int(thread['cpu']):3}  {state_of(thread):8} {name:12} {stack}"


# CPUs.

@contextlib.contextmanager
def selected(thread):
    """With gdb's selection on that CPU."""
    before, frame = gdb.selected_thread(), gdb.selected_frame()
    try:
        thread.switch()
        yield
    finally:
        before.switch()
        with contextlib.suppress(gdb.error):
            frame.select()


def register(name):
    return int(gdb.newest_frame().read_register(name)) % ADDRESSES


def cpu_of_selected():
    """The index of the CPU that gdb has selected, by its GS base; None before it has one."""
    for name in ("gs_base", "k_gs_base"):
        window = register(name) - macro("CPU_WINDOWS_BASE")
        if 0 <= window < cpu_count() * macro("CPU_WINDOW"):
            return window // macro("CPU_WINDOW")
    return None


def cpus():
    """CPU index -> gdb's thread, for those that have their window."""
    found = {}
    for thread in gdb.selected_inferior().threads():
        with selected(thread):
            index = cpu_of_selected()
        if index is not None:
            found[index] = thread
    if not found:
        raise gdb.GdbError("no CPU has its stacks yet: let it boot, for example to "
                           "'break nmi_handler'")
    return dict(sorted(found.items()))


def chosen_cpu(argument):
    """The CPU that a command was given, or else the selected one."""
    known = cpus()
    index = int(gdb.parse_and_eval(argument)) if argument else cpu_of_selected()
    if index not in known:
        raise gdb.GdbError(f"CPU {index} has no stacks; these have: {list(known)}")
    return index, known[index]


# The chain of stacks.

class Call:
    """One line of a chain: where it goes on, and on which stack; `frame` when that is an entry's
    frame and not a caller's."""

    def __init__(self, rip, rsp, frame=None):
        self.rip, self.rsp, self.frame = rip, rsp, frame
        self.place = find(rsp)


def at_first_instruction(rip):
    """Whether a function starts here, so that its caller's RBP is not yet saved."""
    block = gdb.current_progspace().block_for_pc(rip)
    while block and not block.function:
        block = block.superblock
    return bool(block) and block.start == rip


def walk():
    """As walk() of src/cpu/backtrace.c, for the selected CPU: an even RBP points at a caller's RBP
    and return address, an odd one at a trap frame."""
    rip, rsp, rbp = (register(name) for name in ("rip", "rsp", "rbp"))
    frame, from_user = None, register("cs") & 3
    if at_first_instruction(rip):
        yield Call(rip, rsp)
        rip, rsp = read_words(rsp, WORD)[0], rsp + WORD
    for _ in range(MOST_LINES):
        yield Call(rip, rsp, frame)
        frame = None
        if from_user or rbp == 0:
            return
        try:
            if rbp & 1:
                frame = at("struct trap_frame", rbp - 1)
                rip, rsp, rbp, cs = (int(frame[name]) % ADDRESSES
                                     for name in ("rip", "rsp", "rbp", "cs"))
                from_user = cs & 3
            else:
                link, rip = read_words(rbp, 2 * WORD)
                rsp, rbp = rbp + 2 * WORD, link
        except gdb.MemoryError:
            return
        if rip == 0:
            return


def vector_name(vector):
    """Its claimant's, or its own."""
    for table in ("vector_claimants", "listed_names"):
        name = static_of("vector_name", table)[vector]
        if int(name):
            return name.string()
    return f"vector {vector}"


def symbol(address):
    text = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    match = re.match(r"(.*) in section ", text)
    line = gdb.find_pc_line(address)
    where = f" at {line.symtab.filename}:{line.line}" if line.symtab else ""
    return (match[1].replace(" + ", "+") if match else "?") + where


def crossed(calls):
    """The stacks of a chain, the newest first, each once where it is met: <NMI> <DB[1]> <TASK>."""
    tags = [call.place.tag if call.place.high else "<ring 3>" for call in calls]
    return " ".join(tag for tag, before in zip(tags, [None, *tags]) if tag != before)


def print_chain(index, thread):
    with selected(thread):
        calls = list(walk())
    print(f"CPU {index}: {crossed(calls)}")
    for call in calls:
        if call.frame is not None:
            print(f"  -- {vector_name(int(call.frame['vector']))}, error code "
                  f"{int(call.frame['error_code']):#x} --")
        tag = call.place.tag if call.place.high else "<ring 3>"
        print(f"  {tag:8} {call.rip:#014x} {symbol(call.rip)}")


# A CPU's stacks.

def print_level(shape, cpu, level, calls, always):
    high = shape.top(cpu, level)
    low = high - shape.level_size
    used, whole = used_bytes(low, high), magic_is_whole(low)
    here = [call for call in calls if call.place.key == (shape.name, cpu, level)]
    if not (always or used or here or not whole):
        return
    text = (f"    level {level}: high-water mark {used} of {shape.level_size}, end magic "
            f"{'whole' if whole else 'DAMAGED'}")
    if here:
        text += f"; in use, {high - here[0].rsp} bytes deep"
        if shape.ist:
            frame = at("struct trap_frame", high - size_of("struct trap_frame"))
            text += f", by {vector_name(int(frame['vector']))}"
    print(text + ("  <- RSP" if here and here[0] is calls[0] else ""))


def levels_above(shape, cpu, addresses):
    """How many levels lie above the address kept for this stack."""
    address = int(addresses[shape.kind]) % ADDRESSES
    return (shape.top(cpu, 0) - address) // (shape.top(cpu, 0) - shape.top(cpu, 1))


def describe_ist(shape, cpu, area):
    """What TSS.ist[] says is the next level, and what is counted apart from it."""
    value = int(area["tss"]["ist"][shape.ist - 1]) % ADDRESSES
    tops = {shape.top(cpu, level): f"level {level} is next" for level in range(shape.levels)}
    tops[shape.top(cpu, shape.levels)] = "no level is left"
    return (f"IST {shape.ist}, TSS.ist[{shape.ist - 1}] {value:#x} "
            f"({tops.get(value, 'NO LEVEL OF IT')}), "
            f"{levels_above(shape, cpu, area['ist_next'])} events on it, "
            f"deepest level {max(levels_above(shape, cpu, area['ist_lowest']) - 1, 0)}")


def print_stacks(index, thread):
    with selected(thread):
        area, calls = percpu(index), list(walk())
        print(f"CPU {index} (APIC id {int(area['apic_id'])}, gdb's thread {thread.num}): "
              f"{crossed(calls)}")
        for shape in shapes():
            print(f"  {shape.name:4} " + (describe_ist(shape, index, area) if shape.ist else
                                          f"nest counter {int(area['irq_nest'])}"))
            for level in range(shape.levels):
                print_level(shape, index, level, calls, always=level == 0)
        current = area["current"]
        if int(current):
            slot = (int(current) - int(slots().address)) // size_of("struct thread")
            print(f"  TASK slot, CPU, state, thread, high-water mark:\n"
                  f"    {thread_line(slot, current.dereference())}"
                  + ("  <- RSP" if calls[0].place.text == "TASK" else ""))


# The commands.

class Command(gdb.Command):
    """A command whose help is its class's docstring."""

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_STACK)

    def invoke(self, argument, _from_tty):
        """gdb shows a GdbError as a message, and a traceback's end for all else."""
        self.dont_repeat()
        try:
            self.run(argument)
        except gdb.GdbError:
            raise
        except gdb.MemoryError as error:
            raise gdb.GdbError(f"{error}: is paging on yet?") from error
        except gdb.error as error:
            raise gdb.GdbError(f"{self.name}: {error}") from error
        except Exception as error:
            raise gdb.GdbError(f"an error in the command '{self.name}' itself: "
                               f"{type(error).__name__}: {error}") from error


class Stacks(Command):
    """stacks [CPU]: a CPU's stacks, who is on them, and how deep.

For each kind of stack: its IST code and what TSS.ist[] points at, or the nest counter; the events
that are on it and the deepest level that ever was. For each level: its high-water mark, its end
magic, and how deep it is in use. Without a CPU's index, that of the selected thread."""
    name = "stacks"

    def run(self, argument):
        print_stacks(*chosen_cpu(argument))


class Whose(Command):
    """whose ADDRESS: whose stack is this address, which kind, how deep?

ADDRESS is any expression: whose $rsp."""
    name = "whose"

    def run(self, argument):
        if not argument:
            raise gdb.GdbError("whose which address?")
        address = int(gdb.parse_and_eval(argument)) % ADDRESSES
        with selected(next(iter(cpus().values()))):
            print(f"{address:#x}: {whose(address)}")


class Threads(Command):
    """threads: the image's threads: slot, CPU, state, name, use of the stack."""
    name = "threads"

    def run(self, _argument):
        with selected(next(iter(cpus().values()))):
            print(" slot  CPU  state    name         stack used")
            for slot, thread in living_slots():
                print(thread_line(slot, thread))


class Chain(Command):
    """chain [CPU]: the chain of calls of a CPU across its stacks, with symbols.

As the image's own backtrace walks it: an odd RBP marks a trap frame. Without a CPU's index, that
of the selected thread."""
    name = "chain"

    def run(self, argument):
        print_chain(*chosen_cpu(argument))


class ChainOfAll(Command):
    """bt-all: the chain of every CPU."""
    name = "bt-all"

    def run(self, _argument):
        for index, thread in cpus().items():
            print_chain(index, thread)


class CpuFunction(gdb.Function):
    """$cpu(): the index of the selected CPU, -1 before it has its stacks.

For conditions: break nmi_handler if $cpu() == 1"""

    def __init__(self):
        super().__init__("cpu")

    def invoke(self):
        try:
            index = cpu_of_selected()
        except gdb.error:  # nothing runs yet
            index = None
        return -1 if index is None else index


for command in (Stacks, Whose, Threads, Chain, ChainOfAll, CpuFunction):
    command()
