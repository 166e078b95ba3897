"""Settings of the kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.api.testkit import whole
from audit_core.model import (
    Absent,
    Answer,
    Answers,
    Message,
    ParseError,
    Partial,
    Reason,
    Verdict,
)
from audit_linux.system import kernel, residual

Make = Callable[..., Answer]
MakeAll = Callable[..., Answers]


def test_settings_of_a_recording(recorded_answers: MakeAll) -> None:
    values = whole(kernel.parse_sysctl(recorded_answers("sysctl")))
    judgement = kernel.kernel_hardening.judge(values)
    assert judgement.verdict is Verdict.FAIL
    assert "fs.protected_symlinks = 0" in judgement.detail[0].args["wrong"]  # type: ignore[operator]


RANDOMISED = {"/proc/sys/kernel/randomize_va_space": "2\n"}


def test_settings_must_be_whole(files: Make, answers: MakeAll) -> None:
    every, own = files(RANDOMISED), "/proc/sys/net/ipv4/conf/eth0/forwarding:1\n"
    assert whole(kernel.parse_sysctl(answers(settings=every, interfaces=own))) == {
        "kernel.randomize_va_space": "2", "net/ipv4/conf/eth0/forwarding": "1",
    }  # fmt: skip
    for settings, interfaces in (
        (files({}), ""),
        (files({"/proc/sys/kernel/dmesg_restrict": "1\n"}), ""),
        (files({**RANDOMISED, "/proc/sys/a/b": "1\n"}), ""),
        (every, own + "net.ipv4.conf.eth0.forwarding = 1\n"),
    ):
        with pytest.raises(ParseError):
            kernel.parse_sysctl(answers(settings=settings, interfaces=interfaces))
    closed = files(RANDOMISED, not_permitted="/proc/sys/fs/protected_symlinks")
    part = kernel.parse_sysctl(answers(settings=closed, interfaces=own))
    assert isinstance(part, Partial)
    assert part.problems[0].args == {"keys": ("fs.protected_symlinks",)}
    assert part.value["kernel.randomize_va_space"] == "2"


def test_a_key_without_a_known_value_settles_nothing() -> None:
    judgement = kernel.kernel_hardening.judge(HARD, keys=frozenset({"kernel.panic"}))
    assert judgement.verdict is Verdict.UNDETERMINED


HARD = {key: kernel.SETTINGS[key].wanted[0] for key in kernel.REQUIRED}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"kernel.randomize_va_space": "1"}, Verdict.FAIL),
        ({"net.ipv4.tcp_syncookies": "0"}, Verdict.FAIL),
        ({"net.ipv4.tcp_syncookies": "2"}, Verdict.PASS),
        ({"net.ipv4.ip_forward": "1"}, Verdict.PASS),
    ],
)
def test_hardening(changes: dict[str, str], verdict: Verdict) -> None:
    assert kernel.kernel_hardening.judge({**HARD, **changes}).verdict is verdict


_OWN = "net/{}/conf/eth0/{}".format


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        # on IPv4 the interface alone is enough unless it forwards; on IPv6 only it counts
        ({_OWN("ipv4", "accept_redirects"): "1"}, Verdict.FAIL),
        ({_OWN("ipv4", "accept_redirects"): "0"}, Verdict.PASS),
        ({_OWN("ipv4", "accept_redirects"): "1", _OWN("ipv4", "forwarding"): "1"}, Verdict.PASS),
        ({_OWN("ipv6", "accept_redirects"): "1"}, Verdict.FAIL),
        ({_OWN("ipv6", "accept_redirects"): "1", _OWN("ipv6", "forwarding"): "1"}, Verdict.PASS),
        ({"net/ipv6/conf/lo/accept_redirects": "1"}, Verdict.PASS),
        ({"net/ipv6/conf/default/accept_redirects": "1"}, Verdict.PASS),
        # without IPv6 its settings are no matter
        ({_OWN("ipv6", "accept_redirects"): "1", _OWN("ipv6", "disable_ipv6"): "1",
          "net.ipv6.conf.all.accept_redirects": "1"}, Verdict.PASS),
    ],
)  # fmt: skip
def test_redirects_are_judged_by_interface(changes: dict[str, str], verdict: Verdict) -> None:
    values = {**HARD, "net.ipv6.conf.all.disable_ipv6": "0", **changes}
    assert kernel.kernel_hardening.judge(values).verdict is verdict


def test_a_setting_that_the_kernel_does_not_tell_is_no_pass() -> None:
    values = {k: v for k, v in HARD.items() if k != "net.ipv4.tcp_syncookies"}
    assert kernel.kernel_hardening.judge(values).verdict is Verdict.UNDETERMINED


def test_interfaces_with_dots_in_their_names(files: Make, answers: MakeAll) -> None:
    own = "/proc/sys/net/ipv4/conf/eth0.7/accept_redirects:1\n"
    values = whole(kernel.parse_sysctl(answers(settings=files(RANDOMISED), interfaces=own)))
    assert values["net/ipv4/conf/eth0.7/accept_redirects"] == "1"


@pytest.mark.parametrize(
    ("suid", "pattern", "verdict"),
    [
        ("0", "|/bin/false", Verdict.PASS),
        ("0", "core", Verdict.UNDETERMINED),
        ("0", "|/usr/lib/systemd/systemd-coredump %P", Verdict.UNDETERMINED),
        ("1", "|/bin/false", Verdict.FAIL),
        ("2", "core", Verdict.FAIL),
        (None, "core", Verdict.UNDETERMINED),
    ],
)
def test_core_dumps(suid: str | None, pattern: str, verdict: Verdict) -> None:
    values = {"kernel.core_pattern": pattern} | ({} if suid is None else {"fs.suid_dumpable": suid})
    gone = Absent(reason=Reason.NOT_PERMITTED, detail=Message(id="none"))
    assert residual.core_dumps.judge(values, gone, gone).verdict is verdict
