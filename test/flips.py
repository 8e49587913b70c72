# SPDX-License-Identifier: MIT
"""Flips bits in a running storm: what test_flips.py has gdb run.

FLIPS in the environment is a JSON list of [what, index, bit]. Each is made where CPU 1 is about to
compare its tables, and undone when the image has told it, which is printed: one line each. With
LEAVE the first one stays, and the image goes on alone."""

import json
import os

import gdb  # gdb's own: this file runs inside it

FLIPS = json.loads(os.environ["FLIPS"])
CPU = 1
AREA = 0xffff800000000000 + CPU * 0x40000
MSRS = {"EFER": 0xc0000080, "STAR": 0xc0000081, "LSTAR": 0xc0000082, "SFMASK": 0xc0000084,
        "KERNEL_GS_BASE": 0xc0000102}
WRMSR, RDMSR = b"\x0f\x30", b"\x0f\x32"


def run(command):
    return gdb.execute(command, to_string=True)


def number(expression):
    return int(gdb.parse_and_eval(expression)) % (1 << 64)


def address(what, index):
    """Of the first byte of what is flipped: a gate, a word of the GDT, or a member of the TSS."""
    if what == "gate":
        return number(f"(long)&idt[{index}]")
    member = f"gdt[{index}]" if what == "gdt" else f"tss.{index}"
    return number(f"(long)&((struct percpu *){AREA})->{member}")


def flip_memory(at, bit):
    inferior = gdb.selected_inferior()
    at += bit // 8
    byte = inferior.read_memory(at, 1)[0][0] ^ 1 << bit % 8
    inferior.write_memory(at, bytes([byte]))


def execute(code):
    """An instruction in the place of the next one, which is put back."""
    inferior, rip = gdb.selected_inferior(), number("$rip")
    kept = bytes(inferior.read_memory(rip, len(code)))
    inferior.write_memory(rip, code)
    run("set scheduler-locking on")     # the code is the other CPUs', too
    run("stepi")
    run("set scheduler-locking off")
    inferior.write_memory(rip, kept)
    run(f"set $rip = {rip}")


def flip_msr(msr, bit):
    kept = {name: number(f"${name}") for name in ("rax", "rcx", "rdx")}
    run(f"set $rcx = {msr}")
    execute(RDMSR)
    value = (number("$rdx") << 32 | number("$rax") & 0xffffffff) ^ 1 << bit
    run(f"set $rax = {value & 0xffffffff}")
    run(f"set $rdx = {value >> 32}")
    execute(WRMSR)
    for name, before in kept.items():
        run(f"set ${name} = {before}")


def flip(what, index, bit):
    if what == "msr":
        flip_msr(MSRS[index], bit)
    else:
        flip_memory(address(what, index), bit)


def what_is_told():
    """The CPU and the text of the failure that comes next: check_failed_on(check, cpu, stack,
    level, event, format, text), whose seventh argument lies above the return address."""
    run(f"tbreak *check_failed_on if (int)$rdi == CHECK_TABLES && $gs_base == {AREA}")
    run("continue")
    while gdb.selected_frame().name() != "check_failed_on":    # the breakpoint that it stands at
        run("continue")
    text = gdb.parse_and_eval("*(char **)($rsp + 8)").string()
    return f"CPU {number('(int)$rsi')}: {text}"


def look_again_soon():
    """Half a second of storm for each flip would take long."""
    run(f"tbreak thread_block_ms if ms == 500 && $gs_base == {AREA}")
    run("continue")
    run("set $rdi = 1")
    run("continue")


run("set pagination off")
run(f"break tables_look if $gs_base == {AREA} && watched")
run("continue")
run("continue")
for entry in FLIPS:
    flip(*entry)
    if os.environ.get("LEAVE"):
        break
    run("set $eflags &= ~0x200")        # a switch of threads would put RSP0 right
    print("told", what_is_told(), flush=True)
    run("set $eflags |= 0x200")
    flip(*entry)
    look_again_soon()
run("delete")
run("detach" if os.environ.get("LEAVE") else "kill")
