"""Log files, who may read and write them, and their access lists."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from audit_core.model import Absent, Answer, Answers, CutList, ParseError, Reason, Verdict
from audit_linux.logs import log_acls, log_files
from audit_linux.ssh.sshd_match import Names
from invented.logs import NOW, log_file, log_tree

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
ReadAll = Callable[..., Answers]
MakeAll = Callable[..., Answers]


def test_log_tree_of_a_recording(recorded_answers: ReadAll) -> None:
    tree = log_files.parse_log_tree(recorded_answers("log-files"))
    assert isinstance(tree, log_files.LogTree)
    by_path = {f.path: f for f in tree.files}
    assert by_path[""].folder
    assert by_path["audit"].mode == 0o750
    assert by_path["apt/term.log"].gid == 4
    assert by_path["dpkg.log"].born == 0
    assert log_files.log_file_modes.judge(tree, (), None).verdict is Verdict.PASS
    names = Names(groups_of={"bob": frozenset({"adm", "users"}), "eve": frozenset({"eve"})})
    shown = repr(log_files.log_file_modes.judge(tree, (), names).detail)
    assert "adm: bob" in shown
    assert "eve" not in shown


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
def test_a_closed_log_folder_is_not_an_empty_one(
    path: str, closed: bool, answer: Make, answers: MakeAll
) -> None:
    detail = f"find: '{path}': Permission denied\n".encode()
    listing = answer("755_d_0_0_4096_1.0_-1.-000000010_//", detail, 1)
    tree = log_files.parse_log_tree(answers(clock=f"{NOW}\n", filesystem="", files=listing))
    if closed:
        assert isinstance(tree, Absent)
        assert tree.reason is Reason.NOT_PERMITTED
    else:
        assert isinstance(tree, log_files.LogTree)


def test_hostile_names_stay_names() -> None:
    tree = log_tree(log_file("a\n777_f_0_0_0_0_0_b"), log_file("x_y_z"), log_file("\udcff".encode(
        "utf-8", "surrogateescape").decode("latin-1")))  # fmt: skip
    assert [f.path for f in tree.files][1:3] == ["a\n777_f_0_0_0_0_0_b", "x_y_z"]


@pytest.mark.parametrize(
    ("clock", "text"),
    [("5\n", ""), ("", "755_d_0_0_1_1.0_0_//"), ("x\n", "755_d_0_0_1_1.0_0_//"),
     ("5\n", "755_d_0_0_1_1.0_0_")],
)  # fmt: skip
def test_an_incomplete_list_is_refused(clock: str, text: str, answers: MakeAll) -> None:
    with pytest.raises(ParseError):
        log_files.parse_log_tree(answers(clock=clock, filesystem="", files=text))


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ((log_file("auth.log"), log_file("dpkg.log", "644")), Verdict.PASS),
        ((log_file("auth.log", "644"),), Verdict.FAIL),
        ((log_file("auth.log.2.gz", "644"),), Verdict.FAIL),
        ((log_file("secure-20261101", "604"),), Verdict.FAIL),
        ((log_file("dpkg.log", "646"),), Verdict.FAIL),
        ((log_file("messagesbus", "644"),), Verdict.PASS),
        (("750_d_0_4_4096_1.0_0_audit", log_file("audit/audit.log", "644")), Verdict.PASS),
        (("755_d_0_4_4096_1.0_0_audit", log_file("audit/audit.log", "644")), Verdict.FAIL),
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
        ((log_file("journal/" + "0a" * 16 + "/system.journal", "644"),), Verdict.FAIL),
        # a link leads to where nobody looked
        (("777_l_0_0_9_1.0_0_messages",), Verdict.UNDETERMINED),
        (("777_l_0_0_9_1.0_0_audit",), Verdict.UNDETERMINED),
        (("777_l_0_0_9_1.0_0_README",), Verdict.PASS),
    ],
)
def test_modes(records: tuple[str, ...], verdict: Verdict) -> None:
    tree = log_tree(log_file("syslog.1"), *records)
    assert log_files.log_file_modes.judge(tree, (), None).verdict is verdict


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ((), Verdict.NOT_APPLICABLE),
        ((log_file("dpkg.log", "644"),), Verdict.NOT_APPLICABLE),
        ((log_file("auth.log", size=0), "755_d_0_0_60_1.0_0_journal"), Verdict.NOT_APPLICABLE),
        ((log_file("dpkg.log", "666"),), Verdict.FAIL),
        (("777_l_0_0_9_1.0_0_messages",), Verdict.UNDETERMINED),
        ((log_file("auth.log"),), Verdict.PASS),
        (("750_d_0_4_4096_1.0_0_audit",), Verdict.PASS),  # what lies there is closed to us
    ],
)
def test_where_nothing_is_recorded_there_is_nothing_to_guard(
    records: tuple[str, ...], verdict: Verdict
) -> None:
    assert log_files.log_file_modes.judge(log_tree(*records), (), None).verdict is verdict


def test_a_long_list_of_files_is_cut() -> None:
    many = log_tree(*(log_file(f"f{i}", "666") for i in range(90)))
    judgement = log_files.log_file_modes.judge(many, (), None)
    assert judgement.detail[0].args["count"] == 90
    assert isinstance(judgement.detail[0].args["paths"], CutList)


PRIVATE = (log_file("auth.log"), "700_d_0_0_60_1.0_0_audit", "755_d_0_0_60_1.0_0_nginx")


@pytest.mark.parametrize(
    ("name", "verdict", "reported"),
    [
        # the lists that systemd sets let adm read the journal, as on every Debian
        ("log-acls", Verdict.PASS, "/var/log/journal"),
        ("log-acls-systemd", Verdict.PASS, "/var/log/journal"),
        ("log-acls-people", Verdict.FAIL, "/var/log/auth.log (ACL: uid 1001 rw-)"),
        ("log-acls-ls", Verdict.UNDETERMINED, "/var/log/journal"),
        ("log-acls-people-ls", Verdict.UNDETERMINED, "/var/log/auth.log"),
    ],
)
def test_access_lists_of_recordings(
    name: str, verdict: Verdict, reported: str, recorded: Read
) -> None:
    parse = log_acls.parse_marks if name.endswith("-ls") else log_acls.parse_getfacl
    acls = parse(recorded(name))
    judgement = log_files.log_file_modes.judge(log_tree(*PRIVATE), acls, None)
    assert judgement.verdict is verdict
    paths = judgement.detail[-1].args["paths"]
    assert isinstance(paths, tuple)
    assert reported in paths


def test_rights_of_people_in_a_recording(recorded: Read) -> None:
    acls = log_acls.parse_getfacl(recorded("log-acls-people"))
    judgement = log_files.log_file_modes.judge(log_tree(*PRIVATE), acls, None)
    assert judgement.detail[0].args["paths"] == (
        "/var/log/auth.log (ACL: uid 1001 rw-)",
        "/var/log/nginx (ACL: uid 1002 rw- (default))",
        "/var/log/nginx (ACL: uid 1002 rwx)",
        "/var/log/odd\\012name (ACL: uid 1002 rw- (default))",
        "/var/log/odd\\012name (ACL: uid 1002 rwx)",
    )


MARKS, GETFACL = log_acls.parse_marks, log_acls.parse_getfacl


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
    text = _getfacl(f"/var/log/{path}".rstrip("/"), *entries)
    acls = log_acls.parse_getfacl(answer(text))
    tree = log_tree(*PRIVATE, "700_d_0_0_60_1.0_0_private")
    assert log_files.log_file_modes.judge(tree, acls, None).verdict is verdict


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
    acls = log_acls.parse_marks(answer(f"{top}{line}\n"))
    assert log_files.log_file_modes.judge(log_tree(*PRIVATE), acls, None).verdict is verdict


@pytest.mark.parametrize(
    ("parse", "text", "complaint"),
    [
        (MARKS, "", b""),
        (MARKS, "ls: unrecognized option\n", b""),
        (GETFACL, "what\n", b""),
        (GETFACL, "# file: /etc/shadow\nuser::rw-\nuser:1:rw-\nother::---\n", b""),
        (GETFACL, "# file: /var/log/x\nuser:bob:rw-\n", b""),
        (GETFACL, "# file: /var/log/x\n", b""),
        (GETFACL, "", b"getfacl: /var/log: Input/output error\n"),
    ],
)
def test_access_lists_that_cannot_be_read(
    parse: Callable[[Answer], object], text: str, complaint: bytes, answer: Make
) -> None:
    with pytest.raises(ParseError):
        parse(answer(text, complaint))


def test_folders_that_may_not_be_entered_tell_their_own_list(answer: Make) -> None:
    refused = b"getfacl: /var/log/audit: Permission denied\n"
    assert GETFACL(answer("", refused)) == ()


@pytest.mark.parametrize(
    ("filesystem", "verdict"),
    [("xfs", Verdict.PASS), ("ext2/ext3", Verdict.PASS), ("nfs", Verdict.UNDETERMINED),
     ("nfs4", Verdict.UNDETERMINED), ("cifs", Verdict.UNDETERMINED)],
)  # fmt: skip
def test_lists_of_other_file_systems_are_not_told(filesystem: str, verdict: Verdict) -> None:
    tree = structs.replace(log_tree(log_file("auth.log")), filesystem=filesystem)
    assert log_files.log_file_modes.judge(tree, (), None).verdict is verdict


def test_audit_files(recorded: Read, answer: Make) -> None:
    assert log_files.parse_audit_files(recorded("audit-files")) == ()
    gone = answer("", b"find: '/var/log/audit': No such file or directory\n", 1)
    assert isinstance(log_files.parse_audit_files(gone), Absent)
    with pytest.raises(ParseError):
        log_files.parse_audit_files(answer("", b"find: Permission denied\n", 1))
