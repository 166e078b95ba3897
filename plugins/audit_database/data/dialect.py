"""How one product is asked for the tables of a database and for samples of them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Holds(enum.StrEnum):
    """What a relation is: rows that lie here, a view, rows elsewhere, or rows here and there."""

    TABLE = "table"
    VIEW = "view"
    FOREIGN = "foreign"
    MIXED = "mixed"


class Listed(Struct, frozen=True, kw_only=True):
    """A column as the catalogue of a product lists it.

    `type` is that of the product, `length` its longest text or its digits. `looked_into`: values of
    this type may hold what is looked for. `readable`: the account may read the column. `whole`: no
    rule hides rows from it. `size` is that of the table in bytes, as far as the server knows it
    without looking; 0 where it does not. `indexed`: an index begins with the column.
    """

    schema: str
    table: str
    holds: Holds
    column: str
    type: str
    length: int | None
    looked_into: bool
    readable: bool
    whole: bool
    size: int
    indexed: bool


class Dialect(Protocol):
    """The SQL of one product. Every name that it puts into a statement is quoted."""

    def quoted(self, *names: str) -> str:
        """A name, or names joined by dots, as an identifier."""

    def catalogue(self) -> str:
        """Lists the columns of the tables and views of the database: the fields of `Listed`."""

    def sees_all_tables(self) -> str:
        """One row with whether the list holds the tables that the account may not read, too."""

    def sample(self, columns: Sequence[Listed], rows: int) -> str:
        """About `rows` rows of `columns`, all of one table, without reading all of a large one."""

    def is_sampled(self, size: int, rows: int) -> bool:
        """Whether `sample` looks for `rows` at some pages of a table of `size` bytes only."""

    def utc_now(self) -> str:
        """One row with the time in UTC, as a time without zone."""

    def grants(self, database: str, schemas: Sequence[str], user: str) -> tuple[str, ...]:
        """What lets `user` (quoted) read all tables of these schemas; of every schema if none."""

    def table_grants(self, database: str, tables: Sequence[str], user: str) -> tuple[str, ...]:
        """What lets `user` (quoted) read `tables`, each as a statement names it, with dots."""
