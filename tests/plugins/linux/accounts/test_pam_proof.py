"""Stacks that accept a wrong password, whom pam_wheel trusts, and passwords of groups."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from msgspec import structs

from audit_core.model import Absent, Answer, Verdict
from audit_linux.accounts.group_passwords import (
    GSHADOW,
    group_passwords,
    parse_gshadow,
)
from audit_linux.accounts.pam_proof import pam_proof
from audit_linux.groups import Groups, parse_group
from audit_linux.nsswitch import Sources
from audit_linux.pam import Pam
from audit_linux.passwd import Account, Accounts

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def test_a_wrong_password_is_refused(pam: Callable[[dict[str, str]], Pam]) -> None:
    unix = "auth required pam_unix.so\n"
    for service, verdict in (
        (unix, P),
        ("auth sufficient pam_permit.so\n" + unix, F),
        ("auth required pam_permit.so\n", F),
        ("auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n"
         "auth required pam_permit.so\n", P),
        ("auth [success=1 default=ignore] pam_unix.so\nauth optional pam_permit.so\n", F),
        ("auth sufficient pam_unknown.so\n" + unix, U),
        ("auth include missing\n", U),
        # outcomes of pamtester with Linux-PAM 1.5.2; of pam_sss by its source
        ("auth sufficient pam_nologin.so\n" + unix, P),
        ("auth sufficient pam_nologin.so successok\n" + unix, F),
        ("auth sufficient pam_env.so\n" + unix, P),
        ("auth sufficient pam_rootok.so\n" + unix, F),
        ("auth sufficient pam_succeed_if.so uid < 1000 quiet\n" + unix, F),
        ("auth sufficient pam_usertype.so issystem\n" + unix, F),
        ("auth requisite pam_succeed_if.so uid >= 1000 quiet\n" + unix, P),
        ("auth [default=bad success=ok user_unknown=ignore] pam_sss.so\n"
         "auth required pam_permit.so\n", U),
    ):  # fmt: skip
        assert _proof(pam({"sshd": service})) is verdict, service


def test_su_asks_for_a_password(pam: Callable[[dict[str, str]], Pam]) -> None:
    unix = "auth required pam_unix.so\n"
    for lines, verdict in (
        ("auth sufficient pam_rootok.so\n" + unix, P),
        ("auth required pam_wheel.so use_uid\n" + unix, P),
        ("auth requisite pam_succeed_if.so uid >= 1000\n" + unix, P),
        ("auth sufficient pam_permit.so\n" + unix, F),
        # as tried with su of Debian 12
        ("auth sufficient pam_succeed_if.so uid >= 1000 use_uid\n" + unix, F),
        ("auth sufficient pam_succeed_if.so uid < 1000 use_uid\n" + unix, P),
        ("auth sufficient pam_succeed_if.so uid < 1000 quiet\n" + unix, F),
        ("auth sufficient pam_succeed_if.so uid >= 1000 quiet\n" + unix, P),
        ("auth sufficient pam_succeed_if.so user ingroup ops\n" + unix, U),
    ):
        for service in ("su", "su-l"):
            assert _proof(pam({"sshd": unix, service: lines})) is verdict, lines


# Tried as two users with su and pam_wheel of Linux-PAM 1.5.2: alice is in ops, bob in none.
TRUSTED = {
    "trust group=ops": F, "trust": P, "trust group=none": P, "trust group=nosuch": P,
    "trust deny group=ops": F, "trust deny group=nosuch": P, "group=ops": P, "use_uid": P,
}  # fmt: skip


def test_whom_pam_wheel_trusts(pam: Callable[[dict[str, str]], Pam]) -> None:
    unix = "auth required pam_unix.so\n"
    for options, verdict in TRUSTED.items():
        lines = f"auth sufficient pam_rootok.so\nauth sufficient pam_wheel.so {options}\n{unix}"
        for service in ("su", "sudo"):
            stacks = pam({"sshd": unix, service: lines})
            assert _proof(stacks) is verdict, options
    trusting = pam({"sshd": unix, "su": f"auth sufficient pam_wheel.so trust\n{unix}"})
    assert _proof(trusting, Sources(group=("ldap",))) is U
    in_wheel = structs.replace(GROUPS, gids=GROUPS.gids | {"wheel": 10},
                               members=GROUPS.members | {"wheel": ("bob",)})  # fmt: skip
    assert pam_proof.judge(trusting, in_wheel, PEOPLE, Sources()).verdict is F


PEOPLE = Accounts(rows=tuple(
    Account(name=name, uid=uid, gid=uid, home="/", shell="/bin/bash", field="shadowed")
    for name, uid in (("root", 0), ("alice", 1000), ("bob", 1001))
))  # fmt: skip
GROUPS = Groups(members={"root": (), "ops": ("alice",), "none": ()},
                gids={"root": 0, "ops": 7, "none": 8})  # fmt: skip


def _proof(stacks: Pam, sources: Sources | None = None) -> Verdict:
    return pam_proof.judge(stacks, GROUPS, PEOPLE, sources or Sources()).verdict


def test_passwords_of_groups(answer: Callable[..., Answer]) -> None:
    """As sed 4.8 answers for gshadow lines of each form."""
    for got, fields, verdict in (
        ("", "ops:x:7:\nadm:*:8:\nnone::9:\n", P),
        ("ops:$1$\n", "ops:x:7:\n", F),
        ("ops:DES\n", "ops:x:7:\n", F),
        ("ops:$y$\n", "ops:x:7:\n", U),
        ("ops:?\n", "ops:x:7:\n", U),
        ("ops:-\n", "ops:x:7:\n", P),
        ("", "ops:[redacted]:7:\n", F),
    ):
        secrets = parse_gshadow(answer(got))
        groups = parse_group(answer(fields))
        assert group_passwords.judge(groups, secrets).verdict is verdict, (got, fields)
    none = parse_gshadow(answer("", b"sed: can't read /etc/gshadow: No such file or directory", 2))
    assert isinstance(none, Absent)
    assert not none.unknown
    script = GSHADOW.providers[0].ask.argv[1:-1]  # type: ignore[union-attr]
    lines = "a:!::\nb:*::\nc:::x,y\nd:$6$ab$cd::\ne:!$1$a$b::\nf:abJnggxhB/yWI:a:b\ng:plain::\n" \
            "h:a plain word of a user::\ni:$md5,rounds=904$ab$$cd::\nj\nk:$6$a$b\n"  # fmt: skip
    done = subprocess.run(["sed", *script], input=lines, capture_output=True, text=True, check=True)
    assert done.stdout == "d:$6$\nf:DES\ng:?\nh:?\ni:$md5$\nMALFORMED\n"
