"""The kind of target that is a PostgreSQL server."""

from __future__ import annotations

from audit_core.api.sdk import Kind, Schema, msg
from audit_database.listeners import proposed


class PostgresqlSettings(Schema, frozen=True, kw_only=True):
    """The settings of a PostgreSQL server in the inventory.

    `administrators` are the roles that administer it, beside the one that was made with it.
    """

    administrators: tuple[str, ...] | None = None


POSTGRESQL = Kind(
    id="postgresql",
    title=msg("PostgreSQL server"),
    object_types=("database", "server"),
    object_type="database",
    settings=PostgresqlSettings,
    example={"administrators": ["dba"]},
    parents=("host",),
    part_key="postgresql",
    alone=True,
    needs_access=True,
    access="postgresql",
    propose=(proposed("postgresql", 5432, "postgres", "postmaster"),),
)

KINDS = (POSTGRESQL,)
