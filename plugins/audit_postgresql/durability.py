"""Whether what is written stays: checksums, archive of the log of changes, standby servers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    HOUR,
    Down,
    Judgement,
    Message,
    Severity,
    check,
    complete,
    fact,
    failed,
    listed,
    msg,
    not_applicable,
    passed,
    rounded_up,
    undetermined,
)
from audit_database.query import Query
from audit_database.rows import only_row
from audit_postgresql.client_auth import CLIENT_AUTH, ClientAuth
from audit_postgresql.server import (
    KIND,
    MONITOR,
    NO_SETTINGS,
    SETTINGS,
    Settings,
    all_sessions,
    unseen,
)


class Archiver(Struct, frozen=True, kw_only=True):
    """The archiver. Ages are seconds at the time of asking; None where it never happened.

    `command` is what archive_command does: `none`, `nothing` (it tells success and keeps nothing),
    `some`; None where it is hidden. The command itself may hold passwords.
    """

    archived: int
    failed: int
    archived_s: float | None
    failed_s: float | None
    standby: bool
    reset_s: float | None = None
    command: str | None = None


class Standby(Struct, frozen=True, kw_only=True):
    """What reads the log of changes; `lag_s` is how far behind its replay is, `behind` in bytes.

    `copies`: it applies all changes. pg_receivewal and pg_basebackup apply none, a subscriber of
    logical replication those of some tables.
    """

    name: str | None
    address: str | None
    state: str | None
    sync_state: str | None
    lag_s: float | None
    copies: bool = True
    behind: int | None = None


# Commands that only look or say something, a file of no name, and /dev/null as the only target.
_NOTHING = (
    r"^\s*((/usr)?/bin/)?(true|:|exit|cd|echo|printf|test|\[|ls|stat|cat|sleep|date)"
    r"(\s+[^|>;&]*)?(>\s*/dev/null\s*)?(2>&1\s*)?$|^[^%]*$|^[^|;&]*\s/dev/null\s*$"
)
ARCHIVER = fact(
    "postgresql.archiver", Archiver, kind=KIND,
    ask=Query(
        sql="SELECT archived_count::int8 AS archived, failed_count::int8 AS failed, "
            "extract(epoch FROM now() - last_archived_time)::float8 AS archived_s, "
            "extract(epoch FROM now() - last_failed_time)::float8 AS failed_s, "
            "pg_catalog.pg_is_in_recovery() AS standby, "
            "extract(epoch FROM now() - stats_reset)::float8 AS reset_s, "
            "(SELECT CASE WHEN max(setting) FILTER (WHERE name = 'archive_library') <> '' "
            "THEN 'some' WHEN max(setting) FILTER (WHERE name = 'archive_command') "
            "IN ('', '(disabled)') THEN 'none' "
            f"WHEN max(setting) FILTER (WHERE name = 'archive_command') ~ $x${_NOTHING}$x$ "
            "THEN 'nothing' WHEN bool_or(name = 'archive_command') THEN 'some' END "
            "FROM pg_catalog.pg_settings WHERE name IN ('archive_command', 'archive_library')) "
            "AS command FROM pg_catalog.pg_stat_archiver",
        label="pg_stat_archiver",
    ),
    parse=only_row(Archiver),
)  # fmt: skip
STANDBYS, STANDBY_ROWS = all_sessions(
    "postgresql.standbys", Standby,
    Query(
        sql="SELECT r.application_name AS name, host(r.client_addr) AS address, r.state, "
            "r.sync_state, extract(epoch FROM r.replay_lag)::float8 AS lag_s, "
            "r.replay_lsn IS NOT NULL AND a.datid IS NULL AS copies, "
            "pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() "
            "THEN pg_catalog.pg_last_wal_receive_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, "
            "r.replay_lsn)::int8 AS behind FROM pg_catalog.pg_stat_replication r "
            "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = r.pid",
        label="pg_stat_replication", grants=MONITOR,
    ),
)  # fmt: skip
FACTS = (ARCHIVER, STANDBYS, STANDBY_ROWS)


@check(
    "postgresql.archiving", needs=(SETTINGS, ARCHIVER), severity=Severity.HIGH, version=3,
    remedy=msg("Look up in the server log why archive_command fails, and have it copy the files"),
)  # fmt: skip
def archiving(
    settings: Settings, archiver: Archiver, *, hours: Annotated[int, Down] = 24
) -> Judgement:
    """The WAL archive is up to date, and no attempt has failed since."""
    if hidden := unseen(settings, "archive_mode"):
        return hidden
    if settings.get("archive_mode") == "off":
        return not_applicable(msg("WAL is not archived (archive_mode = off)"))
    if archiver.standby and settings.get("archive_mode") != "always":
        return not_applicable(msg("This is a standby server, which does not archive"))
    if archiver.command in ("none", "nothing"):
        return failed(msg("archive_command is empty, or a command that keeps nothing"))
    if archiver.archived_s is None:
        return _not_yet(archiver, hours)
    age = rounded_up(archiver.archived_s, HOUR)
    detail = msg("Last archived {hours} hours ago; {count} attempts failed in all",
               hours=age, count=archiver.failed)  # fmt: skip
    if archiver.failed_s is not None and archiver.failed_s < archiver.archived_s:
        return failed(detail, msg("The last attempt failed"))
    expected = msg("at most {hours} hours", hours=hours)
    if archiver.archived_s > hours * HOUR:
        return failed(detail, expected=expected)
    if archiver.command is None:
        return undetermined(detail, msg("What archive_command does is hidden: {why}",
                                        why=NO_SETTINGS), expected=expected)  # fmt: skip
    return passed(detail, expected=expected)


def _not_yet(archiver: Archiver, hours: int) -> Judgement:
    """Nothing was archived since the server counts: not long ago where that began again."""
    detail = msg("Nothing was archived yet; {count} attempts failed", count=archiver.failed)
    young = archiver.reset_s is not None and archiver.reset_s < hours * HOUR
    if young and not archiver.failed:
        return undetermined(
            detail, msg("It has been counted for {hours} hours", hours=rounded_up(
                archiver.reset_s or 0, HOUR))
        )  # fmt: skip
    return failed(detail)


def _none_follows(found: Iterable[Standby]) -> Message:
    others = listed(s.name or "?" for s in found if not s.copies)
    if not others:
        return msg("No standby server follows this one")
    return msg("No standby server follows this one; these read its WAL: {names}", names=others)


def _described(standby: Standby) -> str:
    words = (standby.name or "?", standby.address or "", standby.sync_state or "")
    return " ".join(words).strip()


@check(
    "postgresql.standby", needs=(ARCHIVER, complete(STANDBYS)), severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Set up a standby server with streaming replication"),
)  # fmt: skip
def standby(
    archiver: Archiver,
    found: tuple[Standby, ...],
    *,
    lag_s: Annotated[int, Down] = 60,
    behind_mb: Annotated[int, Down] = 1024,
) -> Judgement:
    """A standby server follows this one without delay."""
    if archiver.standby:
        return not_applicable(msg("This is a standby server itself"))
    live = [s for s in found if s.state == "streaming" and s.copies]
    if not live:
        return failed(_none_follows(found))
    names = listed(map(_described, live))
    late = [s for s in live if (s.lag_s or 0) > lag_s or (s.behind or 0) > behind_mb << 20]
    detail = msg("Standby servers: {names}", names=names)
    if len(late) == len(live):
        return failed(detail, msg("All are more than {seconds} s or {size} MB behind",
                                  seconds=lag_s, size=behind_mb))  # fmt: skip
    return passed(detail)


@check(
    "postgresql.page-checksums", needs=SETTINGS, severity=Severity.LOW,
    remedy=msg("Stop the server and run pg_checksums --enable; set fsync and full_page_writes on"),
)  # fmt: skip
def page_checksums(settings: Settings) -> Judgement:
    """Damaged data pages are detected: checksums, fsync and full_page_writes are on."""
    names = ("data_checksums", "fsync", "full_page_writes")
    if hidden := unseen(settings, *names):
        return hidden
    detail = settings.as_message(*names)
    return passed(detail) if all(settings.on(name) for name in names) else failed(detail)


@check(
    "postgresql.replication-tls", needs=CLIENT_AUTH, severity=Severity.HIGH,
    remedy=msg("Use hostssl instead of host in the replication lines of pg_hba.conf"),
)  # fmt: skip
def replication_tls(auth: ClientAuth) -> Judgement:
    """Replication to other machines uses TLS only."""
    remote = [
        rule for rule in auth.admitting
        if rule.remote and "replication" in (rule.database or ())
    ]  # fmt: skip
    if not remote:
        return not_applicable(msg("No rule allows standby servers on other machines"))
    plain = [rule.text for rule in remote if "plain" in rule.ways]
    if plain:
        return failed(msg("Rules that accept connections without TLS: {rules}", rules=tuple(plain)))
    return passed(msg("Rules: {rules}", rules=tuple(rule.text for rule in remote)))


CHECKS = (archiving, standby, page_checksums, replication_tls)
