"""Kernels, releases, and what starts updates by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_core.model import Absent, ParseError
from audit_patch import host
from recorded.patch import answer, answers, run


def test_kernels_of_a_real_folder(tmp_path: Path) -> None:
    for name in (
        "vmlinuz-6.1.0-37-amd64",
        "vmlinuz-0-rescue-abc",
        "config-6.1.0-99-amd64",
        "vmlinuz-lts",
    ):
        (tmp_path / name).touch()
    (tmp_path / "reboot-required").touch()
    swap = {"/boot": str(tmp_path), "/run/reboot-required": str(tmp_path / "reboot-required")}
    kernels = host.parse_kernels(run(host.KERNELS, swap=swap))
    assert not isinstance(kernels, Absent)
    assert (kernels.installed, kernels.reboot_mark) == (("6.1.0-37-amd64",), "reboot-required")


def test_kernels_and_the_mark_of_suse(tmp_path: Path) -> None:
    """Invented after `zypper needs-rebooting`, which looks for /run/reboot-needed."""
    for name in ("Image-6.4.0-150600.21-default", "vmlinux-6.4.0-150600.21-default.gz", "initrd-6"):
        (tmp_path / name).touch()
    (tmp_path / "reboot-needed").touch()
    swap = {"/boot": str(tmp_path), "/run/reboot-needed": str(tmp_path / "reboot-needed")}
    kernels = host.parse_kernels(run(host.KERNELS_OF_SUSE, swap=swap))
    assert not isinstance(kernels, Absent)
    assert "6.4.0-150600.21-default" in kernels.installed
    assert kernels.reboot_mark == "reboot-needed"


def test_release_of_this_machine() -> None:
    assert host.parse_release(answer(Path(host.RELEASE.path).read_bytes())).id != ""


def test_release_of_openeuler_tells_its_service_pack() -> None:
    # invented after openEuler 24.03 (LTS-SP3)
    text = b'NAME="openEuler"\nVERSION="24.03 (LTS-SP3)"\nID="openEuler"\nVERSION_ID="24.03"\n'
    release = host.parse_release(answer(text))
    assert (release.id, release.version) == ("openeuler", "24.03 (LTS-SP3)")


# invented after needs-restarting of yum-utils 4.0 and 1.1.31
def test_needs_restarting() -> None:
    yes = b"Core libraries or services have been updated:\n  * glibc\n\nReboot is required"
    no = b"No core libraries or services have been updated since boot-up.\n"
    assert host.parse_restart(answer(yes, exit_code=1)) is True
    assert host.parse_restart(answer(no + b"Reboot should not be necessary.\n")) is False
    for broken in (answer(b""), answer(no, exit_code=1), answer(b"Error: x\n", exit_code=1)):
        with pytest.raises(ParseError):
            host.parse_restart(broken)


# systemd 252: a line for each unit asked for; `unknown` is that of older ones
def test_what_starts_automatic_updates() -> None:
    got = host.parse_starters(answer(b"active\ninactive\nunknown\nfailed\ninactive\n"))
    assert got == ("apt-daily-upgrade.timer",)
    with pytest.raises(ParseError):
        host.parse_starters(answer(b"active\n"))
    detail = b"System has not been booted with systemd as init system (PID 1). Can't operate.\n"
    assert isinstance(host.parse_starters(answer(b"", detail, 1)), Absent)


def test_updaters_of_this_machine_are_listed_or_not() -> None:
    found = host.parse_updaters(run(host.UPDATERS))
    assert isinstance(found, tuple)


def test_the_build_of_a_kernel_is_read() -> None:
    packages = (
        b"linux-image-6.1.0-18-amd64 6.1.76-1 installed|linux-image-amd64 6.1.76-1 config-files|"
    )
    for text, build in (
        (b"#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)\n", "6.1.76-1"),
        (b"#101-Ubuntu SMP Tue Nov 14 13:30:08 UTC 2023\n", "101"),
        (b"#14~22.04.1-Ubuntu SMP PREEMPT_DYNAMIC x\n", "14~22.04.1"),
        (b"#1 SMP PREEMPT_DYNAMIC @0\n", ""),
    ):
        got = host.parse_builds(answers(running=text, installed=packages))
        assert (got.running, got.installed) == (build, {"6.1.0-18-amd64": "6.1.76-1"})
