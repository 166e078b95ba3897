"""Whether what is written stays, and stays secret: backups, replicas, pages, encryption."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    Down,
    Judgement,
    Severity,
    Verdict,
    check,
    complete,
    derive,
    expect,
    fact,
    failed,
    listed,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_database.freshness import backups_fresh
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_sqlserver.rights import BACKUPS, STATE
from audit_sqlserver.server import DATABASES, KIND, Database


class Backup(Struct, frozen=True, kw_only=True):
    """Hours since the last backup of a database: the whole (D), what changed (I), the log (L)."""

    name: str
    type: str
    hours: int


class Replica(Struct, frozen=True, kw_only=True):
    """A database of an availability group on one replica; `here`: on the server that was asked."""

    name: str | None
    here: int
    state: str | None
    health: str | None
    suspended: int | None
    lag_s: int | None


BACKUP_ROWS = fact(
    "sqlserver.backups", tuple[Backup, ...], kind=KIND,
    ask=Query(
        sql="SELECT database_name AS name, type, "
            "DATEDIFF(hour, MAX(backup_finish_date), GETDATE()) AS hours "
            "FROM msdb.dbo.backupset WHERE type IN ('D', 'I', 'L') AND is_damaged = 0 "
            "AND is_copy_only = 0 AND backup_finish_date IS NOT NULL "
            "GROUP BY database_name, type ORDER BY 1, 2",
        label="msdb.dbo.backupset", grants=BACKUPS,
    ),
    parse=rows_as(Backup),
)  # fmt: skip
REPLICAS = fact(
    "sqlserver.replicas", tuple[Replica, ...], kind=KIND,
    ask=Query(
        sql="SELECT DB_NAME(database_id) AS name, CAST(is_local AS int) AS here, "
            "synchronization_state_desc AS state, synchronization_health_desc AS health, "
            "CAST(is_suspended AS int) AS suspended, secondary_lag_seconds AS lag_s "
            "FROM sys.dm_hadr_database_replica_states ORDER BY 1, 2",
        label="sys.dm_hadr_database_replica_states", grants=STATE,
    ),
    parse=rows_as(Replica),
)  # fmt: skip


class DatabaseBackups(Struct, frozen=True, kw_only=True):
    """A database that is to be backed up, with hours since the last whole backup and log."""

    name: str
    grouped: int
    recovery: str
    whole: int | None
    log: int | None


def _joined(
    databases: tuple[Database, ...], backups: tuple[Backup, ...]
) -> tuple[DatabaseBackups, ...]:
    found = {(b.name, b.type): b.hours for b in backups}
    return tuple(
        DatabaseBackups(
            name=d.name, grouped=d.grouped, recovery=d.recovery or "",
            whole=found.get((d.name, "D")), log=found.get((d.name, "L")),
        )
        for d in databases if d.name not in ("tempdb", "model") and d.state == "ONLINE"
    )  # fmt: skip


BACKED_UP = derive(
    "sqlserver.backed-up", tuple[DatabaseBackups, ...], needs=(DATABASES, BACKUP_ROWS),
    make=_joined,
)  # fmt: skip
FACTS = (BACKUP_ROWS, REPLICAS, BACKED_UP)


@check(
    "sqlserver.backup-age", needs=complete(BACKED_UP), severity=Severity.HIGH,
    remedy=msg("BACKUP DATABASE … TO …, by a job; to another machine"),
)  # fmt: skip
def backup_age(
    found: tuple[DatabaseBackups, ...], *, hours: Annotated[int, Down] = 168
) -> Judgement:  # fmt: skip
    """Every database was backed up in full in time."""
    return _by_replica(found, backups_fresh({d.name: d.whole for d in found}, at_most=hours))


def _by_replica(found: tuple[DatabaseBackups, ...], judged: Judgement) -> Judgement:
    """`judged`; open where the backup of a replica elsewhere may count."""
    grouped = [d.name for d in found if d.grouped]
    if judged.verdict is not Verdict.FAIL or not grouped:
        return judged
    more = msg("Replicas elsewhere may be backed up instead: {names}", names=listed(grouped))
    return undetermined(*judged.detail, more, expected=judged.expected)


@check(
    "sqlserver.log-backups", needs=complete(BACKED_UP), severity=Severity.MEDIUM,
    remedy=msg("ALTER DATABASE … SET RECOVERY FULL; BACKUP LOG … TO …, by a job"),
)  # fmt: skip
def log_backups(
    found: tuple[DatabaseBackups, ...], *, hours: Annotated[int, Down] = 24
) -> Judgement:  # fmt: skip
    """Changes since the last full backup are kept: recovery model FULL, with backups of the log."""
    ours = tuple(d for d in found if d.name not in ("master", "msdb"))
    if not ours:
        return not_applicable(msg("There are no databases beside those of the server itself"))
    simple = [d.name for d in ours if d.recovery == "SIMPLE"]
    if simple:
        return undetermined(
            msg("Recovery model SIMPLE: {names}", names=listed(simple)),
            msg("Whether the last full backup is enough is for the recovery objective to say"),
        )
    return _by_replica(ours, backups_fresh({d.name: d.log for d in ours}, at_most=hours))


@check(
    "sqlserver.replicas", needs=REPLICAS, severity=Severity.MEDIUM,
    remedy=msg("Look at the availability group; ALTER DATABASE … SET HADR RESUME"),
)  # fmt: skip
def replicas(found: tuple[Replica, ...], *, lag_s: Annotated[int, Down] = 60) -> Judgement:
    """Databases have a replica elsewhere that follows without lag."""
    if not found:
        return undetermined(
            msg("No database is in an availability group"),
            msg("A cluster, log shipping or replicated storage leaves no sign here: attest it"),
        )
    bad = [
        r.name or "-" for r in found
        if r.health != "HEALTHY" or r.suspended or (r.lag_s is not None and r.lag_s > lag_s)
    ]  # fmt: skip
    if bad:
        return failed(msg("Not healthy, suspended or behind: {names}", names=listed(bad)))
    if all(r.here for r in found):
        return undetermined(msg("This is a secondary replica: the primary one knows the others"))
    return passed(msg("{count} replicas, all healthy", count=len(found)))


@check(
    "sqlserver.page-verify", needs=DATABASES, severity=Severity.LOW,
    remedy=msg("ALTER DATABASE … SET PAGE_VERIFY CHECKSUM"),
)  # fmt: skip
def page_verify(databases: tuple[Database, ...]) -> Judgement:
    """Damage of stored pages is noticed."""
    shown = [d for d in databases if not d.own and d.verify is not None]
    bad = [d.name for d in shown if d.verify != "CHECKSUM"]
    detail = msg("Without CHECKSUM: {names}", names=listed(bad) or "-")
    return expect(not bad, detail=detail)


@check(
    "sqlserver.encryption", needs=DATABASES, severity=Severity.MEDIUM,
    remedy=msg("CREATE DATABASE ENCRYPTION KEY …; ALTER DATABASE … SET ENCRYPTION ON"),
)  # fmt: skip
def encryption(databases: tuple[Database, ...]) -> Judgement:
    """Every database is encrypted on the disk."""
    ours = [d for d in databases if not d.own]
    bad = [d.name for d in ours if not d.encrypted]
    if not ours:
        return not_applicable(msg("There are no databases beside those of the server itself"))
    if bad:
        return undetermined(
            msg("Not encrypted by the server: {names}", names=listed(bad)),
            msg("Encrypted columns, and the encryption of the volume, have to be looked at"),
        )
    return passed(msg("{count} databases, all encrypted", count=len(ours)))


CHECKS = (backup_age, log_backups, replicas, page_verify, encryption)
