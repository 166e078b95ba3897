"""Writes the workbook: the same source is always the same bytes."""

from __future__ import annotations

import datetime
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.writer.excel import ExcelWriter

from audit_core.model.results import PackSource
from audit_excel import lists, records, summary_sheets
from audit_excel.parts import MAX_OBJECTS, Part, parts
from audit_excel.plan import SIDE_BY_SIDE, make_plan
from audit_excel.sheet import MAX_ROWS, Frame
from audit_excel.styles import Look
from audit_excel.view import View

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
    side_by_side: int = SIDE_BY_SIDE,
    objects_each: int = MAX_OBJECTS,
) -> Iterable[Path]:
    """The workbooks in `folder`: `workbook.xlsx`, and others beside it for many objects.

    Larger tables go over several worksheets.
    """
    made = parts(source.results, objects_each)
    home = {entry.object: part.name for part in made for entry in part.entries}
    for part in made:
        path = folder / part.name
        _write(source, part, home, path, rows_each=rows_each, side_by_side=side_by_side)
        yield path


def _write(
    source: PackSource,
    part: Part,
    home: Mapping[str, str],
    path: Path,
    *,
    rows_each: int,
    side_by_side: int,
) -> None:
    view, book = View(source, part, home), Workbook(write_only=True)
    plan = make_plan(view, rows_each=rows_each, side_by_side=side_by_side)
    frame = _frame(view, book)
    summary_sheets.cover(frame, view, plan)
    summary_sheets.overview(frame, view, plan)
    records.matrix(frame, view, plan, side_by_side=side_by_side)
    lists.issue_sheet(frame, view, plan)
    lists.missing_sheet(frame, view, plan)
    records.layer_sheets(frame, view, plan)
    records.object_sheets(frame, view, plan)
    lists.check_sheet(frame, view, plan)
    lists.asset_sheet(frame, view, plan)
    lists.evidence_sheet(frame, view, plan)
    summary_sheets.confirmation(frame, view, plan)
    _save(book, path, source.results.run.ended)
