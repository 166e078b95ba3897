"""The kind of target that is a PostgreSQL server."""

from __future__ import annotations

from audit_core.api.sdk import Kind, Schema, msg


class PostgresqlSettings(Schema, frozen=True, kw_only=True):
    """What the inventory declares of a server.

    `administrators` are the roles that administer it, beside the one that was made with it.
    """

    administrators: tuple[str, ...] | None = None


POSTGRESQL = Kind(
    id="postgresql",
    title=msg("PostgreSQL server"),
    object_types=("database", "server"),
    settings=PostgresqlSettings,
    example={"administrators": ["dba"]},
    parents=("host",),
    part_key="postgresql",
    alone=True,
    needs_access=True,
    access="postgresql",
)

KINDS = (POSTGRESQL,)
