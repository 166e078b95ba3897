"""Whether the newest login left a record."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from audit_core.api.sdk import Absent, Answer, Answers, Command, Reason, Verdict, msg
from audit_core.api.testkit import whole
from audit_linux.logs import login_records
from audit_linux.logs.audited_logins import AuditedLogin
from audit_linux.logs.journald import JournalConf
from audit_linux.logs.login_records import Sample
from audit_linux.logs.rsyslog import parse_rsyslog
from audit_linux.logs.ssh_sessions import parse_sessions
from audit_linux.passwd import Login
from audit_linux.processes import Process
from invented.answers import answer as made
from invented.logs import NOW, journal_file, log_file, log_tree

Make = Callable[..., Answer]
MakeAll = Callable[..., Answers]
# invented, after the old and the new form of the lines of rsyslogd 8.2302 (Debian 12)
OLD = """\
Nov 28 06:00:01 h sshd[12]: Accepted publickey for alice from 10.0.0.1 port 22 ssh2: RSA SHA256:x
Nov 28 06:00:02 h sshd[12]: pam_unix(sshd:session): session opened for user alice(uid=1) by (uid=0)
Nov 28 06:00:09 h sshd[13]: Failed password for invalid user Secret-1 from 10.0.0.1 port 9 ssh2
Nov 28 06:17:01 h CRON[14]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)
"""
NEW = """\
2026-11-28T14:00:01.123456+08:00 h login[1]: pam_unix(login:session): session opened for user root(u
2026-11-28T15:00:01.123456+08:00 h sudo:    alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id
"""
CLOCK = "2026-11-28T06:20:00+0000\n"


def _records(folder: Path, **texts: str | None) -> Answer:
    """What the real sed prints of these files; None is a link to /dev/null."""
    asks = login_records.SAMPLES.providers[0].asks
    command = asks["records"]
    assert isinstance(command, Command)
    for name, text in texts.items():
        place = folder / name
        place.symlink_to("/dev/null") if text is None else place.write_text(text)
    argv = [*command.argv[:-3], *(str(folder / name) for name in ("auth", "secure", "messages"))]
    done = subprocess.run(argv, capture_output=True, check=False)
    assert done.returncode in command.ok
    return made(done.stdout, done.stderr, done.returncode)


@pytest.mark.skipif(shutil.which("sed", path="/usr/bin") is None, reason="no /usr/bin/sed")
def test_the_last_login_of_each_log_leaves_the_host_without_what_was_typed(
    tmp_path: Path, answers: MakeAll
) -> None:
    found = _records(tmp_path, auth=OLD, messages=NEW)
    assert b"Secret-1" not in found.stdout
    assert b"10.0.0.1" not in found.stdout
    rows = whole(login_records.parse_samples(answers(zone=CLOCK, records=found)))
    assert [row.text for row in rows] == [
        "2026-11-28T06:00:02Z sshd: session opened (sshd), alice",
        "2026-11-28T06:00:01Z login: session opened (login), root",
    ]
    (tmp_path / "auth").unlink()
    (tmp_path / "messages").unlink()
    found = _records(tmp_path, auth=None, secure="", messages="Nov 28 06:00:01 h x[1]: y\n")
    assert whole(login_records.parse_samples(answers(zone=CLOCK, records=found))) == ()


def test_a_record_without_a_year_is_of_the_last_one_that_fits(answers: MakeAll) -> None:
    line = "Dec 31 23:59:59|sshd|accepted|publickey|alice\n"
    given = answers(zone="2026-01-01T00:10:00+0800\n", records=line)
    rows = whole(login_records.parse_samples(given))
    assert rows[0].at == datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC)


SAMPLE = Sample(at=datetime(2026, 11, 1, tzinfo=UTC), program="sshd", outcome="accepted",
                how="publickey", user="alice")  # fmt: skip


def test_a_login_without_a_record_fails(subtests: Any) -> None:
    record = SAMPLE
    now = datetime(2026, 11, 28, tzinfo=UTC)
    fresh = structs.replace(record, at=now)
    login = (Login(name="alice", last=now.isoformat()), Login(name="bob", last=None))
    never = (Login(name="alice", last=None),)
    shut = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
    disk, memory = log_tree(journal_file(3, age=-6)), log_tree(log_file("auth.log"))
    cases: list[tuple[str, Any, Any, Any, Any, Verdict]] = [
        ("recorded", (fresh,), None, memory, login, Verdict.PASS),
        ("only old records", (record,), None, memory, login, Verdict.FAIL),
        ("nothing, as with /dev/null", (), None, memory, login, Verdict.FAIL),
        ("journal on disk", (), now, disk, login, Verdict.PASS),
        ("journal on disk, stopped", (record,), record.at, disk, login, Verdict.FAIL),
        ("journal in memory only", (record,), now, memory, login, Verdict.FAIL),
        ("journal, place not known", (record,), now, shut, login, Verdict.UNDETERMINED),
        ("logs closed", shut, None, memory, login, Verdict.UNDETERMINED),
        ("journal closed", (), shut, memory, login, Verdict.UNDETERMINED),
        ("nobody logged in", (record,), None, memory, never, Verdict.UNDETERMINED),
        ("lastlog closed", (record,), None, memory, shut, Verdict.UNDETERMINED),
    ]
    for name, samples, journal, tree, logins, verdict in cases:
        with subtests.test(name):
            judged = login_records.login_recording.judge(
                samples, journal, tree, logins, None, None, None, (), None, None
            )
            assert judged.verdict is verdict
    audited = AuditedLogin(at=now, kind="USER_LOGIN", result="success")
    older = structs.replace(audited, at=record.at)
    for trail, verdict in (
        (audited, Verdict.PASS), (older, Verdict.FAIL),
        (AuditedLogin(readable=False), Verdict.UNDETERMINED), (shut, Verdict.UNDETERMINED),
    ):  # fmt: skip
        judged = login_records.login_recording.judge(
            (record,), None, memory, login, trail, None, None, (), None, None
        )
        assert judged.verdict is verdict


def test_a_record_may_lie_where_the_rules_put_it(subtests: Any, files: Make) -> None:
    now = datetime.fromtimestamp(NOW, UTC)
    login = (Login(name="alice", last=now.isoformat()),)
    daemon = (Process(pid=1, uid=0, name="rsyslogd"),)
    shut = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
    own = "*.* /var/log/own.log\n"
    fresh, old = log_tree(log_file("own.log")), log_tree(log_file("own.log", age=3))
    empty = log_tree(log_file("own.log", size=0))
    path = f"journal/{'a' * 32}.ssh/system.journal"
    namespace, stale = log_file(path), log_file(path, age=3)
    cases: list[tuple[str, Any, Any, Any, Verdict]] = [
        ("a file that was written", own, fresh, daemon, Verdict.UNDETERMINED),
        ("a file that was not", own, old, daemon, Verdict.FAIL),
        ("an empty file", own, empty, daemon, Verdict.FAIL),
        ("no such file", own, log_tree(log_file("x")), daemon, Verdict.FAIL),
        ("a file of another directory", "*.* /data/own.log\n", old, daemon, Verdict.UNDETERMINED),
        ("another machine", "*.* @@log.example.com\n", old, daemon, Verdict.UNDETERMINED),
        ("not where they are discarded", "auth,authpriv.* stop\n*.* @@h\n", old, daemon,
         Verdict.FAIL),
        ("a daemon that is stopped", own, fresh, (), Verdict.FAIL),
        ("the journal of a namespace", own, log_tree(namespace), daemon, Verdict.UNDETERMINED),
        ("an old one", own, log_tree(stale), daemon, Verdict.FAIL),
        ("rules that may not be read", None, old, daemon, Verdict.UNDETERMINED),
    ]  # fmt: skip
    for name, rules, tree, processes, verdict in cases:
        given: Any = shut
        if rules is not None:
            text = 'module(load="imuxsock")\n' + rules
            given = parse_rsyslog(files({"/etc/rsyslog.conf": text}))
        with subtests.test(name):
            judged = login_records.login_recording.judge(
                (), None, tree, login, None, given, None, processes, None, None
            )
            assert judged.verdict is verdict


PS = """\
      1       0 Sat Nov 28 09:00:00 2026 systemd
     70       1 Sat Nov 28 09:00:02 2026 sshd
     90      70 Sat Nov 28 10:00:00 2026 {server}
     91      90 Sat Nov 28 10:00:01 2026 {child}
     95      70 Sat Nov 28 11:00:00 2026 sshd
     96      95 Sat Nov 28 11:00:00 2026 sshd
"""


def test_the_newest_session_of_sshd_is_found(answers: MakeAll) -> None:
    """The processes of OpenSSH 9.2 and 10 as ps of Debian 12 and 13 prints them."""
    zone, proc = "2026-11-28T11:05:00+0800\n", "proc\n"
    began = datetime(2026, 11, 28, 2, tzinfo=UTC)
    for server in ("sshd", "sshd-session"):
        ps = PS.format(server=server, child="bash")
        assert parse_sessions(answers(zone=zone, ps=ps, proc=proc)) == began
        found = parse_sessions(answers(zone=zone, ps=ps, proc="fuseblk\n"))
        assert isinstance(found, Absent)
    asking = PS.format(server="sshd-session", child="sshd-auth")
    assert isinstance(parse_sessions(answers(zone=zone, ps=asking, proc=proc)), Absent)


def test_a_session_leaves_a_record_in_what_is_written(subtests: Any) -> None:
    now = datetime.fromtimestamp(NOW, UTC)
    session = now - timedelta(seconds=20)
    made_at = structs.replace(SAMPLE, at=session)
    older = structs.replace(SAMPLE, at=session - timedelta(minutes=9))
    live, frozen = log_tree(log_file("auth.log")), log_tree(log_file("auth.log", age=1))
    stale = log_tree(log_file("auth.log", age=1), journal_file(1))
    disk = log_tree(log_file("auth.log", age=1), journal_file(1, age=0))
    cases: list[tuple[str, Any, Any, Any, Any, Verdict]] = [
        ("recorded", made_at, None, live, session, Verdict.PASS),
        ("the daemon takes nothing", older, None, frozen, session, Verdict.FAIL),
        ("logins are discarded", older, None, live, session, Verdict.FAIL),
        (
            "the daemon has another zone",
            structs.replace(SAMPLE, at=session - timedelta(hours=8)),
            None,
            live,
            session,
            Verdict.UNDETERMINED,
        ),
        ("but the journal on disk does", older, session, disk, session, Verdict.PASS),
        ("the journal on disk is a left-over", older, session, stale, session, Verdict.FAIL),
        ("nor does the journal", older, older.at, disk, session, Verdict.FAIL),
        ("an old session", older, None, frozen, now - timedelta(hours=9), Verdict.UNDETERMINED),
        ("no session", older, None, frozen, None, Verdict.UNDETERMINED),
    ]
    for name, sample, journal, tree, began, verdict in cases:
        with subtests.test(name):
            judged = login_records.login_recording.judge(
                (sample,), journal, tree, (), None, None, None, (), began, None
            )
            assert judged.verdict is verdict
    # a journal that was just set to memory: its file on disk is from before the login
    login = now - timedelta(seconds=20)
    before = journal_file(1, age=0).replace(f"_{NOW}.", f"_{NOW - 40}.")
    closed = log_tree(log_file("auth.log", age=1), before)
    for conf, verdict in (
        (JournalConf(storage="volatile"), Verdict.FAIL), (JournalConf(), Verdict.PASS),
    ):  # fmt: skip
        judged = login_records.login_recording.judge(
            (older,), login, closed, (), None, None, None, (), login, conf
        )
        assert judged.verdict is verdict
    # without sudo the time of the file is seen, its records are not
    shut = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
    auditd = (Process(pid=9, uid=0, name="auditd"),)
    for tree, processes, verdict in (
        (frozen, (), Verdict.FAIL), (frozen, auditd, Verdict.UNDETERMINED),
        (live, (), Verdict.UNDETERMINED), (stale, (), Verdict.UNDETERMINED),
    ):  # fmt: skip
        judged = login_records.login_recording.judge(
            shut, shut, tree, (), shut, None, None, processes, session, None
        )
        assert judged.verdict is verdict


def test_the_newest_record_of_the_journal_is_read_without_its_text(answers: MakeAll) -> None:
    line = '{"__REALTIME_TIMESTAMP":"1795434704123456","SYSLOG_IDENTIFIER":"sshd"}\n'
    assert login_records.parse_journal(made(line)) == datetime.fromtimestamp(1795434704, UTC)
    assert isinstance(login_records.parse_journal(made("")), Absent)
