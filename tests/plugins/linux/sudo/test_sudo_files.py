"""The files of sudoers: drop-ins, includes, files and directories that hold rules elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from audit_core.model import (
    Absent,
    Answer,
    FileEntry,
    FileStatus,
    Reason,
    Verdict,
)
from audit_core.model.files import encode_files
from audit_linux.nsswitch import Sources
from audit_linux.sudo.sudoers import Sudoers
from audit_linux.sudo.sudoers_files import parse_sudoers
from invented.sudoers import BASE, LOCAL, Read, judged_password, scoped

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def test_the_last_file_comes_last(read: Read) -> None:
    main = BASE + "@includedir /etc/sudoers.d\n"
    free, asked = "bob ALL=(ALL) NOPASSWD: ALL\n", "bob ALL=(ALL) ALL\n"
    assert judged_password(read(main, a=free, b=asked), LOCAL, None, None).verdict is PASS
    assert judged_password(read(main, a=asked, b=free), LOCAL, None, None).verdict is FAIL
    assert judged_password(read(main + asked, a=free), LOCAL, None, None).verdict is PASS
    assert judged_password(read(asked + main, a=free), LOCAL, None, None).verdict is FAIL


# /etc/sudo.conf may name another plugin or another file, as tried with sudo 1.9.13.
@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({"/etc/sudo.conf": "# Plugin sudoers_policy other.so\nPath askpass /bin/x\n"}, PASS),
        ({"/etc/sudo.conf": "Plugin sudoers_policy sudoers.so\n"}, PASS),
        ({"/etc/sudo.conf": "Plugin sudoers_policy /usr/libexec/sudo/sudoers.so\n"}, PASS),
        ({"/etc/sudo.conf": "Plugin sudoers_policy sudoers.so sudoers_file=/x\n"}, UNDETERMINED),
        ({"/etc/sudo.conf": "plugin\tsudoers_policy sudoers.so \\\n sudoers_file=/x\n"},
         UNDETERMINED),
        ({"/etc/sudo.conf": "Plugin qpm4u_policy /opt/q/pm4u.so\n"}, UNDETERMINED),
        ({"/etc/sudoers-rs": "root ALL=(ALL) ALL\n"}, UNDETERMINED),
    ],
)  # fmt: skip
def test_rules_that_sudo_reads_elsewhere(
    more: dict[str, str], verdict: Verdict, files: Make
) -> None:
    got = parse_sudoers(files({"/etc/sudoers": BASE, **more}))
    assert isinstance(got, Sudoers)
    assert judged_password(got, LOCAL, None, None).verdict is verdict
    assert scoped(got, None, LOCAL).verdict is verdict


def test_rules_from_a_directory_are_never_passed_over(read: Read) -> None:
    far = Sources(sudoers=("sss (LDAP)",))
    assert judged_password(read(BASE), far, None, None).verdict is UNDETERMINED
    assert scoped(read(BASE), None, far).verdict is UNDETERMINED
    assert scoped(read(BASE), None, Sources(passwd=("ldap",))).verdict is UNDETERMINED
    assert judged_password(None, far, None, None).verdict is UNDETERMINED
    assert scoped(None, None, far).verdict is UNDETERMINED
    assert judged_password(None, LOCAL, None, None).verdict is Verdict.NOT_APPLICABLE
    assert scoped(None, None, LOCAL).verdict is Verdict.NOT_APPLICABLE
    bad = read(BASE + "bob ALL=NOPASSWD: ALL\n")
    assert judged_password(bad, far, None, None).verdict is FAIL


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
    assert judged_password(got, LOCAL, None, None).verdict is verdict


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
    assert judged_password(got, LOCAL, None, None).verdict is FAIL


def test_a_drop_in_that_was_not_read_does_not_hide_a_fail(files: Make) -> None:
    reported = files({"/etc/sudoers": BASE + "@includedir /etc/sudoers.d\n",
                  "/etc/sudoers.d/a": "bob ALL=NOPASSWD: ALL\n"})  # fmt: skip
    closed = FileEntry(path="/etc/sudoers.d/b", status=FileStatus.NOT_PERMITTED)
    passed_over = FileEntry(path="/etc/sudoers.d/b.bak", status=FileStatus.TOO_BIG)
    for more, unread in (((closed,), ("/etc/sudoers.d/b",)), ((passed_over,), ())):
        answer = structs.replace(reported, stdout=reported.stdout + encode_files(more))
        got = parse_sudoers(answer)
        assert isinstance(got, Sudoers)
        assert got.unread == unread
        assert judged_password(got, LOCAL, None, None).verdict is FAIL


def test_includes_of_several_levels(files: Make) -> None:
    got = parse_sudoers(
        files({
            "/etc/sudoers": BASE + "@include sudoers.d/first\n",
            "/etc/sudoers.d/first": "@include /etc/sudoers.d/second.conf\n@include /etc/sudoers\n",
            "/etc/sudoers.d/second.conf": "bob ALL=NOPASSWD: ALL\n",
        })
    )  # fmt: skip
    assert isinstance(got, Sudoers)
    assert judged_password(got, LOCAL, None, None).verdict is FAIL
    assert got.unread == ("@include /etc/sudoers",)
    vendor = parse_sudoers(
        files({
            "/usr/etc/sudoers": "@includedir /usr/etc/sudoers.d\n@includedir /etc/sudoers.d\n",
            "/etc/sudoers.d/a": "bob ALL=NOPASSWD: ALL\n",
        })
    )  # fmt: skip
    assert isinstance(vendor, Sudoers)
    assert (vendor.unread, len(vendor.grants)) == ((), 1)


def test_recorded_sudoers(recording: Make) -> None:
    sudoers = parse_sudoers(recording("linux.sudoers"))
    assert not isinstance(sudoers, Absent)
    reported = [(g.who, g.command, g.no_password) for g in sudoers.grants]
    assert reported[:2] == [(("root",), "ALL", False), (("%sudo",), "ALL", False)]
    assert {(who, free) for who, _, free in reported[2:]} == {(("audit",), True)}
    assert sudoers.unread == ()
