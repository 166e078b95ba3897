"""sudoers: aliases, tags, drop-ins and everything that gives root away without saying ALL."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.model import Absent, Answer, Command, Privilege, Reason, Verdict
from audit_core.plan import sudoers as least_sudoers
from audit_linux import access
from audit_linux.access.sudo import (
    Groups,
    Sudoers,
    parse_sudoers,
    sudo_password,
    sudo_scope,
)

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
BASE = "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n"


@pytest.fixture(scope="session")
def read(files: Make) -> Callable[..., Sudoers]:
    """Reads /etc/sudoers and drop-ins given by name."""

    def make(main: str, **drop_ins: str) -> Sudoers:
        contents = {"/etc/sudoers": main}
        contents |= {f"/etc/sudoers.d/{name}": text for name, text in drop_ins.items()}
        got = parse_sudoers(files(contents))
        assert isinstance(got, Sudoers)
        return got

    return make


Read = Callable[..., Sudoers]


@pytest.mark.parametrize(
    ("line", "password", "scope"),
    [
        ("", PASS, PASS),
        ("bob ALL=(ALL) ALL", PASS, FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
        ("bob ALL=NOPASSWD:ALL", FAIL, FAIL),
        ("%wheel ALL=(ALL) NOPASSWD: ALL", FAIL, PASS),
        ("%ops ALL=(ALL) ALL", PASS, FAIL),
        ("root ALL=(ALL) NOPASSWD: ALL", PASS, PASS),
        ("#0 ALL=(ALL) NOPASSWD: ALL", PASS, PASS),
        ("#1000 ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
        ("# bob ALL=(ALL) NOPASSWD: ALL", PASS, PASS),
        ("bob ALL=(oracle) NOPASSWD: ALL", PASS, PASS),
        ("bob ALL=(oracle,root) NOPASSWD: ALL", FAIL, FAIL),
        ("bob ALL=(:dialout) NOPASSWD: ALL", PASS, PASS),
        ("bob ALL=(ALL) NOPASSWD: /usr/bin/id", PASS, PASS),
        ("bob ALL=(ALL) NOPASSWD: /usr/bin/id, ALL", FAIL, FAIL),
        ("bob ALL=(ALL) NOPASSWD: /usr/bin/id, PASSWD: ALL", PASS, FAIL),
        ("bob ALL=(ALL) NOEXEC: NOPASSWD: ALL", FAIL, FAIL),
        ("bob ALL=(ALL) CWD=/tmp NOPASSWD: ALL", FAIL, FAIL),
        ("bob ALL=(ALL) ALL, !/bin/su", PASS, FAIL),
        ("bob ALL=(ALL) !ALL", PASS, PASS),
        ("bob ALL=(ALL) NOPASSWD: \\\n  ALL", FAIL, FAIL),
        ("bob\tALL = (ALL)\tNOPASSWD : ALL # why", FAIL, FAIL),
        ("bob, eve ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
        ("root, bob ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
        ('"bob smith" ALL=(ALL) NOPASSWD: ALL', FAIL, FAIL),
        ("bob web1=/usr/bin/id : db1=NOPASSWD: ALL", FAIL, FAIL),
        ("bob web1=NOPASSWD: /usr/bin/id : db1=ALL", PASS, FAIL),
        ("bob ALL=NOPASSWD: /bin/bash", FAIL, FAIL),
        ('bob ALL=NOPASSWD: /bin/bash ""', FAIL, FAIL),
        ("bob ALL=NOPASSWD: /bin/bash -c *", FAIL, FAIL),
        ("bob ALL=NOPASSWD: /bin/bash /opt/run.sh", PASS, PASS),
        ("bob ALL=NOPASSWD: /usr/bin/su -", FAIL, FAIL),
        ("bob ALL=NOPASSWD: /usr/bin/su - oracle", PASS, PASS),
        ("bob ALL=NOPASSWD: /usr/bin/", FAIL, FAIL),
        ("bob ALL=NOPASSWD: /usr/bin/*", FAIL, FAIL),
        ("bob ALL=NOPASSWD: sha256:abc= /usr/bin/id", PASS, PASS),
        ("Cmnd_Alias X = /usr/bin/id, ALL\nbob ALL=NOPASSWD: X", FAIL, FAIL),
        ("Cmnd_Alias X = Y : Y = ALL\nbob ALL=NOPASSWD: X", FAIL, FAIL),
        ("bob ALL=NOPASSWD: X\nCmnd_Alias X = ALL", FAIL, FAIL),
        ("Cmnd_Alias X = /usr/bin/id\nbob ALL=NOPASSWD: X", PASS, PASS),
        ("User_Alias U = root\nU ALL=NOPASSWD: ALL", PASS, PASS),
        ("User_Alias U = root, bob\nU ALL=NOPASSWD: ALL", FAIL, FAIL),
        ("Runas_Alias R = oracle\nbob ALL=(R) NOPASSWD: ALL", PASS, PASS),
        ("Runas_Alias R = root\nbob ALL=(R) NOPASSWD: ALL", FAIL, FAIL),
        ("Defaults !authenticate", FAIL, PASS),
        ("Defaults exempt_group=wheel", FAIL, PASS),
        ('Defaults passprompt="x # y", !authenticate', FAIL, PASS),
        ("bob ALL=(ALL) NOPASSWD: ALL# since May", FAIL, FAIL),
        ("Defaults\t!authenticate", FAIL, PASS),
        ("Defaults env_reset, ! authenticate", FAIL, PASS),
        ("Defaults:bob !authenticate", FAIL, PASS),
        ("Defaults:root !authenticate", PASS, PASS),
        ("Defaults:rootless !authenticate", FAIL, PASS),
        ("Defaults authenticate", PASS, PASS),
        ("Defaults!/usr/bin/id !authenticate", UNDETERMINED, UNDETERMINED),
        ("bob ALL", UNDETERMINED, UNDETERMINED),
        ("bob eve ALL=(ALL) ALL", UNDETERMINED, UNDETERMINED),
        ("bob ALL=", UNDETERMINED, UNDETERMINED),
        ("User_Alias U", UNDETERMINED, UNDETERMINED),
        ("Cmnd_Alias X = X\nbob ALL = X", UNDETERMINED, UNDETERMINED),
        ("@include /etc/more", UNDETERMINED, UNDETERMINED),
        ("#includedir /etc/more.d", UNDETERMINED, UNDETERMINED),
        ("# " + "x" * 70000, PASS, PASS),
        ("bob ALL=" + "/a," * 30000 + "ALL", UNDETERMINED, UNDETERMINED),
        ("bob ALL=NOPASSWD: ALL\n@include /etc/more", FAIL, FAIL),
    ],
)
def test_rules(line: str, password: Verdict, scope: Verdict, read: Read) -> None:
    got = read(BASE + line + "\n")
    assert sudo_password.judge(got).verdict is password
    assert sudo_scope.judge(got, None).verdict is scope


@pytest.mark.parametrize(
    ("include", "name", "verdict"),
    [
        ("@includedir /etc/sudoers.d\n", "ops", FAIL),
        ("#includedir /etc/sudoers.d/\r\n", "ops", FAIL),
        ("", "ops", PASS),
        ("@includedir /etc/sudoers.d\n", "ops.bak", PASS),
        ("@includedir /etc/sudoers.d\n", "ops~", PASS),
    ],
)
def test_drop_ins(include: str, name: str, verdict: Verdict, read: Read) -> None:
    got = read(BASE + include, **{name: "bob ALL=NOPASSWD: ALL"})
    assert sudo_password.judge(got).verdict is verdict


def test_an_alias_of_one_file_holds_in_the_other(read: Read) -> None:
    got = read("@includedir /etc/sudoers.d\nUser_Alias OPS = bob\n", ops="OPS ALL=NOPASSWD: ALL\n")
    assert got.grants[0].who == ("bob",)


def test_no_sudoers(files: Make, answer: Make) -> None:
    for given in (answer(""), files({"/etc/sudoers.d/x": "bob ALL=ALL"})):
        got = parse_sudoers(given)
        assert isinstance(got, Absent)
        assert got.reason is Reason.NOT_PRESENT


def test_the_vendor_file_counts_where_there_is_no_other(files: Make) -> None:
    got = parse_sudoers(files({"/usr/etc/sudoers": "bob ALL=NOPASSWD: ALL"}))
    assert isinstance(got, Sudoers)
    assert sudo_password.judge(got).verdict is FAIL


def test_members_are_named_and_the_knob_tightens(read: Read) -> None:
    groups = Groups(members={"sudo": ("alice", "bob")})
    judged = sudo_scope.judge(read(BASE), groups)
    assert judged.said[0].args["names"] == ("%sudo: alice, bob",)
    assert sudo_scope.judge(read(BASE), groups, admins=frozenset({"root"})).verdict is FAIL


def _root_requests() -> list[Command]:
    asked = [provider.ask for fact in access.FACTS for provider in fact.providers]
    return [a for a in asked if isinstance(a, Command) and a.privilege is Privilege.ROOT]


def test_the_audit_accounts_own_rules_are_fine(read: Read) -> None:
    text = least_sudoers(_root_requests(), "auditor")
    got = read(BASE + "@includedir /etc/sudoers.d\n", dengbao=text)
    assert got.unread == ()
    assert len(got.grants) == 2 + len(_root_requests())
    assert sudo_password.judge(got).verdict is PASS
    assert sudo_scope.judge(got, None).verdict is PASS


@pytest.mark.skipif(shutil.which("visudo") is None, reason="visudo is not installed")
def test_visudo_accepts_the_rules_of_these_requests(tmp_path: Path) -> None:
    file = tmp_path / "dengbao"
    file.write_text(least_sudoers(_root_requests(), "auditor"), encoding="utf-8")
    done = subprocess.run(
        ["visudo", "-c", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_root_requests_have_absolute_programs_and_no_shell() -> None:
    for request in _root_requests():
        assert request.argv[0].startswith("/")
        assert request.argv[0].rsplit("/", 1)[-1] not in {"sh", "bash", "env", "su"}
