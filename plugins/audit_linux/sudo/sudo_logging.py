"""Whether sudo records the commands that it runs, and where.

sudo 1.9.13 writes a record of every command to syslog (authpriv.notice), or to a file as well.
`!log_allowed`, `!syslog` and `syslog_goodpri=none` end that; the last setting counts. A file such
as /dev/null keeps nothing. PAM still writes that a session was opened, without the command.
"""

from __future__ import annotations

from audit_core.api.sdk import (
    Judgement,
    Message,
    Severity,
    Values,
    capped,
    check,
    failed,
    msg,
    not_applicable,
    passed,
    present,
    undetermined,
)
from audit_linux.sudo.sudoers import LogSetting, Sudoers
from audit_linux.sudo.sudoers_files import SUDOERS


def _in_force(settings: tuple[LogSetting, ...], scope: str) -> dict[str, str | None]:
    """The settings of a scope, those for everybody below them."""
    values = {s.name: s.value for s in settings if not s.scope}
    return values | {s.name: s.value for s in settings if s.scope == scope}


def _records(values: dict[str, str | None], what: str, priority: str) -> bool:
    """Whether a record of what was allowed, or denied, is written somewhere."""
    if values.get(what, "") is None:
        return False
    to_syslog = values.get("syslog", "") is not None and values.get(priority) != "none"
    return to_syslog or _is_kept(values.get("logfile"))


def _is_kept(file: str | None) -> bool:
    """Whether a log file outlives a restart."""
    return file is not None and not file.startswith(("/dev/", "/run/", "/var/run/", "/proc/"))


def _silent(sudoers: Sudoers, scope: str) -> bool:
    values = _in_force(sudoers.logging, scope)
    return not (
        _records(values, "log_allowed", "syslog_goodpri")
        and _records(values, "log_denied", "syslog_badpri")
    )


def _lines(sudoers: Sudoers, scopes: list[str]) -> Values:
    return capped(dict.fromkeys(s.line for s in sudoers.logging if s.scope in scopes))


def _places(sudoers: Sudoers) -> tuple[Message, ...]:
    """Where records go."""
    values = _in_force(sudoers.logging, "")
    facility = values.get("syslog", "") or "authpriv"
    return present(
        msg("sudo writes to syslog ({facility})", facility=facility)
        if values.get("syslog", "") is not None
        else None,
        msg("sudo writes to {file}", file=values["logfile"]) if values.get("logfile") else None,
        msg("sudo records what is shown in a session (log_output)")
        if values.get("log_output") is not None
        else None,
    )


@check(
    "linux.sudo-logging",
    needs=SUDOERS,
    severity=Severity.MEDIUM,
    version=2,
    when_absent=not_applicable(msg("There is no sudoers file: sudo grants nothing")),
    remedy=msg("Remove !syslog, !log_allowed, !log_denied and syslog_goodpri=none from sudoers, or "
               "set Defaults logfile=/var/log/sudo.log"),
)  # fmt: skip
def sudo_logging(sudoers: Sudoers) -> Judgement:
    """sudo writes a record of every command that it runs or denies."""
    expected = msg("records of allowed and denied commands in syslog or in a file")
    if _silent(sudoers, ""):
        lines = _lines(sudoers, [""])
        return failed(msg("sudo records no commands: {lines}", lines=lines), expected=expected)
    scopes = list(dict.fromkeys(s.scope for s in sudoers.logging if s.scope))
    places = _places(sudoers)
    if quiet := [scope for scope in scopes if _silent(sudoers, scope)]:
        some = msg("sudo records nothing of some users or commands; whether that is intended is "
                   "not known: {lines}", lines=_lines(sudoers, quiet))  # fmt: skip
        return undetermined(some, *places, expected=expected)
    if sudoers.unread:
        unread = msg("Not understood or not read: {lines}", lines=capped(sudoers.unread))
        return undetermined(unread, *places, expected=expected)
    return passed(*places, expected=expected)


CHECKS = (sudo_logging,)
