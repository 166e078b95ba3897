"""What sudo records.

What holds for everybody was tried with sudo 1.9.13p3 of Debian 12 (what it sent to /dev/log and
wrote to the file), but for denied commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit_core.api.sdk import Verdict
from audit_core.api.testkit import whole
from audit_core.model import Answer
from audit_linux.logs.audited_logins import AuditedLogin
from audit_linux.logs.journald import JournalConf
from audit_linux.logs.rsyslog import parse_rsyslog
from audit_linux.logs.sudo_logging import sudo_logging
from audit_linux.processes import Process
from audit_linux.sudo.sudoers_files import parse_sudoers
from invented.logs import journal_file, log_tree

FAIL, PASS, OPEN = Verdict.FAIL, Verdict.PASS, Verdict.UNDETERMINED
CASES = [
    ("", PASS),
    ("Defaults !syslog", FAIL),
    ("Defaults syslog_goodpri=none", FAIL),
    ("Defaults !log_allowed", FAIL),
    ("Defaults !log_denied", FAIL),
    ("Defaults syslog=local2", OPEN),
    ("Defaults !syslog\nDefaults syslog=auth", PASS),
    ("Defaults !syslog, syslog", PASS),
    ("Defaults !syslog, logfile=/var/log/sudo.log", PASS),
    ("Defaults !syslog, logfile=/dev/null", FAIL),
    ("Defaults !syslog, logfile=/run/sudo.log", FAIL),
    ("Defaults syslog_goodpri=none, logfile=/var/log/sudo.log", PASS),
    ("Defaults logfile=/var/log/sudo.log\nDefaults !logfile, !syslog", FAIL),
    ("Defaults logfile=/var/log/sudo.log, !log_allowed", FAIL),
    ("Defaults log_output", PASS),
    ("Defaults:alice !syslog", OPEN),
    ("Defaults!/usr/bin/probe !log_allowed", OPEN),
    ("Defaults:alice !syslog, logfile=/var/log/alice", PASS),
    ("Defaults !!syslog", PASS),
    ('Defaults syslog="local1"', OPEN),
    ("what is this", OPEN),
    ("Defaults syslog=local9", PASS),
    ("Defaults !syslog, logfile=sudo.log", FAIL),
    ("Defaults !syslog, logfile=/tmp/sudo.log", FAIL),
    ("Defaults !syslog, logfile=/var/log/none/sudo.log", FAIL),
    ("Defaults !syslog, logfile=/var/log/apt/sudo.log", PASS),
    ("Defaults !syslog, log_servers=10.1.1.1", OPEN),
]
TREE = log_tree("755_d_0_0_4096_1.0_-1.-000000010_apt")


def _judged(text: str, files: Callable[..., Answer], *others: Any) -> Verdict:
    given = files({"/etc/sudoers": f"{text}\nroot ALL=(ALL:ALL) ALL\n"})
    return sudo_logging.judge(whole(parse_sudoers(given)), *(others or NOTHING)).verdict


NOTHING = ((), None, None, None, TREE, None)


def test_sudo_records_every_command(subtests: Any, files: Callable[..., Answer]) -> None:
    for text, verdict in CASES:
        with subtests.test(text):
            assert _judged(text, files) is verdict


RULES = "*.*;auth,authpriv.none;local2.none /var/log/syslog\nauth,authpriv.* /var/log/auth.log\n"


def test_the_log_daemon_keeps_what_sudo_writes(subtests: Any, files: Callable[..., Answer]) -> None:
    """The records of sudo 1.9.13 by rsyslogd 8.2302 on a booted Debian 12."""
    daemons = tuple(Process(pid=n, uid=0, name=name) for n, name in
                    ((1, "init"), (2, "rsyslogd"), (3, "systemd-journal")))  # fmt: skip
    volatile, disk = JournalConf(storage="volatile"), JournalConf(storage="persistent")
    trail = AuditedLogin(readable=False)
    local2, debug = "Defaults syslog=local2", "Defaults syslog_goodpri=debug"
    cases: list[tuple[str, str, str, Any, Any, Verdict]] = [
        ("as usual", "", RULES, volatile, (), PASS),
        ("another facility", "Defaults syslog=local3", RULES, volatile, (), PASS),
        ("one that is discarded", local2, RULES, volatile, (), FAIL),
        ("that a file keeps", f"{local2}, logfile=/var/log/sudo.log", RULES, volatile, (), PASS),
        ("that the journal keeps", local2, RULES, disk, (), PASS),
        ("that auditd may keep", local2, RULES, volatile, ("auditd",), OPEN),
        ("a level that is discarded", debug, RULES.replace("v.*", "v.info"), volatile, (), FAIL),
        ("a condition that is not known", local2, f"if re_match($msg, 'x') then stop\n{RULES}",
         volatile, (), OPEN),
    ]  # fmt: skip
    for name, text, rules, journal, more, verdict in cases:
        rsyslog = parse_rsyslog(files({"/etc/rsyslog.conf": f'module(load="imuxsock")\n{rules}'}))
        also = tuple(Process(pid=9, uid=0, name=each) for each in more)
        tree = log_tree("755_d_0_0_4096_1.0_-1.-000000010_journal", journal_file(3))
        others = ((*daemons, *also), rsyslog, None, journal, tree, trail if more else None)
        with subtests.test(name):
            assert _judged(text, files, *others) is verdict
