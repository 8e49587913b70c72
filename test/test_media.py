# SPDX-License-Identifier: MIT
"""The other ways in: USB stick and network, and a GRUB that does not see QEMU."""

import subprocess

import pytest
from conftest import ROOT
from runs import Run, cpus


@pytest.fixture(scope="module")
def pxe():
    """The netboot tree."""
    built = subprocess.run(["make", "-s", "pxe"], cwd=ROOT, capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, check=False)
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_usb_stick(launch, firmware):
    run = Run(f"usb {firmware}", "matrix", firmware=firmware, media="usb", checks=(cpus(2),))
    result = launch(run)
    assert not list(run.problems(result)), result.explain()


@pytest.mark.usefixtures("pxe")
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_netboot(launch, firmware):
    run = Run(f"pxe {firmware}", "matrix", firmware=firmware, media="pxe", timeout=90,
              checks=(cpus(2),))
    result = launch(run)
    assert not list(run.problems(result)), result.explain()


def test_menu_waits_where_grub_does_not_see_qemu(launch):
    """As on hardware: the menu is on the serial line too, and its first entry boots by itself."""
    run = Run("menu", "matrix", extra=("-smbios", "type=1,manufacturer=Acme"))
    result = launch(run)
    assert result.report.passed and result.status == 0, result.explain()
    assert "Mixed storm, 10 s, all CPUs" in result.text
