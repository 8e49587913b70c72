# SPDX-License-Identifier: MIT
"""How long each way into and out of the kernel is, in instructions: path_lengths.json, and what a
run or the image has of it. Three parts, whose names begin with the entry discipline:

- measured: by the benchmark, of an event and two CPUs, from its trigger to the handler's first
  instruction, to the first one back, and of that from the handler's last;
- swept: by the sweep's single steps, of each of its paths, without the handler that is the
  workload's own;
- code: of each row of the image's list of entry paths (src/cpu/entry_path.inc), all that is there.
  No run takes every branch, and yet none grows unseen.

A path that grew or shrank fails until the file has its new length; with PATH_LENGTHS=write the
tests write the lengths that they find."""

import csv
import fcntl
import json
import os
import pathlib
import re
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / "test" / "path_lengths.json"
ELF = ROOT / "build" / "iststorm.elf"
ROW = struct.Struct("<QQIHH")       # struct entry_path
PATH_ANY_VECTOR = 0xffffffff


def read():
    return json.loads(FILE.read_text(encoding="ascii"))


def write(lengths):
    parts = []
    for part, rows in sorted(lengths.items()):
        lines = (f'        "{name}": {json.dumps(length)}' for name, length in sorted(rows.items()))
        parts.append(f'    "{part}": {{\n' + ",\n".join(lines) + "\n    }")
    FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="ascii")


def replace(part, disciplines, found):
    """Another worker's test may do the same meanwhile."""
    with FILE.open(encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lengths = read()
        lengths[part] = found | {name: length for name, length in lengths[part].items()
                                 if name.split()[0] not in disciplines}
        write(lengths)


def is_longer(length, other):
    if isinstance(length, int):
        return length > other
    return any(way > others for way, others in zip(length, other, strict=True))


def differences(part, disciplines, found):
    """The differences between the lengths found of these disciplines and the file, a line each."""
    if os.environ.get("PATH_LENGTHS") == "write":
        replace(part, disciplines, found)
    known = {name: length for name, length in read()[part].items()
             if name.split()[0] in disciplines}
    return [f"{part} {name}: {found.get(name)} instructions, not {length}"
            for name, length in known.items()
            if name not in found or is_longer(found[name], length)] + \
           [f"{part} {name} is new or shorter: {length} instructions, not {known.get(name)}; write "
            "it down with PATH_LENGTHS=write" for name, length in found.items()
            if name not in known or is_longer(known[name], length)]


def output_of(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def generated_list(name):
    """The rows of a list of src/cpu as the build gives it to NASM: their fields, without quotes."""
    text = (ROOT / "build" / "obj" / "cpu" / f"{name}.inc").read_text(encoding="ascii")
    rows = [row.split(None, 1)[1] for row in text.splitlines()]
    return list(csv.reader(rows, skipinitialspace=True))


def vector_names():
    """number -> name"""
    return {int(row[0]): row[2] for row in generated_list("vectors")}


def path_kinds():
    """number -> name, of enum entry_path_kind."""
    text = (ROOT / "build" / "obj" / "cpu" / "offsets.inc").read_text(encoding="ascii")
    rows = (row.split()[1:] for row in text.splitlines())
    return {int(value): name.removeprefix("PATH_") for name, value in rows
            if name.startswith("PATH_")}


def disciplines_of_image():
    return [row[1] for row in generated_list("disciplines")]


def entry_paths():
    """The image's own list: (start, end, vector, kind, disciplines as bits)."""
    symbols = {row.split()[2]: int(row.split()[0], 16)
               for row in output_of("nm", ELF).splitlines() if " entry_paths_" in row}
    start, end = symbols["entry_paths_start"], symbols["entry_paths_end"]
    for row in output_of("objdump", "-h", ELF).splitlines():
        match = re.match(r" *\d+ \S+ +(\w+) +(\w+) +\w+ +(\w+)", row)
        size, address, offset = (int(word, 16) for word in match.groups()) if match else (0, 0, 0)
        if address <= start < address + size:
            data = ELF.read_bytes()[offset + start - address:offset + end - address]
            return list(ROW.iter_unpack(data))
    raise AssertionError("the image has no list of entry paths")


def instructions():
    """The address of each instruction that the list can be of."""
    listing = output_of("objdump", "-dw", "-j", ".text", ELF)
    return [int(address, 16) for address in re.findall(r"^ *([0-9a-f]+):\t", listing, re.MULTILINE)]


def code_lengths():
    """"discipline vector or kind" -> instructions; of what all disciplines share, under "all"."""
    names = disciplines_of_image()
    vectors, kinds = vector_names(), path_kinds()
    at, found = instructions(), {}
    for start, end, vector, kind, under in entry_paths():
        count = sum(start <= address < end for address in at)
        assert count, f"no instructions at 0x{start:x}"
        what = kinds[kind] if vector == PATH_ANY_VECTOR else \
            f"{kinds[kind]} {vectors.get(vector, vector)}"
        shared = under == (1 << len(names)) - 1
        for name in ["all"] if shared else [n for i, n in enumerate(names) if under >> i & 1]:
            found[f"{name} {what}"] = found.get(f"{name} {what}", 0) + count
    return found


def unswept_rows(discipline, addresses):
    """The paths of a discipline, but for mere stubs, of which no instruction is among these."""
    bit = disciplines_of_image().index(discipline)
    return [f"0x{start:x}" for start, end, _, _, under in entry_paths()
            if under >> bit & 1 and end - start > 16
            and not any(start <= address < end for address in addresses)]
