"""What a server writes to its log, who may change that, and how long it is kept."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    DAY,
    Down,
    Judgement,
    Severity,
    Up,
    check,
    fact,
    failed,
    listed,
    msg,
    optional,
    passed,
    rounded_down,
    undetermined,
)
from audit_database.query import Query
from audit_database.rows import only_row, rows_as
from audit_postgresql.server import (
    KIND,
    LOADED,
    MONITOR,
    RELEASE,
    SETTINGS,
    Release,
    Settings,
    unseen,
)


class Override(Struct, frozen=True, kw_only=True):
    """A setting of one role, or of one database, or of both; empty names stand for all."""

    role: str
    database: str
    name: str
    value: str


class LogFiles(Struct, frozen=True, kw_only=True):
    """The files of the log directory; ages in seconds at the time of asking."""

    count: int
    oldest_s: float | None
    newest_s: float | None


class Granted(Struct, frozen=True, kw_only=True):
    """A right on a setting that was given to a role."""

    setting: str
    role: str
    right: str


OVERRIDES = fact(
    "postgresql.setting-overrides", tuple[Override, ...], kind=KIND,
    ask=Query(
        sql="SELECT coalesce(r.rolname, '') AS role, coalesce(d.datname, '') AS database, "
            "split_part(c, '=', 1) AS name, substr(c, position('=' in c) + 1) AS value "
            "FROM pg_catalog.pg_db_role_setting s "
            "LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole "
            "LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, "
            "LATERAL unnest(s.setconfig) c WHERE c ~ '^(log_|pgaudit\\.|idle_session_timeout)' "
            "ORDER BY 1, 2, 3",
        label="pg_db_role_setting",
    ),
    parse=rows_as(Override),
)  # fmt: skip
LOG_FILES = fact(
    "postgresql.log-files", LogFiles, kind=KIND,
    ask=Query(
        sql="SELECT count(*) AS count, "
            "extract(epoch FROM now() - min(modification))::float8 AS oldest_s, "
            "extract(epoch FROM now() - max(modification))::float8 AS newest_s "
            "FROM pg_catalog.pg_ls_logdir()",
        label="pg_ls_logdir", grants=MONITOR,
    ),
    parse=only_row(LogFiles),
)  # fmt: skip
SETTING_GRANTS = fact(
    "postgresql.setting-grants", tuple[Granted, ...], kind=KIND,
    ask=Query(
        sql="SELECT p.parname AS setting, CASE WHEN a.grantee = 0 THEN 'PUBLIC' "
            "ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS role, a.privilege_type AS right "
            "FROM pg_catalog.pg_parameter_acl p, LATERAL pg_catalog.aclexplode(p.paracl) a "
            "WHERE a.grantee <> 10 ORDER BY 1, 2, 3",
        label="pg_parameter_acl",
    ),
    parse=rows_as(Granted),
)  # fmt: skip
FACTS = (OVERRIDES, LOG_FILES, SETTING_GRANTS)

_FILES = frozenset({"stderr", "csvlog", "jsonlog"})
_ROWS = frozenset({"csvlog", "jsonlog"})  # their records have all fields, whatever the prefix


def _destinations(settings: Settings) -> set[str]:
    return {word.strip() for word in settings.get("log_destination").split(",")}


def _logs_connections(value: str) -> bool:
    # a list of what is logged since release 18: receipt, authentication, authorization, all
    return bool({word.strip() for word in value.split(",")} & {"on", "all", "authentication"})


@check(
    "postgresql.connection-log", needs=SETTINGS, severity=Severity.HIGH,
    remedy=msg("Set log_connections = on and log_disconnections = on, and reload"),
)  # fmt: skip
def connection_log(settings: Settings) -> Judgement:
    """Each login and each end of a session is logged."""
    names = ("log_connections", "log_disconnections")
    if hidden := unseen(settings, *names):
        return hidden
    detail = settings.as_message(*names, "log_destination", "logging_collector")
    if not _logs_connections(settings.get(names[0])) or not settings.on(names[1]):
        return failed(detail)
    if settings.on("logging_collector") or not _destinations(settings) <= _FILES:
        return passed(detail)
    return undetermined(detail, msg("Where standard error goes is set on the host; check it there"))


_STATEMENTS = frozenset({"ddl", "mod", "all"})
_CLASSES = frozenset({"role", "ddl", "write"})


def _audited(value: str) -> frozenset[str]:
    """The classes that pgaudit.log names; `-class` takes one away."""
    found: set[str] = set()
    for word in (part.strip().lower() for part in value.split(",")):
        if word == "all":
            found |= {*_CLASSES, "read", "function", "misc"}
        elif word.startswith("-"):
            found.discard(word[1:])
        elif word and word != "none":
            found.add(word)
    return frozenset(found)


@check(
    "postgresql.statement-log", needs=SETTINGS, severity=Severity.MEDIUM,
    remedy=msg("Load pgaudit and set pgaudit.log = 'role, ddl, write', or set log_statement = mod"),
)  # fmt: skip
def statement_log(settings: Settings) -> Judgement:
    """Changes of privileges, table structures and data are logged."""
    statement = settings.get("log_statement")
    expected = msg("log_statement = mod or all, or pgaudit.log with role, ddl and write")
    if hidden := unseen(settings, "log_statement"):
        return hidden
    if statement in ("mod", "all"):
        return passed(settings.as_message("log_statement"), expected=expected)
    if hidden := unseen(settings, *LOADED):
        return hidden
    if settings.loads("pgaudit"):
        if hidden := unseen(settings, "pgaudit.log"):
            return hidden
        classes = _audited(settings.get("pgaudit.log"))
        lacking = _CLASSES - classes - ({"role", "ddl"} if statement == "ddl" else set())
        detail = settings.as_message("pgaudit.log", "log_statement")
        if not lacking:
            return passed(detail, expected=expected)
        return failed(
            detail, msg("Not recorded: {classes}", classes=", ".join(sorted(lacking))),
            expected=expected,
        )  # fmt: skip
    detail = settings.as_message("log_statement")
    return failed(detail, msg("pgaudit is not loaded"), expected=expected)


_OFF = frozenset({"off", "none", "", "false", "0"})


@check(
    "postgresql.log-exceptions", needs=OVERRIDES, severity=Severity.HIGH,
    remedy=msg("ALTER ROLE … RESET …, ALTER DATABASE … RESET …"),
)  # fmt: skip
def log_exceptions(found: tuple[Override, ...]) -> Judgement:
    """Logging is not reduced for any role or database."""
    off = [
        f"{o.role or '*'} @ {o.database or '*'}: {o.name} = {o.value}"
        for o in found if o.name != "idle_session_timeout" and _takes_away(o)
    ]  # fmt: skip
    if off:
        return failed(msg("Settings that reduce logging: {names}", names=listed(off)))
    return passed(msg("No role or database has settings of its own that reduce logging"))


def _takes_away(override: Override) -> bool:
    value = override.value.strip('"').lower()
    words = {word.strip() for word in value.split(",")}
    switches = override.name in (
        "log_connections", "log_disconnections", "log_statement", "pgaudit.log", "pgaudit.role"
    )  # fmt: skip
    minus = override.name == "pgaudit.log" and any(word.startswith("-") for word in words)
    raised = override.name == "log_min_messages" and value in ("fatal", "panic")
    return (switches and value in _OFF) or minus or raised


_FIELDS = {
    "time": ("%m", "%t", "%n"), "user": ("%u",), "database": ("%d",), "address": ("%h", "%r"),
}  # fmt: skip


@check(
    "postgresql.log-fields", needs=SETTINGS, severity=Severity.MEDIUM,
    remedy=msg("Set log_line_prefix = '%m [%p] %q%u@%d %h ', and log_error_verbosity = default"),
)  # fmt: skip
def log_fields(settings: Settings) -> Judgement:
    """Each log record has time, user, database and source address."""
    names = ("log_line_prefix", "log_destination", "log_error_verbosity")
    if hidden := unseen(settings, *names):
        return hidden
    detail = settings.as_message(*names)
    prefix = re.sub(r"%-?\d+", "%", settings.get(names[0]))  # a width may stand before the letter
    lacking = [name for name, escapes in _FIELDS.items() if not any(e in prefix for e in escapes)]
    terse = settings.get(names[2]) == "terse"
    if lacking and not _destinations(settings) <= _ROWS:
        return failed(detail, msg("log_line_prefix lacks: {names}", names=", ".join(lacking)))
    return failed(detail) if terse else passed(detail)


@check(
    "postgresql.log-kept", needs=(SETTINGS, LOG_FILES), severity=Severity.MEDIUM,
    remedy=msg("Keep the files for six months: log_filename with the date, "
               "or forward them to a log server"),
)  # fmt: skip
def log_kept(settings: Settings, files: LogFiles, *, days: Annotated[int, Up] = 180) -> Judgement:
    """The server log is kept for six months."""
    if not settings.on("logging_collector"):
        return undetermined(msg("The server does not keep the files itself (logging_collector)"))
    if files.oldest_s is None or files.newest_s is None:
        return failed(msg("The log directory is empty"))
    oldest = rounded_down(files.oldest_s, DAY)
    detail = msg(
        "{count} files; the oldest was last written {days} days ago", count=files.count, days=oldest
    )
    if oldest >= days:
        return passed(detail)
    names = ("log_filename", "log_truncate_on_rotation")
    if hidden := unseen(settings, *names):
        return hidden
    if settings.on(names[1]) and "%Y" not in settings.get(names[0]):
        return failed(detail, settings.as_message(*names), msg("Older files are overwritten"))
    return undetermined(detail, msg("Whether older log files are kept elsewhere is not known"))


@check(
    "postgresql.log-file-mode", needs=SETTINGS, severity=Severity.MEDIUM,
    remedy=msg("Set log_file_mode = 0600, or 0640 where a group collects the files"),
)  # fmt: skip
def log_file_mode(settings: Settings) -> Judgement:
    """New log files can be changed by the server's own account only."""
    names = ("logging_collector", "log_file_mode")
    if hidden := unseen(settings, *names):
        return hidden
    detail = settings.as_message(*names)
    if not settings.on(names[0]):
        return undetermined(
            detail, msg("Location and owner of the files are set on the host; check them there")
        )
    mode = int(settings.get(names[1]) or "0", 8)
    return failed(detail) if mode & 0o027 else passed(detail)


