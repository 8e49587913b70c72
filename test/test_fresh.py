# SPDX-License-Identifier: MIT
"""The needs of a fresh machine: ci/packages, ci/setup, ci/sources, ci/fresh and CI's use of them.

None of these tests makes a fresh machine: `make fresh` and CI run all of the suite in one."""

import fcntl
import os
import re
import shutil
import signal
import subprocess

import iststorm_foreign
import pytest
import synthetic
from conftest import ROOT
from test_static import TEXTS, run


def listed_packages(*groups):
    text = re.sub(r"#.*", "", (ROOT / "ci" / "packages").read_text())
    listed = dict(re.findall(r"^\[(\w+)\]\n([^\[]*)", text, re.MULTILINE))
    return [package for group in groups or listed for package in listed[group].split()]


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


MAY_NOT_INSTALL = {"id": "echo 1000", "sudo": "exit 1"}


def asked_for(stderr):
    """The packages in the command that ci/setup prints."""
    command = re.search("sudo apt-get update && sudo apt-get install -y "
                        "--no-install-recommends (.*)\n", stderr)
    assert command, stderr
    return command[1].split()


def test_setup_prints_the_command_where_it_may_not_install(tmp_path):
    env = fake_commands(tmp_path / "bin", dpkg_query='[ "$3" != nasm ] || exit 1; echo installed',
                        **MAY_NOT_INSTALL)
    done = run(ROOT / "ci" / "setup", env=env)
    assert done.returncode == 1
    assert asked_for(done.stderr) == ["nasm"]


@pytest.mark.parametrize("target, groups", [
    ("run", ["run"]), ("bench", ["run"]), ("conform", ["run", "bochs", "pages"]),
    ("test", ["run", "bochs", "pages", "test"]),
    ("setup", ["run", "bochs", "pages", "test", "fresh"])])
def test_a_target_asks_for_its_packages_alone(tmp_path, target, groups):
    """On a machine that has make and nothing else."""
    env = fake_commands(tmp_path / "bin", dpkg_query="exit 1", **MAY_NOT_INSTALL)
    done = run("make", target, cwd=ROOT, env=env)
    assert done.returncode == 2
    assert asked_for(done.stderr) == list(dict.fromkeys(listed_packages(*groups)))


def test_runs_alone_need_nothing_of_the_tests():
    assert not set(listed_packages("run")) & set(listed_packages("bochs", "pages", "test"))


def test_setup_names_the_groups_there_are():
    done = run(ROOT / "ci" / "setup", "chromium")
    assert done.returncode == 64
    assert "no group 'chromium' in ci/packages, but: run bochs pages test fresh" in done.stderr


def test_setup_installs_what_is_missing(tmp_path):
    """Also where a source that has nothing to do with it cannot be read."""
    env = fake_commands(tmp_path / "bin",
                        dpkg_query='case $3 in nasm|gdb) exit 1; esac; echo installed',
                        id="echo 1000", sudo='shift; exec "$@"',
                        apt_get=f'echo "$DEBIAN_FRONTEND $*" >> {tmp_path}/calls; '
                                '[ "$1" = install ]')
    done = run(ROOT / "ci" / "setup", env=env)
    assert done.returncode == 0, done.stderr
    assert "not all package lists could be fetched" in done.stderr
    assert (tmp_path / "calls").read_text().splitlines() == [
        "noninteractive update -q",
        "noninteractive install -y --no-install-recommends nasm gdb "
        "-o DPkg::Lock::Timeout=300"]


