"""Galera and group replication: who is a member, and whether they talk over TLS."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import Judgement, derive, fact, failed, msg, passed, undetermined
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_mysql.server import KIND, Settings


class _Row(Struct, frozen=True, kw_only=True):
    Variable_name: str
    Value: str | None = None


class Cluster(Struct, frozen=True, kw_only=True):
    """What a member of a Galera cluster says of it; None where it is none."""

    size: int | None
    status: str


_STATUS = ("wsrep_cluster_size", "wsrep_cluster_status")
_ROWS = fact(
    "mysql.cluster-rows", tuple[_Row, ...], kind=KIND,
    ask=Query(
        sql="SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_size', "
            "'wsrep_cluster_status')",
        label="SHOW GLOBAL STATUS",
    ),
    parse=rows_as(_Row),
)  # fmt: skip


def _cluster(rows: tuple[_Row, ...]) -> Cluster:
    values = {row.Variable_name.lower(): row.Value or "" for row in rows}
    size, status = (values.get(name, "") for name in _STATUS)
    return Cluster(size=int(size) if size.isascii() and size.isdigit() else None, status=status)


CLUSTER = derive("mysql.cluster", Cluster, needs=_ROWS, make=_cluster)
FACTS = (_ROWS, CLUSTER)


def of_galera(settings: Settings) -> bool:
    """Whether the server is a member of a Galera cluster."""
    return settings.on("wsrep_on")


def of_group(settings: Settings) -> bool:
    """Whether the server is a member of a group of MySQL."""
    return bool(settings.get("group_replication_group_name"))


def members(settings: Settings, cluster: Cluster) -> Judgement | None:
    """Whether other members hold the data too; None where the server is in no cluster."""
    if of_galera(settings):
        detail = msg("Galera: {size} members, {status}", size=cluster.size or 0,
                     status=cluster.status or "-")  # fmt: skip
        good = (cluster.size or 0) > 1 and cluster.status == "Primary"
        return passed(detail) if good else failed(detail)
    if of_group(settings):
        return undetermined(msg("Which members of the group are online was not asked "
                                "(replication_group_members)"))  # fmt: skip
    return None


def members_tls(settings: Settings) -> Judgement | None:
    """Whether members talk to each other over TLS; None where the server is in no cluster."""
    if of_galera(settings):
        return _galera_tls(settings)
    if of_group(settings):
        mode = settings.as_message("group_replication_ssl_mode")
        off = settings.get("group_replication_ssl_mode").upper() in ("", "DISABLED")
        return failed(mode) if off else passed(mode)
    return None


def _galera_tls(settings: Settings) -> Judgement:
    options = dict(
        re.findall(r"\s*([a-z_.]+)\s*=\s*([^;]*)", settings.get("wsrep_provider_options"))
    )
    on = options.get("socket.ssl", "").strip().upper() in ("YES", "ON", "TRUE", "1")
    detail = msg("socket.ssl = {ssl}, {method}", ssl=options.get("socket.ssl", "-").strip(),
                 method=settings.as_message("wsrep_sst_method"))  # fmt: skip
    if not on:
        return failed(detail)
    if settings.get("wsrep_sst_method").lower() in ("rsync", "mysqldump"):
        return failed(detail, msg("A new member gets its copy without TLS"))
    return passed(detail, msg("Whether copies for new members are encrypted is set on the host "
                              "([sst])"))  # fmt: skip
