"""The kind of target that is a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit_core.api.sdk import Kind, Part, Propose, Schema, Target, msg


class PostgresqlSettings(Schema, frozen=True, kw_only=True):
    """The settings of a PostgreSQL server in the inventory.

    `administrators` are the roles that administer it, beside the one that was made with it.
    """

    administrators: tuple[str, ...] | None = None


_PORT = 5432


def servers(target: Target, listeners: Any) -> Iterable[Part]:
    """A server where the host listens at the port of PostgreSQL, loopback included."""
    for item in listeners or ():
        if item.protocol == "tcp" and item.port == _PORT:
            why = msg("The host listens: {socket}", socket=item.text)
            yield Part(id="postgresql", settings={}, why=why)
            return


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
    propose=(Propose(parent="host", needs=("linux.listeners",), make=servers),),
)

KINDS = (POSTGRESQL,)
