#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the first inputs of a fuzzer: small well-formed tables for it to damage."""

import argparse
import pathlib
import struct
import sys

TABLES = pathlib.Path(__file__).resolve().parent.parent / "unit" / "tables"
BASE = 4096  # where the fuzzers of tables in memory put their input


def tag(number, body):
    """A multiboot2 tag, padded to 8 bytes."""
    size = 8 + len(body)
    return struct.pack("<II", number, size) + body + bytes(-size % 8)


def multiboot2():
    """Boot information with every tag that is read."""
    ranges = [(0, 0x9F000, 1), (0x9F000, 0x1000, 2), (0x100000, 0x1FF00000, 1),
              (0x200000, 0x1000, 3)]
    memory = struct.pack("<II", 24, 0) + b"".join(struct.pack("<QQII", *r, 0) for r in ranges)
    screen = struct.pack("<QIIIBBH6B", 0x80000000, 4096, 1024, 768, 32, 1, 0, 16, 8, 8, 8, 0, 8)
    efi = [tag(11, struct.pack("<I", 0x7000)), tag(12, struct.pack("<Q", 0x7000)),
           tag(17, struct.pack("<II", 48, 1) + bytes(96)), tag(20, bytes(8))]
    tags = [tag(1, b"run=storm\0"), tag(2, b"GRUB 2.06\0"), tag(6, memory), tag(8, screen),
            tag(9, struct.pack("<III", 2, 64, 1) + bytes(128)), tag(14, bytes(20)),
            tag(15, bytes(36)), tag(21, struct.pack("<I", 0x100000)), *efi, tag(0, b"")]
    body = b"".join(tags)
    return [struct.pack("<II", 8 + len(body), 0) + body]


def options():
    """Every key, with good and with bad values."""
    return [b"", b"run=nmi,debug time=30s cpus=4 seed=0x12ab inject=stack",
            b"run=storm\tconsole=serial:com2:9600,screen end=poweroff stop=first\n",
            b"console=serial:0xe000:57600 end=exit", b"console=none time=72h", b"colour=red",
            b"time=5", b"run=", b"cpus=0", b"seed=18446744073709551616"]


def efi():
    """A system table of each width with one configuration table."""
    guid = bytes.fromhex("71e86888f1e4d311bc220080c73c8881")
    header = b"IBI SYST" + struct.pack("<IIII", 0x20046, 120, 0, 0)
    wide = header + bytes(80) + struct.pack("<QQ", 1, BASE + 120) + guid + struct.pack("<Q", 0x2000)
    narrow = header + bytes(40) + struct.pack("<II", 1, BASE + 72)
    narrow += guid + struct.pack("<I", 0x2000)
    return [b"\1" + wide, b"\0" + narrow]


def smbios():
    """Types 0, 1 and 127 behind an entry point, and an entry point in the legacy area."""
    bios = bytes([0, 0x18, 0, 0, 1, 2, 0, 0, 3]) + bytes(15) + b"Vendor\x001.2\x002024\0\0"
    system = bytes([1, 0x1B, 1, 0, 1, 2, 0, 3]) + bytes(range(16)) + bytes(3)
    system += b"Maker\0Thing\0SN-1\0\0"
    table = bios + system + bytes([127, 4, 2, 0, 0, 0])
    entry = bytearray(b"_SM3_\0\x18\3\2\0\1\0" + struct.pack("<IQ", len(table), 0xF0020))
    entry[5] = -sum(entry) & 0xFF
    return [b"\1\6" + table, b"\1\1" + table, b"\0\0" + bytes(entry) + bytes(8) + table]


def symbols():
    """Three section headers, a symbol table and its strings."""
    def section(kind, address, size, link, entry):
        return struct.pack("<IIQQQQIIQQ", 0, kind, 0, address, 0, size, link, 0, 1, entry)

    strings = b"\0first\0second\0"
    table = bytes(24) + struct.pack("<IBBHQQ", 1, 2, 0, 1, 0x1010, 0)
    table += struct.pack("<IBBHQQ", 7, 0x10, 0, 1, 0x1020, 0)
    start = BASE + 3 * 64
    headers = section(0, 0, 0, 0, 0) + section(2, start, len(table), 2, 24)
    headers += section(3, start + len(table), len(strings), 0, 0)
    return [b"\3" + headers + table + strings]


def acpi_table(signature, body):
    """An ACPI table; the fuzzer makes its checksum."""
    return signature + struct.pack("<I", 36 + len(body)) + bytes(28) + body


def acpi():
    """A root pointer, both lists of tables, and a FADT."""
    fadt_at = BASE + 36 + 44 + 40
    body = acpi_table(b"XSDT", struct.pack("<Q", fadt_at))
    body += acpi_table(b"RSDT", struct.pack("<I", fadt_at))
    root = b"RSD PTR " + bytes(7) + b"\2" + struct.pack("<IIQI", BASE + 80, 36, BASE + 36, 0)
    return [b"\1" + root + body + acpi_table(b"FACP", bytes(240)),
            b"\1" + root + body + acpi_table(b"FACP", bytes(80))]


def madt():
    """One entry of each type; the tables of real machines."""
    entries = [bytes([0, 8, 1, 0, 1, 0, 0, 0]), bytes([1, 12]) + bytes(10),
               bytes([2, 10]) + bytes(8), bytes([4, 6, 255, 5, 0, 1]), bytes([5, 12]) + bytes(10),
               bytes([9, 16, 0, 0]) + struct.pack("<III", 300, 1, 7),
               bytes([10, 12, 0, 0, 255, 255, 255, 255, 1, 0, 0, 0])]
    return [acpi_table(b"APIC", struct.pack("<II", 0xFEE00000, 1) + b"".join(entries)),
            *(path.read_bytes() for path in sorted(TABLES.glob("apic-*.dat")))]


def spcr():
    """COM2 by port at 9600 baud, and registers in memory of revision 4."""
    def body(revision, interface, address, baud, tail):
        table = acpi_table(b"SPCR", bytes([interface, 0, 0, 0]) + address + bytes(6) + baud
                           + bytes(5) + b"\xff\xff\xff\xff" + bytes(8) + tail)
        return table[:8] + bytes([revision]) + table[9:]

    port = struct.pack("<BBBBQ", 1, 8, 0, 1, 0x2F8)
    memory = struct.pack("<BBBBQ", 0, 32, 0, 3, 0xFE034000)
    return [body(1, 0, port, b"\3", bytes(4)), body(2, 0x12, memory, b"\0", bytes(4)),
            body(4, 0x12, memory, b"\7", struct.pack("<IIHH", 1843200, 57600, 2, 88) + b".\0")]


SEEDS = {make.__name__: make
         for make in (multiboot2, options, efi, smbios, symbols, acpi, madt, spcr)}


def main():
    """Parses the arguments and writes one file an input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fuzzer", choices=sorted(SEEDS))
    parser.add_argument("directory", type=pathlib.Path, help="made where it does not exist")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[arguments.fuzzer]()):
        (arguments.directory / f"seed-{number}").write_bytes(seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
