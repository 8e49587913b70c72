# SPDX-License-Identifier: MIT
"""What can be said of the sources, the build and the packages without a run."""

import os
import pathlib
import re
import shutil
import subprocess

import generated
import iststorm_report
import pytest
from conftest import ROOT

LONGEST_LINE = 100
# A room may use those before it. src/boot/main.c, the table of contents, may use all.
ROOMS = ("lib", "boot", "cpu", "smp", "sched", "workloads")
EXEMPT_FROM_ROOMS = "src/boot/main.c"
NO_SPDX = {"LICENSE", "README.md", "TRICKS.md", "ci/packages", ".gitignore",
           "test/path_lengths.json"}


def listed_files():
    """What git has or would take, as paths below the root."""
    listing = subprocess.run(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    return sorted(name for name in listing.split("\0") if name and (ROOT / name).is_file())


FILES = listed_files()
TEXTS = {name: (ROOT / name).read_bytes() for name in FILES
         if "/corpus/" not in name and not name.endswith(".png")}
SOURCES = [name for name in FILES if re.fullmatch(r"src/.*\.(c|h|asm|inc|ld)", name)]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False, **options)


def test_files_are_plain_text():
    wrong = []
    for name, text in TEXTS.items():
        for number, line in enumerate(text.split(b"\n"), 1):
            where = f"{name}:{number}: "
            if not line.isascii():
                wrong.append(where + "not ASCII")
            if len(line) > LONGEST_LINE and not name.endswith(".md"):
                wrong.append(where + f"{len(line)} columns")
            if line != line.rstrip():
                wrong.append(where + "blanks at the end")
            if b"\t" in line and name != "GNUmakefile" and not name.endswith(".mk"):
                wrong.append(where + "tab")
        if text and not text.endswith(b"\n") or text.endswith(b"\n\n"):
            wrong.append(f"{name}: must end in one line end")
    assert not wrong, "\n".join(wrong)


def test_files_say_their_licence():
    wrong = [name for name, text in TEXTS.items() if name not in NO_SPDX
             and b"SPDX-License-Identifier: MIT" not in b"\n".join(text.split(b"\n")[:3])]
    assert not wrong, wrong


def test_rooms_use_only_those_below():
    wrong = []
    for name in SOURCES:
        room = name.split("/")[1]
        text = (ROOT / name).read_text()
        for other in re.findall(r'^\s*[#%]include\s+"(\w+)/', text, re.MULTILINE):
            if name != EXEMPT_FROM_ROOMS and room in ROOMS and other in ROOMS \
                    and ROOMS.index(other) > ROOMS.index(room):
                wrong.append(f"{name} includes {other}/")
    assert not wrong, "\n".join(wrong)


def test_no_line_comments():
    wrong = []
    for name in SOURCES:
        if name.endswith((".c", ".h")):
            text = re.sub(r'"(\\.|[^"\\\n])*"|/\*.*?\*/', '""', (ROOT / name).read_text(),
                          flags=re.DOTALL)
            wrong += [name] if "//" in text else []
    assert not wrong, wrong