_RECORDING = re.compile(r"log_|logging_|pgaudit\.|credcheck\.")


@check(
    "postgresql.log-settings", needs=(RELEASE, optional(SETTING_GRANTS)),
    severity=Severity.HIGH,
    remedy=msg("REVOKE SET, ALTER SYSTEM ON PARAMETER … FROM …"),
)  # fmt: skip
def log_settings(release: Release, granted: tuple[Granted, ...] | None) -> Judgement:
    """Only superusers may change what is recorded."""
    if granted is None and (release.major >= 15 or release.product != "PostgreSQL"):
        return undetermined(msg("Rights on settings (pg_parameter_acl) could not be read"))
    if granted is None:
        return passed(msg("Before release 15 rights on settings cannot be granted"))
    bad = [f"{g.role}: {g.right} {g.setting}" for g in granted if _RECORDING.match(g.setting)]
    if bad:
        return failed(msg("Granted to others: {names}", names=listed(bad)))
    return passed(msg("No role has rights on settings of the log"))


@check(
    "postgresql.idle-timeout", needs=(RELEASE, SETTINGS, OVERRIDES), severity=Severity.LOW,
    remedy=msg("Set idle_session_timeout, and longer ones for pools of applications by ALTER ROLE"),
)  # fmt: skip
def idle_timeout(
    release: Release,
    settings: Settings,
    overrides: tuple[Override, ...],
    *,
    minutes: Annotated[int, Down] = 30,
) -> Judgement:
    """The server ends idle sessions."""
    if release.major < 14:
        return failed(msg("Release {major} has no such setting", major=release.major))
    if hidden := unseen(settings, "idle_session_timeout"):
        return hidden
    value = int(settings.get("idle_session_timeout") or 0)  # milliseconds
    detail = settings.as_message("idle_session_timeout")
    never = [
        f"{o.role or '*'} @ {o.database or '*'}" for o in overrides
        if o.name == "idle_session_timeout" and o.value.strip("'\"").startswith("0")
    ]  # fmt: skip
    if not 0 < value <= minutes * 60_000:
        return failed(detail)
    if never:
        return undetermined(detail, msg("Without an idle timeout: {names}", names=listed(never)))
    return passed(detail)


CHECKS = (
    connection_log, statement_log, log_exceptions, log_fields, log_kept, log_file_mode,
    log_settings, idle_timeout,
)  # fmt: skip
