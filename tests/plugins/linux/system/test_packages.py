"""Packages that are installed, and those that a server does not need."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.api.testkit import whole
from audit_core.model import (
    Answer,
    ParseError,
    Target,
    Verdict,
)
from audit_linux.system import packages

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
MakeTarget = Callable[..., Target]


def test_packages_of_a_recording(recorded: Read, target: MakeTarget) -> None:
    found = whole(packages.parse_dpkg(recorded("packages")))
    assert {"dpkg", "gcc", "chrony"} <= found
    judgement = packages.needless_packages.judge(target(), found)
    assert judgement.verdict is Verdict.FAIL
    assert "gcc" in judgement.detail[0].args["found"]  # type: ignore[operator]


def test_removed_packages_are_not_installed(answer: Make) -> None:
    text = "ii \tbash\nrc \tgcc\nun \tnmap\niU \tftp\nhi \ttelnet\n"
    assert whole(packages.parse_dpkg(answer(text))) == {"bash", "ftp", "telnet"}


def test_rpm_names(answer: Make) -> None:
    # invented after `rpm -qa --qf` on RHEL 9
    text = "glibc\ngpg-pubkey\ngpg-pubkey\njava-17-openjdk-headless\n"
    assert whole(packages.parse_rpm(answer(text))) == {
        "glibc",
        "gpg-pubkey",
        "java-17-openjdk-headless",
    }


@pytest.mark.parametrize("text", ["", "bash\n", "ii \t../x y\n", "rc \tgcc\n"])
def test_what_dpkg_does_not_say_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        packages.parse_dpkg(answer(text))


@pytest.mark.parametrize("text", ["", "error: db is broken\n"])
def test_what_rpm_does_not_say_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        packages.parse_rpm(answer(text))


@pytest.mark.parametrize(
    ("installed", "needed", "verdict"),
    [
        ({"bash"}, (), Verdict.PASS),
        ({"bash", "gcc"}, (), Verdict.FAIL),
        ({"bash", "gcc"}, ("gcc",), Verdict.PASS),
        ({"gcc", "nmap"}, ("gcc",), Verdict.FAIL),
        ({"gcc-12-base"}, (), Verdict.PASS),
        ({"gcc-12"}, (), Verdict.FAIL),
        ({"gcc7"}, (), Verdict.FAIL),
        ({"gcc", "gcc-12"}, ("gcc",), Verdict.PASS),
        ({"gcc-c++"}, (), Verdict.FAIL),
        ({"libgcc-12-dev"}, (), Verdict.PASS),
    ],
)
def test_needless(
    installed: set[str], needed: tuple[str, ...], verdict: Verdict, target: MakeTarget
) -> None:
    host = target(needed_packages=needed)
    assert packages.needless_packages.judge(host, frozenset(installed)).verdict is verdict
