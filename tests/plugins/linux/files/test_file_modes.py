"""File modes, home directories, mandatory access control."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from audit_core.api.sdk import Judgement, Platform
from audit_core.api.testkit import target_of, whole
from audit_core.model import Absent, Answer, ParseError, Reason, Verdict
from audit_linux.files.empty_groups import EmptyGroups
from audit_linux.files.file_modes import (
    Mode,
    Modes,
    file_modes,
    home_modes,
    parse_acls,
    parse_modes,
)
from audit_linux.groups import Groups
from audit_linux.nsswitch import Sources
from audit_linux.passwd import (
    Account,
    Accounts,
)

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
LOCAL = Sources()


Make = Callable[..., Answer]
HOST = target_of("host")
NOBODY = Accounts(rows=())
EMPTY = EmptyGroups(gids=frozenset({50}))


def mode(path: str, bits: int, uid: int = 0, group: str = "root", acl: bool | None = False) -> Mode:
    return Mode(path=path, bits=bits, uid=uid, group=group, kind="f", acl=acl)


def of_files(*facts: object) -> Judgement:
    """The judgement on files of a Debian, of which units and hooks are not known."""
    return file_modes.judge(Platform(values={"os_family": "debian"}), *facts, None, None)


def link(path: str, kind: str) -> Mode:
    return Mode(path=path, bits=0o777, uid=0, group="root", kind=kind)


def judged(*found: Mode, whole: bool = True) -> Verdict:
    modes = Modes(found=found, whole=whole)
    return of_files(modes, None, NOBODY, None, None, EMPTY).verdict


def person(name: str, uid: int, home: str, shell: str = "/bin/bash") -> Account:
    return Account(name=name, uid=uid, gid=uid, home=home, shell=shell, field="shadowed")


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
        # whoever writes here is root at the next start, login or rotation
        ((mode("/etc/systemd/system", 0o775),), FAIL),
        ((mode("/etc/ld.so.conf", 0o664),), FAIL),
        ((mode("/etc/anacrontab", 0o646),), FAIL),
        ((mode("/etc/rc.local", 0o755),), PASS),
        ((mode("/etc/rc.local", 0o777),), FAIL),
        ((mode("/usr/bin", 0o775, group="staff"),), FAIL),
        ((mode("/usr/bin", 0o555),), PASS),
        ((mode("/root", 0o777),), FAIL),
        ((mode("/var/spool/cron", 0o777),), FAIL),
    ],
)
def test_file_modes(found: tuple[Mode, ...], verdict: Verdict) -> None:
    assert judged(*CORE, *found) is verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (mode("/etc/profile.d/x.sh", 0o644), PASS),
        (mode("/etc/profile.d/x.sh", 0o755), PASS),
        (mode("/etc/profile.d/x.sh", 0o666), FAIL),
        (mode("/etc/cron.daily/x", 0o775), FAIL),
        (mode("/etc/pam.d/sshd", 0o644, uid=1000), FAIL),
        (mode("/etc/systemd/system/x.service", 0o666), FAIL),
        (mode("/etc/systemd/system/x.service", 0o644), PASS),
        (mode("/etc/logrotate.d/x", 0o644, uid=1000), FAIL),
        (mode("/etc/ld.so.conf.d/x.conf", 0o664), FAIL),
        (mode("/etc/sudoers.d/x", 0o440), PASS),
        (mode("/etc/ssh/ssh_host_sm2_key", 0o644), FAIL),
        (mode("/etc/ssh/ssh_host_sm2_key.pub", 0o644), PASS),
        (link("/etc/profile.d/x.sh", "l"), PASS),  # to nowhere
        (link("/etc/profile.d/x.sh", "c"), PASS),  # to /dev/null
    ],
)
def test_file_modes_inside_the_folders(found: Mode, verdict: Verdict) -> None:
    inside = Modes(found=(found,), whole=True)
    whole = Modes(found=CORE, whole=True)
    assert of_files(whole, inside, NOBODY, None, None, EMPTY).verdict is verdict


@pytest.mark.parametrize(
    ("folder", "closed", "whole", "verdict"),
    [
        (mode("/etc/sudoers.d", 0o750), ("/etc/sudoers.d",), False, PASS),
        (mode("/etc/sudoers.d", 0o751), ("/etc/sudoers.d",), False, UNDETERMINED),
        (mode("/etc/sudoers.d", 0o750), ("/etc/cron.d",), False, UNDETERMINED),
        (mode("/etc/sudoers.d", 0o750), (), False, UNDETERMINED),
        (mode("/etc/sudoers.d", 0o750), (), True, PASS),
    ],
)
def test_only_a_folder_that_is_closed_to_others_may_hide_its_inside(
    folder: Mode, closed: tuple[str, ...], whole: bool, verdict: Verdict
) -> None:
    inside = Modes(found=(mode("/etc/pam.d/x", 0o644),), whole=whole, closed=closed)
    modes = Modes(found=(*CORE, folder), whole=True)
    assert of_files(modes, inside, NOBODY, None, None, EMPTY).verdict is verdict


@pytest.mark.parametrize(
    ("acl", "verdict"), [(False, PASS), (True, UNDETERMINED), (None, UNDETERMINED)]
)
def test_an_acl_is_never_passed_over(acl: bool | None, verdict: Verdict) -> None:
    # Tried on Debian 12: after setfacl -m u:bob:r /etc/shadow its mode is 0640 as before.
    shadow = mode("/etc/shadow", 0o640, group="shadow", acl=acl)
    assert judged(CORE[0], shadow) is verdict
    home = mode("/home/bob", 0o750, 1000, acl=acl)
    accounts = Accounts(rows=(person("bob", 1000, "/home/bob"),))
    assert (
        home_modes.judge(HOST, accounts, Modes(found=(home,), whole=True), LOCAL).verdict is verdict
    )


@pytest.mark.parametrize(
    ("members", "gid", "verdict"),
    [((), 1000, PASS), (("bob",), 1000, FAIL), ((), 42, FAIL), (("root",), 1000, PASS)],
)
def test_a_group_that_reads_secrets_holds_nobody(
    members: tuple[str, ...], gid: int, verdict: Verdict
) -> None:
    bob = Account(name="bob", uid=1000, gid=gid, home="/", shell="/bin/sh", field="shadowed")
    groups = Groups(members={"shadow": members}, gids={"shadow": 42})
    whole = Modes(found=CORE, whole=True)
    accounts = Accounts(rows=(bob,))
    assert of_files(whole, None, accounts, groups, None, EMPTY).verdict is verdict


def test_the_line_of_ls_shows_the_acl_and_nothing_else(answer: Make) -> None:
    lines = (
        b"-rw-r-----+ 1 0 42 9  /etc/a\n640 0 shadow f /etc/a\0"
        b"-rw-r-----. 1 0 42 9  /etc/b\n640 0 shadow f /etc/b\0"
        b"drwx------ 2 0 0 9  /etc/c\\n+\n700 0 root d /etc/c\n+\0"
        b"640 0 root f /etc/d\0"
    )
    got = parse_modes(answer(lines, b"find: '/etc/x': Permission denied\n"))
    assert isinstance(got, Modes)
    assert [m.acl for m in got.found] == [True, False, False, None]
    assert (got.whole, got.closed) == (False, ("/etc/x",))


def test_file_modes_need_the_whole_picture_to_pass() -> None:
    assert judged(*CORE, whole=False) is UNDETERMINED
    assert judged(*CORE[:1]) is UNDETERMINED
    assert judged(mode("/etc/shadow", 0o644), whole=False) is FAIL


def test_file_modes_names_what_is_wrong() -> None:
    wrong = Modes(found=(mode("/etc/passwd", 0o666, 7),), whole=True)
    detail = of_files(wrong, None, NOBODY, None, None, EMPTY).detail[0]
    assert detail.args["names"] == ("/etc/passwd 0666 uid 7 root",)


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
    assert (
        home_modes.judge(HOST, accounts, Modes(found=(found,), whole=True), LOCAL).verdict
        is verdict
    )


def test_homes_of_accounts_from_elsewhere_are_never_passed_over() -> None:
    accounts = Accounts(rows=(person("bob", 1000, "/home/bob"),))
    modes = Modes(found=(mode("/home/bob", 0o700, 1000),), whole=True)
    assert (
        home_modes.judge(HOST, accounts, modes, Sources(passwd=("ldap",))).verdict is UNDETERMINED
    )


def test_homes_of_services() -> None:
    rows = {
        ("postgres", 105, "/var/lib/postgresql"): {0o700: PASS, 0o755: UNDETERMINED, 0o775: FAIL},
        ("oracle", 1001, "/opt/oracle"): {0o750: PASS, 0o755: FAIL},
        ("was", 1002, "/u01/was"): {0o750: PASS, 0o755: FAIL},
    }
    for (name, uid, home), verdicts in rows.items():
        accounts = Accounts(rows=(person(name, uid, home),))
        for bits, verdict in verdicts.items():
            modes = Modes(found=(mode(home, bits, uid),), whole=True)
            assert home_modes.judge(HOST, accounts, modes, LOCAL).verdict is verdict, (home, bits)
    far = Accounts(rows=(person("was", 1002, "/u01/was"),))
    none = home_modes.judge(HOST, far, Modes(found=(), whole=True), LOCAL)
    assert none.verdict is UNDETERMINED
    assert "settings.homes" in repr(none)


def test_home_modes_parameter() -> None:
    accounts = Accounts(rows=(person("bob", 1000, "/home/bob"),))
    modes = Modes(found=(mode("/home/bob", 0o750, 1000),), whole=True)
    assert home_modes.judge(HOST, accounts, modes, LOCAL, forbidden="0077").verdict is FAIL


def test_recorded_modes(recording: Make) -> None:
    modes = whole(parse_modes(recording("linux.file-modes")))
    found = {m.path: m for m in modes.found}
    assert (found["/etc/shadow"].bits, found["/etc/shadow"].group) == (0o640, "shadow")
    assert modes.whole


def test_a_group_of_a_directory_service_may_have_blanks(answer: Make) -> None:
    row = b"700 1001 domain users d /home/a b\0" + b"755 0 EXAMPLE\\dom admins f /etc/x\0"
    first, second = whole(parse_modes(answer(row))).found
    assert (first.group, first.path, first.kind) == (r"EXAMPLE\dom admins", "/etc/x", "f")
    assert (second.group, second.path, second.bits) == ("domain users", "/home/a b", 0o700)


def test_modes(answer: Make) -> None:
    modes = whole(
        parse_modes(answer(b"4755 0 root f /etc/a b\n\0", b"find: '/x': Permission denied"))
    )
    assert (modes.found[0].bits, modes.found[0].path, modes.whole) == (0o4755, "/etc/a b\n", False)
    for bad in (b"644 0 root f /etc/a", b"9 0 root f /etc/a\0", b"644 0 root f etc\0"):
        with pytest.raises(ParseError):
            parse_modes(answer(bad))
    none = parse_modes(answer(b"", b"find: '/x': Permission denied\n"))
    assert isinstance(none, Absent)
    assert none.reason is Reason.NOT_PERMITTED
    nothing = parse_modes(answer(b"", b"find: '/x': No such file or directory\n"))
    assert isinstance(nothing, Absent)
    assert nothing.reason is Reason.NOT_PRESENT


def test_access_lists_of_files_that_control_access(answer: Make) -> None:
    """As getfacl -snp prints them (acl 2.3.1); the bits of the group in the mode are the mask."""
    for path, row, bits, verdict in (
        ("/etc/shadow", "user:1001:r--", 0o640, FAIL), ("/etc/shadow", "user:0:rw-", 0o640, PASS),
        ("/etc/passwd", "user:1001:r--", 0o644, PASS),
        ("/etc/passwd", "user:1001:rw-", 0o664, FAIL),
        ("/etc/ssh/ssh_host_rsa_key", "user:1001:r--", 0o640, FAIL),
        ("/etc/passwd", "user:1001:rw-\t#effective:r--", 0o644, PASS),
        ("/etc/passwd", "group:50:rw-", 0o664, PASS),
        ("/etc/passwd", "group:1000:rw-", 0o664, FAIL),
        ("/etc/shadow", "group:50:r--", 0o640, PASS),
        ("/etc/shadow", "group:1000:r--", 0o640, FAIL),
        ("/etc/cron.d/x", "group:1000:rw-", 0o664, FAIL),
        ("/etc/cron.d/x", "user:1001:---", 0o674, PASS),
        ("/etc/cron.d/x", "group::rw-", 0o664, FAIL),
    ):  # fmt: skip
        own = "" if row.startswith("group::") else "group::r--\n"
        text = f"# file: {path}\n# owner: 0\n# group: 0\nuser::rw-\n{row}\n{own}\n"
        listed = parse_acls(answer(text.encode()))
        found = [m for m in CORE if m.path != path]
        modes = Modes(found=(*found, mode(path, bits, group="root", acl=True)), whole=True)
        judged = of_files(modes, None, NOBODY, None, listed, EMPTY)
        assert judged.verdict is verdict, (path, row)
    unsure = structs.replace(EMPTY, whole=False)
    entry = b"# file: /etc/passwd\nuser::rw-\ngroup::r--\ngroup:50:rw-\n"
    listed = parse_acls(answer(entry))
    whole_ = Modes(found=CORE, whole=True)
    assert of_files(whole_, None, NOBODY, None, listed, unsure).verdict is UNDETERMINED
    missing = answer(b"", b"find: 'getfacl': No such file or directory\n", 1)
    assert isinstance(parse_acls(missing), Absent)
