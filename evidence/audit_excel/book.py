"""Writes the workbook: the same source is always the same bytes."""

from __future__ import annotations

import gc
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.writer.excel import ExcelWriter

from audit_core.model.results import PackSource
from audit_excel import lists, records, review_sheets, shared_evidence, summary_sheets
from audit_excel.parts import MAX_OBJECTS, Part, parts
from audit_excel.plan import SIDE_BY_SIDE, make_plan
from audit_excel.processes import spread
from audit_excel.row_xml import RowFile
from audit_excel.same_zip import SameZip, stamp
from audit_excel.sheet import MAX_ROWS, Book
from audit_excel.styles import Styles
from audit_excel.view import View


class _RowZip(SameZip):
    """A zip that puts the rows of each worksheet in, and where their links lead."""

    rows: dict[str, RowFile]

    def write(self, filename: Any, arcname: Any = None, *_: Any, **__: Any) -> None:
        """A worksheet as openpyxl wrote it, with its rows."""
        with self.open(self.info(str(arcname)), "w") as target:
            for piece in self.rows[str(arcname)].put_in(Path(filename).read_bytes()):
                target.write(piece)

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any, **__: Any) -> None:
        """Anything else; the relationships of a worksheet with those of its links."""
        rows = self.rows.get(str(zinfo_or_arcname).replace("_rels/", "").removesuffix(".rels"))
        super().writestr(zinfo_or_arcname, rows.relationships(data) if rows else data)

    def add_relationships(self) -> None:
        """The relationships of the worksheets for which openpyxl wrote none."""
        written = set(self.namelist())
        for name, rows in self.rows.items():
            path = name.replace("worksheets/", "worksheets/_rels/") + ".rels"
            if rows.leads_out and path not in written:
                super().writestr(path, rows.relationships())


def _save(book: Book, path: Path, ended: str) -> None:
    book.workbook.properties.creator = "dengbao"
    stamp(book.workbook, ended)
    with _RowZip(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        archive.rows = book.rows
        # Workbook.save would stamp the current time.
        ExcelWriter(book.workbook, archive).write_data()
        archive.add_relationships()


def _book(view: View, files: ExitStack) -> Book:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    return Book(
        workbook=workbook,
        styles=Styles(view.source.lang),
        title=view.title,
        run=view.run.id,
        alarm=view.alarm,
        disclaimer=view.disclaimer,
        pages=view.text("Page &P of &N"),
        rows={},
        files=files,
        records={},
    )


@contextmanager
def _without_gc() -> Iterator[None]:
    """Cycles are collected at the end: looking for them took a fifth of the time of a workbook.

    Its hundreds of thousands of values stay until it is saved, and form none.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def write(
    source: PackSource,
    folder: Path,
    *,
    rows_each: int = MAX_ROWS,
    side_by_side: int = SIDE_BY_SIDE,
    objects_each: int = MAX_OBJECTS,
) -> tuple[Path, ...]:
    """The workbooks in `folder`: `workbook.xlsx`, and others beside it for many objects.

    Larger tables go over several worksheets.
    """
    made = parts(source.results, objects_each)
    home = {entry.object: part.name for part in made for entry in part.entries}

    def work(part: Part) -> None:
        path = folder / part.name
        with _without_gc():
            _write(source, part, home, path, rows_each=rows_each, side_by_side=side_by_side)

    spread(made, work)
    return tuple(folder / part.name for part in made)


def _write(
    source: PackSource,
    part: Part,
    home: Mapping[str, str],
    path: Path,
    *,
    rows_each: int,
    side_by_side: int,
) -> None:
    view = View(source, part, home)
    plan = make_plan(view, rows_each=rows_each, side_by_side=side_by_side)
    with ExitStack() as files:
        book = _book(view, files)
        summary_sheets.cover(book, view, plan)
        summary_sheets.overview(book, view, plan)
        records.matrix(book, view, plan)
        lists.issue_sheet(book, view, plan)
        review_sheets.last_time_sheet(book, view, plan)
        lists.questions_sheet(book, view, plan)
        shared_evidence.shared_sheet(book, view, plan)
        records.layer_sheets(book, view, plan)
        records.object_sheets(book, view, plan)
        lists.check_sheet(book, view, plan)
        review_sheets.problem_sheet(book, view, plan)
        lists.asset_sheet(book, view, plan)
        lists.evidence_sheet(book, view, plan)
        summary_sheets.confirmation(book, view, plan)
        _save(book, path, source.results.run.ended)
