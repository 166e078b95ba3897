"""Whether what is written stays, and stays secret: log of changes, replicas, encryption."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Down,
    Judgement,
    Severity,
    Verdict,
    check,
    fact,
    failed,
    known,
    known_or_absent,
    listed,
    msg,
    not_applicable,
    passed,
    provider,
    undetermined,
)
from audit_database.query import Query
from audit_database.rows import only_row, rows_as
from audit_mysql.clusters import CLUSTER, Cluster, members, members_tls
from audit_mysql.dialect import OWN
from audit_mysql.rights import MARIADB_REPLICA, MYSQL_REPLICA, PROCESS
from audit_mysql.server import KIND, MARIADB, MYSQL, PLUGINS, SETTINGS, Plugin, Settings


class Channel(Struct, frozen=True, kw_only=True):
    """A source that this server follows; `lag_s` is None where it does not follow at present."""

    name: str
    host: str
    io: str
    sql: str
    lag_s: int | None
    tls: str
    verified: str

    @property
    def text(self) -> str:
        """The source for a record."""
        lag = "-" if self.lag_s is None else self.lag_s
        return f"{self.host} (IO {self.io}, SQL {self.sql}, {lag} s)"


class Followers(Struct, frozen=True, kw_only=True):
    """How many replicas read the log of changes now; `process`: whether others are shown to us."""

    count: int
    process: int


class Tablespaces(Struct, frozen=True, kw_only=True):
    """How many tablespaces are encrypted, and how many are not; None where none is listed."""

    encrypted: int | None
    plain: int | None


def _channels(old: str, new: str, statement: str, name: str, grants: tuple[str, ...]) -> Query:
    # errors of replication hold rows of tables: they are not kept
    columns = (
        (name, "name"), (f"{old}_Host", "host"), (f"{new}_IO_Running", "io"),
        (f"{new}_SQL_Running", "sql"), (f"Seconds_Behind_{old}", "lag_s"),
        (f"{old}_SSL_Allowed", "tls"), (f"{old}_SSL_Verify_Server_Cert", "verified"),
    )  # fmt: skip
    return Query(sql=statement, label=statement, columns=columns, grants=grants)


CHANNELS = fact(
    "mysql.replication-channels", tuple[Channel, ...], kind=KIND,
    providers=(
        provider(
            _channels("Master", "Slave", "SHOW ALL SLAVES STATUS", "Connection_name",
                      MARIADB_REPLICA),
            rows_as(Channel), product=MARIADB,
        ),
        provider(
            _channels("Source", "Replica", "SHOW REPLICA STATUS", "Channel_Name", MYSQL_REPLICA),
            rows_as(Channel), product=MYSQL,
        ),
    ),
)  # fmt: skip
FOLLOWERS = fact(
    "mysql.followers", Followers, kind=KIND,
    ask=Query(
        sql="SELECT (SELECT COUNT(*) FROM information_schema.PROCESSLIST "
            "WHERE COMMAND LIKE 'Binlog Dump%') AS count, "
            "(SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE "
            f"PRIVILEGE_TYPE = 'PROCESS' AND GRANTEE = {OWN}) AS process",
        label="information_schema.PROCESSLIST", grants=PROCESS,
    ),
    parse=only_row(Followers),
)  # fmt: skip
TABLESPACES = fact(
    "mysql.tablespaces", Tablespaces, kind=KIND,
    providers=(
        provider(
            Query(
                sql="SELECT CAST(SUM(ENCRYPTION_SCHEME <> 0) AS SIGNED) AS encrypted, "
                    "CAST(SUM(ENCRYPTION_SCHEME = 0) AS SIGNED) AS plain "
                    "FROM information_schema.INNODB_TABLESPACES_ENCRYPTION",
                label="INNODB_TABLESPACES_ENCRYPTION", grants=PROCESS,
            ),
            only_row(Tablespaces), product=MARIADB,
        ),
        provider(
            Query(
                sql="SELECT CAST(SUM(ENCRYPTION = 'Y') AS SIGNED) AS encrypted, "
                    "CAST(SUM(ENCRYPTION <> 'Y') AS SIGNED) AS plain "
                    "FROM information_schema.INNODB_TABLESPACES WHERE SPACE_TYPE = 'Single'",
                label="INNODB_TABLESPACES", grants=PROCESS,
            ),
            only_row(Tablespaces), product=MYSQL,
        ),
    ),
)  # fmt: skip
FACTS = (CHANNELS, FOLLOWERS, TABLESPACES)


@check(
    "mysql.binlog", needs=SETTINGS, severity=Severity.HIGH,
    remedy=msg("Set log_bin and server_id, so that what came after the last backup is kept"),
)  # fmt: skip
def binlog(settings: Settings) -> Judgement:
    """Changes are kept in the binary log, from which a backup is brought up to date."""
    detail = settings.as_message("log_bin")
    return passed(detail) if settings.on("log_bin") else failed(detail)


@check(
    "mysql.durable-writes", needs=SETTINGS, severity=Severity.LOW,
    remedy=msg("SET GLOBAL innodb_flush_log_at_trx_commit = 1, sync_binlog = 1"),
)  # fmt: skip
def durable_writes(settings: Settings) -> Judgement:
    """What was committed is on the disk."""
    names = ("innodb_flush_log_at_trx_commit", "sync_binlog", "log_bin")
    detail = settings.as_message(*names)
    commit, sync = (settings.number(name) for name in names[:2])
    if commit is None:
        return undetermined(detail)
    ok = commit in (1, 3) and (sync == 1 or not settings.on("log_bin"))
    return passed(detail) if ok else failed(detail)


@check(
    "mysql.page-checksums", needs=SETTINGS, severity=Severity.LOW,
    remedy=msg("Set innodb_checksum_algorithm = full_crc32, innodb_doublewrite = ON, "
               "binlog_checksum = CRC32"),
)  # fmt: skip
def page_checksums(settings: Settings) -> Judgement:
    """Damage of stored pages and of the binary log is noticed."""
    names = ("innodb_checksum_algorithm", "innodb_doublewrite", "binlog_checksum")
    detail = settings.as_message(*names)
    if not settings.get(names[0]) or not settings.get(names[2]):
        return undetermined(detail)
    weak = settings.get(names[0]).lower() in ("none", "strict_none")
    bad = weak or settings.get(names[1]).upper() == "OFF" or settings.get(names[2]) == "NONE"
    return failed(detail) if bad else passed(detail)


@check(
    "mysql.replication", needs=CHANNELS, severity=Severity.HIGH,
    remedy=msg("Look at the error that SHOW REPLICA STATUS shows, and start the replica again"),
)  # fmt: skip
def replication(found: tuple[Channel, ...], *, lag_s: Annotated[int, Down] = 60) -> Judgement:
    """A replica follows its source without lag."""
    if not found:
        return not_applicable(msg("This server follows no other"))
    detail = msg("Sources: {names}", names=listed(channel.text for channel in found))
    bad = [c for c in found if {c.io, c.sql} != {"Yes"} or c.lag_s is None or c.lag_s > lag_s]
    if bad:
        return failed(detail, expected=msg("both threads, at most {seconds} s", seconds=lag_s))
    return passed(detail)


@check(
    "mysql.replication-tls", needs=(SETTINGS, CHANNELS), severity=Severity.HIGH, version=2,
    remedy=msg("CHANGE MASTER TO MASTER_SSL = 1, MASTER_SSL_VERIFY_SERVER_CERT = 1"),
)  # fmt: skip
def replication_tls(settings: Settings, found: tuple[Channel, ...]) -> Judgement:
    """A replica reads from its source over TLS, and members of a cluster from each other."""
    cluster = members_tls(settings)
    if not found:
        return cluster or not_applicable(msg("This server follows no other"))
    plain = [channel.host for channel in found if channel.tls != "Yes"]
    if plain:
        return failed(msg("Without TLS from: {names}", names=listed(plain)))
    if cluster is not None and cluster.verdict is Verdict.FAIL:
        return cluster
    loose = [channel.host for channel in found if channel.verified != "Yes"]
    detail = msg("Over TLS from: {names}", names=listed(channel.host for channel in found))
    if loose:
        return passed(detail, msg("Certificate not verified: {names}", names=listed(loose)))
    return passed(detail)


@check(
    "mysql.replica-read-only", needs=(SETTINGS, CHANNELS), severity=Severity.MEDIUM,
    remedy=msg("SET GLOBAL read_only = ON (MySQL: super_read_only)"),
)  # fmt: skip
def replica_read_only(settings: Settings, found: tuple[Channel, ...]) -> Judgement:
    """A replica takes changes from its source only."""
    if not found:
        return not_applicable(msg("This server follows no other"))
    detail = settings.as_message("read_only", "super_read_only")
    switches = ("read_only", "super_read_only")
    return passed(detail) if any(settings.on(name) for name in switches) else failed(detail)


@check(
    "mysql.standby", needs=(SETTINGS, CLUSTER, CHANNELS, FOLLOWERS), severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Set up a replica, at another site for what is important"),
)  # fmt: skip
def standby(
    settings: Settings, cluster: Cluster, found: tuple[Channel, ...], followers: Followers
) -> Judgement:
    """A replica follows this server, or other members of a cluster hold the data too."""
    if (together := members(settings, cluster)) is not None:
        return together
    if followers.count:
        return passed(msg("{count} replicas follow this server", count=followers.count))
    if found:
        return not_applicable(msg("This is a replica itself"))
    if not followers.process:
        why = msg("the account lacks PROCESS: {statement}", statement=PROCESS[0])
        return undetermined(msg("Sessions of others cannot be seen: {why}", why=why))
    return failed(msg("No replica follows this server"))


_ENCRYPTED = (
    "innodb_encrypt_tables", "innodb_encrypt_log", "encrypt_binlog", "default_table_encryption",
    "innodb_redo_log_encrypt", "binlog_encryption",
)  # fmt: skip
_KEYS = ("ENCRYPTION",)


@check(
    "mysql.encryption", needs=(SETTINGS, PLUGINS, known_or_absent(TABLESPACES)),
    severity=Severity.MEDIUM,
    remedy=msg(
        "Load a plugin that keeps keys, and set innodb_encrypt_tables = FORCE, innodb_encrypt_log "
        "and encrypt_binlog; or encrypt the volume, and attest it"
    ),
)  # fmt: skip
def encryption(
    settings: Settings, plugins: tuple[Plugin, ...], tablespaces: Tablespaces | Absent
) -> Judgement:
    """Tables, logs of changes and the binary log are encrypted on the disk."""
    detail = settings.as_message(*(name for name in _ENCRYPTED if name in settings.values))
    keys = [plugin.name for plugin in plugins if plugin.type in _KEYS and plugin.active]
    found = known(tablespaces)
    ours = ("innodb_encrypt_tables", "innodb_encrypt_log")
    on = settings.get(ours[0]).upper() in ("ON", "FORCE") and settings.on(ours[1])
    written = not settings.on("log_bin") or settings.on("encrypt_binlog")
    volume = msg("Whether the volume is encrypted can only be seen on the host")
    if not (on and written and keys):
        return undetermined(detail, volume)
    if found is None or found.encrypted is None:
        return undetermined(detail, msg("Which tablespaces are encrypted is not known"))
    if found.plain:
        more = msg("{count} tablespaces are not encrypted yet", count=found.plain)
        return undetermined(detail, more, volume)
    return passed(detail, msg("{count} tablespaces, all encrypted", count=found.encrypted))


CHECKS = (
    binlog, durable_writes, page_checksums, replication, replication_tls, replica_read_only,
    standby, encryption,
)  # fmt: skip
