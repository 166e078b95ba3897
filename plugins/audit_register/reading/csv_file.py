"""Registers in CSV: UTF-8 or GB18030, separated by commas, semicolons or tabs (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from audit_core.api.declared_files import Unreadable
from audit_core.api.sdk import Message, msg, verbatim
from audit_register.reading.grid import Grid, Row

_SEPARATORS = ",;\t，"
_FIELD_MAX = 32_000
_HEAD_LINES = 20


def grids_of(raw: bytes) -> list[Grid]:
    """The table in `raw` by each separator, the most frequent first; Unreadable for no text."""
    text = _text(raw)
    start = "\n".join(line for line in text.split("\n", _HEAD_LINES)[:_HEAD_LINES])
    ordered = sorted(_SEPARATORS, key=start.count, reverse=True)
    there = [separator for separator in ordered if separator in start] or ordered[:1]
    return [Grid(sheet="", rows=_rows(text, one), place=_place, narrow=True) for one in there]


def _place(row: int, column: int) -> Message:
    return msg("line {row}, column {column}", row=row, column=column + 1)


def _rows(text: str, separator: str) -> Iterator[Row]:
    csv.field_size_limit(_FIELD_MAX)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(
                msg("line {row}: it is no CSV: {error}", row=line, error=verbatim(str(error)))
            ) from error
        yield line, [cell.strip() or None for cell in cells]


def _text(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw[:4096]:
        raise Unreadable(msg("it is UTF-16 or no text: save it as CSV in UTF-8"))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    lines = raw.split(b"\n")
    not_utf8 = next(n for n, line in enumerate(lines, 1) if not _decodes(line, "utf-8"))
    mixed = next((n for n, line in enumerate(lines, 1) if _surely_utf8(line)), None)
    if mixed is not None:
        raise Unreadable(
            msg(
                "the encodings are mixed: line {first} is UTF-8, line {second} is not; save it in "
                "one encoding",
                first=mixed, second=not_utf8,
            )
        )  # fmt: skip
    wrong = next((n for n, line in enumerate(lines, 1) if not _decodes(line, "gb18030")), None)
    if wrong is not None:
        raise Unreadable(msg("line {row} is neither UTF-8 nor GB18030", row=wrong))
    return raw.decode("gb18030")


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _surely_utf8(line: bytes) -> bool:
    """Whether `line` has characters of three bytes in UTF-8: text in GB18030 hardly ever does."""
    return _decodes(line, "utf-8") and any(ord(c) > 0x7FF for c in line.decode("utf-8"))
