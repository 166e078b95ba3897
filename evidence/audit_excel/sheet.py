"""A table of the workbook, written row by row: it may span several worksheets."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.pagebreak import Break

from audit_core.text.escape import show
from audit_excel.cells import CellText, cell, cell_of_lines
from audit_excel.names import SheetNames, quoted
from audit_excel.styles import Look, height_of

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


KEY_WIDTH = 20.0
"""Of the last column of a table, which is hidden and holds the key of each row."""


class Row(NamedTuple):
    """A row of a table and the key that it keeps whenever the table is written again."""

    key: str
    boxes: Sequence[Box | str | int]


class Link(NamedTuple):
    """A place in this workbook, or (`file`) a file beside it."""

    sheet: str = ""
    row: int = 1
    file: str | None = None


class Box(NamedTuple):
    """One cell: text, lines or a count, how it looks and where it leads."""

    value: str | tuple[str, ...] | int = ""
    style: str = "text"
    link: Link | None = None


class Place(NamedTuple):
    """The worksheets reserved for a table and where its rows will stand."""

    names: tuple[str, ...]
    rows_each: int

    def row(self, index: int) -> Link:
        """Where row `index` (from 0) stands."""
        part, offset = divmod(index, self.rows_each)
        return Link(sheet=self.names[part], row=FIRST_ROW + offset)


def reserve(names: SheetNames, title: str, rows: int, rows_each: int = MAX_ROWS) -> Place:
    """Names for a table of `rows` rows: as many worksheets as it takes."""
    parts = max(1, -(-rows // rows_each))
    return Place(names=tuple(names.take(title) for _ in range(parts)), rows_each=rows_each)


class Frame(NamedTuple):
    """What every worksheet of a workbook shares: where it is made, its look, its print margins."""

    book: Workbook
    look: Look
    title: str
    run: str
    alarm: str
    disclaimer: str
    pages: str


def may_link(path: str) -> bool:
    """Whether `path` is a plain relative path that is safe and short enough as a link."""
    return len(path) <= 250 and _RELATIVE.fullmatch(path) is not None


def _margin(text: str, room: int = 84) -> str:
    # An ampersand starts a code there, and all parts together have 255 characters.
    return show(text[:room])[:room].replace("&", "＆")


class Sheet:
    """One worksheet, rows appended in order. Close it, so that it holds no file open."""

    def __init__(
        self,
        frame: Frame,
        name: str,
        widths: Sequence[float],
        *,
        tab: str = "",
        keyed: bool = False,
    ) -> None:
        self._frame, self._widths, self._links, self._row = frame, widths, 0, 0
        self._points, self._tops = 0.0, list[float]()
        self._raw: Any = frame.book.create_sheet(name)
        self.name = name
        for number, width in enumerate(widths, 1):
            self._raw.column_dimensions[get_column_letter(number)].width = width
        if keyed:
            hidden = self._raw.column_dimensions[get_column_letter(len(widths) + 1)]
            hidden.width, hidden.hidden = KEY_WIDTH, True
        self._raw.sheet_view.zoomScale = 90
        if tab:
            self._raw.sheet_properties.tabColor = tab
        self._prepare_print()

    def _prepare_print(self) -> None:
        raw, frame = self._raw, self._frame
        raw.page_setup.orientation, raw.page_setup.paperSize = "landscape", 9
        raw.page_setup.fitToWidth, raw.page_setup.fitToHeight = 1, 0
        raw.sheet_properties.pageSetUpPr.fitToPage = True
        margins = raw.page_margins
        margins.left = margins.right = 0.4
        margins.top, margins.bottom = 0.7, 0.65
        head, foot = raw.oddHeader, raw.oddFooter
        head.left.text = _margin(frame.title, 80)
        head.center.text = _margin(frame.alarm) if frame.alarm else " "
        head.right.text = "&A"
        foot.left.text = _margin(frame.disclaimer)
        foot.center.text = _margin(frame.run)
        foot.right.text = frame.pages
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

    def row_at(self, points: float) -> int:
        """The first row that starts `points` or more below the top of the worksheet."""
        starts = (n for n, top in enumerate(self._tops, 1) if top >= points)
        below = self._row + 1 + math.ceil((points - self._points) / 15)
        return next(starts, max(below, 1))

    def one_page(self) -> None:
        """Print the worksheet on a single page."""
        self._raw.page_setup.fitToHeight = 1

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

    def wide_on_paper(self) -> None:
        """Let the print run over several pages sideways, where one would be too small to read."""
        self._raw.page_setup.fitToWidth = 0
        self._raw.sheet_properties.pageSetUpPr.fitToPage = False

    def filter(self, head: int) -> None:
        """A filter on the columns under row `head`."""
        last = get_column_letter(len(self._widths))
        self._raw.auto_filter.ref = f"A{head}:{last}{max(self._row, head)}"

    def wide(self, box: Box, *, columns: int | None = None) -> None:
        """One row with a single cell over `columns` columns (all of them by default)."""
        span = columns or len(self._widths)
        text = self._text(box)
        room = sum(self._widths[:span])
        lines = self._frame.look.lines(text.text, box.style, room)
        fillers = [Box("", box.style)] * (span - 1)
        self._append([box, *fillers], height_of(lines))
        if span > 1:
            last = get_column_letter(span)
            self._raw.merged_cells.add(f"A{self._row}:{last}{self._row}")

    def row(self, boxes: Sequence[Box | str | int], *, height: float = 0, key: str = "") -> None:
        """One row, high enough to show all of it; `key` stands in the hidden column behind it."""
        self._append(boxes, height, key)

    def gap(self) -> None:
        """An empty row."""
        self._append([], 0)

    def _text(self, box: Box) -> CellText:
        if isinstance(box.value, tuple):
            return cell_of_lines(box.value)
        return cell(str(box.value))

    def _append(self, boxes: Sequence[Box | str | int], height: float, key: str = "") -> None:
        self._row += 1
        made, lines = [], 1.0
        for column, given in enumerate(boxes):
            box = given if isinstance(given, Box) else Box(given)
            text = self._text(box)
            if not height and text.text:
                needed = self._frame.look.lines(text.text, box.style, self._widths[column])
                lines = max(lines, needed)
            made.append(self._made(box, text, column + 1))
        if key:
            made.append(self._made(Box(key, "key"), cell(key), len(made) + 1))
        # A dimension per row would stay in memory; each is dropped once its row is written.
        height = height or height_of(lines)
        if self._row <= TOP_ROWS:
            self._tops.append(self._points)
        self._points += height
        self._raw.row_dimensions[self._row].height = height
        self._raw.append(made)
        self._raw.row_dimensions.pop(self._row)

    def _made(self, box: Box, text: CellText, column: int) -> Any:
        made = self._frame.look.cell(self._raw, box.style, quoted=text.quoted)
        if isinstance(box.value, int):
            made.value = box.value
            return made
        if text.text:
            made.value = text.text
            made.data_type = "s"  # never a formula, an error or a date, whatever the text is
        if box.link is not None and self._links < MAX_LINKS:
            self._link(made, box.link, column)
        return made

    def _link(self, made: Any, link: Link, column: int) -> None:
        ref = f"{get_column_letter(column)}{self._row}"
        if link.file is not None:
            if not may_link(link.file):
                return
            target = Hyperlink(ref=ref, target=link.file)
        else:
            target = Hyperlink(ref=ref, location=f"{quoted(link.sheet)}!A{link.row}")
        self._links += 1
        made._hyperlink = target  # the public setter would replace the cell's text

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

    def close(self) -> None:
        """Write the rest; the worksheet's rows and links leave memory."""
        self._raw.close()
        self._raw._hyperlinks = []


def table(
    frame: Frame,
    place: Place,
    *,
    title: str,
    info: Sequence[str],
    columns: Sequence[Column],
    rows: Iterable[Row],
    frozen: int = 0,
    tab: str = "",
) -> None:
    """A titled table with frozen head and filter, over the worksheets of `place`."""
    source = iter(rows)
    for name in place.names:
        sheet = Sheet(frame, name, [c.width for c in columns], tab=tab, keyed=True)
        sheet.freeze(FIRST_ROW, frozen + 1)
        sheet.wide(Box(title, "title"))
        sheet.wide(Box(tuple(info), "note"))
        sheet.row([Box(c.title, "head") for c in columns], key="key")
        for _, row in zip(range(place.rows_each), source, strict=False):
            sheet.row(row.boxes, key=row.key)
        sheet.filter(HEAD_ROW)
        _fill_in(sheet, columns)
        sheet.close()


def _fill_in(sheet: Sheet, columns: Sequence[Column]) -> None:
    last = max(sheet.last_row, FIRST_ROW)
    for number, column in enumerate(columns, 1):
        if column.choices:
            sheet.choose(number, FIRST_ROW, last, column.choices)
        if column.date:
            sheet.dated(number, FIRST_ROW, last)
