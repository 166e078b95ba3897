"""On paper the clause matrix has few objects a page, and its first columns on each."""

from __future__ import annotations

from contextlib import ExitStack

from openpyxl import Workbook

from audit_core.model import Result
from audit_core.model.results import PackSource
from audit_excel.parts import parts
from audit_excel.records import MATRIX_WIDTHS, object_width
from audit_excel.sheet import Book, Sheet
from audit_excel.styles import Styles
from audit_excel.view import View


def test_many_objects_go_over_several_pages_beside_the_first_columns() -> None:
    with ExitStack() as files:
        book = Book(workbook=Workbook(), styles=Styles("en"), title="t", run="r", alarm="",
                    disclaimer="d", pages="p", rows={}, files=files, records={})  # fmt: skip
        sheet = Sheet(book, "m", (*MATRIX_WIDTHS, *[11] * 30))
        sheet.freeze(4, 4)
        sheet.wide_on_paper(3, 12)
        raw = sheet.raw
        assert [b.id for b in raw.col_breaks.brk] == [15, 27]
        assert 50 <= raw.page_setup.scale <= 60
        assert raw.print_title_cols == "$A:$C"


def test_no_word_of_a_conclusion_is_broken(source: PackSource) -> None:
    view = View(source, parts(source.results)[0], {})
    width = object_width(view)
    assert width == (11 if view.zh else 15)
    words = [(r.value, word) for r in Result for word in view.result(r).split()]
    assert all(Styles(source.lang).lines(word, style, width) <= 1 for style, word in words)
