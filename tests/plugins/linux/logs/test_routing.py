"""Whether the log daemons keep records of logins, or send them away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from audit_core.api.sdk import Absent, Reason, Verdict, msg
from audit_core.model import Answer
from audit_linux.logs.journald import JournalConf
from audit_linux.logs.routes import WORD, contains, starts
from audit_linux.logs.routing import log_routing
from audit_linux.logs.rsyslog import parse_rsyslog
from audit_linux.logs.syslog_ng import parse_syslog_ng
from audit_linux.processes import Process
from invented.logs import journal_file, log_file, log_tree

SHUT = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
JOURNAL_FOLDER = "755_d_0_0_4096_1.0_-1.-000000010_journal"
DISK, BARE = log_tree(JOURNAL_FOLDER, journal_file(3)), log_tree(log_file("all"))
LOADED = 'module(load="imuxsock")\n'
ALL = "*.* /var/log/all\n"


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
            judged = log_routing.judge(processes, given, None, journal, tree)
            assert judged.verdict is verdict


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
            judged = log_routing.judge(RSYSLOGD, rules, None, None, tree)
            assert judged.verdict is verdict


def test_what_syslog_ng_keeps(subtests: Any, files: Callable[..., Answer]) -> None:
    source = "source s { system(); };\n"
    path = 'log { source(s); destination { file("/var/log/all"); }; };\n'
    discard = "log { source(s); filter { facility(auth, authpriv); }; flags(final); };\n"
    cases = [
        ("kept", source + path, Verdict.PASS),
        ("discarded", source + discard + path, Verdict.FAIL),
        ("no source of the host", 'source s { network(port(514)); };\n' + path, Verdict.FAIL),
        ("another parser", source + path.replace("destination", "parser(p); destination"),
         Verdict.UNDETERMINED),
    ]  # fmt: skip
    for name, text, verdict in cases:
        rules = parse_syslog_ng(files({"/etc/syslog-ng/syslog-ng.conf": text}))
        with subtests.test(name):
            judged = log_routing.judge(_running("syslog-ng"), None, rules, None, BARE)
            assert judged.verdict is verdict


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
    judged = log_routing.judge(RSYSLOGD, rules, None, None, BARE)
    told = [m.id.format(**m.args) for m in judged.detail]
    assert "authpriv: discarded" in told
    assert any(line.startswith("auth: kept in") for line in told)
