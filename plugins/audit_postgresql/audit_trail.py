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
    days_text,
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
    of_own,
    unseen,
)


class Override(Struct, frozen=True, kw_only=True):
    """A setting of one role, or of one database, or of both; empty names stand for all."""

    role: str
    database: str
    name: str
    value: str


class LogFiles(Struct, frozen=True, kw_only=True):
    """The files of the log directory; ages in seconds at the time of asking.

    `gap_s` is the longest time between two of them; None where there are fewer.
    """

    count: int
    oldest_s: float | None
    newest_s: float | None
    gap_s: float | None = None


class Granted(Struct, frozen=True, kw_only=True):
    """A right on a setting that was given to a role."""

    setting: str
    role: str
    right: str


OVERRIDES = fact(
    "postgresql.setting-overrides", tuple[Override, ...], kind=KIND,
    ask=Query(
        sql="SELECT coalesce(r.rolname, '') AS role, coalesce(d.datname, '') AS database, "
            "lower(split_part(c, '=', 1)) AS name, substr(c, position('=' in c) + 1) AS value "
            "FROM pg_catalog.pg_db_role_setting s "
            "LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole "
            "LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, "
            "LATERAL unnest(s.setconfig) c WHERE c ~* '^(log_|pgaudit\\.|idle_session_timeout)' "
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
            "extract(epoch FROM now() - max(modification))::float8 AS newest_s, "
            "extract(epoch FROM max(gap))::float8 AS gap_s FROM (SELECT modification, "
            "modification - lag(modification) OVER (ORDER BY modification) AS gap "
            "FROM pg_catalog.pg_ls_logdir()) files",
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
    words = {word.strip().lower() for word in value.split(",")}
    return bool(words & {"on", "true", "yes", "1", "all", "authentication"})


# log_min_messages of these keeps records of the level LOG out: logins and statements are of it.
_SILENT = frozenset({"fatal", "panic"})


def _kept_out(settings: Settings) -> Judgement | None:
    """Failed where no record of a login or statement is written anywhere, else None."""
    if settings.get("log_min_messages") in _SILENT:
        detail = settings.as_message("log_min_messages")
        return failed(detail, msg("Logins and statements are records of the level LOG, which is "
                                  "below this one"))  # fmt: skip
    if "log_destination" in settings.values and not settings.get("log_destination").strip():
        return failed(settings.as_message("log_destination"), msg("Nothing is written to a log"))
    return None


@check(
    "postgresql.connection-log", needs=SETTINGS, severity=Severity.HIGH, version=3,
    remedy=msg("Set log_connections = on and log_disconnections = on, and reload"),
)  # fmt: skip
def connection_log(settings: Settings) -> Judgement:
    """Each login and each end of a session is logged."""
    names = ("log_connections", "log_disconnections")
    if hidden := unseen(settings, *names, "log_min_messages", "log_destination"):
        return hidden
    if lost := _kept_out(settings):
        return lost
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
    "postgresql.statement-log", needs=SETTINGS, severity=Severity.MEDIUM, version=3,
    remedy=msg("Load pgaudit and set pgaudit.log = 'role, ddl, write', or set log_statement = mod"),
)  # fmt: skip
def statement_log(settings: Settings) -> Judgement:
    """Changes of privileges, table structures and data are logged."""
    statement = settings.get("log_statement")
    expected = msg("log_statement = mod or all, or pgaudit.log with role, ddl and write")
    if hidden := unseen(settings, "log_statement", "log_min_messages", "log_destination"):
        return hidden
    if lost := _kept_out(settings):
        return lost
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
        if lost := _below(settings):
            return lost
        if not lacking:
            return passed(detail, expected=expected)
        return failed(
            detail, msg("Not recorded: {classes}", classes=", ".join(sorted(lacking))),
            expected=expected,
        )  # fmt: skip
    detail = settings.as_message("log_statement")
    return failed(detail, msg("pgaudit is not loaded"), expected=expected)


_LEVELS = (
    "debug5", "debug4", "debug3", "debug2", "debug1", "debug", "info", "notice", "warning", "error",
    "log", "fatal", "panic",
)  # fmt: skip


def _below(settings: Settings) -> Judgement | None:
    """Failed where pgaudit writes its records at a level that the log does not take, else None."""
    if hidden := unseen(settings, "pgaudit.log_level"):
        return hidden
    level, least = settings.get("pgaudit.log_level") or "log", settings.get("log_min_messages")
    if level not in _LEVELS or least not in _LEVELS or _LEVELS.index(level) >= _LEVELS.index(least):
        return None
    detail = settings.as_message("pgaudit.log_level", "log_min_messages")
    return failed(detail, msg("Records of pgaudit are below the level of the log"))


@check(
    "postgresql.log-exceptions", needs=(OVERRIDES, SETTINGS), severity=Severity.HIGH, version=3,
    remedy=msg("ALTER ROLE … RESET …, ALTER DATABASE … RESET …"),
)  # fmt: skip
def log_exceptions(found: tuple[Override, ...], settings: Settings) -> Judgement:
    """Logging is not reduced for any role or database."""
    if own := [name for name in _COMPARED if name in settings.own]:
        return undetermined(of_own(own))
    off = [
        f"{o.role or '*'} @ {o.database or '*'}: {o.name} = {o.value}"
        for o in found if _takes_away(o, settings)
    ]  # fmt: skip
    if off:
        return failed(msg("Settings that reduce logging: {names}", names=listed(off)))
    return passed(msg("No role or database has settings of its own that reduce logging"))


_AMOUNTS = ("none", "ddl", "mod", "all")
_COMPARED = ("log_statement", "pgaudit.log", "log_min_messages", "log_error_verbosity")


def _takes_away(override: Override, settings: Settings) -> bool:
    """Whether less is recorded with it than with the setting of the server, where that is shown."""
    value = override.value.strip("'\"").lower()
    match override.name:
        case "log_statement":
            every = settings.get("log_statement") or "all"
            return _rank(_AMOUNTS, value) < _rank(_AMOUNTS, every)
        case "pgaudit.log":
            every = settings.get("pgaudit.log") or "all"
            return bool(_CLASSES & _audited(every) - _audited(value))
        case "log_connections" | "log_disconnections" | "pgaudit.role":
            return _is_off(value)
        case "log_min_messages":
            return value in _SILENT and settings.get("log_min_messages") not in _SILENT
        case "log_error_verbosity":
            return value == "terse" and settings.get("log_error_verbosity") != "terse"
        case "pgaudit.log_level":
            return _rank(_LEVELS, value) < _rank(_LEVELS, settings.get("log_min_messages"))
    return False


def _rank(order: tuple[str, ...], value: str) -> int:
    return order.index(value) if value in order else len(order)


def _is_off(value: str) -> bool:
    """Whether a switch is off: of false, no and off also their beginnings (bool.c)."""
    if value in ("", "0", "none"):
        return True
    return value != "o" and any(word.startswith(value) for word in ("false", "no", "off"))


_FIELDS = {
    "time": ("%m", "%t", "%n"), "user": ("%u",), "database": ("%d",), "address": ("%h", "%r"),
}  # fmt: skip


@check(
    "postgresql.log-fields", needs=SETTINGS, severity=Severity.MEDIUM, version=2,
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


_MOST_GAP_S = 45 * DAY  # files of a month, and some days


@check(
    "postgresql.log-kept", needs=(SETTINGS, LOG_FILES), severity=Severity.MEDIUM, version=2,
    remedy=msg("Keep the files for six months: log_filename with the date, "
               "or forward them to a log server"),
)  # fmt: skip
def log_kept(settings: Settings, files: LogFiles, *, days: Annotated[int, Up] = 180) -> Judgement:
    """The server log is kept for six months."""
    if not settings.on("logging_collector") or not _destinations(settings) & _FILES:
        return undetermined(msg("The server does not keep the files itself (logging_collector, "
                                "log_destination)"))  # fmt: skip
    if files.oldest_s is None or files.newest_s is None:
        return failed(msg("The log directory is empty"))
    oldest = rounded_down(files.oldest_s, DAY)
    detail = msg(
        "{count} files; the oldest was last written {age} ago",
        count=files.count,
        age=days_text(oldest),
    )
    if oldest >= days:
        # one old file says nothing of those that came after it
        longest = max(files.gap_s or 0, files.newest_s)
        if files.count < 2 or longest > _MOST_GAP_S:
            return undetermined(detail, msg("Up to {days} days are without a file: whether nothing "
                                            "was logged or files are missing is not known",
                                            days=rounded_down(longest, DAY)))  # fmt: skip
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
    version=3,
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
    value = settings.number("idle_session_timeout") or 0  # milliseconds
    detail = settings.as_message("idle_session_timeout")
    longer = [
        f"{o.role or '*'} @ {o.database or '*'}: {o.value}" for o in overrides
        if o.name == "idle_session_timeout" and not 0 < _ms(o.value) <= minutes * 60_000
    ]  # fmt: skip
    if not 0 < value <= minutes * 60_000:
        return failed(detail)
    if longer:
        return undetermined(detail, msg("Without an idle timeout, or with a longer one: {names}",
                                        names=listed(longer)))  # fmt: skip
    return passed(detail)


_UNITS_MS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def _ms(value: str) -> float:
    """A time as ALTER ROLE takes it, in milliseconds; 0 (never) where it cannot be read."""
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([a-z]*)", value.strip("'\" "))
    if found is None or (found[2] or "ms") not in _UNITS_MS:
        return 0
    return float(found[1]) * _UNITS_MS[found[2] or "ms"]


CHECKS = (
    connection_log, statement_log, log_exceptions, log_fields, log_kept, log_file_mode,
    log_settings, idle_timeout,
)  # fmt: skip
