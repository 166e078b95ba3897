"""Log files: modes, retention, reach, durability, forwarding."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest
from msgspec import structs

from audit_core.model import Absent, Answer, Kind, ObjectType, ParseError, Reason, Target, Verdict
from audit_linux.system import (
    auditing,
    forwards,
    journald,
    log_acls,
    log_files,
    log_reach,
    log_rotation,
    remote_log,
    rsyslog,
    syslog_ng,
)
from audit_linux.system._common import ConfFile, parse_conf
from audit_linux.system.processes import Process
from audit_linux.system.units import Units

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
NOW = 1_795_434_704
DAY = 86_400
TARGET = Target(id="h", kind=Kind.HOST, object_type=ObjectType.SERVER, address="web1.example.com")


def _tree(*records: str) -> log_files.LogTree:
    text = f"{NOW}\n" + "".join(f"{r}//" for r in ("755_d_0_0_4096_1.0_-1.-000000010_", *records))
    found = log_files.parse_log_tree(
        Answer(stdout=text.encode(), stderr=b"", exit_code=0, truncated=False, collected_at="",
               target=TARGET)
    )  # fmt: skip
    assert isinstance(found, log_files.LogTree)
    return found


def _file(
    path: str, mode: str = "640", age: int = 0, born: int | None = None, size: int = 9
) -> str:
    birth = "-1.-000000010" if born is None else f"{NOW - born * DAY}.5"
    return f"{mode}_f_0_4_{size}_{NOW - age * DAY}.1234567890_{birth}_{path}"


# --- the tree and the modes ---------------------------------------------------------------------


def test_log_tree_of_a_recording(recorded: Read) -> None:
    tree = log_files.parse_log_tree(recorded("log-files"))
    assert isinstance(tree, log_files.LogTree)
    by_path = {f.path: f for f in tree.files}
    assert by_path[""].folder
    assert by_path["audit"].mode == 0o750
    assert by_path["apt/term.log"].gid == 4
    assert by_path["dpkg.log"].born == 0
    assert log_files.log_file_modes.judge(tree, ()).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("path", "closed"),
    [
        ("/var/log", True),
        ("/var/log/journal", True),
        ("/var/log/journal/0a", True),
        ("/var/log/audit", False),
        ("/var/log/private", False),
    ],
)
def test_a_closed_log_folder_is_not_an_empty_one(path: str, closed: bool, answer: Make) -> None:
    said = f"find: '{path}': Permission denied\n".encode()
    tree = log_files.parse_log_tree(answer(f"{NOW}\n755_d_0_0_4096_1.0_-1.-000000010_//", said, 1))
    if closed:
        assert isinstance(tree, Absent)
        assert tree.reason is Reason.NOT_PERMITTED
    else:
        assert isinstance(tree, log_files.LogTree)


def test_hostile_names_stay_names() -> None:
    tree = _tree(_file("a\n777_f_0_0_0_0_0_b"), _file("x_y_z"), _file("\udcff".encode(
        "utf-8", "surrogateescape").decode("latin-1")))  # fmt: skip
    assert [f.path for f in tree.files][1:3] == ["a\n777_f_0_0_0_0_0_b", "x_y_z"]


@pytest.mark.parametrize("text", ["", "5\n", "x\n755_d_0_0_1_1.0_0_//", "5\n755_d_0_0_1_1.0_0_"])
def test_a_list_that_is_not_whole_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        log_files.parse_log_tree(answer(text))


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ((_file("auth.log"), _file("dpkg.log", "644")), Verdict.PASS),
        ((_file("auth.log", "644"),), Verdict.FAIL),
        ((_file("auth.log.2.gz", "644"),), Verdict.FAIL),
        ((_file("secure-20261101", "604"),), Verdict.FAIL),
        ((_file("dpkg.log", "646"),), Verdict.FAIL),
        ((_file("messagesbus", "644"),), Verdict.PASS),
        (("750_d_0_4_4096_1.0_0_audit", _file("audit/audit.log", "644")), Verdict.PASS),
        (("755_d_0_4_4096_1.0_0_audit", _file("audit/audit.log", "644")), Verdict.FAIL),
        (("1777_d_0_4_4096_1.0_0_app",), Verdict.PASS),
        (("777_d_0_4_4096_1.0_0_app",), Verdict.FAIL),
        (("711_d_0_4_4096_1.0_0_app",), Verdict.UNDETERMINED),
        (("755_d_0_4_4096_1.0_0_a/b/c/d/e/f",), Verdict.UNDETERMINED),
        # who owns the record may change it
        (("640_f_1001_4_9_1.0_0_auth.log",), Verdict.FAIL),
        (("660_f_0_1001_9_1.0_0_secure-20261101",), Verdict.FAIL),
        (("640_f_0_1001_9_1.0_0_secure",), Verdict.UNDETERMINED),
        (("640_f_0_100_9_1.0_0_secure",), Verdict.UNDETERMINED),
        (("660_f_0_100_9_1.0_0_secure",), Verdict.FAIL),
        (("600_f_0_1001_9_1.0_0_secure",), Verdict.PASS),
        (("640_f_0_1001_9_1.0_0_app.log",), Verdict.PASS),
        (("750_d_1001_4_9_1.0_0_audit",), Verdict.FAIL),
        (("644_f_1001_1001_9_1.0_0_app.log",), Verdict.PASS),
        ((_file("journal/" + "0a" * 16 + "/system.journal", "644"),), Verdict.FAIL),
        # a link leads to where nobody looked
        (("777_l_0_0_9_1.0_0_messages",), Verdict.UNDETERMINED),
        (("777_l_0_0_9_1.0_0_audit",), Verdict.UNDETERMINED),
        (("777_l_0_0_9_1.0_0_README",), Verdict.PASS),
    ],
)
def test_modes(records: tuple[str, ...], verdict: Verdict) -> None:
    tree = _tree(_file("syslog.1"), *records)
    assert log_files.log_file_modes.judge(tree, ()).verdict is verdict


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ((), Verdict.NOT_APPLICABLE),
        ((_file("dpkg.log", "644"),), Verdict.NOT_APPLICABLE),
        ((_file("auth.log", size=0), "755_d_0_0_60_1.0_0_journal"), Verdict.NOT_APPLICABLE),
        ((_file("dpkg.log", "666"),), Verdict.FAIL),
        (("777_l_0_0_9_1.0_0_messages",), Verdict.UNDETERMINED),
        ((_file("auth.log"),), Verdict.PASS),
        (("750_d_0_4_4096_1.0_0_audit",), Verdict.PASS),  # what lies there is closed to us
    ],
)
def test_where_nothing_is_recorded_there_is_nothing_to_guard(
    records: tuple[str, ...], verdict: Verdict
) -> None:
    assert log_files.log_file_modes.judge(_tree(*records), ()).verdict is verdict


def test_a_long_list_of_files_is_cut() -> None:
    many = _tree(*(_file(f"f{i}", "666") for i in range(90)))
    judgement = log_files.log_file_modes.judge(many, ())
    assert judgement.said[0].args["count"] == 90
    assert len(judgement.said[0].args["paths"]) == 21  # type: ignore[arg-type]


PRIVATE = (_file("auth.log"), "700_d_0_0_60_1.0_0_audit", "755_d_0_0_60_1.0_0_nginx")


@pytest.mark.parametrize(
    ("name", "verdict", "told"),
    [
        # the lists that systemd sets let adm read the journal, as on every Debian
        ("log-acls", Verdict.PASS, "/var/log/journal"),
        ("log-acls-systemd", Verdict.PASS, "/var/log/journal"),
        ("log-acls-people", Verdict.FAIL, "/var/log/auth.log (ACL: uid 1001 rw-)"),
        ("log-acls-ls", Verdict.UNDETERMINED, "/var/log/journal"),
        ("log-acls-people-ls", Verdict.UNDETERMINED, "/var/log/auth.log"),
    ],
)
def test_access_lists_of_recordings(name: str, verdict: Verdict, told: str, recorded: Read) -> None:
    acls = log_acls.parse_log_acls(recorded(name))
    judgement = log_files.log_file_modes.judge(_tree(*PRIVATE), acls)
    assert judgement.verdict is verdict
    paths = judgement.said[-1].args["paths"]
    assert isinstance(paths, tuple)
    assert told in paths


def test_rights_of_people_in_a_recording(recorded: Read) -> None:
    acls = log_acls.parse_log_acls(recorded("log-acls-people"))
    judgement = log_files.log_file_modes.judge(_tree(*PRIVATE), acls)
    assert judgement.said[0].args["paths"] == (
        "/var/log/auth.log (ACL: uid 1001 rw-)",
        "/var/log/nginx (ACL: uid 1002 rw- (default))",
        "/var/log/nginx (ACL: uid 1002 rwx)",
        "/var/log/odd\\012name (ACL: uid 1002 rw- (default))",
        "/var/log/odd\\012name (ACL: uid 1002 rwx)",
    )


def _getfacl(path: str, *entries: str) -> str:
    rows = ("# owner: 0", "# group: 4", "user::rw-", *entries, "group::r--", "other::---")
    return "\n".join((f"# file: {path}", *rows)) + "\n\n"


@pytest.mark.parametrize(
    ("path", "entries", "verdict"),
    [
        ("auth.log", ("user:1001:rw-", "mask::rw-"), Verdict.FAIL),
        ("auth.log", ("user:1001:r--", "mask::r--"), Verdict.UNDETERMINED),
        ("auth.log", ("group:1001:r--", "mask::r--"), Verdict.UNDETERMINED),
        ("auth.log", ("group:1001:-w-", "mask::rw-"), Verdict.FAIL),
        ("auth.log", ("group:100:rw-", "mask::rw-"), Verdict.FAIL),
        # the mask takes it away again
        ("auth.log", ("user:1001:rw-\t\t\t#effective:r--", "mask::r--"), Verdict.UNDETERMINED),
        ("auth.log", ("user:1001:rw-\t\t\t#effective:---", "mask::---"), Verdict.PASS),
        # one's own journal, and another's
        ("journal/0a/user-1001.journal", ("user:1001:r--", "mask::r--"), Verdict.PASS),
        ("journal/0a/user-1001@0b-1.journal~", ("user:1001:r--", "mask::r--"), Verdict.PASS),
        ("journal/0a/user-1001.journal", ("user:1002:r--", "mask::r--"), Verdict.UNDETERMINED),
        ("journal/0a/user-1001.journal", ("group:1001:r--", "mask::r--"), Verdict.UNDETERMINED),
        ("journal/0a/user-1001.journal", ("user:1001:rw-", "mask::rw-"), Verdict.FAIL),
        ("journal/0a/system.journal", ("user:1001:r--", "mask::r--"), Verdict.UNDETERMINED),
        # agents and log daemons
        ("auth.log", ("user:998:r--", "mask::r--"), Verdict.PASS),
        ("auth.log", ("user:33:rw-", "mask::rw-"), Verdict.UNDETERMINED),
        ("nginx/access.log", ("user:33:rw-", "mask::rw-"), Verdict.PASS),
        ("nginx/access.log", ("user:1001:r--", "mask::r--"), Verdict.PASS),
        ("nginx/access.log", ("user:1001:rw-", "mask::rw-"), Verdict.FAIL),
        # a folder: what will be made in it, and who gets past its closed door
        ("nginx", ("default:user:1001:rw-", "default:mask::rw-"), Verdict.FAIL),
        ("nginx", ("mask::---", "default:user:1001:rw-", "default:mask::r--"), Verdict.PASS),
        ("private", ("user:1001:r-x", "mask::r-x"), Verdict.UNDETERMINED),
        ("audit", ("user:1001:--x", "mask::r-x"), Verdict.UNDETERMINED),
        ("", ("user:1001:-wx", "mask::rwx"), Verdict.FAIL),
    ],
)
def test_access_lists(path: str, entries: tuple[str, ...], verdict: Verdict, answer: Make) -> None:
    text = "== getfacl\n" + _getfacl(f"/var/log/{path}".rstrip("/"), *entries)
    acls = log_acls.parse_log_acls(answer(text))
    tree = _tree(*PRIVATE, "700_d_0_0_60_1.0_0_private")
    assert log_files.log_file_modes.judge(tree, acls).verdict is verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("-rw-r--r--+ 1 0 0  2  /var/log/dpkg.log", Verdict.PASS),
        ("-rw-rw-r--+ 1 0 0  2  /var/log/dpkg.log", Verdict.UNDETERMINED),
        ("-rw-r-----+ 1 0 4  2  /var/log/secure", Verdict.UNDETERMINED),
        ("drwxr-xr-x+ 1 0 4 20  /var/log/nginx", Verdict.UNDETERMINED),
    ],
)
def test_lists_of_which_only_the_mark_was_seen(line: str, verdict: Verdict, answer: Make) -> None:
    top = "drwxr-xr-x 6 0 0 160  /var/log\n"
    acls = log_acls.parse_log_acls(answer(f"== ls\n{top}{line}\n"))
    assert log_files.log_file_modes.judge(_tree(*PRIVATE), acls).verdict is verdict


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", b""),
        ("== ls\n", b""),
        ("== ls\nls: unrecognized option\n", b""),
        ("== ls\ndrwxr-xr-x 6 0 0 160  /var/log\nwhat\n", b""),
        ("== getfacl\nwhat\n", b""),
        ("== getfacl\n# file: /etc/shadow\nuser::rw-\nuser:1:rw-\nother::---\n", b""),
        ("== getfacl\n# file: /var/log/x\nuser:bob:rw-\n", b""),
        ("== getfacl\n# file: /var/log/x\n", b""),
        ("== getfacl\n", b"getfacl: /var/log: Input/output error\n"),
    ],
)
def test_access_lists_that_cannot_be_read(text: str, complaint: bytes, answer: Make) -> None:
    with pytest.raises(ParseError):
        log_acls.parse_log_acls(answer(text, complaint))


def test_folders_that_may_not_be_entered_tell_their_own_list(answer: Make) -> None:
    refused = b"getfacl: /var/log/audit: Permission denied\n"
    assert log_acls.parse_log_acls(answer("== getfacl\n", refused)) == ()


@pytest.mark.parametrize(
    ("filesystem", "verdict"),
    [("xfs", Verdict.PASS), ("ext2/ext3", Verdict.PASS), ("nfs", Verdict.UNDETERMINED),
     ("nfs4", Verdict.UNDETERMINED), ("cifs", Verdict.UNDETERMINED)],
)  # fmt: skip
def test_lists_of_other_file_systems_are_not_told(filesystem: str, verdict: Verdict) -> None:
    tree = structs.replace(_tree(_file("auth.log")), filesystem=filesystem)
    assert log_files.log_file_modes.judge(tree, ()).verdict is verdict


def test_audit_files(recorded: Read, answer: Make) -> None:
    assert log_files.parse_audit_files(recorded("audit-files")) == ()
    gone = answer("", b"find: '/var/log/audit': No such file or directory\n", 1)
    assert isinstance(log_files.parse_audit_files(gone), Absent)
    with pytest.raises(ParseError):
        log_files.parse_audit_files(answer("", b"find: Permission denied\n", 1))


# --- retention ----------------------------------------------------------------------------------


def _rotations(
    answer: Make, text: str, main: str = "weekly\nrotate 4\ninclude /etc/logrotate.d\n"
) -> log_rotation.Rotation:
    body = "F /etc/logrotate.d/x\n" + "".join(f" {line}\n" for line in text.split("\n"))
    head = "F /etc/logrotate.conf\n" + "".join(f" {line}\n" for line in main.split("\n"))
    found = log_rotation.parse_rotations(answer(body + "\n" + head + "\n"))
    assert not isinstance(found, Absent)
    return found[0]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("/var/log/syslog\n{\n\trotate 26\n\tweekly\n}", 182),
        ("/var/log/syslog {\n rotate 26\n}", 182),
        ("/var/log/syslog { rotate 26 }", 182),
        ("/var/log/syslog {\n}", 28),
        ("/var/log/syslog {\n daily\n rotate 180\n maxage 90\n}", 90),
        ("/var/log/syslog {\n monthly\n rotate 6\n}", 180),
        ("/var/log/syslog {\n rotate -1\n}", 1 << 20),
        ("/var/log/syslog {\n rotate 0\n}", 0),
        ("/var/log/syslog {\n size 100M\n rotate 400\n}", None),
        ("/var/log/syslog {\n size 100M\n rotate 26\n weekly\n}", 182),
        ("/var/log/syslog {\n maxsize 1G\n rotate 400\n weekly\n}", None),
        ("/var/log/syslog {\n # rotate 400\n rotate 4\n}", 28),
        ("/var/log/syslog {\n rotate 4\n postrotate\n rotate 900\n }\n endscript\n}", 28),
        ("/var/log/syslog {\r\n rotate 30\r\n}\r", 210),
        ("/var/log/syslog {\n rotate=30\n}", 210),
        ("/var/log/syslog {\n rotate = 30\n}", 210),
        ("/var/log/syslog {\n hourly\n rotate 4380\n}", 182),
    ],
)
def test_days_kept(text: str, days: int | None, answer: Make) -> None:
    assert _rotations(answer, text).days == days


@pytest.mark.parametrize(
    ("main", "days"),
    [
        # checked with logrotate 3.21.0 -d on Debian 12
        ("weekly\nrotate 4\ninclude /etc/logrotate.d\nrotate 52\n", (28,)),
        ("include /etc/logrotate.d\nweekly\nrotate 52\n", (None,)),
        ("weekly\nrotate 4\n", ()),
        ("weekly\nrotate 4\ninclude /etc/local.d\ninclude /etc/logrotate.d\n", (None, 28)),
    ],
)
def test_what_stands_before_the_include_holds(
    main: str, days: tuple[int | None, ...], answer: Make
) -> None:
    text = "F /etc/logrotate.d/x\n /var/log/syslog {\n }\n\nF /etc/logrotate.conf\n"
    found = log_rotation.parse_rotations(
        answer(text + "".join(f" {line}\n" for line in main.split("\n")) + "\n")
    )
    assert not isinstance(found, Absent)
    assert tuple(r.days for r in found) == days


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [("/var/log/syslog", True), ("/var/log/sys*", True), ("/var/log/*", True),
     ("/var/log/*.log", False), ("/var/log/[r-t]yslog", True), ("/var/log/syslog.1", False)],
)  # fmt: skip
def test_a_stanza_covers_by_its_patterns(pattern: str, covered: bool) -> None:
    rotation = log_rotation.Rotation(paths=("/x", pattern), days=1, words="")
    assert rotation.covers("syslog") is covered


def test_a_stanza_without_end_is_refused(answer: Make) -> None:
    with pytest.raises(ParseError):
        _rotations(answer, "/var/log/syslog {\n rotate 4\n")


def test_a_left_over_set_up_file_does_not_count(answer: Make) -> None:
    text = "F /etc/logrotate.conf\n weekly\n include /etc/logrotate.d\n\n" + "".join(
        f"F /etc/logrotate.d/syslog{end}\n /var/log/syslog {{\n rotate {count}\n }}\n\n"
        for end, count in (("", 4), (".rpmsave", 90), ("~", 90))
    )
    found = log_rotation.parse_rotations(answer(text))
    assert not isinstance(found, Absent)
    assert [r.days for r in found] == [28]


@pytest.mark.parametrize(
    ("days", "verdict"),
    [((200, 28), Verdict.FAIL), ((200, None), Verdict.UNDETERMINED), ((200, 190), Verdict.PASS)],
)
def test_of_two_stanzas_the_lesser_counts(days: tuple[int | None, ...], verdict: Verdict) -> None:
    rotations = tuple(
        log_rotation.Rotation(paths=("/var/log/syslog",), days=d, words="") for d in days
    )
    assert (
        log_rotation.log_retention.judge(_tree(_file("syslog")), rotations, None).verdict is verdict
    )


def test_debian_s_own_four_weeks_fail(recorded: Read) -> None:
    rotations = log_rotation.parse_rotations(recorded("logrotate"))
    judgement = log_rotation.log_retention.judge(
        _tree(_file("syslog"), _file("auth.log")), rotations, None
    )
    assert judgement.verdict is Verdict.FAIL
    assert judgement.said[0].args["days"] == 28


@pytest.mark.parametrize(
    ("files", "days", "verdict"),
    [
        (("syslog",), 182, Verdict.PASS),
        (("syslog",), 179, Verdict.FAIL),
        (("syslog",), None, Verdict.UNDETERMINED),
        (("syslog", "auth.log"), 182, Verdict.UNDETERMINED),
        (("syslog", "auth.log"), 28, Verdict.FAIL),
        ((), 182, Verdict.UNDETERMINED),
    ],
)
def test_retention(files: tuple[str, ...], days: int | None, verdict: Verdict) -> None:
    rotation = log_rotation.Rotation(paths=("/var/log/syslog",), days=days, words="")
    judgement = log_rotation.log_retention.judge(
        _tree(*(_file(f) for f in files)), (rotation,), None
    )
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("value", "days", "verdict"),
    [
        ("1month", 30, Verdict.FAIL),
        ("2week 3days", 17, Verdict.FAIL),
        ("2592000", 30, Verdict.FAIL),
        ("6months", 182, Verdict.UNDETERMINED),  # size may still take them earlier
        ("1y", 365, Verdict.UNDETERMINED),
        ("0", None, Verdict.UNDETERMINED),
        ("", None, Verdict.UNDETERMINED),
        ("for ever", None, Verdict.UNDETERMINED),
        ("90 d?", None, Verdict.UNDETERMINED),
    ],
)
def test_a_journal_that_is_told_to_forget_is_not_kept(
    value: str, days: int | None, verdict: Verdict
) -> None:
    conf = journald.JournalConf(max_retention=value)
    assert conf.most_days == days
    judgement = log_rotation.log_retention.judge(_tree(_journal(3)), None, conf)
    assert judgement.verdict is verdict
    assert judgement.said[-1].args.get("days") == days
    assert ("kept by size, not by time" in judgement.said[-1].id) is (days is None)


def test_a_log_that_lies_elsewhere_is_not_passed() -> None:
    tree = structs.replace(_tree(_file("auth.log")), links=("messages", "README"))
    rotation = log_rotation.Rotation(paths=("/var/log/*",), days=200, words="")
    judgement = log_rotation.log_retention.judge(tree, (rotation,), None)
    assert judgement.verdict is Verdict.UNDETERMINED
    assert judgement.said[-1].args["names"] == ("messages",)


def test_without_logrotate_retention_is_not_settled() -> None:
    assert (
        log_rotation.log_retention.judge(_tree(_file("syslog")), None, None).verdict
        is Verdict.UNDETERMINED
    )


# --- the oldest record --------------------------------------------------------------------------

JOURNAL = "journal/" + "0a" * 16 + "/system@" + "0b" * 16 + "-" + "0" * 16 + "-{:016x}.journal"


def _journal(days: int) -> str:
    return _file(JOURNAL.format((NOW - days * DAY) * 1_000_000), age=1)


_COPIES = tuple(_file(f"syslog.{i}.gz", age=30 * i) for i in range(1, 8))


def test_records_that_lie_elsewhere_are_not_missing() -> None:
    since = NOW - 900 * DAY
    moved = log_rotation.Rotation(
        paths=("/var/log/syslog",), days=210, words="", olddir="/data/old"
    )  # fmt: skip
    plain = log_rotation.Rotation(paths=("/var/log/syslog",), days=210, words="")
    tree = _tree(_file("syslog", born=3), _journal(20))
    judge = log_reach.log_oldest.judge
    assert judge(tree, None, since, (plain,), None).verdict is Verdict.FAIL
    assert judge(tree, None, since, (moved,), None).verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("place", "verdict"),
    [("/var/log/audit/audit.log", Verdict.PASS), ("/data/audit/audit.log", Verdict.UNDETERMINED)],
)
def test_an_audit_trail_that_was_not_listed_is_no_pass(place: str, verdict: Verdict) -> None:
    conf = auditing.AuditdConf(values={"log_file": place})
    judgement = log_reach.log_oldest.judge(_tree(_journal(190)), (), NOW - 900 * DAY, None, conf)
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("tree", "audit", "installed", "verdict"),
    [
        # old enough by the time of the last record in the oldest copy
        ((_file("syslog"), *_COPIES), (), 900, Verdict.PASS),
        # one old copy that was left behind says nothing of the months between
        ((_file("syslog"), _file("syslog.9.gz", age=200)), (), 900, Verdict.UNDETERMINED),
        (
            (_file("syslog"), _file("syslog.1", age=5, born=12), _file("syslog.bak", age=400)),
            (),
            900,
            Verdict.UNDETERMINED,
        ),
        # the records of other hosts, and of persons, are not those of this host
        (
            (_journal(9), _file("journal/remote/remote-web2.journal", born=300)),
            (),
            900,
            Verdict.FAIL,
        ),
        (
            (_journal(9), _file("journal/" + "0a" * 16 + "/user-1000.journal", born=300)),
            (),
            900,
            Verdict.FAIL,
        ),
        ((_journal(190),), (), 900, Verdict.PASS),
        # too young for certain
        ((_file("syslog"), _file("syslog.4.gz", age=30)), (), 900, Verdict.FAIL),
        ((_journal(30),), (), 900, Verdict.FAIL),
        ((_file("syslog", born=20),), (), 900, Verdict.FAIL),
        # one month's rotation may hide what is missing
        ((_file("syslog"), _file("syslog.6.gz", age=160)), (), 900, Verdict.UNDETERMINED),
        # one file, and nothing tells when it began
        ((_file("syslog"),), (), 900, Verdict.UNDETERMINED),
        # copytruncate keeps an old birth over new content
        ((_file("syslog", born=800),), (), 900, Verdict.UNDETERMINED),
        # a young host is no fail
        ((_journal(30),), (), 31, Verdict.NOT_APPLICABLE),
        ((_journal(30),), (), None, Verdict.UNDETERMINED),
        # the audit trail counts for itself, and auditd renames
        ((_journal(190),), (_file("audit.log", born=20),), 900, Verdict.FAIL),
        ((_journal(190),), (_file("audit.log", born=200),), 900, Verdict.PASS),
        # empty files hold no record
        ((_file("syslog.9", age=400, size=0), _journal(20)), (), 900, Verdict.FAIL),
        ((_file("wtmp", age=400),), (), 900, Verdict.FAIL),
    ],
)
def test_oldest(
    tree: tuple[str, ...], audit: tuple[str, ...], installed: int | None, verdict: Verdict
) -> None:
    since = None if installed is None else NOW - installed * DAY
    files = _tree(*audit).files[1:]
    assert log_reach.log_oldest.judge(_tree(*tree), files, since, None, None).verdict is verdict


def test_installed_at(recorded: Read, answer: Make) -> None:
    assert log_reach.parse_host_since(recorded("installed-at")) == 1_750_775_860
    assert log_reach.parse_host_since(answer("7_9_/\n")) == 7
    assert isinstance(log_reach.parse_host_since(answer("0_9_/\n")), Absent)
    with pytest.raises(ParseError):
        log_reach.parse_host_since(answer("stat: no\n"))


# --- on disk ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "storage", "verdict"),
    [
        ((_file("syslog"),), "", Verdict.PASS),
        ((_file("syslog", size=0),), "", Verdict.FAIL),
        # freshly rotated
        ((_file("syslog", size=0), _file("syslog.1", age=1)), "", Verdict.PASS),
        # left over from a daemon that was removed
        ((_file("syslog", age=300),), "", Verdict.FAIL),
        ((_file("syslog", age=300), _journal(3)), "", Verdict.PASS),
        ((_file("journal/remote/remote-web2.journal"),), "", Verdict.FAIL),
        ((_journal(3),), "", Verdict.PASS),
        ((_journal(3),), "persistent", Verdict.PASS),
        ((_journal(3),), "volatile", Verdict.FAIL),
        ((), "persistent", Verdict.FAIL),
    ],
)
def test_durable(records: tuple[str, ...], storage: str, verdict: Verdict) -> None:
    conf = journald.JournalConf(storage=storage)
    assert log_reach.log_durable.judge(_tree(*records), conf).verdict is verdict


def test_a_log_in_memory_does_not_outlive_a_restart() -> None:
    tree = structs.replace(_tree(_file("syslog")), filesystem="tmpfs")
    assert log_reach.log_durable.judge(tree, None).verdict is Verdict.FAIL


def test_journald_drop_ins_go_over_the_main_file(recorded: Read, answer: Make) -> None:
    assert journald.parse_journal_conf(recorded("journald")) == journald.JournalConf()
    text = (
        "F /etc/systemd/journald.conf\n [Journal]\n Storage=auto\n\n"
        "F /usr/lib/systemd/journald.conf.d/10-a.conf\n Storage=none\n\n"
        "F /etc/systemd/journald.conf.d/10-a.conf\n Storage=volatile\r\n #Storage=persistent\n\n"
    )
    conf = journald.parse_journal_conf(answer(text))
    assert isinstance(conf, journald.JournalConf)
    assert conf.storage == "volatile"


def test_set_up_files_come_whole_and_apart(answer: Make) -> None:
    text = "F /etc/a\n one\r\n F /etc/fake\n \n\nF /etc/b\n\n"
    assert parse_conf(answer(text)) == (
        ConfFile(path="/etc/a", lines=("one", "F /etc/fake", "")),
        ConfFile(path="/etc/b", lines=()),
    )
    twice = "F /etc/a\n one\nF /etc/a\n two\n"
    for broken in ("one\n", " one\n", "F etc/a\n", "F /etc/a\none\n", "U /etc/a\n one\n", twice):
        with pytest.raises(ParseError):
            parse_conf(answer(broken))


# --- forwarding ---------------------------------------------------------------------------------


LOADED = 'F /etc/rsyslog.conf\n module(load="imuxsock")\n'


def test_an_rsyslog_that_hears_other_hosts_only_sends_none_of_its_own_records(answer: Make) -> None:
    relay = 'module(load="imtcp")\n input(type="imtcp" port="514")\n *.* @@log.example.com'
    got = rsyslog.parse_rsyslog(answer(f"F /etc/rsyslog.conf\n {relay}\n"))
    assert isinstance(got, forwards.Forwards)
    assert [f.every for f in got.forwards] == [False]


def _rsyslog(answer: Make, text: str) -> forwards.Forwards:
    body = LOADED + "".join(f" {line}\n" for line in text.split("\n")) + "\n"
    found = rsyslog.parse_rsyslog(answer(body))
    assert not isinstance(found, Absent)
    return found


RUNNING = (Process(pid=1, uid=0, name="init"), Process(pid=9, uid=0, name="rsyslogd"))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("*.* @@log.example.com:514", Verdict.PASS),
        ("*.*\t@192.0.2.7", Verdict.PASS),
        ("*.* @@(o)[2001:db8::1]:514", Verdict.PASS),
        ("*.* @(z9,o)log.example.com:514;RSYSLOG_Format", Verdict.PASS),
        ("auth,authpriv.* :omrelp:log.example.com:2514", Verdict.PASS),
        # sshd of Debian uses auth, sudo and PAM use authpriv
        ("authpriv.* @@log.example.com", Verdict.UNDETERMINED),
        ("auth.* @@log.example.com", Verdict.UNDETERMINED),
        ("*.* @@0.0.0.0", Verdict.FAIL),
        ("*.* @@localhost4", Verdict.FAIL),
        ("*.* @@WEB1.example.com", Verdict.FAIL),  # itself
        ('action(type="omfwd" target=["192.0.2.7", "192.0.2.8"])', Verdict.PASS),
        ('action(type="omkafka" broker=["k:9092"] topic="log")', Verdict.UNDETERMINED),
        ("*.* :omkafka:", Verdict.UNDETERMINED),
        # rsyslogd 8.2302 takes a line break for a blank
        (
            'if $programname == "x" then\n   action(type="omfwd" target="192.0.2.7")',
            Verdict.UNDETERMINED,
        ),
        ('mail.*\n   action(type="omfwd" target="192.0.2.7")', Verdict.UNDETERMINED),
        ('*.*\n   action(type="omfwd" target="192.0.2.7")', Verdict.PASS),
        ("if $msg contains 'x' then\n  *.* @@log.example.com", Verdict.UNDETERMINED),
        ('*.* /var/log/x\naction(type="omfwd" target="192.0.2.7")', Verdict.PASS),
        ("$RuleSet r\n*.* @@log.example.com\n", Verdict.UNDETERMINED),
        (
            "$RuleSet r\n*.* /x\n$RuleSet RSYSLOG_DefaultRuleset\n*.* @@log.example.com",
            Verdict.PASS,
        ),
        ("auth,authpriv.info @@log.example.com", Verdict.PASS),
        ('*.* action(type="omfwd" target="192.0.2.7" port="514"\n protocol="tcp")', Verdict.PASS),
        ('action(type="omfwd" Target="192.0.2.7")', Verdict.PASS),
        ("# *.* @@log.example.com", Verdict.FAIL),
        ("/* *.* @@log.example.com\n*/", Verdict.FAIL),
        ("*.* @@127.0.0.1:514", Verdict.FAIL),
        ("*.* @localhost", Verdict.FAIL),
        ("*.* @@[::1]:514", Verdict.FAIL),
        ("*.* /var/log/all@example", Verdict.FAIL),
        ("mail.* @@log.example.com", Verdict.UNDETERMINED),
        ("*.*;auth,authpriv.none @@log.example.com", Verdict.UNDETERMINED),
        ("authpriv.err @@log.example.com", Verdict.UNDETERMINED),
        (':msg,contains,"x" @@log.example.com', Verdict.UNDETERMINED),
        ("if $programname == 'sshd' then {\n*.* @@log.example.com\n}", Verdict.UNDETERMINED),
        ('ruleset(name="r"){\n action(type="omfwd" target="192.0.2.7")\n}', Verdict.UNDETERMINED),
        ("$IncludeConfig /opt/site.conf", Verdict.UNDETERMINED),
        ('include(file="/opt/*.conf" mode="optional")', Verdict.UNDETERMINED),
        ('action(type="omfile" file="/var/log/x")', Verdict.FAIL),
        ("*.* @@log.example.com\r", Verdict.PASS),
    ],
)
def test_rsyslog(text: str, verdict: Verdict, answer: Make) -> None:
    found = _rsyslog(answer, text)
    judgement = remote_log.log_remote.judge(TARGET, RUNNING, found, None, None, None)
    assert judgement.verdict is verdict


def test_rsyslog_as_installed_forwards_nothing(recorded: Read) -> None:
    assert rsyslog.parse_rsyslog(recorded("rsyslog")) == forwards.Forwards(forwards=())


@pytest.mark.parametrize(
    "include",
    [
        "$IncludeConfig /etc/rsyslog.d/*.conf",
        'include(file="/etc/rsyslog.d/*.conf" mode="optional")',  # as RHEL 9 has it
    ],
)
def test_a_drop_in_counts_only_when_it_is_included(include: str, answer: Make) -> None:
    drop = "F /etc/rsyslog.d/a.conf\n *.* @@log.example.com\n\n"
    without = rsyslog.parse_rsyslog(answer(f"{LOADED}\n{drop}"))
    within = rsyslog.parse_rsyslog(answer(f"{LOADED} {include}\n\n{drop}"))
    assert isinstance(without, forwards.Forwards)
    assert isinstance(within, forwards.Forwards)
    assert without.forwards == ()
    assert within.forwards[0].every


def test_a_daemon_that_does_not_run_forwards_nothing(answer: Make) -> None:
    found = _rsyslog(answer, "*.* @@log.example.com")
    judgement = remote_log.log_remote.judge(TARGET, RUNNING[:1], found, None, None, None)
    assert judgement.verdict is Verdict.FAIL


# invented after the syslog-ng 3.38 manual
NG = """F /etc/syslog-ng/syslog-ng.conf
 source s_src { system(); internal(); };
 source s_net { network(ip("0.0.0.0") port(514)); };
 destination d_net { network("192.0.2.7" port(514) transport("tcp")); };
 destination d_file { file("/var/log/messages"); };
 filter f_auth { facility(auth, authpriv); };
 log { source(s_src); destination(d_file); };
 log { source(s_src); PLACE };

