"""Requests that look at the rows of tables and tell counts."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from audit_core.model import Message, Request, msg
from audit_database.data.identify import Data


class ColumnRef(Struct, frozen=True, kw_only=True):
    """A column that the inventory declares. Without a `schema` it is in any that has the table."""

    table: str
    column: str
    data: Data | None = None
    schema: str | None = None

    def fits(self, schema: str, table: str, column: str) -> bool:
        """Whether it is the column of this name."""
        own = (self.schema or schema, self.table, self.column)
        return own == (schema, table, column)


class Sample(Request, frozen=True, kw_only=True, tag="data-sample"):
    """How many values of a sample of each column are sensitive, of which kind.

    The session looks at the values and forgets them: the answer holds counts, and specimens in
    which almost everything is masked. Tables that hold `declared` columns come first. At most
    `tables` tables are read, `rows` rows of each, `bytes_read` in all, within `timeout_s`.
    """

    evidence_kind: ClassVar[str] = "data_sample"
    evidence_title: ClassVar[Message] = msg("sample of tables, counted")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "rows", "tables", "bytes_read")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    database: str = ""
    schemas: tuple[str, ...] = ()
    declared: tuple[ColumnRef, ...] = ()
    rows: int = 500
    tables: int = 300
    bytes_read: int = 64 << 20
    timeout_s: int = 120
    limit: int = 4 << 20

    def describe(self) -> str:
        """Where it looks, and how many rows at most."""
        where = ", ".join(self.schemas) or "*"
        return f"{self.database or '-'}: sample of {self.rows} rows of each table of {where}"

    def short(self) -> Message:
        """What is counted, and where."""
        return msg("sample of tables in {database}", database=self.database or "-")

    def place(self) -> str:
        """The database; nothing where the target is the only one."""
        return self.database

    def as_message(self) -> Message:
        """Where it looks, and how many rows at most."""
        return msg(
            "{database}: counts of sensitive values in samples of {rows} rows of each table",
            database=self.database or "-", rows=self.rows,
        )  # fmt: skip
