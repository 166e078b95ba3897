"""Whether what is written stays: checksums, archive of the log of changes, standby servers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    HOUR,
    Down,
    Judgement,
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
)
from audit_database.query import Query
from audit_database.rows import only_row
from audit_postgresql.client_auth import CLIENT_AUTH, ClientAuth
from audit_postgresql.server import KIND, MONITOR, SETTINGS, Settings, all_sessions, unseen


class Archiver(Struct, frozen=True, kw_only=True):
    """The archiver. Ages are seconds at the time of asking; None where it never happened."""

    archived: int
    failed: int
    archived_s: float | None
    failed_s: float | None
    standby: bool


class Standby(Struct, frozen=True, kw_only=True):
    """A server that follows this one; `lag_s` is how far behind its replay is."""

    name: str | None
    address: str | None
    state: str | None
    sync_state: str | None
    lag_s: float | None


ARCHIVER = fact(
    "postgresql.archiver", Archiver, kind=KIND,
    ask=Query(
        sql="SELECT archived_count::int8 AS archived, failed_count::int8 AS failed, "
            "extract(epoch FROM now() - last_archived_time)::float8 AS archived_s, "
            "extract(epoch FROM now() - last_failed_time)::float8 AS failed_s, "
            "pg_catalog.pg_is_in_recovery() AS standby FROM pg_catalog.pg_stat_archiver",
        label="pg_stat_archiver",
    ),
    parse=only_row(Archiver),
)  # fmt: skip
STANDBYS, _STANDBY_ROWS = all_sessions(
    "postgresql.standbys", Standby,
    Query(
        sql="SELECT application_name AS name, host(client_addr) AS address, state, sync_state, "
            "extract(epoch FROM replay_lag)::float8 AS lag_s FROM pg_catalog.pg_stat_replication",
        label="pg_stat_replication", grants=MONITOR,
    ),
)  # fmt: skip
FACTS = (ARCHIVER, STANDBYS, _STANDBY_ROWS)


@check(
    "postgresql.archiving", needs=(SETTINGS, ARCHIVER), severity=Severity.HIGH,
    remedy=msg("Look up in the server log why archive_command fails"),
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
    if archiver.archived_s is None:
        return failed(msg("Nothing was archived yet; {count} attempts failed",
                          count=archiver.failed))  # fmt: skip
    age = rounded_up(archiver.archived_s, HOUR)
    detail = msg("Last archived {hours} hours ago; {count} attempts failed in all",
               hours=age, count=archiver.failed)  # fmt: skip
    if archiver.failed_s is not None and archiver.failed_s < archiver.archived_s:
        return failed(detail, msg("The last attempt failed"))
    expected = msg("at most {hours} hours", hours=hours)
    if archiver.archived_s > hours * HOUR:
        return failed(detail, expected=expected)
    return passed(detail, expected=expected)


@check(
    "postgresql.standby", needs=(ARCHIVER, complete(STANDBYS)), severity=Severity.MEDIUM,
    remedy=msg("Set up a standby server with streaming replication"),
)  # fmt: skip
def standby(
    archiver: Archiver, found: tuple[Standby, ...], *, lag_s: Annotated[int, Down] = 60
) -> Judgement:
    """A standby server follows this one without delay."""
    if archiver.standby:
        return not_applicable(msg("This is a standby server itself"))
    live = [s for s in found if s.state == "streaming"]
    if not live:
        return failed(msg("No standby server follows this one"))
    names = listed(f"{s.name or '?'} {s.address or ''} {s.sync_state or ''}".strip() for s in live)
    late = [s for s in live if s.lag_s is not None and s.lag_s > lag_s]
    detail = msg("Standby servers: {names}", names=names)
    if len(late) == len(live):
        return failed(detail, msg("All are more than {seconds} s behind", seconds=lag_s))
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
