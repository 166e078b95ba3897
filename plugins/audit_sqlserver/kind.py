"""The kind of target that is a SQL Server."""

from __future__ import annotations

from audit_core.api.sdk import Kind, Schema, msg
from audit_database.listeners import proposed
from audit_database.unverified import UNVERIFIED
from audit_sqlserver.server import KIND


class SqlserverSettings(Schema, frozen=True, kw_only=True):
    """What the inventory declares of a server: the logins that administer it."""

    administrators: tuple[str, ...] | None = None


SQLSERVER = Kind(
    id=KIND,
    title=msg("Microsoft SQL Server"),
    object_types=("database", "server"),
    object_type="database",
    settings=SqlserverSettings,
    example={"administrators": ["CORP\\dba"]},
    parents=("host",),
    part_key="sqlserver",
    alone=True,
    needs_access=True,
    access="sqlserver",
    propose=(proposed("sqlserver", 1433, "sqlservr"),),
    unverified=UNVERIFIED,
)

KINDS = (SQLSERVER,)
