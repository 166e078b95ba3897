"""SELinux and AppArmor: what the kernel says is enforced."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Answer, ParseError, Reason, Verdict
from audit_linux.system.mac import Mandatory, mandatory_access_control, parse_mandatory

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


Make = Callable[..., Answer]


@pytest.mark.parametrize(
    ("selinux", "enforced", "loaded", "verdict"),
    [
        ("enforcing", 0, 0, PASS),
        ("permissive", 0, 0, FAIL),
        ("off", 0, 0, FAIL),
        ("off", 1, 5, PASS),
        ("off", 0, 5, FAIL),
        ("permissive", 1, 1, PASS),
    ],
)
def test_mandatory(selinux: str, enforced: int, loaded: int, verdict: Verdict) -> None:
    given = Mandatory(selinux=selinux, enforced=enforced, loaded=loaded)
    assert mandatory_access_control.judge(given).verdict is verdict


@pytest.mark.parametrize(
    ("selinux", "configured", "others", "verdict"),
    [
        ("enforcing", "enforcing", (), PASS),
        ("enforcing", "", (), PASS),
        ("enforcing", "permissive", (), UNDETERMINED),
        ("enforcing", "disabled", (), UNDETERMINED),
        ("permissive", "enforcing", (), FAIL),
        ("off", "", ("kysec",), UNDETERMINED),
    ],
)
def test_mandatory_after_the_next_start_and_beside_other_modules(
    selinux: str, configured: str, others: tuple[str, ...], verdict: Verdict
) -> None:
    given = Mandatory(selinux=selinux, enforced=0, loaded=0, configured=configured, others=others)
    assert mandatory_access_control.judge(given).verdict is verdict


def test_mandatory_is_read_from_the_kernel_and_the_settings(answer: Make) -> None:
    got = parse_mandatory(
        answer(
            "/sys/fs/selinux/enforce:1\n/etc/selinux/config:# SELINUX=disabled\n"
            "/etc/selinux/config:SELINUX=permissive\n/etc/selinux/config:SELINUXTYPE=targeted\n"
            "/sys/kernel/security/lsm:lockdown,capability,yama,kysec,bpf\n"
        )
    )
    assert got == Mandatory(
        selinux="enforcing", enforced=0, loaded=0, configured="permissive", others=("kysec",)
    )


# What selinux_getenforcemode of libselinux 3.4 (Debian 12) says of the file; `?`: an error.
SELINUX_CONFIGS = (
    ("SELINUX=enforcing", "enforcing"), ("SELINUX=Enforcing", "enforcing"),
    ("selinux=enforcing", "?"), ("  SELINUX=enforcing", "?"), ("SELINUX =enforcing", "?"),
    ("SELINUX= enforcing", "enforcing"), ('SELINUX="enforcing"', "?"),
    ("SELINUX=enforcing # x", "enforcing"), ("SELINUX=permissive-x", "permissive"),
    ("SELINUX=enforcing\nSELINUX=permissive", "enforcing"),
    ("SELINUX=permissive\nSELINUX=enforcing", "permissive"),
    ("#SELINUX=enforcing\nSELINUX=permissive", "permissive"), ("\ufeffSELINUX=enforcing", "?"),
    ("SELINUX=enforcing\r", "enforcing"), ("SELINUX=on", "?"), ("SELINUX=1", "?"),
    ("SELINUX=on\nSELINUX=permissive", "permissive"), ("SELINUX=perm", "?"),
    ("SELINUX=disabled", "disabled"), ("SELINUXTYPE=targeted", "?"),
    ("SELINUXTYPE=targeted\nSELINUX=permissive", "permissive"), ("export SELINUX=permissive", "?"),
)  # fmt: skip


def test_the_configured_mode_is_read_as_libselinux_reads_it(answer: Make) -> None:
    for text, mode in SELINUX_CONFIGS:
        lines = "".join(f"/etc/selinux/config:{line}\n" for line in text.split("\n"))
        got = parse_mandatory(answer(f"/sys/fs/selinux/enforce:1\n{lines}"))
        assert not isinstance(got, Absent)
        assert got.configured == mode, text
        verdict = PASS if mode == "enforcing" else UNDETERMINED
        assert mandatory_access_control.judge(got).verdict is verdict, text


_GONE = b"grep: /sys/fs/selinux/enforce: No such file or directory\n"


def test_mandatory_as_it_is_read(answer: Make) -> None:
    on = parse_mandatory(answer("/sys/fs/selinux/enforce:1\n"))
    assert not isinstance(on, Absent)
    assert on.selinux == "enforcing"
    lax = parse_mandatory(answer("/sys/fs/selinux/enforce:0\n"))
    assert not isinstance(lax, Absent)
    assert lax.selinux == "permissive"
    path = "/sys/kernel/security/apparmor/profiles"
    armor = parse_mandatory(
        answer(f"{path}:/usr/bin/man (enforce)\n{path}:a:b (complain)\n{path}:k (kill)\n", _GONE)
    )
    assert not isinstance(armor, Absent)
    assert (armor.selinux, armor.enforced, armor.loaded) == ("off", 2, 3)
    none = parse_mandatory(answer("", _GONE))
    assert not isinstance(none, Absent)
    assert (none.selinux, none.loaded) == ("off", 0)
    refused = parse_mandatory(answer("", b"grep: /sys/k: Permission denied\n"))
    assert isinstance(refused, Absent)
    assert refused.reason is Reason.NOT_PERMITTED
    for bad in ("/sys/fs/selinux/enforce:2\n", "x\n", f"{path}:no mode\n"):
        with pytest.raises(ParseError):
            parse_mandatory(answer(bad))
    with pytest.raises(ParseError):
        parse_mandatory(answer("", b"/usr/bin/grep: /sys/k: Input/output error\n"))
