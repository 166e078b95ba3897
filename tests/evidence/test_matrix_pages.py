"""On paper the clause matrix has few objects a page, and its first columns on each."""

from __future__ import annotations

from contextlib import ExitStack

from openpyxl import Workbook

from audit_excel.records import MATRIX_WIDTHS, OBJECT_WIDTH
from audit_excel.sheet import Book, Sheet
from audit_excel.styles import Styles


def test_many_objects_go_over_several_pages_beside_the_first_columns() -> None:
    with ExitStack() as files:
        book = Book(workbook=Workbook(), styles=Styles("en"), title="t", run="r", alarm="",
                    disclaimer="d", pages="p", rows={}, files=files, records={})  # fmt: skip
        sheet = Sheet(book, "m", (*MATRIX_WIDTHS, *[OBJECT_WIDTH] * 30))
        sheet.freeze(4, 4)
        sheet.wide_on_paper(3, 12)
        raw = sheet.raw
        assert [b.id for b in raw.col_breaks.brk] == [15, 27]
        assert 50 <= raw.page_setup.scale <= 60
        assert raw.print_title_cols == "$A:$C"
