"""What a server records of who did what. The general log is none: whoever may end it can hide."""

from __future__ import annotations

from audit_core.api.sdk import (
    DAY,
    Judgement,
    Message,
    Severity,
    check,
    expect,
    failed,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_mysql.server import PLUGINS, SETTINGS, Plugin, Settings

_SERVER_AUDIT = "SERVER_AUDIT"
# of the type AUDIT by what they hook into only
_NO_AUDITS = frozenset({
    "audit_null", "query_response_time_audit", "sql_error_log", "mysqlx_cache_cleaner",
})  # fmt: skip
_EXPECTED = msg("an audit plugin that is loaded and on (server_audit, audit_log)")


def _audits(plugins: tuple[Plugin, ...]) -> list[str]:
    found = [p.name for p in plugins if p.type == "AUDIT" and p.active]
    return [name for name in found if name.lower() not in _NO_AUDITS]


def _of_mariadb(plugins: tuple[Plugin, ...]) -> bool:
    return any(p.name.upper() == _SERVER_AUDIT and p.active for p in plugins)


def _records(settings: Settings) -> bool:
    """Whether server_audit is on and its records go to a file that keeps them, or to syslog."""
    dropped = settings.get("server_audit_file_path").startswith("/dev/null")
    to_file = settings.get("server_audit_output_type").lower() != "syslog"
    return settings.on("server_audit_logging") and not (dropped and to_file)


@check(
    "mysql.audit-on", needs=(SETTINGS, PLUGINS), severity=Severity.HIGH, version=3,
    remedy=msg(
        "MariaDB: INSTALL SONAME 'server_audit', and server_audit_logging = ON in the "
        "configuration; MySQL: load audit_log, or put an audit appliance before the server and "
        "attest it"
    ),
)  # fmt: skip
def audit_on(settings: Settings, plugins: tuple[Plugin, ...]) -> Judgement:
    """An audit plugin is loaded and on."""
    if _of_mariadb(plugins):
        names = ("server_audit_logging", "server_audit_output_type", "server_audit_file_path")
        return expect(_records(settings), detail=settings.as_message(*names), expected=_EXPECTED)
    found = _audits(plugins)
    detail = settings.as_message("general_log")
    if not found:
        return failed(msg("No audit plugin is active"), detail, expected=_EXPECTED)
    return _other(settings, found)


def _other(settings: Settings, found: list[str]) -> Judgement:
    detail = msg("Active: {names}", names=", ".join(found))
    policy = settings.get("audit_log_policy").upper()
    if policy == "NONE":
        return failed(detail, settings.as_message("audit_log_policy"), expected=_EXPECTED)
    if policy in ("ALL", "LOGINS", "QUERIES"):
        return passed(detail, settings.as_message("audit_log_policy"), expected=_EXPECTED)
    return undetermined(detail, msg("Its filters are in tables of its own"), expected=_EXPECTED)


def _no_audit(settings: Settings, plugins: tuple[Plugin, ...]) -> Judgement | None:
    """What is to say where MariaDB's plugin does not record, else None."""
    if _of_mariadb(plugins) and _records(settings):
        return None
    found = _audits(plugins)
    if found and not _of_mariadb(plugins):
        return undetermined(msg("What {names} records was not asked", names=", ".join(found)))
    return failed(msg("No audit plugin records anything"))


@check(
    "mysql.audit-exceptions", needs=(SETTINGS, PLUGINS), severity=Severity.HIGH,
    remedy=msg("SET GLOBAL server_audit_excl_users = '', server_audit_incl_users = ''"),
)  # fmt: skip
def audit_exceptions(settings: Settings, plugins: tuple[Plugin, ...]) -> Judgement:
    """The audit covers every account."""
    if none := _no_audit(settings, plugins):
        return none
    names = ("server_audit_incl_users", "server_audit_excl_users")
    return expect(
        not any(settings.get(name).strip() for name in names), detail=settings.as_message(*names),
        expected=msg("both empty"),
    )  # fmt: skip


_WHOLE = frozenset({"CONNECT", "QUERY"})
_PARTS = frozenset({"CONNECT", "QUERY_DDL", "QUERY_DML", "QUERY_DCL"})
_WITHOUT_READS = frozenset({"CONNECT", "QUERY_DDL", "QUERY_DML_NO_SELECT", "QUERY_DCL"})


@check(
    "mysql.audit-events", needs=(SETTINGS, PLUGINS), severity=Severity.MEDIUM, version=2,
    remedy=msg("SET GLOBAL server_audit_events = 'CONNECT,QUERY_DDL,QUERY_DML,QUERY_DCL'"),
)  # fmt: skip
def audit_events(settings: Settings, plugins: tuple[Plugin, ...]) -> Judgement:
    """Logins, changes of rights, of tables and of data are audited."""
    if none := _no_audit(settings, plugins):
        return none
    detail = settings.as_message("server_audit_events", "server_audit_query_log_limit")
    events = {word.strip().upper() for word in settings.get("server_audit_events").split(",")} - {
        ""
    }
    expected = msg("CONNECT with QUERY, or with QUERY_DDL, QUERY_DML and QUERY_DCL; empty is all")
    wholes = (_WHOLE, _PARTS, _WITHOUT_READS)
    ok = not events or any(whole <= events for whole in wholes)
    ok = ok and settings.number("server_audit_query_log_limit") != 0  # then no statement is kept
    return expect(ok, detail=detail, expected=expected)


@check(
    "mysql.audit-fields", needs=(SETTINGS, PLUGINS), severity=Severity.LOW,
    remedy=msg("Use server_audit, whose records have these fields"),
)  # fmt: skip
def audit_fields(settings: Settings, plugins: tuple[Plugin, ...]) -> Judgement:
    """Each record has time, user, source, event and result."""
    if none := _no_audit(settings, plugins):
        return none
    detail = settings.as_message("server_audit_output_type")
    fields = msg("server_audit writes time, host, user, address, operation, object, return code")
    return passed(detail, fields)


_KEEPING = (
    "server_audit_output_type", "server_audit_file_rotations", "server_audit_file_rotate_size",
)  # fmt: skip
_SMALL = 64 << 20


@check(
    "mysql.audit-kept", needs=(SETTINGS, PLUGINS), severity=Severity.MEDIUM,
    remedy=msg(
        "Send the records away (server_audit_output_type = syslog, or a collector of the files), "
        "or raise server_audit_file_rotations and server_audit_file_rotate_size"
    ),
)  # fmt: skip
def audit_kept(settings: Settings, plugins: tuple[Plugin, ...]) -> Judgement:
    """The records of the audit are kept for six months."""
    if none := _no_audit(settings, plugins):
        return none
    detail = settings.as_message(*_KEEPING)
    if settings.get(_KEEPING[0]) == "syslog":
        return undetermined(detail, msg("How long the system log is kept is set on the host"))
    kept = _kept_bytes(settings)
    if kept is not None and kept < _SMALL:
        few = msg("At most {size} bytes are kept: rarely six months", size=kept)
        return undetermined(detail, few)
    return undetermined(detail, msg("The age of the oldest file has to be checked on the host"))


def _kept_bytes(settings: Settings) -> int | None:
    rotations, size = (settings.number(name) for name in _KEEPING[1:])
    return None if not rotations or size is None else (rotations + 1) * size


@check(
    "mysql.error-log", needs=SETTINGS, severity=Severity.LOW, version=2,
    remedy=msg("Set log_error to a file, and log_warnings = 2 (MySQL: log_error_verbosity = 3)"),
)  # fmt: skip
def error_log(settings: Settings) -> Judgement:
    """The server writes errors, and logins that failed, to a log."""
    names = ("log_error", "log_warnings", "log_error_verbosity")
    detail: Message = settings.as_message(*names)
    levels = [settings.number(name) for name in names[1:]]
    if levels == [None, None]:
        return undetermined(detail)
    enough = (levels[0] or 0) >= 2 or (levels[1] or 0) >= 2
    if not enough:
        return failed(detail, expected=msg("log_warnings 2, log_error_verbosity 2"))
    place = settings.get(names[0])
    if place == "/dev/null":
        return failed(detail)
    if place in ("", "stderr"):
        return undetermined(
            detail, msg("It goes to standard error; where that goes is set on the host")
        )
    return passed(detail)


@check(
    "mysql.binlog-kept", needs=SETTINGS, severity=Severity.MEDIUM,
    remedy=msg("SET GLOBAL binlog_expire_logs_seconds = 1209600 (twice the time between backups)"),
)  # fmt: skip
def binlog_kept(settings: Settings, *, days: int = 7) -> Judgement:
    """Changes are kept until the next full backup has them."""
    if not settings.on("log_bin"):
        return not_applicable(settings.as_message("log_bin"))
    detail = settings.as_message("binlog_expire_logs_seconds", "expire_logs_days")
    seconds = settings.number("binlog_expire_logs_seconds") or round(
        float(settings.get("expire_logs_days") or 0) * DAY
    )
    expected = msg("for ever (0), or at least {days} days", days=days)
    return expect(seconds == 0 or seconds >= days * DAY, detail=detail, expected=expected)


CHECKS = (
    audit_on, audit_exceptions, audit_events, audit_fields, audit_kept, error_log, binlog_kept,
)  # fmt: skip