"""


@pytest.mark.parametrize(
    ("place", "verdict"),
    [
        ("destination(d_net);", Verdict.PASS),
        ("# destination(d_net);", Verdict.FAIL),
        ("filter(f_auth); destination(d_net);", Verdict.UNDETERMINED),
        ('destination { network("192.0.2.7"); };', Verdict.PASS),
        # what comes from other hosts, and what another path takes off first
        ("}; log { source(s_net); destination(d_net);", Verdict.UNDETERMINED),
        (
            "destination(d_net); }; log { source(s_src); destination(d_file); flags(final);",
            Verdict.UNDETERMINED,
        ),
        ("destination(d_file);", Verdict.FAIL),
        (
            'destination(d_file); };\n @include "/opt/site.conf"\n log { source(s_src);',
            Verdict.UNDETERMINED,
        ),
    ],
)
def test_syslog_ng(place: str, verdict: Verdict, answer: Make) -> None:
    text = NG.replace("PLACE", place.replace("#", "\n #") + "\n")
    found = syslog_ng.parse_syslog_ng(answer(text.replace("\n }", "\n  }")))
    assert isinstance(found, forwards.Forwards)
    processes = (*RUNNING[:1], Process(pid=5, uid=0, name="syslog-ng"))
    judgement = remote_log.log_remote.judge(TARGET, processes, None, found, None, None)
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("url", "active", "verdict"),
    [
        ("https://log.example.com:19532", True, Verdict.PASS),
        ("https://log.example.com:19532", False, Verdict.FAIL),
        ("http://localhost:19532", True, Verdict.FAIL),
        ("", True, Verdict.FAIL),
    ],
)
def test_journal_upload(url: str, active: bool, verdict: Verdict, answer: Make) -> None:
    text = f"F /etc/systemd/journal-upload.conf\n [Upload]\n # URL=x\n URL={url}\n\n"
    names = {"systemd-journal-upload.service"} if active else set()
    units = Units(active=frozenset(names), enabled=frozenset())
    upload = remote_log.parse_upload(answer(text))
    judgement = remote_log.log_remote.judge(TARGET, RUNNING, None, None, upload, units)
    assert judgement.verdict is verdict
    failing = structs.replace(units, failing=units.active)
    judgement = remote_log.log_remote.judge(TARGET, RUNNING, None, None, upload, failing)
    assert judgement.verdict is Verdict.FAIL


def test_another_shipper_settles_nothing() -> None:
    processes = (*RUNNING, Process(pid=7, uid=0, name="filebeat"))
    judgement = remote_log.log_remote.judge(TARGET, processes, None, None, None, None)
    assert judgement.verdict is Verdict.UNDETERMINED


YOUNG, LONG = (_file("syslog"), _file("syslog.4.gz", age=30)), (_file("syslog"), *_COPIES)


@pytest.mark.parametrize(
    ("files", "days", "config", "verdict"),
    [
        (LONG, 182, "", Verdict.PASS),
        (YOUNG, 28, "*.* @@log.example.com", Verdict.PASS),
        (YOUNG, 28, "", Verdict.FAIL),
        (YOUNG, 182, "", Verdict.FAIL),
        (LONG, 28, "", Verdict.FAIL),
        (LONG, None, "", Verdict.UNDETERMINED),
        (YOUNG, 28, "mail.* @@log.example.com", Verdict.UNDETERMINED),
    ],
)
def test_kept_or_sent(
    files: tuple[str, ...], days: int | None, config: str, verdict: Verdict, answer: Make
) -> None:
    rotations = (log_rotation.Rotation(paths=("/var/log/syslog",), days=days, words=""),)
    sending = (TARGET, RUNNING, _rsyslog(answer, config), None, None, None)
    judgement = remote_log.log_kept_or_sent.judge(
        _tree(*files), rotations, NOW - 900 * DAY, None, *sending
    )
    assert judgement.verdict is verdict
    assert len(judgement.said) >= 3


@pytest.mark.parametrize(("days", "verdict"), [(30, Verdict.FAIL), (400, Verdict.UNDETERMINED)])
def test_a_journal_that_forgets_early_is_not_kept(
    days: int, verdict: Verdict, answer: Make
) -> None:
    sending = (TARGET, RUNNING, _rsyslog(answer, ""), None, None, None)
    conf = journald.JournalConf(max_retention=f"{days}day")
    judgement = remote_log.log_kept_or_sent.judge(
        _tree(_journal(200)), None, NOW - 900 * DAY, conf, *sending
    )
    assert judgement.verdict is verdict


def test_audit_records_that_nobody_looked_for_are_not_told_to_be_missing(answer: Make) -> None:
    sending = (TARGET, RUNNING, _rsyslog(answer, ""), None, None, None)
    judgement = remote_log.log_kept_or_sent.judge(_tree(), None, None, None, *sending)
    assert judgement.verdict is Verdict.FAIL
    assert "No system log or journal with records" in [m.id for m in judgement.said]
    oldest = log_reach.log_oldest.judge(_tree(), (), None, None, None)
    assert [m.id for m in oldest.said] == ["No system log, journal or audit log with records"]


def test_a_list_that_a_secret_was_cut_from_is_not_whole(answer: Callable[..., Answer]) -> None:
    # the cut runs to the next blank, over every record up to there
    text = f"{NOW}\n755_d_0_0_4096_1_1_//644_f_0_0_1_1_1_x/password=[redacted:assigned-secret]//"
    with pytest.raises(ParseError):
        log_files.parse_log_tree(answer(text))


@pytest.mark.parametrize(
    ("rule", "every"),
    [
        ("auth,authpriv.* /var/log/auth.log\n& stop", False),
        ("auth,authpriv.* stop", False),
        ("*.info ~", False),
        (':syslogtag, isequal, "[CLOUDINIT]" /var/log/cloud-init.log\n& stop', True),
        ("mail.* /var/log/mail.log\n& stop", True),
        ("# auth.* stop", True),
        ("mail.* stop", True),
        ("mail.*;auth.* stop", False),
        (':programname, isequal, "sshd" stop', False),
        (':programname, isequal, "haproxy" stop', True),
        (':programname, !isequal, "haproxy" stop', False),
        (':programname, startswith, "" ~', False),
        (':msg, contains, "Accepted" ~', False),
        ("if $programname == 'sshd' then stop", False),
        ("if $programname == 'haproxy' then stop", True),
        ("if $programname == 'haproxy' then {\n  /var/log/haproxy.log\n  stop\n}", True),
        ("if $programname == 'haproxy' then\n  stop", True),
        ("if $programname == 'a' or $programname == 'sshd' then stop", False),
        ("if $programname == 'a' or $msg contains 'b' then stop", False),
        ("if not ($programname == 'a') then stop", False),
        ("if $programname == 'a' then {\n /x\n} else {\n stop\n}", False),
        ("auth,authpriv.* {\n  /var/log/auth.log\n  stop\n}", False),
        ('ruleset(name="r") {\n *.* /var/log/r.log\n stop\n}', True),
        ("*.* @@192.0.2.9\n& stop", True),
        ("*.* /var/log/nonstop", True),
    ],
)
def test_records_that_a_rule_stops_are_not_sent(
    rule: str, every: bool, answer: Callable[..., Answer]
) -> None:
    text = f"{rule}\n*.* @@192.0.2.1\n"
    lines = "".join(f" {line}\n" for line in text.split("\n"))
    got = rsyslog.parse_rsyslog(answer(f"{LOADED}{lines}"))
    assert isinstance(got, forwards.Forwards)
    assert {f.every for f in got.forwards} == {every}


@pytest.mark.parametrize(
    "line",
    ["if x then", "{", "}", ':a, isequal, "b" stop', 'action(type="omfwd" target="h")', "@@h", "",
     'if $programname == "a" then { stop }', 'action(type="omfwd") ' * 40],
)  # fmt: skip
def test_a_hostile_set_up_file_is_read_in_little_time(
    line: str, answer: Callable[..., Answer]
) -> None:
    lines = (f" {line}\n" * 40_000)[: 2 << 20]  # what the request lets through
    started = time.process_time()
    with contextlib.suppress(ParseError):
        rsyslog.parse_rsyslog(answer(f"F /etc/rsyslog.conf\n{lines}"))
    assert time.process_time() - started < 20  # 0.9 s were measured
