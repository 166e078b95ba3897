"""Whether the log daemons keep records of logins, or send them away."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import structs

from audit_core.api.sdk import Absent, Reason, Verdict, msg
from audit_core.api.testkit import whole
from audit_core.model import Answer
from audit_linux.logs.audited_logins import AuditedLogin, argv, parse_audited
from audit_linux.logs.daemon_files import parse_started, rules_in_use
from audit_linux.logs.forwards import Forwards
from audit_linux.logs.journald import JournalConf
from audit_linux.logs.routes import WORD, contains, starts
from audit_linux.logs.routing import log_routing
from audit_linux.logs.rsyslog import parse_rsyslog
from audit_linux.logs.syslog_ng import parse_syslog_ng
from audit_linux.processes import Process
from audit_linux.units import Units
from invented.answers import answer
from invented.logs import NOW, journal_file, log_file, log_tree

SHUT = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
JOURNAL_FOLDER = "755_d_0_0_4096_1.0_-1.-000000010_journal"
DISK, BARE = log_tree(JOURNAL_FOLDER, journal_file(3)), log_tree(log_file("all"))
LOADED = 'module(load="imuxsock")\n'
ALL = "*.* /var/log/all\n"
LIMITED = "$SystemLogRateLimitInterval 60\n$SystemLogRateLimitBurst 1\n"


def _running(*names: str) -> tuple[Process, ...]:
    return tuple(
        Process(pid=n, uid=0, name=name[:15]) for n, name in enumerate(("init", *names), 1)
    )


RSYSLOGD, JOURNALD = _running("rsyslogd"), _running("systemd-journald")
BOTH = _running("rsyslogd", "systemd-journald")


def test_what_the_daemons_keep(subtests: Any, files: Callable[..., Answer]) -> None:
    volatile, lasting = JournalConf(storage="volatile"), JournalConf(storage="persistent")
    deaf = JournalConf(storage="volatile", forward=False)
    shallow = JournalConf(store_level=5)
    linked = structs.replace(BARE, links=("all",))
    cases: list[tuple[str, Any, str | Any, Any, Any, Verdict]] = [
        ("kept in a file", RSYSLOGD, ALL, None, BARE, Verdict.PASS),
        ("sent away", RSYSLOGD, "*.* @@log.example.com\n", None, BARE, Verdict.PASS),
        ("discarded", RSYSLOGD, "auth,authpriv.* stop\n" + ALL, None, BARE, Verdict.FAIL),
        ("one discarded", RSYSLOGD, "authpriv.* stop\n" + ALL, None, BARE, Verdict.FAIL),
        ("to /dev/null", RSYSLOGD, "auth,authpriv.* /dev/null\n", None, BARE, Verdict.FAIL),
        ("in memory", RSYSLOGD, "*.* /run/log/all\n", None, BARE, Verdict.FAIL),
        ("behind a link", RSYSLOGD, ALL, None, linked, Verdict.UNDETERMINED),
        ("no input", RSYSLOGD, "@" + ALL, None, BARE, Verdict.FAIL),
        ("accepted logins only", RSYSLOGD, ':msg, contains, "COMMAND" stop\n' + ALL, None, BARE,
         Verdict.UNDETERMINED),
        ("every use of privilege", RSYSLOGD, ":programname, isequal, \"sudo\" stop\n" + ALL, None,
         BARE, Verdict.FAIL),
        ("logins of OpenSSH before 9.8", RSYSLOGD, ':programname, isequal, "sshd" stop\n' + ALL,
         None, BARE, Verdict.UNDETERMINED),
        ("the same, and a session shows its name", _running("rsyslogd", "sshd", "sshd"),
         ':programname, isequal, "sshd" stop\n' + ALL, None, BARE, Verdict.FAIL),
        ("logins of OpenSSH before 9.8, on a later one",
         _running("rsyslogd", "sshd", "sshd-session"),
         ':programname, isequal, "sshd" stop\n' + ALL, None, BARE, Verdict.PASS),
        ("logins of a later OpenSSH", _running("rsyslogd", "sshd", "sshd-session"),
         ':programname, isequal, "sshd-session" stop\n' + ALL, None, BARE, Verdict.FAIL),
        ("logins of every OpenSSH", RSYSLOGD, ':programname, startswith, "sshd" stop\n' + ALL, None,
         BARE, Verdict.FAIL),
        ("either way into a file", RSYSLOGD, ':programname, isequal, "sshd" /var/log/all\n& stop\n'
         + ALL, None, BARE, Verdict.PASS),
        ("an unknown condition", RSYSLOGD, "if re_match($msg, 'x') then stop\n" + ALL, None, BARE,
         Verdict.UNDETERMINED),
        ("kept before it", RSYSLOGD, ALL + "if re_match($msg, 'x') then stop\n", None, BARE,
         Verdict.PASS),
        ("discarded, journal on disk", BOTH, "auth,authpriv.* stop\n", None, DISK, Verdict.PASS),
        ("discarded, journal in memory", BOTH, "auth,authpriv.* stop\n", volatile, DISK,
         Verdict.FAIL),
        ("discarded, place not known", BOTH, "auth.* stop\n", None, SHUT, Verdict.UNDETERMINED),
        ("discarded, settings not known", BOTH, "auth.* stop\n", SHUT, DISK, Verdict.UNDETERMINED),
        ("journald forwards nothing", BOTH, ALL, deaf, BARE, Verdict.FAIL),
        ("journald forwards nothing that small", BOTH, ALL, JournalConf(syslog_level=0), BARE,
         Verdict.FAIL),
        ("journald drops", BOTH, ALL, JournalConf(burst=1), BARE, Verdict.FAIL),
        ("journald drops, journal on disk", BOTH, ALL, JournalConf(burst=1), DISK, Verdict.FAIL),
        ("journald has no limit", BOTH, ALL, JournalConf(burst=None), BARE, Verdict.PASS),
        ("rsyslog drops", BOTH, LIMITED + ALL, None, BARE, Verdict.FAIL),
        ("rsyslog drops, journal on disk", BOTH, LIMITED + ALL, None, DISK, Verdict.PASS),
        ("rsyslog has another limit", BOTH, LIMITED.replace("1\n", "500\n") + ALL, None, BARE,
         Verdict.PASS),
        ("a limit that is off", BOTH, LIMITED.replace("60", "0") + ALL, None, BARE, Verdict.PASS),
        ("imjournal drops", BOTH, 'module(load="imjournal" Ratelimit.Interval="600" '
         'ratelimit.burst="5")\n' + ALL, None, BARE, Verdict.FAIL),
        ("but is read", BOTH, 'module(load="imjournal")\n' + ALL, deaf, BARE, Verdict.PASS),
        ("journal only", JOURNALD, "", lasting, DISK, Verdict.PASS),
        ("journal that is not there yet", JOURNALD, "", lasting, BARE, Verdict.UNDETERMINED),
        ("journal without a directory", JOURNALD, "", None, BARE, Verdict.FAIL),
        ("journal of important records", JOURNALD, "", shallow, DISK, Verdict.FAIL),
        ("rules not permitted", RSYSLOGD, SHUT, None, BARE, Verdict.UNDETERMINED),
        ("rules elsewhere", RSYSLOGD, None, None, BARE, Verdict.UNDETERMINED),
        ("rsyslog stopped", _running("cron"), ALL, None, BARE, Verdict.FAIL),
        ("another daemon", _running("metalog"), ALL, None, BARE, Verdict.UNDETERMINED),
    ]  # fmt: skip
    for name, processes, rules, journal, tree, verdict in cases:
        given = rules
        if isinstance(rules, str):
            text = rules.removeprefix("@") if rules.startswith("@") else LOADED + rules
            given = parse_rsyslog(files({"/etc/rsyslog.conf": text}))
        with subtests.test(name):
            judged = log_routing.judge(processes, given, None, journal, tree, None, None)
            assert judged.verdict is verdict


def test_a_daemon_that_does_not_start_with_the_system_fails(files: Callable[..., Answer]) -> None:
    rules = parse_rsyslog(files({"/etc/rsyslog.conf": LOADED + ALL}))
    here, off = frozenset({"rsyslog.service"}), JournalConf(storage="volatile")
    disabled = Units(active=here, enabled=frozenset(), disabled=here)
    for units, conf, tree, verdict in (
        (Units(active=here, enabled=here), off, BARE, Verdict.PASS),
        (disabled, off, BARE, Verdict.FAIL),
        (disabled, None, DISK, Verdict.PASS),  # the journal keeps them
    ):
        assert log_routing.judge(BOTH, rules, None, conf, tree, None, units).verdict is verdict


def test_a_file_that_is_not_written_passes_nothing(
    subtests: Any, files: Callable[..., Answer]
) -> None:
    rules = parse_rsyslog(files({"/etc/rsyslog.conf": LOADED + ALL}))
    linked = structs.replace(log_tree(log_file("x")), links=("all",))
    just_rotated = log_tree(log_file("all", size=0), log_file("all.1", age=2))
    cases: list[tuple[str, Any, Verdict]] = [
        ("a link somewhere", linked, Verdict.UNDETERMINED),
        ("no such file", log_tree(log_file("x")), Verdict.UNDETERMINED),
        ("an empty file", log_tree(log_file("all", size=0)), Verdict.UNDETERMINED),
        ("an old file", log_tree(log_file("all", age=9)), Verdict.UNDETERMINED),
        ("just rotated", just_rotated, Verdict.PASS),
    ]
    for name, tree, verdict in cases:
        with subtests.test(name):
            judged = log_routing.judge(RSYSLOGD, rules, None, None, tree, None, None)
            assert judged.verdict is verdict


def test_what_auditd_may_hold_beside_is_no_fail(files: Callable[..., Answer]) -> None:
    now = datetime.fromtimestamp(NOW, UTC)
    fresh = AuditedLogin(at=now, kind="USER_LOGIN", result="success")
    old = structs.replace(fresh, at=now - timedelta(days=8))
    both, alone = _running("rsyslogd", "auditd"), RSYSLOGD
    rules = parse_rsyslog(files({"/etc/rsyslog.conf": LOADED + "auth,authpriv.* stop\n" + ALL}))
    cases: list[tuple[Any, Any, Verdict]] = [
        (both, fresh, Verdict.UNDETERMINED),
        (both, old, Verdict.FAIL),
        (both, AuditedLogin(), Verdict.FAIL),
        (both, None, Verdict.FAIL),
        (both, AuditedLogin(readable=False), Verdict.UNDETERMINED),
        (both, SHUT, Verdict.UNDETERMINED),
        (alone, fresh, Verdict.FAIL),
    ]
    for processes, audited, verdict in cases:
        judged = log_routing.judge(processes, rules, None, None, BARE, audited, None)
        assert judged.verdict is verdict


def test_the_last_login_of_the_audit_log_is_found_by_the_real_sed(tmp_path: Path) -> None:
    # Invented records in the form of audit 3.0.
    tail = 'pid=9 uid=0 auid=1000 ses=3 subj=unconfined msg=\'op=login id=1000 exe="/usr/sbin/sshd"'
    records = (
        f"type=USER_LOGIN msg=audit(1795434700.123:45): {tail} terminal=ssh res=success'\x1dUID=x",
        f'node=web1 type=USER_START msg=audit(1795434704.9:46): {tail} acct="bob" res=failed\'',
        "type=SYSCALL msg=audit(1795434705.1:47): arch=c000003e syscall=257 success=yes",
        f"type=CRED_DISP msg=audit(1795434706.1:48): {tail} res=success'",
    )
    log = tmp_path / "audit.log"
    for lines, at in ((records, 1795434704), (records[:1], 1795434700), (records[2:], None)):
        log.write_text("".join(f"{line}\n" for line in lines))
        done = subprocess.run(argv("/bin/sed", str(log)), capture_output=True, check=True)
        assert b"1000" not in done.stdout
        reported = parse_audited(answer(done.stdout))
        assert isinstance(reported, AuditedLogin)
        assert reported.at == (at and datetime.fromtimestamp(at, UTC))
    missing = answer("", b"sed: can't read x: No such file or directory\n", 2)
    assert isinstance(parse_audited(missing), Absent)
    shut = answer("", b"sed: x: Permission denied", 2)
    assert parse_audited(shut) == AuditedLogin(readable=False)


def test_another_configuration_file_is_not_judged_by_the_usual_one(subtests: Any) -> None:
    rules = Forwards(forwards=())
    inside = (Process(pid=12, uid=0, name="rsyslogd", contained=True),)
    in_use = partial(rules_in_use, program="rsyslogd", usual="/etc/rsyslog.conf")
    cases = [
        ("rsyslogd -n -iNONE", True), ("rsyslogd -n -f /srv/other.conf", False),
        ("rsyslogd -nf /srv/other.conf", False), ("rsyslogd -f/srv/other.conf", False),
        ("rsyslogd -n -f /etc/rsyslog.conf", True), ("rsyslogd -i /run/f -n", True),
        ("syslog-ng -F -f /srv/x", True), ("rsyslogd", True),
    ]  # fmt: skip
    for line, fine in cases:
        with subtests.test(line):
            started = whole(parse_started(answer(f"   12 /usr/sbin/{line}\n")))
            judged = in_use(rules, started, ())
            assert (judged is rules) is fine
            assert in_use(rules, started, inside) is rules
    for line in ("-F --cfgfile=/srv/x", "-F --cfgfile /srv/x", "-Ff /srv/x"):
        started = whole(parse_started(answer(f"12 /usr/sbin/syslog-ng {line}\n")))
        own = partial(rules_in_use, program="syslog-ng", usual="/etc/syslog-ng/x")
        assert isinstance(own(rules, started, ()), Absent)


def test_what_suse_includes_from_run_is_read(files: Callable[..., Answer]) -> None:
    sockets, more = "/run/rsyslog/additional-log-sockets.conf", "/etc/rsyslog.d/a.conf"
    text = LOADED + f"$IncludeConfig {sockets}\n$IncludeConfig /etc/rsyslog.d/*.conf\n" + ALL
    socket = "$AddUnixListenSocket /var/lib/named/dev/log\n"
    for held, verdict in (
        ({}, Verdict.PASS), ({sockets: socket}, Verdict.PASS),
        ({sockets: socket, more: "auth,authpriv.* stop\n"}, Verdict.FAIL),
    ):  # fmt: skip
        rules = parse_rsyslog(files({"/etc/rsyslog.conf": text, **held}))
        judged = log_routing.judge(RSYSLOGD, rules, None, None, BARE, None, None)
        assert judged.verdict is verdict


def test_what_syslog_ng_keeps(subtests: Any, files: Callable[..., Answer]) -> None:
    source = "@version: 3.38\nsource s { system(); };\n"
    path = 'log { source(s); destination { file("/var/log/all"); }; };\n'
    discard = "log { source(s); filter { facility(auth, authpriv); }; flags(final); };\n"
    cases = [
        ("kept", source + path, Verdict.PASS),
        ("discarded", source + discard + path, Verdict.FAIL),
        ("no source of the host", source.replace("system()", "network(port(514))") + path,
         Verdict.FAIL),
        ("syslog-ng does not start", source + path + "logs { };\n", Verdict.UNDETERMINED),
        ("another parser", source + path.replace("destination", "parser(p); destination"),
         Verdict.UNDETERMINED),
    ]  # fmt: skip
    for name, text, verdict in cases:
        rules = parse_syslog_ng(files({"/etc/syslog-ng/syslog-ng.conf": text}))
        with subtests.test(name):
            judged = log_routing.judge(_running("syslog-ng"), None, rules, None, BARE, None, None)
            assert judged.verdict is verdict
    silent = JournalConf(storage="volatile", forward=False)
    both = _running("syslog-ng", "systemd-journald")
    for driver, verdict in (("system()", Verdict.PASS), ("systemd-syslog()", Verdict.FAIL)):
        text = source.replace("system()", driver) + path
        rules = parse_syslog_ng(files({"/etc/syslog-ng/syslog-ng.conf": text}))
        judged = log_routing.judge(both, None, rules, silent, BARE, None, None)
        assert judged.verdict is verdict, driver


def test_what_may_stand_in_a_record(subtests: Any) -> None:
    text = f"Accepted publickey for {WORD} from {WORD} port {WORD} ssh2: {WORD} {WORD}"
    cases = [
        ("Accepted", True), ("publickey for", True), ("Failed password", False), ("alice", None),
        ("for alice from", None), ("for alice on", False), ("alice from 192.0", None),
        ("[UFW ", False), ("for [UFW] from", False), ("'alice'", False), ("", True),
        ("session opened", False), (" port 22", None), ("ssh2: RSA", None), ("no such text", False),
    ]  # fmt: skip
    for needle, holds in cases:
        with subtests.test(needle):
            assert contains(text, needle) is holds
    assert starts(text, "Accepted p") is True
    assert starts(f"{WORD} : TTY={WORD}", "alice") is None
    assert starts(text, "alice") is False


def test_the_record_names_each_facility(files: Callable[..., Answer]) -> None:
    rules = parse_rsyslog(files({"/etc/rsyslog.conf": LOADED + "authpriv.* stop\n" + ALL}))
    judged = log_routing.judge(RSYSLOGD, rules, None, None, BARE, None, None)
    reported = [m.id.format(**m.args) for m in judged.detail]
    assert "authpriv: discarded" in reported
    assert any(line.startswith("auth: kept in") for line in reported)
