"""The connector of this package, and the account that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audit_core.api.hooks import Connector, Grant, Requirement
from audit_core.api.sdk import Message, msg
from audit_database.access import credentials
from audit_database.grants import granted
from audit_database.query import Query
from audit_postgresql.access import PostgresqlAccess

_HOW = msg(
    "As a superuser, in the database postgres. Set the password with \\password, which sends it "
    "hashed, so that no log holds it."
)


def grants(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> str:
    """The SQL that makes a role which may see what is asked, and nothing of the tables."""
    quoted = '"' + user.replace('"', '""') + '"'
    lines = (
        f"-- {say(_HOW)}",
        f"CREATE ROLE {quoted} LOGIN CONNECTION LIMIT 4;",
        f"ALTER ROLE {quoted} SET default_transaction_read_only = on;",
        *(f"{statement};" for statement in granted(what, quoted)),
    )
    return "\n".join(lines) + "\n"


CONNECTORS = (
    Connector(
        name="postgresql", kinds=("postgresql",), accepts=(Query,), access=PostgresqlAccess,
        open="audit_postgresql.session:open", credentials=credentials, grants=grants,
        isolated=True, login_s=40,
        needs=(
            Requirement(name="psycopg", module="psycopg", pip="dengbao[postgresql]",
                        use=msg("PostgreSQL servers (extra postgresql)")),
        ),
    ),
)  # fmt: skip
