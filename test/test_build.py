# SPDX-License-Identifier: MIT
"""The build: with what commands, and in what surroundings."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from test_fresh import listed_packages
from test_static import FILES, run

# Turkish has an i without a dot, which is the small I: what folds case by the locale shows.
TURKISH = "tr_TR.UTF-8"
STORM = ("run", "SMP=1", "CMDLINE=run=nmi time=100ms")


def copy_of_sources(directory):
    """A clean tree: what git would take, and nothing that was built."""
    for name in FILES:
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return directory


def make(directory, *arguments, umask=-1, prefix=(), **environment):
    done = run(*prefix, "make", "-j2", *arguments, cwd=directory, umask=umask,
               env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return done


def rebuilt(header):
    """The assembly that make would build anew, had this header changed."""
    done = run("make", "-n", "-W", header, "elf", cwd=ROOT, env={**os.environ, "MAKEFLAGS": ""})
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"nasm .* -o \S+ (src/\S+\.asm)$", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("header, files", [
    ("src/workloads/sweep/words.h", {"src/workloads/sweep/sweep.asm"}),
    ("src/workloads/run/known_block.h", {"src/workloads/run/known.asm",
                                         "src/workloads/run/victim.asm"})])
def test_a_workloads_constant_rebuilds_its_own_assembly_alone(iso, header, files):
    assert rebuilt(header) == files


def image(built):
    return (built / "iststorm.elf").read_bytes()


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


@pytest.fixture
def turkish(tmp_path):
    """The environment of a Turkish user, where the C library knows that locale."""
    subprocess.run(["localedef", "-i", "tr_TR", "-f", "UTF-8", tmp_path / TURKISH], check=True)
    environment = {"LC_ALL": TURKISH, "LOCPATH": str(tmp_path)}
    charmap = run("locale", "charmap", env={**os.environ, **environment}).stdout
    assert charmap == "UTF-8\n", "the locale is not in force"
    return environment


def test_one_image_with_the_listed_packages_alone_and_for_another_user(tmp_path, turkish):
    """Built and run with no commands but those of its own group of packages and of Debian's base
    system; and built again, by a Turkish user whose files nobody else may read, which gives the
    same bytes and says nothing on stderr. The netboot tree is for a TFTP server, which is another
    user. Both at one place, whose name has a blank: NASM's line information has the source's
    absolute folder, and no option to leave it out."""
    tree, commands = tmp_path / "a tree", tmp_path / "bin"
    commands.mkdir()
    commands_of(listed_packages("run"), commands)
    make(copy_of_sources(tree), "all", "pxe", PATH=str(commands))
    assert make(tree, *STORM, PATH=str(commands)).stdout.endswith("iststorm: PASS\n")
    first = image(tree / "build")
    shutil.rmtree(tree)

    again = make(copy_of_sources(tree), "elf", "pxe", umask=0o077, **turkish)
    assert again.stderr == ""
    assert image(tree / "build") == first
    assert (tree / "build" / "iststorm.elf").stat().st_mode & 0o077 == 0, "umask 077 had no effect"
    netboot = tree / "build" / "pxe"
    for path in (netboot, *netboot.rglob("*")):
        needed = 0o055 if path.is_dir() else 0o044
        assert path.stat().st_mode & needed == needed, f"{path} is hidden from others"


def read_only(directory):
    """A prefix for a command that sees the directory and cannot write to it, whoever it runs as."""
    script = ('mount --bind "$0" "$0" && mount -o remount,bind,ro,nosuid,nodev "$0" && cd "$0" && '
              'exec "$@"')
    prefix = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, directory]
    if run(*prefix, "true").returncode != 0:
        pytest.skip("this host lets nobody mount in a namespace")
    assert run(*prefix, "touch", "x").returncode != 0, "it can be written to"
    return prefix


def test_clang_builds_a_read_only_checkout_elsewhere_without_a_warning(tmp_path):
    """And it is run and unit-tested there; under a locale that the C library does not know."""
    tree, built = copy_of_sources(tmp_path / "tree"), tmp_path / "built"
    variables = ("CC=clang-14", f"B={built}")
    make(tree, "all", "pxe", "unit-test_heat", *variables, prefix=read_only(tree),
         CI="true", LC_ALL=TURKISH, LOCPATH=str(tmp_path))
    for name in ("iststorm.iso", "pxe/boot/iststorm.elf", "unit/test_heat"):
        assert (built / name).exists(), name
    done = make(tree, *STORM, *variables, prefix=read_only(tree))
    assert done.stdout.endswith("iststorm: PASS\n") and len(list((built / "runs").iterdir())) == 1
    assert sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*")
                  if path.is_file()) == FILES
