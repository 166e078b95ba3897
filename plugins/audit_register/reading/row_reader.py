"""From rows of cells, wherever they come from, to the lines of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from audit_core.api.declared_files import Unreadable
from audit_core.api.sdk import Message, msg
from audit_core.model import cut_to
from audit_register.columns import Column, Register, missing
from audit_register.reading.cells import WrongCell, hidden, masked, shown, value_of

_MOST_WRONG = 200
_SHOWN = 20


def columns_of(register: Register, heads: Sequence[str]) -> list[tuple[Column, int]]:
    """Each column that is there, and where; Unreadable where two heads name one."""
    found = []
    for column in register.columns:
        places = [n for n, head in enumerate(heads) if column.named(head)]
        if len(places) > 1:
            raise Unreadable(msg("the column {column} is there twice", column=column.title()))
        found += [(column, places[0])] if places else []
    return found


def no_columns(lacking: Iterable[Column], heads: Iterable[str], sheet: str = "") -> Message:
    """That the columns `lacking` are missing among `heads`."""
    columns = cut_to((column.title() for column in lacking), _SHOWN)
    there = cut_to((hidden(head)[0][:40] for head in heads if head), _SHOWN)
    if sheet:
        return msg("sheet {sheet}: the columns {columns} are missing; there are {there}",
                   sheet=sheet, columns=columns, there=there or "-")  # fmt: skip
    return msg("the columns {columns} are missing; there are {there}", columns=columns,
               there=there or "-")  # fmt: skip


class RowReader:
    """Makes lines of rows with `columns` and their places; what cannot be read is collected."""

    def __init__(self, columns: Sequence[tuple[Column, int]]) -> None:
        self._columns = columns
        self._wrong: list[dict[str, Any]] = []
        self._cut = False

    def head(self, about: dict[str, Any]) -> bytes:
        """The first line: `about` and the columns."""
        return _line({**about, "columns": [column.id for column, _ in self._columns]})

    def row(self, number: int, cells: Sequence[object]) -> bytes | None:
        """The line of a row; None where a cell does not hold what its column holds.

        Such a row is left out: a value that cannot be read is not an empty one.
        """
        values: list[Any] = []
        before = len(self._wrong)
        for column, at in self._columns:
            cell = cells[at] if at < len(cells) else None
            try:
                value, cut = masked(column, value_of(column, cell))
            except WrongCell:
                self._wrong.append({"row": number, "at": at, "column": column.id,
                                    "text": shown(cell)})  # fmt: skip
                continue
            self._cut = self._cut or cut
            values.append(value)
        return _line([number, values]) if len(self._wrong) == before else None

    def end(self) -> bytes:
        """The last line: what is wrong."""
        left = len(self._wrong)
        return _line({"wrong": self._wrong[:_MOST_WRONG], "left": left, "masked": self._cut})


def lines_of_query(
    register: Register, database: str, heads: Sequence[str], rows: Iterable[Sequence[Any]],
    most: int,
) -> Iterator[bytes]:  # fmt: skip
    """The lines of the answer to a query; Unreadable for missing columns or too many rows."""
    lacking = missing(register.columns, heads)
    if lacking:
        raise Unreadable(no_columns(lacking, heads))
    reader = RowReader(columns_of(register, heads))
    yield reader.head({"file": database, "sha256": "", "sheet": "", "query": True})
    for number, row in enumerate(rows, 1):
        if number > most:
            raise Unreadable(msg("more than {count} rows: select only the period that is audited",
                                 count=most))  # fmt: skip
        line = reader.row(number, [_cell(value) for value in row])
        if line is not None:
            yield line
    yield reader.end()


def _cell(value: Any) -> object:
    """A value of a driver as a cell holds it."""
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return (value.strip() or None) if isinstance(value, str) else value


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, allow_nan=False).encode() + b"\n"
