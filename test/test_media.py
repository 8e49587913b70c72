# SPDX-License-Identifier: MIT
"""The other ways in: USB stick and network, and a GRUB that does not see QEMU."""

import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

import iststorm_report
import pytest
from conftest import ROOT, make
from runs import Run, cpus


@pytest.fixture(scope="module")
def pxe():
    """The netboot tree."""
    make("pxe")


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_usb_stick(launch, firmware):
    run = Run(f"usb {firmware}", "matrix", firmware=firmware, media="usb", checks=(cpus(2),))
    result = launch(run)
    assert not list(run.problems(result)), result.explain()


SECURE_CODE = pathlib.Path("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd")
SECURE_KEYS = pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.ms.fd")


@pytest.mark.skipif(not SECURE_KEYS.exists(), reason="no OVMF with Secure Boot and its keys")
def test_secure_boot_refuses_it(iso):
    """As docs/netboot.md says, the firmware names the disk, and nothing of iststorm runs."""
    command = ["qemu-system-x86_64", "-machine", "q35,smm=on", "-m", "512M", "-nic", "none",
               "-global", "driver=cfi.pflash01,property=secure,value=on",
               "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={SECURE_CODE}",
               "-drive", f"if=pflash,format=raw,unit=1,snapshot=on,file={SECURE_KEYS}",
               "-drive", f"media=cdrom,format=raw,readonly=on,file={iso}",
               "-display", "none", "-serial", "stdio"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as qemu:
        watchdog = threading.Timer(60, qemu.kill)
        watchdog.start()
        text = ""
        for line in qemu.stdout:
            text += line.decode("latin-1")
            if "No bootable option" in text or "KTAP" in text:
                break
        watchdog.cancel()
        qemu.kill()
    assert re.search(r'failed to load Boot\w+ "UEFI QEMU DVD-ROM.*: Access Denied', text), text
    assert "No bootable option" in text and "KTAP" not in text


MAC = "52:54:00:a1:b2:c3"
IP = "10.0.2.15"  # the first that QEMU's own DHCP server gives
OF_THE_MAC = "grub.cfg-01-52-54-00-a1-b2-c3"
OF_THE_IP = "grub.cfg-0A00020F"
OF_THE_NET = "grub.cfg-0A0002"
NOISE_BOUND_S = 60
VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"


def served(directory, **settings):
    """A copy of the netboot tree, with a file of settings a machine as grub.cfg-example says."""
    tree = directory / "pxe"
    shutil.copytree(ROOT / "build" / "pxe", tree)
    example = (tree / "boot" / "grub" / "grub.cfg-example").read_text()
    for name, words in settings.items():
        text = re.sub(r'set words=".*"', f'set words="{words}"', example)
        assert words in text
        (tree / "boot" / "grub" / name).write_text(text)
    return tree


def netboot(launch, name, firmware, nic, tree):
    """GRUB's command line, not fw_cfg's: tools/run is given no words."""
    run = Run(f"pxe {name}", "matrix", firmware=firmware, media="pxe", timeout=90, words=(),
              options=("--tree", str(tree), "--nic", f"{nic},mac={MAC}"), checks=(cpus(2),))
    result = launch(run)
    assert not list(run.problems(result)), result.explain()
    return result.report.of_type("machine")[0]


@pytest.mark.usefixtures("pxe")
@pytest.mark.parametrize("firmware, nic", [
    ("bios", "e1000"), ("bios", "virtio-net-pci"), ("uefi", "e1000"), ("uefi", "virtio-net-pci"),
    ("uefi32", "virtio-net-pci")])  # QEMU's ROM for e1000 has no driver for 32 bits
def test_netboot(launch, tmp_path, firmware, nic):
    """The settings are those of the MAC, and the report says who the machine is."""
    tree = served(tmp_path, **{OF_THE_MAC: "run=nmi time=300ms seed=7", OF_THE_IP: "time=1s"})
    machine = netboot(launch, f"{firmware} {nic}", firmware, nic, tree)
    assert (machine["mac"], machine["ip"]) == (MAC, IP)
    assert machine["cmdline"] == f"mac={MAC} ip={IP} run=nmi time=300ms seed=7"


@pytest.mark.usefixtures("pxe")
@pytest.mark.parametrize("name", [OF_THE_IP, OF_THE_NET])
def test_netboot_settings_by_ip(launch, tmp_path, name):
    tree = served(tmp_path, **{name: "run=debug time=300ms"})
    machine = netboot(launch, name, "bios", "e1000", tree)
    assert machine["cmdline"] == f"mac={MAC} ip={IP} run=debug time=300ms"


AS_ON_METAL = ("-smbios", "type=1,manufacturer=Acme")


def boot_with_noise(tmp_path, noise, *options):
    """The report of a machine whose GRUB does not see QEMU, and whose serial line has these bytes
    for it, ten times a second, from when the firmware has handed over until the report begins."""
    hand_over = b"Welcome to GRUB" if "uefi" in options else b""
    command = subprocess.run([ROOT / "tools" / "run", "--print-command", "--accel", "tcg", "--smp",
                              "2", *options, "--", *AS_ON_METAL], capture_output=True, text=True,
                             check=True).stdout
    command = re.sub(r"file=\S+/vars\.fd", f"snapshot=on,file={VARIABLES}", command)
    log = tmp_path / "log"
    with open(log, "wb") as stream, subprocess.Popen(
            f"exec {command}", shell=True, stdin=subprocess.PIPE, stdout=stream) as qemu:
        try:
            for _ in range(NOISE_BOUND_S * 10):
                if qemu.poll() is not None:
                    break
                said = log.read_bytes()
                if hand_over in said and b"KTAP" not in said:
                    os.write(qemu.stdin.fileno(), noise)
                time.sleep(0.1)
        finally:
            qemu.kill()
    return iststorm_report.read_log(log)


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_noise_on_the_line_does_not_stop_the_countdown(iso, tmp_path, firmware):
    """UEFI's console has the serial port, as where firmware redirects it on a server."""
    report = boot_with_noise(tmp_path, b"x", "--firmware", firmware, "run=nmi",
                             "time=100ms")
    assert report.passed and not report.problems, report


@pytest.mark.usefixtures("pxe")
def test_nothing_on_the_line_stops_a_machine_of_its_own_words(tmp_path):
    tree = served(tmp_path, **{OF_THE_MAC: "run=nmi time=100ms end=poweroff"})
    report = boot_with_noise(tmp_path, b"x", "--firmware", "uefi", "--media", "pxe",
                             "--tree", str(tree), "--nic", f"e1000,mac={MAC}")
    assert report.passed and not report.problems, report
    assert report.of_type("machine")[0]["cmdline"].endswith("run=nmi time=100ms end=poweroff")
