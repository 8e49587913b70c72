# SPDX-License-Identifier: MIT
"""Machines beside QEMU as tools/run knows it: Bochs, and any that a command line starts.

They have no fw_cfg, so each run has an ISO of its own with the command line in GRUB's menu, and
their serial port is a named pipe. Their other output is kept, to say why a machine ended."""

import fcntl
import os
import re
import shlex
import shutil
import subprocess

BOCHS = "bochs"
BOCHS_BIOS = "/usr/share/bochs/BIOS-bochs-latest"
BOCHS_VGABIOS = "/usr/share/bochs/VGABIOS-lgpl-latest"  # a link to a file of the package vgabios
# Bochs's model with most of the features that the image uses.
BOCHS_CPUS = {"max": "corei7_skylake_x"}
# 50 million instructions a second of the machine's clock: about what a host does in one.
BOCHS_CONFIG = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
romimage: file={bios}
vgaromimage: file={vgabios}
megs: {megs}
cpu: model={model}, count={count}, ips=50000000, reset_on_triple_fault=0
clock: sync=none, time0=1704067200
ata0-master: type=cdrom, path="{iso}", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev="{serial}"
sound: driver=dummy, waveout=/dev/null, wavein=/dev/null, midiout=/dev/null
plugin_ctrl: unmapped=1, biosdev=1, sb16=0, es1370=0, voodoo=0, ne2k=0, usb_uhci=0, gameport=0
panic: action=fatal
error: action=report
log: "{log}"
"""
# The last words of a machine that has ended begin behind this.
LAST_WORDS = re.compile(r"exiting with the following message:\n(.+)")
UNITS = {"": 1, "M": 1, "G": 1024}


class NotPossible(Exception):
    """The machine cannot be started; the text says why."""


def call(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise NotPossible(f"{command[0]} failed: {done.stdout.strip()[-300:]}")


def make_iso(iso, words, directory, platform=None):
    """An ISO as the given one, whose GRUB starts the image with these words at once."""
    if any(c in word for word in words for c in "'\n"):
        raise NotPossible("the command line has a quote or a line end, which GRUB cannot pass on")
    tree, menu = os.path.join(directory, "iso"), os.path.join(directory, "iso/boot/grub/grub.cfg")
    call("xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/boot/iststorm.elf",
         os.path.join(tree, "boot/iststorm.elf"), "-extract", "/boot/grub/grub.cfg", menu)
    os.chmod(menu, 0o644)
    with open(menu, encoding="ascii") as original:
        text = original.read()
    with open(menu, "w", encoding="ascii") as changed:
        changed.write(f"set words='{' '.join(words)}'\n{text}\nset timeout=0\n")
    target = os.path.join(directory, "run.iso")
    only = ["-d", f"/usr/lib/grub/{platform}"] if platform else []
    call("grub-mkrescue", "-o", target, *only, tree)
    return target


def make_pipe(directory):
    """The named pipe for the serial port, and its end to read: one that is never at its end."""
    path = os.path.join(directory, "serial")
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 1 << 20)
    return path, fd


def megabytes(size):
    match = re.fullmatch(r"([0-9]+)([MG]?)", size)
    if not match:
        raise NotPossible(f"Bochs takes its memory as a number and M or G, not '{size}'")
    return int(match[1]) * UNITS[match[2]]


def without_network():
    """A prefix that hides Bochs's screen, which else is open to the network; none if it fails."""
    prefix = ["unshare", "--net", "--map-root-user"]
    try:
        works = subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return []
    return prefix if works.returncode == 0 else []


def bochs_command(options, directory, serial):
    """Bochs's command line; its configuration goes to the directory."""
    for needed in (shutil.which("bochs"), BOCHS_BIOS, BOCHS_VGABIOS):
        if needed is None or not os.path.exists(needed):
            raise NotPossible(f"there is no {needed or 'Bochs'}: type ci/setup bochs")
    if not options.smp.isdigit():
        raise NotPossible(f"Bochs takes a number of CPUs, not '{options.smp}'")
    config, go = os.path.join(directory, "bochsrc"), os.path.join(directory, "go")
    with open(config, "w", encoding="utf-8") as out:
        out.write(BOCHS_CONFIG.format(
            bios=BOCHS_BIOS, vgabios=BOCHS_VGABIOS, megs=megabytes(options.mem), serial=serial,
            model=BOCHS_CPUS.get(options.cpu, options.cpu), count=options.smp,
            log=os.path.join(directory, "bochs.log"),
            iso=make_iso(options.iso, options.words, directory, "i386-pc")))
    with open(go, "w", encoding="ascii") as out:
        out.write("c\n")  # Debian's Bochs has its debugger, which waits to be told
    return [*without_network(), "bochs", "-q", "-f", config, "-rc", go, *options.extra]


def own_command(options, directory, serial):
    """A user's command line, with its placeholders filled in."""
    fill = {"{serial}": serial}
    if "{iso}" in options.command:
        fill["{iso}"] = make_iso(options.iso, options.words, directory)
    if "{words}" in options.command:
        fill["{words}"] = " ".join(options.words)
    return [re.sub(r"\{iso\}|\{serial\}|\{words\}", lambda match: fill[match[0]], word)
            for word in shlex.split(options.command)] + options.extra


def last_words(path):
    """Why the machine says that it ended, as far as it says so."""
    try:
        with open(path, encoding="utf-8", errors="replace") as said:
            text = said.read()
    except OSError:
        return ""
    match = LAST_WORDS.search(text)
    lines = text.strip().split("\n")
    return (match[1] if match else lines[-1]).strip()
