"""Whether the newest installed kernel runs: every verdict."""

from __future__ import annotations

import pytest

from audit_core.model import Platform, Verdict
from audit_patch import kernel_checks
from audit_patch.model import Builds, Kernels
from recorded.patch_values import FAIL, PASS, UNDETERMINED, judge


@pytest.mark.parametrize(
    ("running", "installed", "reboot", "verdict"),
    [
        ("6.1.0-37-amd64", ("6.1.0-37-amd64", "6.1.0-9-amd64"), False, PASS),
        ("Linux 6.1.0-37-amd64", ("6.1.0-37-amd64", "6.1.0-9-amd64"), False, PASS),
        ("6.1.0-9-amd64", ("6.1.0-37-amd64", "6.1.0-9-amd64"), False, FAIL),
        ("6.1.0-37-amd64", ("6.1.0-37-amd64",), True, FAIL),
        ("6.1.0-37-amd64", ("6.1.0-37-amd64", "6.9.0-1-cloud-amd64"), False, PASS),
        ("6.1.0-38-amd64", ("6.1.0-37-amd64",), False, UNDETERMINED),
        ("6.1.0-37-amd64", ("6.1.0-37-amd64", "6.12.38+deb13-amd64"), False, FAIL),
        ("6.1.0-37-amd64", ("6.1.0-37-amd64", "6.1.0-40-rt-amd64"), False, PASS),
        ("6.1.21-v7+", ("6.1.21-v7+", "6.1.21-v8+"), False, PASS),
        ("5.15.0-91-generic", ("5.15.0-91-generic", "5.15.0-105-generic"), False, FAIL),
        ("4.18.0-1.el8.x86_64", ("4.18.0-1.el8.x86_64", "4.18.0-2.rt7.el8.x86_64"), False, PASS),
        ("5.14.21-150500.55-default", ("5.14.21-150500.55-default",), False, PASS),
        ("6.18.44-host", (), False, UNDETERMINED),
        ("unknown", ("6.1.0-37-amd64",), False, UNDETERMINED),
        (
            "5.14.0-362.8.1.el9_3.x86_64",
            ("5.14.0-362.8.1.el9_3.x86_64", "5.14.0-427.13.1.el9_4.x86_64"),
            False,
            FAIL,
        ),
        # the first kernel of a minor release is older than its updates
        (
            "5.14.0-362.8.1.el9_3.x86_64",
            ("5.14.0-362.8.1.el9_3.x86_64", "5.14.0-362.el9.x86_64"),
            False,
            PASS,
        ),
        (
            "4.18.0-513.el8.x86_64",
            ("4.18.0-513.el8.x86_64", "4.18.0-513.5.1.el8_9.x86_64"),
            False,
            FAIL,
        ),
        (
            "4.19.90-52.22.v2207.ky10.x86_64",
            ("4.19.90-52.22.v2207.ky10.x86_64", "4.19.90-52.39.v2207.ky10.x86_64"),
            False,
            FAIL,
        ),
        (
            "5.14.0-427.13.1.el9_4.x86_64",
            ("5.14.0-427.13.1.el9_4.x86_64", "5.14.0-503.1.1.el9_5.x86_64+debug"),
            False,
            PASS,
        ),
    ],
)
def test_kernel_current(
    running: str, installed: tuple[str, ...], reboot: bool, verdict: Verdict
) -> None:
    kernels = Kernels(installed=installed, reboot_mark="reboot-required" if reboot else "")
    assert (
        judge(
            kernel_checks.kernel_current, kernels, Platform(values={"kernel": running}), None
        ).verdict
        is verdict
    )


@pytest.mark.parametrize(("restart", "verdict"), [(None, PASS), (False, PASS), (True, FAIL)])
def test_updated_libraries_ask_for_a_reboot_where_no_file_does(
    restart: bool | None, verdict: Verdict
) -> None:
    kernel = "5.14.0-427.13.1.el9_4.x86_64"
    kernels = Kernels(installed=(kernel,))
    got = judge(kernel_checks.kernel_current, kernels, Platform(values={"kernel": kernel}), restart)
    assert got.verdict is verdict


def test_a_kernel_that_was_rebuilt_under_its_name_is_told() -> None:
    for running, build, installed, verdict in (
        ("6.1.0-18-amd64", "6.1.76-1", "6.1.76-1", PASS),
        ("6.1.0-18-amd64", "6.1.76-1", "6.1.85-1", FAIL),
        ("5.15.0-91-generic", "101", "5.15.0-91.101", PASS),
        ("6.5.0-14-generic", "14~22.04.1", "6.5.0-14.14~22.04.1", PASS),
        ("5.15.0-91-generic", "101", "5.15.0-91.102", FAIL),
        ("6.1.0-18-amd64", "", "6.1.85-1", PASS),  # a kernel that tells no build
    ):
        kernels = Kernels(installed=(running,))
        builds = Builds(running=build, installed={running: installed})
        platform = Platform(values={"kernel": running})
        got = judge(kernel_checks.kernel_current, kernels, platform, None, builds)
        assert got.verdict is verdict


def test_kernels_by_packages_live_patches_and_containers() -> None:
    old, new = "5.14.0-427.el9.x86_64", "5.14.0-503.el9.x86_64"
    for installed, packages, more, verdict in (
        ((old,), (old,), {}, PASS),
        ((), (old,), {}, PASS),  # images below /boot/MACHINE-ID
        ((old,), (old, new), {}, FAIL),
        ((old,), (old, f"{new}+debug"), {}, PASS),
        ((old, new), (old, new), {"live": ("kpatch_5_14",)}, UNDETERMINED),
        ((old,), (old,), {"live": ("kpatch_5_14",)}, PASS),
        ((), (), {"contained": True}, Verdict.NOT_APPLICABLE),
        ((old, new), (), {"contained": True}, FAIL),
    ):
        kernels = Kernels(installed=installed, **more)
        builds = Builds(running="", installed=dict.fromkeys(packages, "1"))
        platform = Platform(values={"kernel": old})
        got = judge(kernel_checks.kernel_current, kernels, platform, None, builds)
        assert got.verdict is verdict, (installed, packages, more)
