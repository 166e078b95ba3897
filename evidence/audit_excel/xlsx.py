"""Looks at an xlsx file before anything reads it: what it may not hold is refused, with its name.

An xlsx is a zip of XML parts (ECMA-376). Nothing is unpacked to disk. Every part is read once, up
to limits on its size and on that of all together: a zip bomb costs a bounded amount of work.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from audit_core.model import Message, msg
from audit_core.model.errors import InputError

MAX_FILE = 64 << 20
MAX_PARTS = 2_000
MAX_PART = 128 << 20
MAX_ALL = 256 << 20

_OLE = b"\xd0\xcf\x11\xe0"
_DTD = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_MACRO = re.compile(r"vbaproject|macrosheets/|dialogsheets/|activex|\.bin$", re.IGNORECASE)
_LINKED = re.compile(r"externallinks?/|connections\.xml|querytables/", re.IGNORECASE)
_MACRO_TYPE = re.compile(rb"macroEnabled|vbaProject", re.IGNORECASE)
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