KEYS = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
ONE_LINE = """\
deb [arch=amd64] http://other.test/apt bookworm main
deb http://mirror.test/debian bookworm main contrib
deb http://mirror.test/debian bookworm-updates main
deb-src http://sources.test/debian bookworm main
"""
DEB822 = """\
Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://security.test/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.fixture
def sources(tmp_path):
    """A function that runs ci/sources where apt has these sources, and has fetched these files."""
    def run_it(text, *suites, fetched=(), script=ROOT / "ci" / "sources"):
        etc, lists = tmp_path / "etc", tmp_path / "lists"
        for directory in (etc, lists):
            directory.mkdir()
        (etc / ("a.sources" if "Types:" in text else "a.list")).write_text(text)
        for name, origin in fetched:
            (lists / name).write_text(f"Origin: {origin}\nSuite: stable\n")
        config = tmp_path / "apt.conf"
        config.write_text(f'Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "{etc}";\n'
                          f'Dir::State::Lists "{lists}";\n')
        return run(script, *suites, env={**os.environ, "APT_CONFIG": str(config)})
    return run_it


@pytest.mark.parametrize("text, has_security", [(ONE_LINE, False), (DEB822, True)])
def test_mirrors_are_those_of_the_systems_own_sources(sources, text, has_security):
    done = sources(text, "bookworm", "bookworm-security", "bookworm-backports")
    assert done.returncode == 0, done.stderr
    security = f"deb {KEYS} http://security.test/debian-security bookworm-security main\n"
    assert done.stdout == (f"deb {KEYS} http://mirror.test/debian bookworm main\n"
                           f"{security if has_security else ''}"
                           f"deb {KEYS} http://mirror.test/debian bookworm-backports main\n")


@pytest.mark.parametrize("order", [1, -1])
def test_who_else_has_a_suite_of_that_name_is_no_mirror(sources, order):
    lines = ["deb cdrom:[Debian 12]/ bookworm main", "deb http://other.test/apt bookworm main",
             "deb http://mirror.test/debian bookworm main"]
    done = sources("\n".join(lines[::order]) + "\n", "bookworm", fetched=[
        ("other.test_apt_dists_bookworm_InRelease", "Acme"),
        ("mirror.test_debian_dists_bookworm_InRelease", "Debian")])
    assert done.stdout == f"deb {KEYS} http://mirror.test/debian bookworm main\n", done.stderr


def test_a_list_of_mirrors_in_a_file_is_read(sources, tmp_path):
    """As in Debian's cloud images."""
    mirrors = tmp_path / "mirrors"
    mirrors.write_text("# near first\nhttps://near.test/debian\tpriority:1\n"
                       "https://far.test/debian\n")
    text = DEB822.replace("http://mirror.test/debian", f"mirror+file://{mirrors}")
    done = sources(text, "bookworm")
    assert done.stdout == f"deb {KEYS} https://near.test/debian bookworm main\n", done.stderr


@pytest.mark.parametrize("text, said", [
    ("deb http://other.test/apt stable-of-acme main\n", "name no mirror of Debian"),
    ("# none\n", "name no mirror of Debian"),
    ("dep http://mirror.test/debian bookworm main\n",
     "apt cannot read its sources: E: Type 'dep'")])
def test_a_system_without_a_mirror_is_told_so(sources, text, said):
    done = sources(text, "bookworm")
    assert done.returncode == 1 and done.stdout == "" and said in done.stderr, done.stderr


def test_no_file_names_a_mirror():
    """Not by chance either: each command is asked where it is."""
    wrong = [name for name, text in TEXTS.items()
             if re.search(rb"(debian|snapshot)\.org/(debian|archive)|deb\.debian\.", text)]
    assert not wrong, wrong


# A root with as much in it as ci/fresh itself looks at.
MAKE_ROOT = """
for last; do [ "${last%.new}" = "$last" ] || target=$last; done
mkdir -p $0.d/etc/apt/apt.conf.d $0.d/etc/dpkg/dpkg.cfg.d $0.d/var/cache/apt/archives $0.d/root
tar -C $0.d -cf "$target" .
echo made >> $0.calls"""
FIND_COPY = 'while [ "$1" != --inside ]; do shift; done; cd "$2"; shift 2; '


@pytest.fixture
def fresh(tmp_path):
    """A function that starts ci/fresh where these scripts stand for the commands that need root."""
    def start(*arguments, **scripts):
        directory = tmp_path / "bin"
        shutil.rmtree(directory, ignore_errors=True)
        env = fake_commands(directory, **{
            "dpkg_query": "echo installed", "id": "echo 0", "unshare": "", "mmdebstrap": MAKE_ROOT,
            "apt_config": '[ "$1" = dump ] || exec /usr/bin/apt-config "$@"', **scripts})
        return subprocess.Popen([ROOT / "ci" / "fresh", *arguments], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**env, "FRESH_CACHE": str(tmp_path / "cache")})
    return start


def copies(tmp_path):
    return list((tmp_path / "cache").glob("run.*"))


def test_a_fresh_machine_is_a_copy_that_goes_and_its_packages_stay(fresh, tmp_path):
    command = FIND_COPY + """
        cat; echo "$@"; ls root/iststorm; cat etc/apt/sources.list; ls var/cache/apt/archives
        touch var/cache/apt/archives/a.deb left; exit 7"""
    process = fresh("make", "test", setpriv=command)
    said, errors = process.communicate("typed\n", timeout=60)
    assert process.returncode == 7, errors
    assert said.startswith("typed\nmake test\n"), said
    assert "\nGNUmakefile\n" in said and f"\ndeb {KEYS} " in said
    assert "a.deb" not in said and not copies(tmp_path)

    process = fresh("make", "test", setpriv=FIND_COPY + "ls . var/cache/apt/archives")
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "a.deb\n" in said and "left" not in said, errors
    assert (tmp_path / "bin" / "mmdebstrap").exists()
    assert not (tmp_path / "bin" / "mmdebstrap.calls").exists(), "the root was made again"


