"""Answers a `Sample`: reads some rows of each table beside the driver, and tells counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct

from audit_core.model import Status
from audit_database.data import names
from audit_database.data.answer import Column, Overview, State, Table, encoded
from audit_database.data.counting import Counter
from audit_database.data.dialect import Dialect, Holds, Listed
from audit_database.data.identify import Data
from audit_database.data.requests import Sample
from audit_database.query import Query

_TABLE_S = 10
"""How long the rows of one table are waited for."""
_CATALOGUE_ROWS = 50_000
_COLUMNS = 100  # of one table


class QueryRunner(Struct, frozen=True, kw_only=True):
    """How statements are run: rows with their columns, and what an error of the driver means.

    `failed` gives None for an error that ends the session or is not of the driver.
    """

    rows: Callable[[Query], tuple[list[str], Iterator[Sequence[Any]]]]
    failed: Callable[[Exception], tuple[Status, str] | None]
    clock: Callable[[], float] = time.monotonic


def sampled(request: Sample, dialect: Dialect, runner: QueryRunner) -> Iterator[bytes]:
    """The lines of the answer; see `audit_database.data.answer`."""
    return _Sampling(request, dialect, runner).lines()


class _Sampling:
    def __init__(self, request: Sample, dialect: Dialect, runner: QueryRunner) -> None:
        self._request, self._dialect, self._runner = request, dialect, runner
        self._until = runner.clock() + request.timeout_s * 0.9
        self._bytes = request.bytes_read
        self._tables = request.tables

    def lines(self) -> Iterator[bytes]:
        """The overview, then each table and its columns."""
        listed, cut = self._listed()
        whole = self._asked(self._dialect.sees_all_tables(), 1) == [True]
        tables = [list(columns) for _, columns in groupby(listed, lambda c: (c.schema, c.table))]
        yield encoded(Overview(
            database=self._request.database, whole=whole and not cut, tables=len(tables),
        ))  # fmt: skip
        for columns in sorted(tables, key=self._rank):
            yield from self._table(columns)

    def _listed(self) -> tuple[list[Listed], bool]:
        query = Query(
            sql=self._dialect.catalogue(), database=self._request.database, rows=_CATALOGUE_ROWS
        )
        names, rows = self._runner.rows(query)
        found: list[Listed] = []
        for row in rows:
            if len(found) == _CATALOGUE_ROWS:
                return self._wanted(found), True
            found.append(msgspec.convert(dict(zip(names, row, strict=True)), Listed, strict=False))
        return self._wanted(found), False

    def _wanted(self, listed: list[Listed]) -> list[Listed]:
        schemas = self._request.schemas
        found = [each for each in listed if not schemas or each.schema in schemas]
        return sorted(found, key=lambda each: (each.schema, each.table))

    def _asked(self, sql: str, rows: int) -> list[Any]:
        """The first column of the rows; a truth value may come as a number."""
        query = Query(sql=sql, database=self._request.database, rows=rows, timeout_s=_TABLE_S)
        return [row[0] for row in self._runner.rows(query)[1]]

    def _rank(self, columns: list[Listed]) -> tuple[bool, bool, str]:
        """Declared columns first, then logs, then the others."""
        first = columns[0]
        declared = any(self._declared(column) is not None for column in columns)
        return (not declared, not names.is_log(first.table), f"{first.schema}.{first.table}")

    def _declared(self, column: Listed) -> Data | str | None:
        for place in self._request.declared:
            if place.fits(column.schema, column.table, column.column):
                return place.data or ""
        return None

    # --- one table ------------------------------------------------------------------------------

    def _table(self, columns: list[Listed]) -> Iterator[bytes]:
        first = columns[0]
        table = Table(
            schema=first.schema, name=first.table, state=State.READ, log=names.is_log(first.table)
        )
        state = self._unreadable(columns)
        if state is not None:
            yield from self._lines_of(msgspec.structs.replace(table, state=state), columns, {})
            return
        counters = self._counters(columns)
        if not counters:
            state = State.READ if any(c.readable for c in columns) else State.NOT_PERMITTED
            yield from self._lines_of(msgspec.structs.replace(table, state=state), columns, {})
            return
        self._tables -= 1
        state, rows, why = self._read([c for c in columns if c.column in counters], counters)
        if state is State.READ:
            state = self._limits(columns)
        found = msgspec.structs.replace(table, state=state, rows=rows, why=why[:200])
        yield from self._lines_of(found, columns, counters if rows or state is State.EMPTY else {})

    def _unreadable(self, columns: list[Listed]) -> State | None:
        match columns[0].holds:
            case Holds.VIEW:
                return State.VIEW
            case Holds.FOREIGN:
                return State.FOREIGN
            case Holds.MIXED:
                return State.MIXED
        if self._tables <= 0 or self._bytes <= 0 or self._runner.clock() > self._until:
            return State.LEFT_OUT
        return None

    def _limits(self, columns: list[Listed]) -> State:
        if not all(column.readable for column in columns):
            return State.PARTLY
        if not columns[0].whole:
            return State.HIDDEN_ROWS
        return State.READ if len(columns) <= _COLUMNS else State.PARTLY

    def _counters(self, columns: list[Listed]) -> dict[str, Counter]:
        found = {}
        for column in columns:
            declared = self._declared(column)
            if column.readable and (column.looked_into or declared is not None):
                data = declared if isinstance(declared, Data) else None
                found[column.column] = Counter(_column(column), data)
        return dict(list(found.items())[:_COLUMNS])

    def _read(self, columns: list[Listed], counters: dict[str, Counter]) -> tuple[State, int, str]:
        sql = self._dialect.sample(columns, self._request.rows)
        left = max(1, int(self._until - self._runner.clock()))
        query = Query(sql=sql, database=self._request.database, rows=self._request.rows,
                      timeout_s=min(_TABLE_S, left))  # fmt: skip
        count = 0
        try:
            for row in self._runner.rows(query)[1]:
                count += 1
                self._count(row, counters)
                if self._bytes <= 0:
                    break
        except Exception as error:
            failed = self._runner.failed(error)
            if failed is None:
                raise
            return _FAILED.get(failed[0], State.FAILED), count, failed[1]
        if count:
            return State.READ, count, ""
        parts = self._dialect.is_sampled(columns[0].size, self._request.rows)
        return State.SPARSE if parts else State.EMPTY, 0, ""

    def _count(self, row: Sequence[Any], counters: dict[str, Counter]) -> None:
        for value, counter in zip(row, counters.values(), strict=True):
            if isinstance(value, str | bytes | memoryview):
                self._bytes -= len(value)
            counter.add(value)

    def _lines_of(
        self, table: Table, columns: list[Listed], counters: dict[str, Counter]
    ) -> Iterator[bytes]:
        yield encoded(table)
        for column in columns:
            counter = counters.get(column.column)
            if counter is not None:
                yield from map(encoded, counter.columns())
            elif self._declared(column) is not None or table.state is not State.READ:
                yield encoded(_column(column))


_FAILED = {
    Status.TIMED_OUT: State.BUSY, Status.NOT_PERMITTED: State.NOT_PERMITTED,
}  # fmt: skip


def _column(listed: Listed) -> Column:
    return Column(
        schema=listed.schema, table=listed.table, name=listed.column, type=listed.type,
        length=listed.length,
    )  # fmt: skip
