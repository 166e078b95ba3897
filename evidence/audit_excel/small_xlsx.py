"""Opens small workbooks of an organisation whole: templates, and tables of its own wording.

openpyxl holds every cell in memory, and fills every cell of a merged range or of a link with one:
so both are counted before it reads anything.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

import openpyxl
from openpyxl.utils import range_boundaries

from audit_core.model import msg, verbatim
from audit_core.model.errors import InputError
from audit_core.text.system_errors import os_error
from audit_excel import xlsx
from audit_excel.xlsx import refused

MAX_UNPACKED = 24 << 20
MAX_CELLS = 200_000
_LARGE = frozenset({"mergeCell", "hyperlink"})
_DRAWN = ("xl/drawings/drawing", "xl/charts/", "xl/media/", "xl/ctrlprops/", "xl/diagrams/")


def read_bytes(path: Path) -> bytes:
    """The bytes of `path`, one more than an xlsx may have at most; raises InputError."""
    try:
        with path.open("rb") as stream:
            return stream.read(xlsx.MAX_FILE + 1)
    except OSError as error:
        problem = msg("{path}: cannot be read: {error}", path=str(path), error=os_error(error))
        raise InputError(problem) from error


def load(path: Path) -> tuple[Any, tuple[str, ...]]:
    """The workbook at `path`, and what is not kept of it.

    Raises InputError with the place where it is dangerous, too large or no workbook.
    """
    return _load(path, read_bytes(path), values=False)


def values(path: Path, sheet: str | None) -> tuple[str, dict[tuple[int, int], Any]] | list[str]:
    """The name of `sheet` (the first by default) and its values by row and column.

    A formula has the result that was stored with it. The names of the sheets where there is none
    of that name. Raises InputError as :func:`load` does, and for a result that is not there.
    """
    raw = read_bytes(path)
    book = _load(path, raw, values=True)[0]
    name = sheet or book.sheetnames[0]
    if name not in book.sheetnames:
        return list(book.sheetnames)
    written = _load(path, raw, values=False)[0][name]._cells
    found = {}
    for at, cell in sorted(book[name]._cells.items()):
        where = f"{path.name}: {name}!{cell.coordinate}"
        if cell.value is None and written[at].data_type == "f":
            why = msg("the formula has no stored result: save it in Excel or WPS, or enter its "
                      "value")  # fmt: skip
            raise refused(where, why)
        if cell.data_type == "e":
            raise refused(where, msg("{value} is an error value", value=str(cell.value)[:40]))
        if cell.value is not None:
            found[at] = cell.value
    return name, found


def _load(path: Path, raw: bytes, *, values: bool) -> tuple[Any, tuple[str, ...]]:
    xlsx.check(path.name, raw, most=MAX_UNPACKED)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        _count(path.name, archive)
        lost = sorted({n for n in archive.namelist() if n.lower().startswith(_DRAWN)})
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            book = openpyxl.load_workbook(
                io.BytesIO(raw), rich_text=True, keep_links=False, data_only=values
            )
    except Exception as error:
        raise refused(path.name, msg("it is not an intact .xlsx file")) from error
    xlsx.check_sheets(path.name, raw, book)
    texts = dict.fromkeys(str(one.message) for one in warned)
    return book, (*lost, *texts)


def _count(name: str, archive: zipfile.ZipFile) -> None:
    """Refuses more cells and rows than openpyxl can hold in little memory."""
    left = MAX_CELLS
    for part in archive.namelist():
        if part.lower().endswith(".xml"):
            for cells, place in _cells(f"{name}: {part}", archive.read(part)):
                left -= cells
                if left < 0:
                    problem = msg("it has more than {count} cells and rows", count=MAX_CELLS)
                    raise refused(" ".join((f"{name}: {part}", place)).strip(), problem)


def _cells(where: str, raw: bytes) -> Iterator[tuple[int, str]]:
    """How many cells each element of the part makes, and the range that it names."""
    found: list[tuple[int, str]] = []

    def start(element: str, attributes: dict[str, str]) -> None:
        local = element.rpartition(":")[2]
        if local in ("c", "row"):
            found.append((1, ""))
        elif local in _LARGE:
            ref = attributes.get("ref", "")
            found.append((_area(ref), ref[:40]))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        for at in range(0, len(raw), 1 << 20):
            parser.Parse(raw[at : at + (1 << 20)], False)
            yield from found
            found.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        problem = msg("it is not well-formed XML: {error}", error=verbatim(str(error)))
        raise refused(where, problem) from error
    yield from found


def _area(ref: str) -> int:
    try:
        left, top, right, bottom = (side or 0 for side in range_boundaries(ref))
    except (ValueError, TypeError):
        return MAX_CELLS + 1
    return max(1, right - left + 1) * max(1, bottom - top + 1) if left and top else MAX_CELLS + 1
