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
from audit_linux.sudo.sudo_logging import sudo_logging
from audit_linux.sudo.sudoers_files import parse_sudoers

FAIL, PASS, OPEN = Verdict.FAIL, Verdict.PASS, Verdict.UNDETERMINED
CASES = [
    ("", PASS),
    ("Defaults !syslog", FAIL),
    ("Defaults syslog_goodpri=none", FAIL),
    ("Defaults !log_allowed", FAIL),
    ("Defaults !log_denied", FAIL),
    ("Defaults syslog=local2", PASS),
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
    ('Defaults syslog="local1"', PASS),
    ("what is this", OPEN),
]


def test_sudo_records_every_command(subtests: Any, files: Callable[..., Answer]) -> None:
    for text, verdict in CASES:
        given = files({"/etc/sudoers": f"{text}\nroot ALL=(ALL:ALL) ALL\n"})
        with subtests.test(text):
            assert sudo_logging.judge(whole(parse_sudoers(given))).verdict is verdict
