"""File modes, home directories, mandatory access control."""

from __future__ import annotations

import pytest

from audit_core.model import Verdict
from audit_linux.access.accounts import Account, Accounts
from audit_linux.access.files import Mode, Modes, file_modes, home_modes
from audit_linux.access.mac import Mandatory, mandatory_access_control

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def mode(path: str, bits: int, uid: int = 0, group: str = "root") -> Mode:
    return Mode(path=path, bits=bits, uid=uid, group=group, kind="f")


CORE = (mode("/etc/passwd", 0o644), mode("/etc/shadow", 0o640, group="shadow"))


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ((), PASS),
        ((mode("/etc/group", 0o644),), PASS),
        ((mode("/etc/group", 0o664),), FAIL),
        ((mode("/etc/group", 0o645),), FAIL),
        ((mode("/etc/group", 0o4644),), FAIL),
        ((mode("/etc/group", 0o644, uid=1),), FAIL),
        ((mode("/etc/group", 0o644, group="users"),), PASS),
        ((mode("/etc/gshadow", 0o000),), PASS),
        ((mode("/etc/gshadow", 0o640, group="users"),), FAIL),
        ((mode("/etc/gshadow", 0o600, group="users"),), PASS),
        ((mode("/etc/gshadow", 0o644),), FAIL),
        ((mode("/etc/gshadow", 0o660),), FAIL),
        ((mode("/etc/security/opasswd", 0o600),), PASS),
        ((mode("/etc/security/opasswd", 0o640),), FAIL),
        ((mode("/etc/ssh/ssh_host_rsa_key", 0o640, group="ssh_keys"),), PASS),
        ((mode("/etc/ssh/ssh_host_rsa_key", 0o644),), FAIL),
        ((mode("/etc/sudoers", 0o440),), PASS),
        ((mode("/etc/sudoers", 0o444),), FAIL),
        ((mode("/etc/ssh/sshd_config", 0o600),), PASS),
        ((mode("/etc/ssh/sshd_config", 0o666),), FAIL),
        ((mode("/etc/cron.d", 0o755),), PASS),
        ((mode("/etc/cron.d", 0o775),), FAIL),
        ((mode("/etc/cron.d", 0o1757),), FAIL),
    ],
)
def test_file_modes(found: tuple[Mode, ...], verdict: Verdict) -> None:
    assert file_modes.judge(Modes(found=(*CORE, *found), whole=True)).verdict is verdict


def test_file_modes_need_the_whole_picture_to_pass() -> None:
    assert file_modes.judge(Modes(found=CORE, whole=False)).verdict is UNDETERMINED
    assert file_modes.judge(Modes(found=CORE[:1], whole=True)).verdict is UNDETERMINED
    bad = Modes(found=(mode("/etc/shadow", 0o644),), whole=False)
    assert file_modes.judge(bad).verdict is FAIL


def test_file_modes_names_what_is_wrong() -> None:
    said = file_modes.judge(Modes(found=(mode("/etc/passwd", 0o666, 7),), whole=True)).said[0]
    assert said.args["names"] == ("/etc/passwd 0666 uid 7 root",)


def person(name: str, uid: int, home: str, shell: str = "/bin/bash") -> Account:
    return Account(name=name, uid=uid, gid=uid, home=home, shell=shell, field="shadowed")


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (mode("/home/bob", 0o750, 1000), PASS),
        (mode("/home/bob", 0o700, 0), PASS),
        (mode("/home/bob", 0o755, 1000), FAIL),
        (mode("/home/bob", 0o751, 1000), FAIL),
        (mode("/home/bob", 0o770, 1000), FAIL),
        (mode("/home/bob", 0o700, 1001), FAIL),
        (mode("/home/eve", 0o700, 1000), UNDETERMINED),
    ],
)
def test_home_modes(found: Mode, verdict: Verdict) -> None:
    accounts = Accounts(
        rows=(
            person("bob", 1000, "/home/bob/"),
            person("svc", 999, "/srv", "/usr/sbin/nologin"),
        )
    )
    assert home_modes.judge(accounts, Modes(found=(found,), whole=True)).verdict is verdict


def test_home_modes_knob() -> None:
    accounts = Accounts(rows=(person("bob", 1000, "/home/bob"),))
    modes = Modes(found=(mode("/home/bob", 0o750, 1000),), whole=True)
    assert home_modes.judge(accounts, modes, forbidden=0o077).verdict is FAIL


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
