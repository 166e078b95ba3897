"""A table of the workbook, written row by row: it may span several worksheets."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from typing import Any, NamedTuple

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.pagebreak import Break

from audit_core.text.escape import show
from audit_excel.names import SheetNames, quoted
from audit_excel.row_xml import RowFile
from audit_excel.styles import Styles, height_of

MAX_ROWS = 1_000_000
MAX_LINKS = 60_000
"""Per worksheet; Excel refuses a file with more than 65,530."""

TOP_ROWS = 200
"""Rows whose place on the page is remembered, for charts beside them."""

HEAD_ROW = 3
FIRST_ROW = HEAD_ROW + 1

_RELATIVE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


class Column(NamedTuple):
    """A column of a table; `choices` is the list that a person picks from when filling it in."""

    title: str
    width: float
    choices: tuple[str, ...] = ()
    date: bool = False


PAPER_WIDTH = 104.0
"""Characters that fit side by side on a landscape page of A4 at full size.

With Calibri it is 138. Programs without it measure columns by another font, up to a third wider:
a page that is too narrow for its columns leaves the rest on a page of its own.
"""

KEY_WIDTH = 20.0
"""Of the last column of a table, which is hidden and holds the key of each row."""


class Row(NamedTuple):
    """A row of a table and the key that it keeps whenever the table is written again."""

    key: str
    cells: Sequence[Cell | str | int]


class Link(NamedTuple):
    """A place in this workbook, or (`file`) a file beside it."""

    sheet: str = ""
    row: int = 1
    file: str | None = None


class Cell(NamedTuple):
    """One cell: text, lines or a count, how it looks and where it leads."""

    value: str | tuple[str, ...] | int = ""
    style: str = "text"
    link: Link | None = None


class TableSheets(NamedTuple):
    """The worksheets reserved for a table and where its rows will stand."""

    names: tuple[str, ...]
    rows_each: int

    def row(self, index: int) -> Link:
        """Where row `index` (from 0) stands."""
        part, offset = divmod(index, self.rows_each)
        return Link(sheet=self.names[part], row=FIRST_ROW + offset)


def reserve(names: SheetNames, title: str, rows: int, rows_each: int = MAX_ROWS) -> TableSheets:
    """Names for a table of `rows` rows: as many worksheets as it takes."""
    parts = max(1, -(-rows // rows_each))
    return TableSheets(names=tuple(names.take(title) for _ in range(parts)), rows_each=rows_each)


class Record(NamedTuple):
    """What the rows of one conclusion have in common: its record, its evidence, and their key."""

    text: Cell
    evidence: Cell
    key: str


class Book(NamedTuple):
    """A workbook being written, with what its worksheets share: styles, print margins.

    `rows` are the rows of the worksheets, by their name in the zip. `files` closes what holds them.
    `records` are the records made so far, by the key of their row.
    """

    workbook: Workbook
    styles: Styles
    title: str
    run: str
    alarm: str
    disclaimer: str
    pages: str
    rows: dict[str, RowFile]
    files: ExitStack
    records: dict[str, Record]


def may_link(path: str) -> bool:
    """Whether `path` is a plain relative path that is safe and short enough as a link."""
    return len(path) <= 250 and _RELATIVE.fullmatch(path) is not None


def _margin(text: str, room: int = 84) -> str:
    # An ampersand starts a code there, and all parts together have 255 characters.
    return show(text[:room])[:room].replace("&", "＆")


class Sheet:
    """One worksheet, rows appended in order."""

    def __init__(
        self,
        book: Book,
        name: str,
        widths: Sequence[float],
        *,
        tab: str = "",
        keyed: bool = False,
    ) -> None:
        self._book, self._widths, self._row = book, widths, 0
        self._points, self._tops = 0.0, list[float]()
        self._rows = book.files.enter_context(closing(RowFile()))
        self._raw: Any = book.workbook.create_sheet(name)
        book.styles.use(self._raw)
        book.rows[f"xl/worksheets/sheet{len(book.workbook.worksheets)}.xml"] = self._rows
        self._letters = [get_column_letter(n + 1) for n in range(len(widths) + 1)]
        self.name = name
        for number, width in enumerate(widths, 1):
            self._raw.column_dimensions[get_column_letter(number)].width = width
        self._keyed = keyed
        if keyed:
            hidden = self._raw.column_dimensions[get_column_letter(len(widths) + 1)]
            hidden.width, hidden.hidden = KEY_WIDTH, True
        self._raw.sheet_view.zoomScale = 90
        if tab:
            self._raw.sheet_properties.tabColor = tab
        self._prepare_print()

    def _prepare_print(self) -> None:
        raw, book = self._raw, self._book
        raw.page_setup.orientation, raw.page_setup.paperSize = "landscape", 9
        raw.page_setup.fitToWidth, raw.page_setup.fitToHeight = 1, 0
        raw.sheet_properties.pageSetUpPr.fitToPage = True
        margins = raw.page_margins
        margins.left = margins.right = 0.4
        margins.top, margins.bottom = 0.7, 0.65
        head, foot = raw.oddHeader, raw.oddFooter
        head.left.text = _margin(book.title, 80)
        head.center.text = _margin(book.alarm) if book.alarm else " "
        head.right.text = "&A"
        foot.left.text = _margin(book.disclaimer)
        foot.center.text = _margin(book.run)
        foot.right.text = book.pages
        for part in (head.left, head.center, head.right, foot.left, foot.center, foot.right):
            part.size = 8

    @property
    def raw(self) -> Any:
        """The worksheet itself, for charts and what else is set on it."""
        return self._raw

    @property
    def last_row(self) -> int:
        """The number of the row written last; 0 before the first."""
        return self._row

    def row_at(self, points: float) -> tuple[int, float]:
        """The first row that starts `points` or more below the top, and where it starts."""
        starts = ((n, top) for n, top in enumerate(self._tops, 1) if top >= points)
        rows = max(0, math.ceil((points - self._points) / 15))
        return next(starts, (self._row + 1 + rows, self._points + 15 * rows))

    @property
    def height(self) -> float:
        """The points from the top of the first row to the end of the last one."""
        return self._points

    def one_page(self, *, upright: bool = False) -> None:
        """Print the worksheet on a single page, which lies or stands `upright`."""
        self._raw.page_setup.fitToHeight = 1
        if upright:
            self._raw.page_setup.orientation = "portrait"

    def new_page(self, head: int) -> None:
        """On paper a new page begins here; each one that follows repeats row `head`."""
        self._raw.row_breaks.append(Break(id=self._row))
        self._raw.print_title_rows = f"{head}:{head}"

    def freeze(self, row: int, column: int = 1) -> None:
        """Keep what stands above `row` and left of `column` in sight, on paper too."""
        self._raw.freeze_panes = f"{get_column_letter(column)}{row}"
        self._raw.print_title_rows = f"{row - 1}:{row - 1}"
        if column > 1:
            self._raw.print_title_cols = f"A:{get_column_letter(column - 1)}"

    def wide_on_paper(self, kept: int, each: int) -> None:
        """The print runs over several pages sideways, with `each` columns beside the first `kept`.

        These stand on every page.
        """
        raw, widths = self._raw, self._widths
        raw.page_setup.fitToWidth = 0
        raw.sheet_properties.pageSetUpPr.fitToPage = False
        raw.page_setup.scale = int(100 * PAPER_WIDTH / max(PAPER_WIDTH, sum(widths[: kept + each])))
        for column in range(kept + each, len(widths), each):
            raw.col_breaks.append(Break(id=column))

    def print_columns(self, count: int, rows: int = 0) -> None:
        """On paper the worksheet has its first `count` columns and `rows` rows, all for 0."""
        self._raw.print_area = f"A1:{get_column_letter(count)}{rows or max(self._row, 1)}"

    def filter(self, head: int) -> None:
        """A filter on the columns under row `head`, so that sorting takes the keys along."""
        last = get_column_letter(len(self._widths) + self._keyed)
        self._raw.auto_filter.ref = f"A{head}:{last}{max(self._row, head)}"

    def wide(self, cell: Cell, *, columns: int = 0) -> None:
        """One row with a single cell over `columns` columns (all of them by default)."""
        span = columns or len(self._widths)
        lines = self._book.styles.formatted(cell.value, cell.style, sum(self._widths[:span])).lines
        fillers = [Cell("", cell.style)] * (span - 1)
        self._append([cell, *fillers], height_of(lines))
        if span > 1:
            last = get_column_letter(span)
            self._raw.merged_cells.add(f"A{self._row}:{last}{self._row}")

    def row(self, cells: Sequence[Cell | str | int], *, height: float = 0, key: str = "") -> None:
        """One row, high enough to show all of it; `key` stands in the hidden column behind it."""
        self._append(cells, height, key)

    def gap(self) -> None:
        """Adds an empty row to the sheet."""
        self._append([], 0)

    def _append(self, cells: Sequence[Cell | str | int], height: float, key: str = "") -> None:
        self._row += 1
        formatted, number = self._book.styles.formatted, self._row
        made, lines = [], 1.0
        if len(cells) > len(self._widths):
            raise ValueError(f"{len(cells)} cells in {len(self._widths)} columns")
        for given, letter, width in zip(cells, self._letters, self._widths, strict=False):
            value, style, link = given if isinstance(given, Cell) else (given, "text", None)
            xml, needed = formatted(value, style, width)
            if needed > lines:
                lines = needed
            made.append(f'<c r="{letter}{number}"{xml}')
            if link is not None:
                self._link(f"{letter}{number}", link)
        if key:
            made.append(f'<c r="{self._letters[len(made)]}{number}"{formatted(key, "key", 0).xml}')
        height = height or height_of(lines)
        if number <= TOP_ROWS:
            self._tops.append(self._points)
        self._points += height
        self._rows.add(number, height, "".join(made))

    def _link(self, ref: str, link: Link) -> None:
        if self._rows.links >= MAX_LINKS:
            return
        if link.file is None:
            self._rows.link(ref, f"{quoted(link.sheet)}!A{link.row}")
        elif may_link(link.file):
            self._rows.link_file(ref, link.file)

    def choose(self, column: int, first: int, last: int, choices: tuple[str, ...]) -> None:
        """A list to pick from in rows `first` to `last` of `column`; empty stays allowed."""
        rule = DataValidation(type="list", formula1='"' + ",".join(choices) + '"', allow_blank=True)
        self._validate(rule, column, first, last)

    def dated(self, column: int, first: int, last: int) -> None:
        """Only dates may be filled in in rows `first` to `last` of `column`."""
        rule = DataValidation(type="date", operator="greaterThan", formula1="36526",
                              allow_blank=True)  # fmt: skip
        self._validate(rule, column, first, last)

    def _validate(self, rule: DataValidation, column: int, first: int, last: int) -> None:
        letter = get_column_letter(column)
        rule.add(f"{letter}{first}:{letter}{max(first, last)}")
        rule.showErrorMessage = True
        self._raw.data_validations.append(rule)


def table(
    book: Book,
    sheets: TableSheets,
    *,
    title: str,
    info: Sequence[str],
    columns: Sequence[Column],
    rows: Iterable[Row],
    frozen: int = 0,
    tab: str = "",
    key: str = "key",
    printed: int = 0,
    only_head: bool = False,
) -> None:
    """A titled table with frozen head and filter, over the worksheets of `sheets`.

    On paper it has its first `printed` columns; all of them for 0. With `only_head` it has none of
    the rows there.
    """
    source = iter(rows)
    for name in sheets.names:
        sheet = Sheet(book, name, [c.width for c in columns], tab=tab, keyed=True)
        sheet.freeze(FIRST_ROW, frozen + 1)
        sheet.wide(Cell(title, "title"), columns=printed)
        sheet.wide(Cell(tuple(info), "note"), columns=printed)
        sheet.row([Cell(c.title, "head") for c in columns], key=key)
        for _, row in zip(range(sheets.rows_each), source, strict=False):
            sheet.row(row.cells, key=row.key)
        sheet.filter(HEAD_ROW)
        _fill_in(sheet, columns)
        if printed:
            sheet.print_columns(printed, FIRST_ROW - 2 if only_head else 0)


def _fill_in(sheet: Sheet, columns: Sequence[Column]) -> None:
    last = max(sheet.last_row, FIRST_ROW)
    for number, column in enumerate(columns, 1):
        if column.choices:
            sheet.choose(number, FIRST_ROW, last, column.choices)
        if column.date:
            sheet.dated(number, FIRST_ROW, last)
