"""Whether what is written stays, and stays secret: archive, backups, standby, encryption."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    Down,
    Judgement,
    Severity,
    check,
    complete,
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
from audit_database.settings import ServerSettings
from audit_oracle.rights import view
from audit_oracle.server import KIND, OWN, PARAMETERS, STATE, Own, State


class Backup(Struct, frozen=True, kw_only=True):
    """Hours since the last backup of a kind (DB FULL, DB INCR, ARCHIVELOG) that was completed."""

    type: str
    hours: int


class Destination(Struct, frozen=True, kw_only=True):
    """Another database that changes are sent to; `status` VALID or ERROR; `gap` NO GAP."""

    name: str
    status: str
    type: str | None
    gap: str | None


class Tablespace(Struct, frozen=True, kw_only=True):
    """A tablespace with data; `encrypted` is YES or NO."""

    name: str
    encrypted: str


class Wallet(Struct, frozen=True, kw_only=True):
    """A store of keys; `status` OPEN where its keys can be used."""

    status: str
    type: str | None


BACKUPS = fact(
    "oracle.backups", tuple[Backup, ...], kind=KIND,
    ask=Query(
        sql="SELECT input_type AS type, TRUNC((SYSDATE - MAX(end_time)) * 24) AS hours "
            "FROM v$rman_backup_job_details WHERE status LIKE 'COMPLETED%' "
            "AND end_time IS NOT NULL GROUP BY input_type ORDER BY 1",
        label="V$RMAN_BACKUP_JOB_DETAILS", grants=view("V$RMAN_BACKUP_JOB_DETAILS"),
    ),
    parse=rows_as(Backup),
)  # fmt: skip
DESTINATIONS = fact(
    "oracle.archive-destinations", tuple[Destination, ...], kind=KIND,
    ask=Query(
        sql="SELECT dest_name AS name, status, type, gap_status AS gap "
            "FROM v$archive_dest_status WHERE status <> 'INACTIVE' AND type <> 'LOCAL' ORDER BY 1",
        label="V$ARCHIVE_DEST_STATUS", grants=view("V$ARCHIVE_DEST_STATUS"),
    ),
    parse=rows_as(Destination),
)  # fmt: skip
TABLESPACES = fact(
    "oracle.tablespaces", tuple[Tablespace, ...], kind=KIND,
    ask=Query(
        sql="SELECT tablespace_name AS name, encrypted FROM dba_tablespaces "
            "WHERE contents = 'PERMANENT' AND tablespace_name NOT IN ('SYSTEM', 'SYSAUX') "
            "ORDER BY 1",
        label="DBA_TABLESPACES", grants=view("DBA_TABLESPACES"),
    ),
    parse=rows_as(Tablespace),
)  # fmt: skip
WALLETS = fact(
    "oracle.wallets", tuple[Wallet, ...], kind=KIND,
    ask=Query(
        sql="SELECT DISTINCT status, wallet_type AS type FROM v$encryption_wallet ORDER BY 1",
        label="V$ENCRYPTION_WALLET", grants=view("V$ENCRYPTION_WALLET"),
    ),
    parse=rows_as(Wallet),
)  # fmt: skip
FACTS = (BACKUPS, DESTINATIONS, TABLESPACES, WALLETS)

_IN_PDB = msg("This database is plugged into another one, which keeps the records of backups")


@check(
    "oracle.archive-log", needs=STATE, severity=Severity.HIGH,
    remedy=msg("SHUTDOWN, STARTUP MOUNT, ALTER DATABASE ARCHIVELOG, ALTER DATABASE OPEN"),
)  # fmt: skip
def archive_log(state: State) -> Judgement:
    """Changes are archived, so that a backup can be brought up to date."""
    detail = msg("LOG_MODE is {mode}", mode=state.log_mode)
    return expect(state.log_mode == "ARCHIVELOG", detail=detail, expected=msg("ARCHIVELOG"))


@check(
    "oracle.backup-age", needs=(complete(BACKUPS), OWN), severity=Severity.HIGH,
    remedy=msg("BACKUP DATABASE PLUS ARCHIVELOG in RMAN, by a job; to another machine"),
)  # fmt: skip
def backup_age(
    backups: tuple[Backup, ...], own: Own, *, hours: Annotated[int, Down] = 168
) -> Judgement:  # fmt: skip
    """RMAN backed up the database in time."""
    of_all = [b.hours for b in backups if b.type in ("DB FULL", "DB INCR")]
    if not of_all and own.in_pdb:
        return undetermined(_IN_PDB)
    return backups_fresh({"RMAN": min(of_all, default=None)}, at_most=hours)


@check(
    "oracle.standby", needs=(DESTINATIONS, STATE), severity=Severity.MEDIUM,
    remedy=msg("Set up Data Guard, at another site for what is important"),
)  # fmt: skip
def standby(found: tuple[Destination, ...], state: State) -> Judgement:
    """A standby database receives every change."""
    if state.role != "PRIMARY":
        return not_applicable(msg("This is a standby itself ({role})", role=state.role))
    if not found:
        return undetermined(
            msg("Changes are sent to no other database"),
            msg("A cluster or replicated storage leaves no sign here: attest it"),
        )
    bad = [f"{d.name} ({d.status}, {d.gap or '-'})" for d in found
           if d.status != "VALID" or d.gap not in (None, "NO GAP")]  # fmt: skip
    if bad:
        return failed(msg("Not valid, or behind: {names}", names=listed(bad)))
    return passed(msg("Changes are sent to: {names}", names=listed(d.name for d in found)))


@check(
    "oracle.block-checksum", needs=complete(PARAMETERS), severity=Severity.LOW,
    remedy=msg("ALTER SYSTEM SET db_block_checksum = TYPICAL"),
)  # fmt: skip
def block_checksum(parameters: ServerSettings) -> Judgement:
    """Damage of stored blocks is noticed."""
    detail = parameters.as_message("db_block_checksum")
    value = parameters.get("db_block_checksum").upper()
    if not value:
        return undetermined(detail)
    return expect(value in ("TYPICAL", "FULL", "TRUE"), detail=detail)


@check(
    "oracle.encryption", needs=(TABLESPACES, WALLETS), severity=Severity.MEDIUM,
    remedy=msg("ALTER TABLESPACE … ENCRYPTION ONLINE USING 'AES256' ENCRYPT; or encrypt the "
               "volume, and attest it"),
)  # fmt: skip
def encryption(tablespaces: tuple[Tablespace, ...], wallets: tuple[Wallet, ...]) -> Judgement:
    """Every tablespace with data is encrypted."""
    opened = any(wallet.status.startswith("OPEN") for wallet in wallets)
    bad = [space.name for space in tablespaces if space.encrypted != "YES"]
    if bad or not opened or not tablespaces:
        return undetermined(
            msg("Not encrypted by the database: {names}", names=listed(bad) or "-"),
            msg("Encrypted columns, and the encryption of the volume, have to be looked at"),
        )
    return passed(msg("{count} tablespaces, all encrypted", count=len(tablespaces)))


CHECKS = (archive_log, backup_age, standby, block_checksum, encryption)
