"""Registers in xlsx (ECMA-376), read row by row.

openpyxl in its read-only mode tells nothing of merged cells, so that their list at the end of a
sheet is looked for in the bytes. It ends where `dimension` says that a sheet ends (many programs
write `A1` there, whatever follows), makes every empty row up to the last one, and passes over rows
out of order: so the rows are taken from its parser.
"""

from __future__ import annotations

import io
import itertools
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import openpyxl
from openpyxl.reader import excel
from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import WorkSheetParser

from audit_core.api.declared_files import Unreadable
from audit_core.api.sdk import Message, msg
from audit_register.reading.grid import Formula, Grid, Row

MAX_PARTS = 2_000
MAX_WIDTH = 1_000
MAX_UNPACKED = 256 << 20
MAX_SHEETS = 2 << 30
"""Bytes of all worksheets: they are read row by row, so that a long one has a place to name."""

_DTD = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z0-9:]{1,30})"')
_MOST_MERGED = 1_000
_OLE = b"\xd0\xcf\x11\xe0"


class _Sheet(ReadOnlyWorksheet):
    """A sheet whose size is not asked for: without `dimension` all of it would be read for that."""

    def _get_size(self) -> None:
        pass


excel.ReadOnlyWorksheet = _Sheet  # type: ignore[attr-defined]


class Merged(NamedTuple):
    """A range of merged cells: its name, its columns (from 1), and its last row."""

    name: str
    columns: range
    last_row: int


class Workbook:
    """An open workbook; `sheets` are its worksheets, `hidden` those that nobody sees."""

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
        self.hidden = frozenset(
            sheet.title for sheet in self._book.worksheets if sheet.sheet_state != "visible"
        )

    def _check(self) -> None:
        parts = self._archive.infolist()
        sheets = sum(p.file_size for p in parts if p.filename.startswith("xl/worksheets/"))
        others = sum(p.file_size for p in parts) - sheets
        if len(parts) > MAX_PARTS or others > MAX_UNPACKED or sheets > MAX_SHEETS:
            limit = MAX_SHEETS if sheets > MAX_SHEETS else MAX_UNPACKED
            raise Unreadable(msg("unpacked it would have more than {count} bytes", count=limit))
        for part in parts:
            if part.filename.lower().endswith((".xml", ".rels")):
                with self._archive.open(part) as stream:
                    start = stream.read(1 << 16)
                if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
                    raise Unreadable(msg("{part} is not XML in UTF-8", part=part.filename))
                if _DTD.search(start):
                    raise Unreadable(msg("document types and entities are not accepted"))

    def grid(self, sheet: str) -> Grid:
        """The sheet of that name."""

        def place(row: int, column: int) -> Message:
            return msg("sheet {sheet}, cell {cell}", sheet=sheet,
                       cell=f"{get_column_letter(column + 1)}{row}")  # fmt: skip

        return Grid(sheet=sheet, rows=self._rows(sheet), place=place)

    def _rows(self, sheet: str) -> Iterator[Row]:
        try:
            yield from _written(self._book[sheet], self._book)
        except (ValueError, LookupError, TypeError, zipfile.BadZipFile, zlib.error, EOFError,
                SyntaxError) as error:  # fmt: skip
            raise Unreadable(
                msg("the sheet {sheet} cannot be read to its end", sheet=sheet)
            ) from error

    def merged(self, sheet: str) -> Iterator[Merged]:
        """Each range of merged cells."""
        path = self._book[sheet]._worksheet_path
        before, count = b"", 0
        with self._archive.open(path) as stream:
            while piece := stream.read(1 << 20):
                both = before + piece
                if b"mergeCell" not in both:  # much faster than the pattern, in a long sheet
                    before = piece[-200:]
                    continue
                for found in _MERGED.finditer(both):
                    name = found[1].decode()
                    left, first, right, last = range_boundaries(name)
                    columns = range(left or 1, (right or left or MAX_WIDTH) + 1)
                    yield Merged(name=name, columns=columns, last_row=last or first or 1)
                    count += 1
                    if count >= _MOST_MERGED:
                        return
                before = piece[-200:]


def _written(sheet: Any, book: Any) -> Iterator[Row]:
    """The rows that are written down in `sheet`; Unreadable where they are not in order."""
    before, percents = 0, _percent_styles(book)
    with sheet._get_source() as source:
        parser = WorkSheetParser(
            source, sheet._shared_strings, epoch=book.epoch, date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )  # fmt: skip
        for number, row in parser.parse():
            parser.row_dimensions.clear()  # heights: they would be kept for every row
            columns = [cell["column"] for cell in row]
            if number <= before or any(a >= b for a, b in itertools.pairwise(columns)):
                raise Unreadable(
                    msg("sheet {sheet}, row {row}: rows or cells are not in order; save it as "
                        ".xlsx anew", sheet=sheet.title, row=number)
                )  # fmt: skip
            before = number
            values: list[object] = [None] * min(columns[-1] if columns else 0, MAX_WIDTH)
            for cell in row:
                if cell["column"] <= MAX_WIDTH:
                    values[cell["column"] - 1] = _value(cell, percents)
            yield number, values


def _percent_styles(book: Any) -> frozenset[int]:
    """The styles that show a number times 100 with a percent sign."""
    custom = book._number_formats

    def format_of(id: int) -> str:
        known = BUILTIN_FORMATS.get(id, "")
        return str(custom[id - BUILTIN_FORMATS_MAX_SIZE]) if _is_custom(id, custom) else known

    styles = enumerate(book._cell_styles)
    return frozenset(n for n, style in styles if "%" in format_of(style.numFmtId))


def _is_custom(id: int, custom: Sequence[str]) -> bool:
    return BUILTIN_FORMATS_MAX_SIZE <= id < BUILTIN_FORMATS_MAX_SIZE + len(custom)


def _value(cell: dict[str, Any], percents: frozenset[int]) -> object:
    value = cell["value"]
    if cell["data_type"] == "n" and cell["style_id"] in percents and value is not None:
        return f"{round(value * 100, 9):.9f}".rstrip("0").rstrip(".") + "%"
    if cell["data_type"] == "f":
        return Formula(str(value))
    if isinstance(value, str):
        return value.strip() or None
    return value
