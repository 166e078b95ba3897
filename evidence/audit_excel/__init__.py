"""Writes the Excel workbook that an assessment works from, and reads back what people fill in.

May import `audit_core` and openpyxl, and no plugin.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from audit_core.api.hooks import Exporter, Importer, Template, hookimpl
from audit_core.model import msg, verbatim
from audit_core.model.errors import StoreError, ToolMissing

if TYPE_CHECKING:
    from audit_core.model.forms import Form
    from audit_core.model.results import PackSource

# openpyxl writes other bytes where lxml happens to be installed; it reads this when it is imported.
os.environ.setdefault("OPENPYXL_LXML", "False")


@contextmanager
def _openpyxl() -> Iterator[None]:
    """Tells how to install openpyxl where it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "openpyxl":
            raise
        raise ToolMissing(msg("openpyxl is not installed: pip install openpyxl")) from error


def _write(source: PackSource, folder: Path) -> Iterable[Path]:
    with _openpyxl():
        from audit_excel.book import write  # openpyxl takes its time to load
    try:
        return write(source, folder)
    except OSError as error:
        raise StoreError(
            msg("cannot write the workbook: {error}", error=verbatim(str(error)))
        ) from error


@hookimpl
def dengbao_exporters() -> tuple[Exporter, ...]:
    """The exporter `excel`, which writes `workbook.xlsx` and fills templates."""
    from audit_excel.template_map import TemplateMap

    return (
        Exporter(
            name="excel", write=_write, suffixes=(".xlsx", ".xlsm", ".xls"), template=_template,
            template_map=TemplateMap,
        ),
    )  # fmt: skip


def _template(path: Path, map_path: Path) -> Template:
    with _openpyxl():
        from audit_excel.template import Template as Opened
    opened = Opened(path, map_path)
    return Template(write=opened.write, notes=opened.notes)


def _read(path: Path, raw: bytes) -> Form:
    with _openpyxl():
        from audit_excel.reading import read
    return read(path, raw)


@hookimpl
def dengbao_importers() -> tuple[Importer, ...]:
    """The importer `excel`, which reads back what people filled in in a workbook."""
    return (Importer(name="excel", suffixes=(".xlsx", ".xlsm", ".xls"), read=_read),)


@hookimpl
def dengbao_locales() -> tuple[Path, ...]:
    """The texts of the workbook in Chinese."""
    return (Path(__file__).parent / "locale",)
