"""Looks at an xlsx file before anything reads it: what it may not hold is refused, with its name.

An xlsx is a zip of XML parts (ECMA-376). Nothing is unpacked to disk. Every part is read once, up
to limits on its size and on that of all together: a zip bomb costs a bounded amount of work.
"""

from __future__ import annotations

import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.worksheet._reader import WorkSheetParser

from audit_core.model import Message, msg
from audit_core.model.errors import InputError
from audit_core.text.escape import unprintable

MAX_FILE = 64 << 20
MAX_PARTS = 2_000
MAX_PART = 128 << 20
MAX_ALL = 256 << 20
MAX_ROWS = 250_000
"""Rows that are written down in a sheet, empty ones too."""

_OLE = b"\xd0\xcf\x11\xe0"
_DTD = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_MACRO = re.compile(r"vbaproject|macrosheets/|dialogsheets/|activex|\.bin$", re.IGNORECASE)
_LINKED = re.compile(r"externallinks?/|connections\.xml|querytables/", re.IGNORECASE)
_MACRO_TYPE = re.compile(rb"macroEnabled|vbaProject", re.IGNORECASE)
_SHEET = re.compile(rb"<(?:[A-Za-z0-9]+:)?sheet[\s/>]")
_HARMLESS = re.compile(r"printersettings/[^/]*\.bin$", re.IGNORECASE)


def check(name: str, raw: bytes, *, most: int | None = None) -> None:
    """Raises InputError where the file `name` with the bytes `raw` is dangerous, or no workbook.

    Unpacked it may have `most` bytes, :data:`MAX_ALL` by default.
    """
    if len(raw) > MAX_FILE:
        raise refused(name, msg("it is larger than {count} bytes", count=MAX_FILE))
    if raw.startswith(_OLE):
        raise refused(name, msg("it is protected by a password, or an old .xls: save it as .xlsx"))
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            _check_parts(name, archive, most or MAX_ALL)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError,
            ValueError, OSError) as error:  # fmt: skip
        raise refused(name, msg("it is not an intact .xlsx file")) from error


def refused(where: str, why: Message) -> InputError:
    """The error that `where`, a file or a place in it, is refused."""
    return InputError(msg("{where}: {why}", where=where, why=why))


def check_characters(text: str, where: str) -> None:
    """Raises InputError where `text` has a character that nobody can see."""
    bad = unprintable(text)
    if bad:
        raise refused(where, msg("the character U+{code} is not accepted", code=f"{ord(bad):04X}"))


def _check_parts(name: str, archive: zipfile.ZipFile, most: int) -> None:
    parts = archive.infolist()
    if len(parts) > MAX_PARTS:
        raise refused(name, msg("it has more than {count} parts", count=MAX_PARTS))
    names = [part.filename.lower() for part in parts]
    if len(set(names)) < len(names):
        raise refused(name, msg("it contains a part twice"))
    if "[content_types].xml" not in names or "xl/workbook.xml" not in names:
        raise refused(name, msg("it is not an .xlsx workbook"))
    if sum(part.file_size for part in parts) > most:
        raise refused(name, msg("unpacked it would have more than {count} bytes", count=most))
    for part in parts:
        _check_name(name, part.filename)
        _check_content(f"{name}: {part.filename}", part.filename, _bytes(archive, part))


def _check_name(name: str, part: str) -> None:
    if ".." in part.replace("\\", "/").split("/"):
        raise refused(f"{name}: {part}", msg("a path outside the workbook is not accepted"))
    if _MACRO.search(part) and not _HARMLESS.search(part):
        raise refused(f"{name}: {part}", msg("macros and embedded programs are not accepted"))
    if _LINKED.search(part):
        raise refused(f"{name}: {part}", msg("links to other files are not accepted"))


def _bytes(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of `part` in pieces, each with the end of the one before."""
    left, before = MAX_PART, b""
    with archive.open(part) as stream:
        while piece := stream.read(1 << 20):
            left -= len(piece)
            if left < 0:
                raise ValueError("a part is too large")
            yield before + piece
            before = piece[-16:]


def _check_content(where: str, part: str, pieces: Iterator[bytes]) -> None:
    xml = part.lower().endswith((".xml", ".rels", ".vml"))
    for number, piece in enumerate(pieces):
        if not xml:
            continue
        if number == 0 and not piece.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            raise refused(where, msg("it is not XML in UTF-8"))
        if _DTD.search(piece):
            raise refused(where, msg("document types and entities are not accepted"))
        if part == "[Content_Types].xml" and _MACRO_TYPE.search(piece):
            raise refused(where, msg("macros and embedded programs are not accepted"))


def check_sheets(name: str, raw: bytes, book: Any) -> None:
    """Raises InputError where openpyxl left out a sheet that the workbook lists, or it has none."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        listed = len(_SHEET.findall(archive.read("xl/workbook.xml")))
    if not book.worksheets or listed != len(book.sheetnames):
        raise refused(name, msg("a worksheet that it lists is missing"))


def rows(sheet: Any, width: int) -> Iterator[tuple[int, dict[int, Any]]]:
    """The rows of a read-only `sheet` that hold something: number, and cells by column from 0.

    Cells beyond `width` columns are left out. `iter_rows` of openpyxl makes every empty row up to
    the last one, stops where the sheet says that it ends, and passes over rows out of order: so
    the rows are taken from its parser. Raises InputError where they are not in order.
    """
    book, before = sheet.parent, 0
    with sheet._get_source() as source:
        parser = WorkSheetParser(
            source, sheet._shared_strings, epoch=book.epoch, date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )  # fmt: skip
        for count, (number, row) in enumerate(parser.parse(), 1):
            parser.row_dimensions.clear()  # heights: they would be kept for every row
            where = f"{sheet.title}!{number}"
            columns = [cell["column"] for cell in row]
            if number <= before or any(a >= b for a, b in itertools.pairwise(columns)):
                raise refused(where, msg("rows or cells are not in order: save it as .xlsx anew"))
            if count > MAX_ROWS:
                why = msg("it has more than {count} rows: delete the empty ones", count=MAX_ROWS)
                raise refused(where, why)
            before = number
            held = {
                cell["column"] - 1: ReadOnlyCell(sheet, **cell)
                for cell in row
                if cell["value"] is not None and cell["column"] <= width
            }
            if held:
                yield number, held
