#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Mark in a linked image where each instruction of its entry code begins: its section
.entry_boundaries gets a bit for each byte from entry_text_start on (src/iststorm.ld)."""

import re
import subprocess
import sys
import tempfile

SECTION = ".entry_boundaries"


def output_of(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def main(image):
    symbols = {name: int(value, 16) for value, _, name in
               (row.split() for row in output_of("nm", "--defined-only", image).splitlines())
               if name.startswith(("entry_text_", "entry_boundaries"))}
    start, end = symbols["entry_text_start"], symbols["entry_text_end"]
    listing = output_of("objdump", "-dw", "-j", ".text", f"--start-address={start:#x}",
                        f"--stop-address={end:#x}", image)
    marks = bytearray(symbols["entry_boundaries_end"] - symbols["entry_boundaries"])
    for address in re.findall(r"^ *([0-9a-f]+):\t", listing, re.MULTILINE):
        place = int(address, 16) - start
        marks[place // 8] |= 1 << place % 8
    with tempfile.NamedTemporaryFile() as content:
        content.write(marks)
        content.flush()
        output_of("objcopy", f"--update-section={SECTION}={content.name}", image)


if __name__ == "__main__":
    main(sys.argv[1])
