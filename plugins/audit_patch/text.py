"""Readers of small text formats that the parsers of this plugin share."""

from __future__ import annotations

from collections.abc import Iterator

from audit_core.api.sdk import Answer, ParseError, decimal_number, msg


def records(raw: bytes, width: int) -> Iterator[tuple[str, ...]]:
    """The NUL-terminated fields of `raw`, `width` at a time; the first must be a decimal number.

    Raises ParseError for a cut or misshapen answer. Bytes that are not UTF-8 survive exactly.
    """
    if raw and not raw.endswith(b"\0"):
        raise ParseError(msg("the last record is truncated"))
    fields = raw.decode("utf-8", "surrogateescape").split("\0")[:-1]
    if len(fields) % width:
        raise ParseError(msg("a record is truncated"))
    for start in range(0, len(fields), width):
        row = tuple(fields[start : start + width])
        decimal_number(row[0])
        yield row


def grep_rows(answer: Answer) -> list[tuple[str, str]]:
    """File and text of each line that `grep -Z` printed; ParseError for a line without a file."""
    rows = [line.partition("\0") for line in answer.lines]
    if any(not mark for _, mark, _ in rows):
        raise ParseError(msg("grep printed a line without a file name"))
    return [(path, text.strip()) for path, _, text in rows]