def test_shell_files_pass_shellcheck():
    shell = [name for name, text in TEXTS.items() if re.match(rb"#!.*\b(ba)?sh\b", text)]
    assert "ci/setup" in shell and ".ci/run" in shell
    done = run("shellcheck", *shell, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_grub_reads_its_menu():
    for name in ("grub.cfg", "grub-machine.cfg"):
        done = run("grub-script-check", name, cwd=ROOT)
        assert done.returncode == 0, done.stderr


def copy_of_sources(directory):
    """A clean tree: what git would take, and nothing that was built."""
    for name in FILES:
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return directory


def build(directory, *arguments, **environment):
    done = run("make", "-j2", *arguments, cwd=directory, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return done, (directory / "build" / "iststorm.elf").read_bytes()


def test_clang_builds_without_a_warning(tmp_path):
    build(copy_of_sources(tmp_path), "elf", "CC=clang-14", CI="true")


def listed_packages():
    text = (ROOT / "ci" / "packages").read_text()
    return re.sub(r"#.*", "", text).split()


def commands_of(packages, directory):
    """A folder with links to the commands of these packages, of what they depend on for a name,
    and of Debian's base system."""
    required = run("dpkg-query", "-W", "-f", "${Priority} ${Package}\n").stdout.split("\n")
    base = [line.split()[1] for line in required if line.startswith("required ")]
    files = run("dpkg-query", "-L", *packages, *base).stdout.split("\n")
    for name in files:
        path = pathlib.Path(name)
        if path.parent.name in ("bin", "sbin") and os.access(path, os.X_OK):
            link = directory / path.name
            if not link.is_symlink() and path.is_file():
                link.symlink_to(path)
    # Commands that Debian's alternatives or the shell's own package provide under a second name.
    for name in ("sh", "awk"):
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(shutil.which(name))
    return directory


def test_the_build_is_silent_reproducible_and_needs_the_listed_packages_alone(tmp_path):
    """The whole build with no commands but those of ci/packages and of Debian's base system; and
    again, which gives the same bytes. Both at one place: NASM's line information has the source's
    absolute folder, and no option to leave it out."""
    tree, commands = tmp_path / "tree", tmp_path / "bin"
    commands.mkdir()
    commands_of(listed_packages(), commands)
    _, first = build(copy_of_sources(tree), "all", "pxe", PATH=str(commands))
    assert (tree / "build" / "iststorm.iso").exists()
    shutil.rmtree(tree)
    again, second = build(copy_of_sources(tree), "elf")
    assert again.stderr == ""
    assert first == second


def fake_commands(directory, **scripts):
    directory.mkdir()
    for name, script in scripts.items():
        path = directory / name.replace("_", "-")
        path.write_text("#!/bin/sh\n" + script + "\n")
        path.chmod(0o755)
    return {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}


def test_setup_does_nothing_when_all_is_there(tmp_path):
    env = fake_commands(tmp_path / "bin", dpkg_query="echo installed", apt_get="echo called")
    done = run(ROOT / "ci" / "setup", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_setup_prints_the_command_where_it_may_not_install(tmp_path):
    env = fake_commands(tmp_path / "bin", dpkg_query='[ "$3" != nasm ] || exit 1; echo installed',
                        id="echo 1000", sudo="exit 1")
    done = run(ROOT / "ci" / "setup", env=env)
    assert done.returncode == 1
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends nasm\n" \
        in done.stderr


def test_setup_installs_what_is_missing(tmp_path):
    env = fake_commands(tmp_path / "bin",
                        dpkg_query='case $3 in nasm|gdb) exit 1; esac; echo installed',
                        id="echo 1000", sudo='shift; exec "$@"',
                        apt_get=f'echo "$DEBIAN_FRONTEND $*" >> {tmp_path}/calls')
    done = run(ROOT / "ci" / "setup", env=env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text().splitlines() == [
        "noninteractive update -q",
        "noninteractive install -y --no-install-recommends nasm gdb"]


def readme_part(name):
    """What stands in README.md between <!-- NAME --> and <!-- /NAME -->."""
    match = generated.part(name).search((ROOT / "README.md").read_text())
    assert match, f"README.md has no part '{name}'"
    return match[0]


def test_readme_has_the_schema():
    """tools/iststorm_report.py --schema prints what to put there."""
    table = iststorm_report.schema_table(iststorm_report.read_schema())
    assert readme_part("schema") == table


def command_line_keys():
    text = (ROOT / "src" / "boot" / "cmdline.h").read_text()
    return re.findall(r"^    OPTION\((\w+), ", text, re.MULTILINE)


def test_readme_has_every_key_of_the_command_line():
    keys = re.findall(r"^\| `(\w+)=` \|", readme_part("keys"), re.MULTILINE)
    assert keys == command_line_keys() != []


@pytest.mark.parametrize("name", ["README.md", "grub.cfg"])
def test_keys_in_examples_exist(name):
    """No example with a key that the image would refuse."""
    text = (ROOT / name).read_text()
    example = r'''(?:^ *storm|tools/run|CMDLINE=")[^\n=`]*?((?: ?[a-z]+=[^\s`"]+)+)'''
    lines = re.findall(example, text, re.MULTILINE)
    keys = {word.split("=")[0] for line in lines for word in line.split()}
    assert keys and keys <= set(command_line_keys())
