# SPDX-License-Identifier: MIT
"""Python for gdb that changes what firmware and boot loader leave, for `launch` of conftest.py:
before main(magic, information) of the image has read anything of it."""

import struct

import gdb  # gdb's own: this file runs inside it

BIOS_AREA = 0xE0000, 0x20000
LOW_END = 0xA0000
PAGE = 0x1000
TAG_MEMORY_MAP = 6
AVAILABLE, RESERVED = 1, 2


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def write(address, data):
    gdb.selected_inferior().write_memory(address, data)


def words(address, pattern="<I"):
    return struct.unpack(pattern, read(address, struct.calcsize(pattern)))


def register(name):
    return int(gdb.parse_and_eval(f"${name}")) % (1 << 64)


# Multiboot2's memory map.

def memory_map():
    """(address of the entry, base, end, type), of the boot information, main's second argument."""
    start = register("rsi")
    tag = start + 8
    while (kind_size := words(tag, "<II"))[0] != TAG_MEMORY_MAP:
        tag += kind_size[1] + 7 & ~7
    for entry in range(tag + 16, tag + kind_size[1], words(tag + 8)[0]):
        base, length, kind = words(entry, "<QQI")
        yield entry, base, base + length, kind


def reserve_low_memory():
    """Firmware keeps all that lies below 640 KiB."""
    for entry, base, _, _ in memory_map():
        if base < LOW_END:
            write(entry + 16, struct.pack("<I", RESERVED))


def print_frames(*kept):
    """How many frames the map has from 1 MiB on, but for those of the image and of these ranges."""
    address = {name: int(gdb.parse_and_eval(name)) for name in (
        "(long)image_load_address", "image_end - text_start")}
    load, size = address.values()
    kept = {frame for start, end in ((load, load + size), *kept)
            for frame in range(start // PAGE, end // PAGE)}
    print("frames:", sum(frame not in kept for _, base, end, kind in memory_map()
                         if kind == AVAILABLE
                         for frame in range(max(-(-base // PAGE), 256), end // PAGE)))


def take(start, end):
    """The range of the map that begins at the first address begins at the second one."""
    for entry, base, limit, _ in memory_map():
        if base == start:
            write(entry, struct.pack("<QQ", end, limit - end))


def take_e820(start, end):
    """The same of SeaBIOS's own map, before GRUB has asked for it."""
    area, size = BIOS_AREA
    memory, entry = read(area, size), struct.Struct("<QQI")
    found = [at for at in range(0, size - entry.size, 4)
             if entry.unpack_from(memory, at)[::2] == (start, AVAILABLE)]
    if len(found) != 1:
        raise gdb.GdbError(f"{len(found)} entries of SeaBIOS's map begin at {start:#x}")
    limit = start + entry.unpack_from(memory, found[0])[1]
    write(area + found[0], struct.pack("<QQ", end, limit - end))


# APIC ids.

def find_madt():
    area = read(*BIOS_AREA)
    root = next(at for at in range(0, len(area), 16) if area[at:at + 8] == b"RSD PTR ")
    rsdt, = struct.unpack_from("<I", area, root + 16)
    tables = words(rsdt, f"<{words(rsdt + 4)[0] // 4}I")[9:]
    return next(table for table in tables if read(table, 4) == b"APIC")


def lift_madt(offset):
    """Adds to the APIC ids of the table, and to its sum."""
    at = find_madt()
    table = bytearray(read(at, words(at + 4)[0]))
    entry = 44
    while entry < len(table):
        if table[entry] == 0:
            table[entry + 3] += offset
        entry += table[entry + 1]
    table[9] = (table[9] - sum(table)) % 256
    write(at, bytes(table))


def lift(path, page, offset):
    """Runs lift.asm, and has the firmware's table say the same."""
    lows = [end & -PAGE for _, base, end, kind in memory_map() if kind == AVAILABLE and
            base < LOW_END]
    if max(lows) != page + PAGE:
        raise gdb.GdbError(f"the trampoline goes below {max(lows):#x}, not to {page:#x}")
    with open(path, "rb") as file:
        code = file.read()
    write(page, code)
    back = register("rip")
    stack = register("rsp") - 8
    write(stack, struct.pack("<Q", back))
    gdb.execute(f"set $rsp = {stack}")
    gdb.execute(f"set $rip = {struct.unpack('<I', code[-4:])[0]}")
    gdb.execute(f"tbreak *{back}")
    gdb.execute("continue")
    lift_madt(offset)


# Events that are pending when another comes.

def wait_before(function, microseconds, calls):
    """So many calls of a function of two arguments begin so much later; with interrupts off, what
    comes meanwhile is pending when it goes on."""
    gdb.execute(f"hbreak {function}")
    for _ in range(calls):
        gdb.execute("continue")
        first, second, start = (register(name) for name in ("rdi", "rsi", "rip"))
        gdb.execute("set $rsp = $rsp - 8")
        write(register("rsp"), struct.pack("<Q", start))
        gdb.execute(f"set $rdi = {microseconds}")
        gdb.execute("set $rip = (unsigned long)delay_us")
        gdb.execute("continue")         # it returns to the function's first instruction
        gdb.execute(f"set $rdi = {first}")
        gdb.execute(f"set $rsi = {second}")
    gdb.execute("delete")
