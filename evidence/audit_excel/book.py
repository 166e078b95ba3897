"""Writes the workbook: the same source is always the same bytes."""

from __future__ import annotations

import datetime
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.writer.excel import ExcelWriter

from audit_core.model.results import PackSource
from audit_excel import lists, records, summary_sheets
from audit_excel.plan import MAX_OBJECTS, make_plan
from audit_excel.sheet import MAX_ROWS, Frame
from audit_excel.styles import Look
from audit_excel.view import View

NAME = "workbook.xlsx"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can tell


class _SameZip(zipfile.ZipFile):
    """A zip whose members carry one fixed time, mode and system, so that bytes repeat."""

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, _EPOCH)
        info.create_system, info.external_attr = 3, 0o644 << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        return info

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any, **__: Any) -> None:
        super().writestr(self._info(zinfo_or_arcname), data)

    def write(self, filename: Any, arcname: Any = None, *_: Any, **__: Any) -> None:
        info = self._info(str(arcname))
        info.file_size = Path(filename).stat().st_size
        with open(filename, "rb") as source, self.open(info, "w") as target:
            shutil.copyfileobj(source, target, 1 << 20)


def _moment(text: str) -> datetime.datetime:
    try:
        told = datetime.datetime.fromisoformat(text)
        zoned = told if told.tzinfo else told.replace(tzinfo=datetime.UTC)
        return zoned.astimezone(datetime.UTC).replace(tzinfo=None, microsecond=0)
    except (ValueError, OverflowError):
        return datetime.datetime(*_EPOCH)  # noqa: DTZ001 (the file format knows no zone)


def _save(book: Workbook, path: Path, ended: str) -> None:
    properties = book.properties
    properties.creator = properties.lastModifiedBy = "dengbao"
    properties.created = properties.modified = _moment(ended)
    with _SameZip(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        # Workbook.save would stamp the current time.
        ExcelWriter(book, archive).write_data()


def _frame(view: View, book: Workbook) -> Frame:
    return Frame(
        book=book,
        look=Look(view.source.lang),
        title=view.title,
        run=view.run.id,
        alarm=view.alarm,
        disclaimer=view.disclaimer,
        pages=view.text("Page &P of &N"),
    )


def write(
    source: PackSource,
    folder: Path,
    *,
    rows_each: int = MAX_ROWS,
    objects_each: int = MAX_OBJECTS,
) -> Iterable[Path]:
    """`workbook.xlsx` in `folder`; larger tables go over several worksheets."""
    view, book = View(source), Workbook(write_only=True)
    plan = make_plan(view, rows_each=rows_each, objects_each=objects_each)
    frame = _frame(view, book)
    summary_sheets.cover(frame, view, plan)
    summary_sheets.overview(frame, view, plan)
    records.matrix(frame, view, plan, objects_each=objects_each)
    lists.issue_sheet(frame, view, plan)
    lists.missing_sheet(frame, view, plan)
    records.layer_sheets(frame, view, plan)
    records.object_sheets(frame, view, plan)
    lists.check_sheet(frame, view, plan)
    lists.asset_sheet(frame, view, plan)
    lists.evidence_sheet(frame, view, plan)
    summary_sheets.confirmation(frame, view, plan)
    path = folder / NAME
    _save(book, path, source.results.run.ended)
    return (path,)
