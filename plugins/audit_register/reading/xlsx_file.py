"""Registers in xlsx (ECMA-376), read row by row.

openpyxl in its read-only mode holds one row in memory; it tells nothing of merged cells, so that
their list at the end of a sheet is looked for in the bytes. It also ends where `dimension` says
that a sheet ends; many programs write `A1` there, whatever follows, so that it is not believed.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter, range_boundaries

from audit_core.api.declared_files import Unreadable
from audit_core.api.sdk import Message, msg
from audit_register.reading.grid import Formula, Grid, Row

MAX_PARTS = 2_000
MAX_UNPACKED = 256 << 20
_DTD = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z0-9:]{1,30})"')
_MOST_MERGED = 1_000
_OLE = b"\xd0\xcf\x11\xe0"


class Workbook:
    """An open workbook; `sheets` are its worksheets, the visible ones first."""

    def __init__(self, raw: bytes) -> None:
        if raw.startswith(_OLE):
            raise Unreadable(msg("it is protected by a password, or an old .xls: save it as .xlsx"))
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(raw))
            self._check()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._book: Any = openpyxl.load_workbook(
                    io.BytesIO(raw), read_only=True, keep_links=False
                )
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(msg("it is not an intact .xlsx file")) from error
        self.sheets = tuple(sheet.title for sheet in self._book.worksheets)

    def _check(self) -> None:
        parts = self._archive.infolist()
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise Unreadable(
                msg("unpacked it would have more than {count} bytes", count=MAX_UNPACKED)
            )
        for part in parts:
            if part.filename.lower().endswith((".xml", ".rels")):
                with self._archive.open(part) as stream:
                    if _DTD.search(stream.read(1 << 16)):
                        raise Unreadable(msg("document types and entities are not accepted"))

    def grid(self, sheet: str) -> Grid:
        """The sheet of that name."""

        def place(row: int, column: int) -> Message:
            return msg("sheet {sheet}, cell {cell}", sheet=sheet,
                       cell=f"{get_column_letter(column + 1)}{row}")  # fmt: skip

        return Grid(sheet=sheet, rows=self._rows(sheet), place=place)

    def _rows(self, sheet: str) -> Iterator[Row]:
        found = self._book[sheet]
        found.reset_dimensions()
        try:
            for number, row in enumerate(found.iter_rows(), 1):
                yield number, [_value(cell) for cell in row]
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, EOFError,
                SyntaxError) as error:  # fmt: skip
            raise Unreadable(
                msg("the sheet {sheet} cannot be read to its end", sheet=sheet)
            ) from error

    def merged(self, sheet: str) -> Iterator[tuple[int, int, str]]:
        """First and last row, and name, of each range of merged cells."""
        path = self._book[sheet]._worksheet_path
        before, count = b"", 0
        with self._archive.open(path) as stream:
            while piece := stream.read(1 << 20):
                for found in _MERGED.finditer(before + piece):
                    name = found[1].decode()
                    _, first, _, last = range_boundaries(name)
                    yield first or 1, last or first or 1, name
                    count += 1
                    if count >= _MOST_MERGED:
                        return
                before = piece[-200:]


def _value(cell: Any) -> object:
    value = cell.value
    if getattr(cell, "data_type", "") == "f":
        return Formula(str(value))
    if isinstance(value, str):
        return value.strip() or None
    return value
