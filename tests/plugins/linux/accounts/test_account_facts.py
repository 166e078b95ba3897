"""Accounts, password hashes, last logins, login.defs and pwquality.conf as they are read."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, ParseError, Partial, Reason, Request, asked_of
from audit_linux.accounts.login_defs import parse_login_defs
from audit_linux.accounts.security_conf import parse_pwquality
from audit_linux.groups import GROUPS, parse_group
from audit_linux.passwd import (
    ACCOUNTS,
    LASTLOG,
    SHADOW,
    parse_lastlog,
    parse_lastlog2,
    parse_passwd,
    parse_shadow,
    parse_wtmpdb,
)
from audit_linux.ssh.sshd_match import NAMES

Make = Callable[..., Answer]


def test_recorded_accounts(recording: Make) -> None:
    accounts = whole(parse_passwd(recording("linux.accounts")))
    by_name = {a.name: a for a in accounts.rows}
    assert len(accounts.rows) == 24
    assert by_name["root"].uid == 0
    assert by_name["root"].has_shell
    assert not by_name["daemon"].has_shell
    assert not by_name["sync"].has_shell
    assert by_name["alice"].home == "/home/alice"
    assert {a.field for a in accounts.rows} == {"shadowed"}


def test_hosts_with_200_000_accounts_are_read_whole() -> None:
    """Of their files 17.6 MB (lastlog) is the largest answer."""
    asked = [each.ask for fact in (ACCOUNTS, SHADOW, LASTLOG, GROUPS) for each in fact.providers]
    names = [asked_of(ask) for ask in NAMES.providers[0].asks.values()]
    large = [ask for ask in (*asked, *names[:2]) if isinstance(ask, Request)]
    assert len(large) == 9
    assert all(ask.limit >= 20 << 20 for ask in large)


def test_recorded_shadow_has_schemes_and_no_hash(recording: Make) -> None:
    answer = recording("linux.shadow")
    rows = {row.name: row for row in whole(parse_shadow(answer))}
    assert rows["root"].locked
    assert rows["root"].maximum == 99999
    usable = [row for row in rows.values() if row.usable]
    assert {row.name: row.scheme for row in usable} == {"alice": "$y$", "bob": "$y$"}
    assert max(len(line.split(b":")[1]) for line in answer.stdout.splitlines()) <= 4


def test_recorded_login_defs(recording: Make) -> None:
    defs = parse_login_defs(recording("linux.login-defs.plain"))
    assert defs.integer("PASS_MAX_DAYS") == 99999
    assert defs.raw("UMASK") == "022"
    assert defs.integer("NO_SUCH_KEY") is None
    assert defs.raw("NO_SUCH_KEY") == "-"


# --- single parsers ---------------------------------------------------------------------------


def test_unusual_lines_of_passwd(answer: Make) -> None:
    text = "root:x:0:0::/root:\r\n# note\n\n+@admins::::::\n-bad\n\u202etoor::0:0::/:/bin/sh\n"
    accounts = whole(parse_passwd(answer(text)))
    assert [a.name for a in accounts.rows] == ["root", "\u202etoor"]
    assert [a.field for a in accounts.rows] == ["shadowed", "empty"]
    assert accounts.nis == ("+@admins", "-bad")
    assert accounts.rows[0].shell == ""
    assert accounts.rows[0].has_shell


def test_passwd_names_are_compared_raw(answer: Make) -> None:
    rows = whole(parse_passwd(answer(b"caf\xe9:!:1:1::/:/bin/sh\ncaf\xea:abc:2:2::/:/x\n"))).rows
    assert rows[0].name != rows[1].name
    assert [a.field for a in rows] == ["locked", "other"]


@pytest.mark.parametrize(
    "text",
    ["", "root:x\n", "root:x:zero:0::/root:/bin/sh\n", ":x:1:1::/:/bin/sh\n",
     "a:x:0x1:1::/:/bin/sh\n", "a:x:0 :1::/:/bin/sh\n"],
)  # fmt: skip
def test_passwd_that_is_none(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_passwd(answer(text))


@pytest.mark.parametrize(
    ("field", "locked", "scheme"),
    [("$6$", False, "$6$"), ("!$6$", True, "$6$"), ("*", True, ""), ("!!", True, ""),
     ("", False, ""), ("DES", False, "DES"), ("?", False, "?"), ("*?", True, "?"), ("-", True, ""),
     ("*-", True, ""), ("bigcrypt", False, "bigcrypt"), ("BSDi", False, "BSDi")],
)  # fmt: skip
def test_shadow_fields(field: str, locked: bool, scheme: str, answer: Make) -> None:
    (row,) = whole(parse_shadow(answer(f"a:{field}:19000:1:90:7::20000:\nNIS\n")))
    assert (row.locked, row.scheme, row.usable) == (locked, scheme, not locked)
    assert (row.changed, row.minimum, row.maximum, row.expires) == (19000, 1, 90, 20000)


@pytest.mark.parametrize(
    "text", ["MALFORMED\n", "a:$6$x:1:::::: \n", "a::1:2:3:4\n", "a::-1:2:3\n", ""]
)
def test_shadow_that_is_none(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_shadow(answer(text))


def test_one_bad_line_does_not_hide_the_others(answer: Make) -> None:
    bad = "shadow#94:x:one:1:a:/:/bin/sh\n"
    passwd = parse_passwd(answer(f"root:x:0:0::/root:/bin/sh\n{bad}toor:x:0:0::/:/bin/sh\n"))
    assert isinstance(passwd, Partial)
    assert [a.name for a in passwd.value.rows] == ["root", "toor"]
    assert [m.args["number"] for m in passwd.problems] == [2]
    shadow = parse_shadow(answer("a::::::::\nMALFORMED\na:*:::::::\nb:*:::::::\n"))
    assert isinstance(shadow, Partial)
    assert [(s.name, s.usable) for s in shadow.value] == [("a", True), ("b", False)]
    assert len(shadow.problems) == 2
    group = parse_group(answer("sudo:x:27:\nops:x\n"))
    assert isinstance(group, Partial)
    assert (group.value.unread, set(group.value.members)) == (1, {"sudo"})


def test_unusual_lines_of_lastlog(answer: Make) -> None:
    text = (
        "Username         Port     From                                       Latest\n"
        "root             pts/0    10.0.0.9                                  "
        "Mon Nov 23 10:00:00 +0800 2026\n"
        "alice                                      **Never logged in**\n"
    )
    root, alice = whole(parse_lastlog(answer(text)))
    assert root.last == "2026-11-23T02:00:00+00:00"
    assert alice.last is None


def test_no_file_of_lastlog_leaves_it_to_wtmpdb(answer: Make) -> None:
    got = parse_lastlog(answer("", exit_code=1))
    assert isinstance(got, Absent)
    assert got.reason is Reason.UNSUPPORTED


def test_lastlog2_of_debian_13(recording: Make) -> None:
    got = whole(parse_lastlog2(recording("linux.lastlog", release="debian-13")))
    assert [(login.name, login.last) for login in got] == [("audit", "2026-11-23T18:04:07+00:00")]


WTMPDB = """{"entries": [
{"user": "audit", "tty": "pts/0", "hostname": "127.0.0.1", "login": "2026-11-30T08:12:33+0000",
 "logout": "2026-11-30T08:12:35+0000", "length": "00:00"},
{"user": "root", "tty": "pts/0", "hostname": "127.0.0.1", "login": "2026-11-30T16:12:29+0800",
 "logout": "2026-11-30T08:12:30+0000", "length": "00:00"},
{"user": "audit", "tty": "pts/0", "hostname": "127.0.0.1", "login": "2026-11-29T08:12:33+0000",
 "logout": "2026-11-30T08:12:35+0000", "length": "00:00"},
{"user": "reboot", "tty": "system boot", "hostname": "6.12", "login": "2026-11-29T22:23:05+0000",
 "logout": "still running "}],
"start": "2026-11-29T22:23:05+0000"}
"""


def test_wtmpdb_of_debian_13(answer: Make) -> None:
    """As wtmpdb 0.73 of Debian 13 writes it; a zone and a second login by hand."""
    logins = whole(parse_wtmpdb(answer(WTMPDB)))
    assert {login.name: login.last for login in logins} == {
        "audit": "2026-11-30T08:12:33+00:00", "root": "2026-11-30T08:12:29+00:00",
    }  # fmt: skip
    assert isinstance(parse_wtmpdb(answer("", exit_code=1)), Absent)
    odd = parse_wtmpdb(answer(WTMPDB.replace("2026-11-30T16", "x")))
    assert isinstance(odd, Partial)
    assert len(odd.value) == 1


@pytest.mark.parametrize(("text", "code"), [("", 1), ("", 0), ("Username  Port  Latest\n", 0)])
def test_lastlog2_that_holds_nothing_leaves_it_to_lastlog(
    text: str, code: int, answer: Make
) -> None:
    got = parse_lastlog2(answer(text, exit_code=code))
    assert isinstance(got, Absent)
    assert got.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "root x\n",
        "Username\nroot pts/0 Mon Foo 1 10:00:00 +0000 2026\n",
        "Username\nroot pts/0 Mon Nov 31 10:00:00 +0000 2026\n",
    ],
)
def test_lastlog_that_is_none(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_lastlog(answer(text))


def test_login_defs_last_value_wins_as_in_shadow(answer: Make) -> None:
    text = (
        "PASS_MAX_DAYS 99999\r\n#PASS_MAX_DAYS 1\nPASS_MAX_DAYS\t90\r\n"
        'PASS_MIN_DAYS "7" x\nUMASK 027 # no comment here\nALONE\n'
    )
    defs = parse_login_defs(answer(text))
    assert defs.integer("PASS_MAX_DAYS") == 90
    assert defs.integer("PASS_MIN_DAYS") == 7
    assert defs.integer("UMASK") is None
    assert "ALONE" not in defs.values
    assert defs.searched["pass_max_days"] == "99999\r"  # pam_modutil_search_key takes the first
    assert defs.searched["umask"] == "027 "


def test_pwquality_main_file_wins_over_drop_ins(files: Make) -> None:
    main, folder = "/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d/"
    got = parse_pwquality(
        files({
            main: "minlen = 9 # why\r\n",
            folder + "90.conf": "minlen=20\nminclass = 4\nenforce_for_root\n",
            folder + "10.conf": "minclass=1\nucredit -1\n",
        })
    )  # fmt: skip
    assert not isinstance(got, Absent)
    assert got.values == {
        "minlen": "9", "minclass": "4", "enforce_for_root": "", "ucredit": "-1"
    }  # fmt: skip


def test_group(answer: Make) -> None:
    groups = whole(
        parse_group(answer("sudo:x:27:alice,bob\r\n+:::\n# c\n\nempty:x:3:\nsudo:x:1:eve\n"))
    )
    assert groups.members == {"sudo": ("alice", "bob"), "empty": ()}
    same = whole(parse_group(answer("docker:x:99:alice\ncontainers:x:99: bob, ,eve\n")))
    assert same.members["docker"] == ("alice", "bob", "eve")
    with pytest.raises(ParseError):
        parse_group(answer("sudo:x:\n"))


class _Passwd(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("secret", ctypes.c_char_p), ("uid", ctypes.c_uint),
        ("gid", ctypes.c_uint), ("gecos", ctypes.c_char_p), ("home", ctypes.c_char_p),
        ("shell", ctypes.c_char_p),
    )  # fmt: skip


class _Group(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("secret", ctypes.c_char_p), ("gid", ctypes.c_uint),
        ("members", ctypes.POINTER(ctypes.c_char_p)),
    )  # fmt: skip


def _of_libc(path: Path, kind: type[Any]) -> list[Any]:
    """The entries that fgetpwent(3) or fgetgrent(3) finds in a file."""
    libc = ctypes.CDLL(None)
    read = libc.fgetpwent if kind is _Passwd else libc.fgetgrent
    libc.fopen.restype, read.restype = ctypes.c_void_p, ctypes.POINTER(kind)
    stream = ctypes.c_void_p(libc.fopen(str(path).encode(), b"r"))
    found: list[Any] = []
    while entry := read(stream):
        reported = entry.contents
        if kind is _Passwd:
            found.append((reported.name, reported.uid, reported.gid, reported.home, reported.shell))
        else:
            members = itertools.takewhile(bool, (reported.members[at] for at in range(99)))
            found.append((reported.name, reported.gid, list(members)))
    libc.fclose(stream)
    return found


_IDS = (
    "0",
    "00",
    " 0",
    "+0",
    "-0",
    "-1",
    "0 ",
    "0x0",
    "",
    "4294967296",
    "99999999999",
    "1000",
    "a",
)


def test_accounts_and_groups_are_read_as_glibc_reads_them(answer: Make, tmp_path: Path) -> None:
    path = tmp_path / "file"
    passwd = [f"{front}a:x:{uid}:7::/home:/bin/sh" for front in ("", " ", "\t") for uid in _IDS]
    passwd += ["a:x:5:7", "a:x:5:7:", "a:x:5", "a:x:5:7:x:/h", "a:x:5:7:g:h:/bin/sh:more", "a",
               "  # a:x:0:0", "#a:x:0:0::/:", "a#:x:0:0::/:"]  # fmt: skip
    for line in passwd:
        path.write_text(f"{line}\nz:x:1:1::/:\n")
        got = parse_passwd(answer(path.read_bytes()))
        rows = (got.value if isinstance(got, Partial) else whole(got)).rows
        read = [(r.name, r.uid, r.gid, r.home, r.shell) for r in rows]
        libc = [
            (n.decode(), u, g, h.decode(), s.decode()) for n, u, g, h, s in _of_libc(path, _Passwd)
        ]
        assert read == libc, line
    for line in [f"g:x:{gid}:a, b,,c" for gid in _IDS] + ["g:x:5", "g:x", " g:x:5:a:b, c ,d"]:
        path.write_text(f"{line}\nz:x:123:\n")
        got_groups = parse_group(answer(path.read_bytes()))
        groups = got_groups.value if isinstance(got_groups, Partial) else whole(got_groups)
        libc_groups = _of_libc(path, _Group)
        assert [(n, groups.gids[n], list(m)) for n, m in groups.members.items()] == [
            (n.decode(), g, [m.decode() for m in members]) for n, g, members in libc_groups
        ], line


def test_a_redacted_hash_is_one_field(answer: Make) -> None:
    mark = "[redacted:crypt-hash]"
    accounts = whole(
        parse_passwd(answer(f"root:x:0:0::/root:/bin/sh\nbob:{mark}:7:8::/home/bob:/bin/sh\n"))
    )
    assert [(a.name, a.field, a.uid) for a in accounts.rows] == [
        ("root", "shadowed", 0), ("bob", "other", 7),
    ]  # fmt: skip
    assert whole(parse_group(answer(f"dev:{mark}:9:bob\n"))).members == {"dev": ("bob",)}
