"""The kind, the connector with its access, and what they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from audit_core.api.hooks import Connector, Grant, Requirement
from audit_core.api.sdk import (
    AccessSchema,
    HostName,
    Kind,
    Message,
    Port,
    SecretRef,
    msg,
)
from audit_core.model.errors import UsageError
from postgres_plugin.query import Query


class PostgresAccess(AccessSchema, frozen=True, kw_only=True):
    """As whom to log in to a server; `password` is a reference."""

    user: str
    password: SecretRef
    address: HostName | None = None
    port: Port = 5432


def grants(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> str:
    """The SQL that makes a role which may read what is asked and nothing else."""
    if not user.isidentifier():
        raise UsageError(msg("{user} is not a role name", user=repr(user)))
    note = say(msg("what an audit by {user} reads", user=user))
    return f"-- {note}\nCREATE ROLE {user} LOGIN;\nGRANT pg_read_all_settings TO {user};\n"


KINDS = (
    Kind(
        id="example_db",
        title=msg("PostgreSQL server"),
        object_types=("server", "database"),
        needs_access=True,
        access="example_db",
    ),
)
CONNECTORS = (
    Connector(
        name="example_db",
        kinds=("example_db",),
        accepts=(Query,),
        access=PostgresAccess,
        open="postgres_plugin.session:open",
        grants=grants,
        isolated=True,
        login_s=20,
        needs=(
            Requirement(
                name="psycopg", module="psycopg", pip="psycopg", use=msg("PostgreSQL servers")
            ),
        ),
    ),
)
POLICY = (Path(__file__).parent,)
