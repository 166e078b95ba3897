"""Service accounts with a shell, and members of groups that mean root."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, Judgement, Message, ParseError, Verdict
from audit_linux.accounts.engine_sockets import EngineSockets, parse_engine_sockets
from audit_linux.accounts.privileges import root_groups, system_account_shells
from audit_linux.groups import Groups, parse_group
from audit_linux.nsswitch import Sources
from audit_linux.passwd import Accounts, Secret, parse_passwd
from invented.answers import TARGET

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
NOW = "2026-11-28T00:00:00Z"
LOCAL = Sources()
NONE = EngineSockets()
BASE = "root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n"


def _secret(name: str, scheme: str = "", *, locked: bool = True, over: int | None = None) -> Secret:
    return Secret(name=name, locked=locked, scheme=scheme, changed=20000, minimum=0,
                  maximum=90, expires=over)  # fmt: skip


def test_system_account_shells(answer: Make) -> None:
    def verdict(line: str, *secrets: Secret, sources: Sources = LOCAL) -> Verdict:
        accounts = whole(parse_passwd(answer(BASE + line)))
        return system_account_shells.judge(accounts, secrets, NOW, sources).verdict

    assert verdict("daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n") is PASS
    assert verdict("daemon:x:1:1::/usr/sbin:/bin/sh\n", _secret("daemon")) is FAIL
    assert verdict("daemon:x:1:1::/usr/sbin:\n", _secret("daemon")) is FAIL  # empty is /bin/sh
    assert verdict("nobody:x:65534:65534::/:/bin/bash\n") is FAIL
    assert verdict("sync:x:4:65534::/bin:/bin/sync\n") is PASS
    assert verdict("postgres:x:110:110::/:/bin/bash\n", _secret("postgres")) is UNDETERMINED
    given = _secret("postgres", "$6$", locked=False)
    assert verdict("postgres:x:110:110::/:/bin/bash\n", given) is FAIL
    assert verdict("daemon:x:1:1::/:/bin/sh\n", _secret("daemon", over=1)) is PASS
    assert verdict("", sources=Sources(passwd=("ldap",))) is UNDETERMINED


def test_groups_that_mean_root(answer: Make) -> None:
    passwd = BASE + "bob:x:1001:99::/home/bob:/bin/bash\nnetdata:x:201:201::/:/usr/sbin/nologin\n"
    accounts: Accounts = whole(parse_passwd(answer(passwd)))

    def verdict(text: str, **settings: list[str]) -> Verdict:
        groups: Groups = whole(parse_group(answer(text)))
        target = structs.replace(TARGET, settings=settings)
        return root_groups.judge(target, accounts, groups, LOCAL, NONE).verdict

    assert verdict("docker:x:50:\nsudo:x:27:alice\n") is PASS
    assert verdict("docker:x:50:alice\nsudo:x:27:alice\n") is PASS
    assert verdict("docker:x:50:bob\nsudo:x:27:alice\n") is FAIL
    assert verdict("lxd:x:99:\n") is FAIL  # it is bob's own group
    assert verdict("disk:x:6:alice\n") is FAIL
    assert verdict("disk:x:6:alice\nyunwei:x:70:alice\n", admin_groups=["yunwei"]) is PASS
    assert verdict("docker:x:50:netdata\n") is UNDETERMINED
    assert verdict("docker:x:50:netdata,gone\n") is FAIL
    assert verdict("docker:x:50:\nsudo:x:27:alice\n+:::\n") is UNDETERMINED
    some = whole(parse_group(answer("docker:x:50:\nsudo:x:27:alice\n")))
    far = Sources(group=("ldap",))
    assert root_groups.judge(TARGET, accounts, some, far, NONE).verdict is UNDETERMINED
    pulled = structs.replace(accounts, nis=("+@ops",))
    assert root_groups.judge(TARGET, pulled, some, LOCAL, NONE).verdict is UNDETERMINED
    reported = root_groups.judge(
        TARGET, accounts, whole(parse_group(answer("sudo:x:27:alice\nops:x:99:\n"))), LOCAL, NONE
    )
    assert reported.detail[-1].args["names"] == ("alice: sudo", "bob: ops", "root: -")
    groups = whole(parse_group(answer("docker:x:50:bob\nshadow:x:51:bob\nkmem:x:52:\n")))
    why = root_groups.judge(TARGET, accounts, groups, LOCAL, NONE).detail[1].args["reasons"]
    assert isinstance(why, tuple)
    assert [m.args["group"] for m in why if isinstance(m, Message)] == ["docker", "shadow"]


def test_who_writes_to_the_socket_of_a_container_engine_is_root(answer: Make) -> None:
    accounts = whole(parse_passwd(answer(BASE + "bob:x:1001:99::/home/bob:/bin/bash\n")))
    groups = whole(parse_group(answer("sudo:x:27:alice\nops:x:99:\ndeploy:x:50:bob\ndev:x:51:\n")))
    socket, acl = "{} /run/docker.sock\n", "# file: /run/docker.sock\n# owner: 0\n# group: 0\n"

    def judged(text: str, error: bytes = b"") -> Judgement:
        found = parse_engine_sockets(answer(text, error))
        return root_groups.judge(TARGET, accounts, groups, LOCAL, found)

    fail = judged(socket.format(50))
    assert fail.verdict is FAIL
    assert fail.detail[0].args["names"] == ("deploy: bob",)
    assert "deploy" in str(fail.detail[1])
    for text, verdict in (
        ("", PASS),
        (socket.format(0), PASS),
        (socket.format(51), PASS),  # nobody is in it
        (socket.format(27), PASS),  # administrators
        (socket.format(99), FAIL),  # bob's own group
        (socket.format(77), PASS),
        (f"{socket.format(0)}{acl}user::rw-\nuser:1001:rw-\ngroup::rw-\nmask::rw-\n", FAIL),
        (f"{socket.format(0)}{acl}user:1001:rw-\t#effective:r--\ngroup::rw-\n\n", PASS),
        (f"{socket.format(0)}{acl}user:1000:rw-\ngroup::rw-\nother::---\n\n", PASS),
        (f"{socket.format(0)}{acl}group::rw-\ngroup:50:rw-\n\n", FAIL),
        (f"{socket.format(50)}{acl}group::r--\ngroup:27:rw-\n\n", PASS),
    ):
        assert judged(text).verdict is verdict, text
    with pytest.raises(ParseError):
        parse_engine_sockets(answer("nonsense\n"))
    closed = parse_engine_sockets(answer("", b"find: '/run/podman/x': Permission denied\n"))
    assert isinstance(closed, Absent)


def test_a_host_of_forty_thousand_accounts_is_judged(answer: Make) -> None:
    """One with a loop over groups within one over accounts does not end here."""
    numbers = range(1000, 41_000)
    passwd = BASE + "".join(f"u{n}:x:{n}:{n}::/home/u{n}:/bin/bash\n" for n in numbers)
    group = "sudo:x:27:alice\n" + "".join(f"u{n}:x:{n}:\n" for n in numbers)
    accounts, groups = whole(parse_passwd(answer(passwd))), whole(parse_group(answer(group)))
    found = root_groups.judge(TARGET, accounts, groups, LOCAL, NONE)
    assert found.verdict is PASS
    assert "u1000: u1000" in str(found.detail[-1].args["names"])
