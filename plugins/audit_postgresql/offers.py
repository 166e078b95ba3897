"""The connector of this package, and the account that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from audit_core.api.hooks import Connector, Grant, Requirement
from audit_core.api.sdk import Message, msg
from audit_database.data.requests import Sample
from audit_database.data.rules import Rules
from audit_database.grants import granted, granted_tables
from audit_database.query import Query
from audit_postgresql.access import PostgresqlAccess
from audit_postgresql.dialect import DIALECT
from audit_shell.access import credentials

_HOW = msg(
    "As a superuser, in the database postgres. Set the password with \\password, which sends it "
    "hashed, so that no log holds it."
)
_THERE = msg("In the database of the data set, for the tables that are there now:")


def grants(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> str:
    """The SQL that makes a role which may see what is asked, of tables those of data sets only."""
    quoted = DIALECT.quoted(user)
    lines = (
        f"-- {say(_HOW)}",
        f"CREATE ROLE {quoted} LOGIN CONNECTION LIMIT 4;",
        f"ALTER ROLE {quoted} SET default_transaction_read_only = on;",
        *(f"{statement};" for statement in granted(what, quoted)),
        *_tables(what, quoted, say),
    )
    return "\n".join(lines) + "\n"


def _tables(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> Iterator[str]:
    for database, statements in granted_tables(what, DIALECT, user):
        yield f"-- {say(_THERE)}"
        yield f"\\connect {DIALECT.quoted(database)}"
        yield from (f"{statement};" for statement in statements)


CONNECTORS = (
    Connector(
        name="postgresql", kinds=("postgresql",), accepts=(Query, Sample, Rules),
        access=PostgresqlAccess, open="audit_postgresql.session:open", credentials=credentials,
        grants=grants, isolated=True, login_s=40,
        needs=(
            Requirement(name="psycopg", module="psycopg", pip="dengbao[postgresql]",
                        use=msg("PostgreSQL servers (extra postgresql)")),
        ),
    ),
)  # fmt: skip