def test_a_signal_ends_a_fresh_machine_at_once(fresh, tmp_path):
    process = fresh("make", "test", setpriv="echo started; exec sleep 1000")
    assert process.stdout.readline() == "started\n" and len(copies(tmp_path)) == 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143 and not copies(tmp_path)


def test_a_copy_whose_run_was_killed_is_removed_by_the_next(fresh, tmp_path):
    """And one of a run that goes on stays."""
    cache = tmp_path / "cache"
    for name in ("run.killed", "run.live"):
        (cache / name).mkdir(parents=True)
        (cache / name / "file").touch()
        (cache / f"{name}.lock").touch()
    with open(cache / "run.live.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = fresh("true", setpriv="")
        assert process.wait(timeout=60) == 0, process.stderr.read()
    assert sorted(copies(tmp_path)) == [cache / "run.live", cache / "run.live.lock"]


@pytest.mark.parametrize("scripts, said", [
    ({"mmdebstrap": "echo 'E: no mirror answers'; exit 1"},
     "E: no mirror answers\nci/fresh: the bare root could not be made"),
    ({"id": "echo 1000"}, "must be root: sudo ci/fresh make test"),
    ({"unshare": "exit 1"}, "this host gives nobody a mount namespace"),
    ({"apt_get": "exit 100"}, "no mirror to take Debian 12 from"),
    ({"dpkg_query": "exit 1", "apt_get": '[ "$2" = --print-uris ] && exec /usr/bin/apt-get "$@"'},
     "mmdebstrap and git could not be installed"),
    ({"cp": "exit 1"}, "status 1 before the command was started"),
    ({"git": "exit 128"}, "status 128 before the command was started")])
def test_no_fresh_machine_is_told_from_a_command_that_fails(fresh, tmp_path, scripts, said):
    process = fresh("make", "test", setpriv="exit 1", **scripts)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 125 and said in errors, errors
    assert not copies(tmp_path)


def test_usage_of_a_fresh_machine(fresh):
    for arguments, status in (["--help"], 0), ([], 64), (["--keep", "x"], 64):
        process = fresh(*arguments)
        said = "".join(process.communicate(timeout=60))
        assert process.returncode == status and "usage: ci/fresh COMMAND..." in said


@pytest.mark.parametrize("of_fresh, of_make, status, ran", [
    (0, 0, 0, "ci/fresh make test"), (2, 0, 2, "ci/fresh make test"),
    (125, 0, 0, "ci/fresh make test, make test"), (125, 2, 2, "ci/fresh make test, make test")])
def test_ci_tests_on_its_own_machine_where_there_is_no_fresh_one(tmp_path, of_fresh, of_make,
                                                                 status, ran):
    """README's command, and a failure of the tests is a failure on both."""
    assert re.search("^    make test +# all tests$", (ROOT / "README.md").read_text(), re.MULTILINE)
    env = fake_commands(tmp_path / "bin", make=f"echo make $*; exit {of_make}")
    fake_commands(tmp_path / "ci", fresh=f"cat || exit 9; echo ci/fresh $*; exit {of_fresh}")
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    done = run("bash", "-c", 'exec bash "$0" <&-', tmp_path / ".ci" / "run", env=env)
    assert (done.returncode, ", ".join(done.stdout.splitlines())) == (status, ran)
    assert ("no fresh machine" in done.stderr) == (of_fresh == 125)


def test_what_is_not_installed_is_named_with_its_group(tmp_path, monkeypatch):
    monkeypatch.setattr(iststorm_foreign, "BOCHS_VGABIOS", "/nowhere/vgabios.bin")
    with pytest.raises(iststorm_foreign.NotPossible) as raised:
        iststorm_foreign.bochs_command(None, tmp_path, None)
    assert str(raised.value) == "there is no /nowhere/vgabios.bin: type ci/setup bochs"

    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError\n")
    log = tmp_path / "log"
    log.write_text(synthetic.stream(synthetic.bench()))
    done = run(ROOT / "tools" / "convert", "html", log, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 3 and done.stderr == \
        "tools/convert: a page needs Matplotlib for its plots: type ci/setup pages\n"
