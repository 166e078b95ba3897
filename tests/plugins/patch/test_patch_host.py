"""Kernels, releases, and what starts updates by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Command, NamedAsk, ParseError, Partial
from audit_patch import host
from audit_patch.model import Kernels
from recorded.patch import answer, answers, run


def kernels_below(root: Path, asks: dict[str, NamedAsk], *paths: str) -> Kernels:
    """What is read of a host that has these files."""
    (root / "boot").mkdir(exist_ok=True)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("1\n")
    named = {}
    for name, ask in asks.items():
        assert isinstance(ask, Command)
        words = [w for w in ask.argv if w.startswith(("/boot", "/run", "/sys", "/."))]
        got = run(ask, swap={w: f"{root}{w}" for w in words})
        named[name] = answer(got.stdout.replace(bytes(root), b""), exit_code=got.exit_code)
    return whole(host.parse_kernels(answers(**named)))


def test_kernels_of_a_real_folder(tmp_path: Path) -> None:
    got = kernels_below(
        tmp_path, host.KERNELS, "boot/vmlinuz-6.1.0-37-amd64", "boot/vmlinuz-0-rescue-abc",
        "boot/config-6.1.0-99-amd64", "boot/vmlinuz-lts", "run/reboot-required", ".dockerenv",
        "run/systemd/other", "sys/module/ext4/x", "sys/kernel/livepatch/off/enabled",
    )  # fmt: skip
    (tmp_path / "sys/kernel/livepatch/off/enabled").write_text("0\n")
    assert (got.installed, got.reboot_mark) == (("6.1.0-37-amd64",), "reboot-required")
    assert (got.contained, got.live) == (False, ("off",))
    got = kernels_below(
        tmp_path, host.KERNELS, "run/systemd/container", "sys/module/ksplice_abc/x",
        "sys/kernel/livepatch/kpatch_5_14/enabled",
    )  # fmt: skip
    assert (got.contained, got.live) == (True, ("kpatch_5_14", "ksplice_abc"))


def test_a_closed_boot_leaves_what_packages_tell() -> None:
    refused = answer(b"/run/reboot-required\0", b"find: '/boot': Permission denied\n", 1)
    got = host.parse_kernels(answers(found=refused, live=b""))
    assert isinstance(got, Partial)
    assert got.value.reboot_mark == "reboot-required"


def test_kernels_and_the_mark_of_suse(tmp_path: Path) -> None:
    """Invented after `zypper needs-rebooting`, which looks for /run/reboot-needed."""
    got = kernels_below(
        tmp_path, host.KERNELS_OF_SUSE, "boot/Image-6.4.0-150600.21-default",
        "boot/vmlinux-6.4.0-150600.21-default.gz", "boot/initrd-6", "run/reboot-needed",
    )  # fmt: skip
    assert "6.4.0-150600.21-default" in got.installed
    assert got.reboot_mark == "reboot-needed"


def test_kernel_packages_by_the_names_that_the_kernels_have() -> None:
    # names and versions as they are known of the distributions; no host of them was asked
    text = (
        b"kernel-core 5.14.0-427.13.1.el9_4 x86_64|kernel-headers 5.14.0-1.el9 x86_64|"
        b"kernel-debug-core 5.14.0-503.el9 x86_64|kernel-rt-core 5.14.0-503.el9 x86_64|"
        b"kernel-rt 3.10.0-1160.rt56.1131.el7 x86_64|kernel-64k-core 5.14.0-503.el9 aarch64|"
        b"kernel-uek-core 5.15.0-200.el9uek x86_64|kernel 4.19.90-52.22.v2207.ky10 aarch64|"
    )
    got = host.parse_builds_of_rpm(answers(running=b"#1 SMP x\n", installed=text))
    assert sorted(got.installed) == [
        "3.10.0-1160.rt56.1131.el7.x86_64", "4.19.90-52.22.v2207.ky10.aarch64",
        "5.14.0-427.13.1.el9_4.x86_64", "5.14.0-503.el9.aarch64+64k",
        "5.14.0-503.el9.x86_64+debug", "5.14.0-503.el9.x86_64+rt", "5.15.0-200.el9uek.x86_64",
    ]  # fmt: skip
    suse = b"kernel-default 5.14.21-150500.55.52.1 x86_64|kernel-firmware-all 1-2 noarch|"
    got = host.parse_builds_of_suse(answers(running=b"#1 SMP x\n", installed=suse))
    assert list(got.installed) == ["5.14.21-150500.55.52-default"]


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
    suse = b"Reboot is suggested to ensure that your system benefits from these updates.\n"
    assert host.parse_restart(answer(suse, exit_code=1)) is True
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
        (b"#1 SMP PREEMPT_DYNAMIC PMX 6.8.12-4 (2024-11-06T15:04Z)\n", "6.8.12-4"),
        (b"#1 SMP PVE 5.15.35-3 (Wed, 11 May 2022 07:57:51 +0200)\n", "5.15.35-3"),
        (b"#1 SMP PREEMPT_DYNAMIC @0\n", ""),
    ):
        got = host.parse_builds(answers(running=text, installed=packages))
        assert (got.running, got.installed) == (build, {"6.1.0-18-amd64": "6.1.76-1"})
    proxmox = (
        b"proxmox-kernel-6.8.12-4-pve-signed 6.8.12-4 installed|proxmox-kernel-6.8 6 installed|"
    )
    got = host.parse_builds(answers(running=b"x\n", installed=proxmox))
    assert got.installed["6.8.12-4-pve"] == "6.8.12-4"


def test_packages_whose_installation_did_not_end() -> None:
    # dpkg 1.21.22: unpacked, half configured, triggers pending, to be reinstalled, removed
    text = b"ii \tbash\niU \txz-utils\niF \tlibgnutls30\nit \tlibc-bin\niHR\tzlib1g\nrc \tjq\n"
    assert whole(host.parse_unfinished(answer(text))) == ("xz-utils", "libgnutls30", "zlib1g")
    assert isinstance(host.parse_unfinished(answer(b"ii \tbash\nwhat\n")), Partial)
