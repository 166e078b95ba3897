"""The rows of a register in a file, whatever its format. Unreadable says why there are none."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any

from audit_core.api.declared_files import OutOfTime, Unreadable
from audit_core.api.sdk import msg
from audit_core.model import cut_to
from audit_register.columns import Column, Register, missing
from audit_register.reading import csv_file, yaml_file
from audit_register.reading.grid import Formula, Grid, Row
from audit_register.reading.row_reader import RowReader, columns_of, no_columns
from audit_register.reading.xlsx_file import Workbook

HEAD_ROWS = 20
"""Rows among which the heads are looked for: titles and notes may stand above."""


class RegisterFile:
    """Reads `register` from `raw`, the bytes of the file `name`, until `deadline` (monotonic)."""

    def __init__(
        self, register: Register, name: str, raw: bytes, *, rows: int, deadline: float,
        sheet: str = "",
    ) -> None:  # fmt: skip
        self._register, self._name, self._raw = register, name, raw
        self._most, self._deadline, self._wanted = rows, deadline, sheet

    def lines(self, about: dict[str, Any]) -> Iterator[bytes]:
        """The answer: `about` with the sheet and the columns, then each row, then what is wrong."""
        grid, heads, rows = self._table()
        columns = columns_of(self._register, heads)
        reader = RowReader(columns)
        yield reader.head({**about, "sheet": grid.sheet})
        for count, (number, cells) in enumerate(rows):
            if count >= self._most:
                detail = msg("{place}: more than {count} rows, the next begins here: keep only the "
                             "period that is audited, or split the register",
                             place=grid.place(number, 0), count=self._most)  # fmt: skip
                raise Unreadable(detail)
            if count % 500 == 0 and time.monotonic() > self._deadline:
                raise OutOfTime
            _no_formula(grid, number, cells, [at for _, at in columns])
            if grid.narrow and any(cell is not None for cell in cells[len(heads) :]):
                raise Unreadable(msg("{place}: the row has more cells than heads; write texts with "
                                     "a comma in quotation marks",
                                     place=grid.place(number, len(heads))))  # fmt: skip
            line = reader.row(number, cells)
            if line is not None:
                yield line
        yield reader.end()

    def _table(self) -> tuple[Grid, list[str], Iterator[Row]]:
        suffix = PurePath(self._name).suffix.lower()
        if suffix == ".csv":
            return self._first_of(csv_file.grids_of(self._raw))
        if suffix in (".yaml", ".yml"):
            return self._with_heads(yaml_file.grid_of(self._raw, self._name))
        if suffix == ".xlsx":
            return self._sheet(Workbook(self._raw))
        raise Unreadable(msg("its name does not end in .csv, .xlsx or .yaml"))

    def _first_of(self, grids: Iterable[Grid]) -> tuple[Grid, list[str], Iterator[Row]]:
        """The first of `grids` with the heads; Unreadable as of the first where none has them."""
        first: Unreadable | None = None
        for grid in grids:
            try:
                return self._with_heads(grid)
            except Unreadable as error:
                first = first or error
        raise first or Unreadable(msg("it is empty"))

    def _sheet(self, book: Workbook) -> tuple[Grid, list[str], Iterator[Row]]:
        """The sheet that was named, else the only visible one with the heads."""
        if self._wanted and self._wanted not in book.sheets:
            detail = msg("there is no sheet {sheet}; there are {sheets}", sheet=self._wanted,
                         sheets=cut_to(book.sheets, 10))  # fmt: skip
            raise Unreadable(detail)
        sheet = self._wanted or self._only_sheet(book)
        grid, heads, rows = self._with_heads(book.grid(sheet))
        row, rows = _peek(rows)
        start = row[0] - 1 if row else 1
        places = {at + 1 for _, at in columns_of(self._register, heads)}
        for merged in book.merged(sheet):
            if merged.last_row >= start and places & set(merged.columns):
                detail = msg("sheet {sheet}: the cells {cells} are merged; write the value "
                             "into each of them", sheet=sheet, cells=merged.name)  # fmt: skip
                raise Unreadable(detail)
        return grid, heads, rows

    def _only_sheet(self, book: Workbook) -> str:
        """The only visible sheet with the heads; the first where none has them."""
        having = [sheet for sheet in book.sheets if self._has_heads(book.grid(sheet))]
        visible = [sheet for sheet in having if sheet not in book.hidden]
        if len(visible) > 1:
            raise Unreadable(msg("the sheets {sheets} all have the columns: name one (sheet)",
                                 sheets=cut_to(visible, 10)))  # fmt: skip
        if having and not visible:
            raise Unreadable(msg("only the hidden sheets {sheets} have the columns: show one, or "
                                 "name it (sheet)", sheets=cut_to(having, 10)))  # fmt: skip
        if not book.sheets:
            raise Unreadable(msg("it has no worksheet"))
        return (visible or [s for s in book.sheets if s not in book.hidden] or book.sheets)[0]

    def _has_heads(self, grid: Grid) -> bool:
        try:
            self._with_heads(grid)
        except Unreadable:
            return False
        return True

    def _with_heads(self, grid: Grid) -> tuple[Grid, list[str], Iterator[Row]]:
        """`grid`, its heads, and the rows below that are not empty."""
        best: list[str] = []
        lacking: tuple[Column, ...] = self._register.columns
        for _, cells in itertools.islice(grid.rows, HEAD_ROWS):
            heads = ["" if cell is None else str(cell) for cell in cells]
            found = missing(self._register.columns, heads)
            if not found:
                return grid, heads, (row for row in grid.rows if any(c is not None for c in row[1]))
            if len(found) < len(lacking):
                best, lacking = heads, found
        raise Unreadable(no_columns(lacking, best, grid.sheet))


def _peek(rows: Iterator[Row]) -> tuple[Row | None, Iterator[Row]]:
    first = next(rows, None)
    return first, rows if first is None else itertools.chain((first,), rows)


def _no_formula(grid: Grid, number: int, cells: list[object], places: list[int]) -> None:
    for at in places:
        if at < len(cells) and isinstance(cells[at], Formula):
            raise Unreadable(msg("{place}: it holds a formula; write its value instead",
                                 place=grid.place(number, at)))  # fmt: skip
