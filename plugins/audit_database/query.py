"""The request type `Query`: one read-only SQL statement and the limits of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from audit_core.model import Message, Request, msg
from audit_core.model.messages import shortened
from audit_database.rows import encoded_columns, encoded_row

EVERY = "*"
"""As the database of a query: each database of the server to which the account may connect."""

_SHOWN = 80


class Query(Request, frozen=True, kw_only=True, tag="sql"):
    """The rows of one read-only statement.

    `database` is where it is asked: empty for the one that the connector logs in to, `EVERY` for
    each. An answer of more than `rows` rows is cut. `label` names in records what is looked at, as
    administrators know it (`pg_roles`). `grants` are the statements that let an account see all of
    it, with `{user}` for its name. Of an answer whose columns the server chooses (SHOW …) only
    `columns` are kept, each with the name that it is to have: the others may hold data.
    `reads` are the tables and views that a statement of the operator reads, for the grants.
    """

    evidence_kind: ClassVar[str] = "query"
    evidence_title: ClassVar[Message] = msg("SQL query")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "rows")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds, "label", "grants", "reads"}

    sql: str
    database: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    label: str = ""
    grants: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    rows: int = 20_000
    limit: int = 4 << 20

    def describe(self) -> str:
        """The statement, and where it is asked if that is given."""
        words = " ".join(self.sql.split())
        return f"{self.database}: {words}" if self.database else words

    def short(self) -> str:
        """The label, else the beginning of the statement."""
        if self.label:
            return self.label
        return shortened(self.describe(), _SHOWN)

    def lines(self, columns: Sequence[str], rows: Iterator[Sequence[Any]]) -> Iterator[bytes]:
        """The answer, a line for the columns and one for each row; a subclass may cut more."""
        kept = dict(self.columns)
        places = [n for n, name in enumerate(columns) if not kept or name in kept]
        yield encoded_columns([kept.get(columns[n], columns[n]) for n in places])
        for row in rows:
            yield encoded_row([row[n] for n in places])
