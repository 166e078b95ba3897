"""doas.conf as doas reads it, and the judgement on accounts that need no password."""

from __future__ import annotations

from collections.abc import Callable

from audit_core.model import Absent, Answer, Answers, Message, Reason, Verdict
from audit_linux.groups import Groups
from audit_linux.nsswitch import Sources
from audit_linux.passwd import Account, Accounts
from audit_linux.sudo.doas import parse_doas, parse_rules, without_password
from audit_linux.sudo.sudo_checks import sudo_password

ROOT, ALICE = (
    Account(name=name, uid=uid, gid=uid, home="/", shell="/bin/bash", field="shadowed")
    for name, uid in (("root", 0), ("alice", 1000))
)
ACCOUNTS = Accounts(rows=(ROOT, ALICE))
GROUPS = Groups(members={"sudo": ("alice",)}, gids={"sudo": 27, "alice": 1000, "root": 0})
# What `doas -C FILE true` of OpenDoas 6.8.2 (Debian 12) told alice, who is in the group sudo (27).
PERMIT_NOPASS = (
    "permit nopass alice",
    "permit nopass :sudo",
    "permit nopass alice as root",
    "deny alice\npermit nopass alice",
    "permit persist alice\npermit nopass :sudo",
    "permit nopass keepenv alice",
    "permit nopass setenv { A=b -C } alice",
    "permit keepenv setenv { A } nopass alice",
    'permit nopass "alice"',
    "permit nopass al\\ice",
    "permit nopass 1000",
    "permit nopass :27",
    "permit nopass :1000",
    "permit nopass alice # x",
    "permit nopass alice#x",
    "permit nopass \\\n alice",
    "permit nopass alice\n\n\n",
    "permit  \t nopass\talice",
    "permit nolog nopass alice",
    "deny :sudo\npermit nopass alice\n",
)
OTHERWISE = (
    "permit alice",
    "permit nopass :wheelx",
    "permit nopass alice as bin",
    "permit nopass alice cmd id",
    "permit nopass alice as root cmd id args -u",
    "deny alice",
    "permit nopass alice\ndeny alice",
    "permit nopass alice\npermit persist alice",
    "# permit nopass alice",
    "nopass permit alice",
    "permit nopass",
    "permit nopass alice bob",
    "permit nopass alice as",
    "permit nopass alice cmd",
    "allow nopass alice",
    "permit nopass carol\njunk\n",
    "permit NOPASS alice",
    "Permit nopass alice",
    "permit nopass alice\r",
    "\ufeffpermit nopass alice",
    "permit nopass alice cmd reboot\npermit alice",
    "permit nopass root",
    "permit nopass alice as :root",
    "permit nopass 'alice'",
    "permit nopass persist alice",
    "permit nopass setenv A alice",
    "permit nopass :",
    'permit nopass ""',
)


def test_rules_are_read_as_doas_reads_them() -> None:
    for texts, free in ((PERMIT_NOPASS, True), (OTHERWISE, False)):
        for text in texts:
            found = without_password(parse_rules(f"{text}\n"), GROUPS, ACCOUNTS)
            assert ("alice" in found) is free, text
            assert "root" not in found


def _judged(text: str, accounts: Accounts | Absent = ACCOUNTS) -> Verdict:
    rules = parse_rules(text)
    return sudo_password.judge(None, Sources(), None, GROUPS, None, rules, accounts).verdict


def test_nobody_becomes_root_through_doas_without_a_password() -> None:
    gone = Absent(reason=Reason.TIMED_OUT, detail=Message(id="late"))
    assert _judged("permit nopass :sudo\n") is Verdict.FAIL
    assert _judged("permit persist :sudo\n") is Verdict.NOT_APPLICABLE
    assert _judged("permit nopass :none\n") is Verdict.NOT_APPLICABLE
    assert _judged("permit nopass alice cmd vim\n") is Verdict.UNDETERMINED
    assert _judged("permit nopass alice\n", gone) is Verdict.UNDETERMINED


def test_rules_count_where_doas_is_installed(
    files: Callable[..., Answer], answers: Callable[..., Answers]
) -> None:
    conf = files({"/etc/doas.conf": "permit nopass alice\n"})
    assert parse_doas(answers(files=conf, program=b"")) == ()
    got = parse_doas(answers(files=conf, program=b"/usr/bin/doas\n"))
    assert isinstance(got, tuple)
    assert [rule.identity for rule in got] == ["alice"]
    assert parse_doas(answers(files=files({}), program=b"/usr/bin/doas\n")) == ()
    closed = files({}, not_permitted="/etc/doas.conf")
    assert isinstance(parse_doas(answers(files=closed, program=b"/usr/bin/doas\n")), Absent)
