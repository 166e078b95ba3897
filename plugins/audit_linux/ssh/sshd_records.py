"""Whether the SSH server reports logins to the log at all.

sshd writes an accepted login at INFO and a refused one at INFO or, for some methods, at VERBOSE
(log.h, auth.c of OpenSSH 9.2). At ERROR and FATAL it reports neither, at QUIET nothing. PAM reports
sessions by itself, but neither refused keys nor addresses. A Match block may set LogLevel.
"""

from __future__ import annotations

from audit_core.api.sdk import (
    Judgement,
    Severity,
    Verdict,
    failed,
    msg,
    shortened,
    undetermined,
)
from audit_linux.ssh.sshd_checks import settings_as
from audit_linux.ssh.sshd_running import LOG_FILE
from audit_linux.ssh.sshd_server import Server, sshd_check

_REPORTING = frozenset({"info", "verbose", "debug", "debug1", "debug2", "debug3"})
_NOWHERE = "/dev/null"
# Where distributions let their log daemons put records of logins; SyslogFacility stands for all.
_OF_LOGINS = frozenset({"auth", "authpriv"})


def _reports(_: str, level: str) -> bool:
    return level.lower() in _REPORTING


@sshd_check(
    "linux.sshd-log-level",
    severity=Severity.MEDIUM,
    version=4,
    remedy=msg("Set LogLevel VERBOSE and SyslogFacility AUTH in sshd_config, also in Match blocks"),
)
def sshd_log_level(server: Server) -> Judgement:
    """The SSH server reports accepted and refused logins to the system log."""
    expected = msg("LogLevel INFO or VERBOSE, SyslogFacility AUTH or AUTHPRIV")
    level = settings_as(server, ("loglevel",), _reports, expected)
    if (path := server.sshd.one(LOG_FILE)) and level.verdict is not Verdict.FAIL:
        where = msg("The server writes its log to {path} instead of the syslog (option -E)",
                    path=shortened(path))  # fmt: skip
        decided = failed if path == _NOWHERE else undetermined
        return decided(*level.detail, where, expected=expected)
    facility = server.sshd.one("syslogfacility")
    if facility and facility.lower() not in _OF_LOGINS and level.verdict is not Verdict.FAIL:
        ask = msg("Ask whether the log daemon keeps records of the facility {name}", name=facility)
        return undetermined(*level.detail, ask, expected=expected)
    return level


CHECKS = (sshd_log_level,)
