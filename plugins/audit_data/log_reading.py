"""Log files as one stream of find(1), or the lines of a journal, to counts. Pure.

Run where the session ends: a line is looked at there and forgotten, as values of a table are.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from msgspec import Struct

from audit_database.data.answer import LOG_LINES, Column, Line, Overview, State, Table, encoded
from audit_database.data.counting import Counter
from audit_database.data.identify import LONGEST

TAIL = 32 << 10
"""Of one file, as many bytes are read: the last ones, of a compressed file the first."""
HEAD_FORMAT = r"\0\0%s %T@\n%p\0"
"""How find(1) announces a file: size, time of the last change, path."""

_HEAD = re.compile(rb"\0\0([0-9]{1,18}) ([0-9]{1,12})(?:\.[0-9]*)?\n([^\0]{1,4096})\0")
_JOURNAL = "journal"
_GZIP = b"\x1f\x8b"
_PACKED = (b"\xfd7zXZ", b"BZh", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")
_UNPACKED = 8 * TAIL
_OVERLAP = 100
_ENCODINGS = ("utf-8", "gb18030")


class _File(Struct, frozen=True, kw_only=True):
    path: str
    size: int
    content: bytes
    cut: bool


def counted_files(stream: bytes, *, truncated: bool) -> bytes:
    """The counts of each file in `stream`, each path once, as lines of `audit_database`."""
    files = {file.path: file for file in reversed(_files(stream, truncated=truncated))}
    found = [line for file in reversed(files.values()) for line in _counted(file)]
    overview = Overview(database="", whole=not truncated, tables=len(files))
    return b"".join(map(encoded, (overview, *found)))


def counted_journal(stream: bytes, *, truncated: bool) -> bytes:
    """The counts of the messages of a journal; a `truncated` one was looked at as far as it is."""
    file = _File(path=_JOURNAL, size=len(stream), content=stream, cut=False)
    overview = Overview(database="", whole=True, tables=1)
    return b"".join(map(encoded, (overview, *_counted(file))))


def _files(stream: bytes, *, truncated: bool) -> list[_File]:
    heads = list(_HEAD.finditer(stream))
    ends = [head.start() for head in heads[1:]] + [len(stream)][: len(heads)]
    files = []
    for head, end in zip(heads, ends, strict=True):
        content, size = stream[head.end() : end], int(head[1])
        # a line of a log may look like the announcement of a file: then its own file is too short
        cut = len(content) < min(size, TAIL)
        path = head[3].decode("utf-8", "surrogateescape")
        files.append(_File(path=path, size=size, content=content, cut=cut))
    return files


def _counted(file: _File) -> Iterator[Line]:
    table = Table(schema="", name=_printable(file.path), state=State.READ)
    if file.cut:
        yield _with(table, State.FAILED)
    lines = _lines(file)
    if lines is None:
        yield _with(table, State.FAILED)
        return
    counter = Counter(Column(schema="", table=table.name, name="", type=LOG_LINES), None)
    for line in lines:
        counter.add(line)
    if not file.cut:
        yield _with(table, State.READ if lines else State.EMPTY, rows=len(lines))
    yield from counter.columns()


def _with(table: Table, state: State, rows: int = 0) -> Table:
    return Table(schema=table.schema, name=table.name, state=state, rows=rows, log=True)


def _printable(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _lines(file: _File) -> list[str] | None:
    """The whole lines of what was read, cut at NUL too; None where it is compressed otherwise."""
    raw = file.content
    if raw.startswith(_GZIP):
        raw = _unpacked(raw)
    elif raw.startswith(_PACKED):
        return None
    elif file.size > TAIL:  # the first line is the rest of one
        raw = raw.partition(b"\n")[2] or raw
    lines = _decoded(raw).replace("\0", "\n").splitlines()
    return [part for line in lines for part in _parts(line)]


def _parts(line: str) -> Iterator[str]:
    """A long line in parts, so that all of it is looked at; what lies at an end is in two."""
    for start in range(0, max(len(line) - _OVERLAP, 1), LONGEST - _OVERLAP):
        yield line[start : start + LONGEST]


def _unpacked(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(raw, _UNPACKED)
    except zlib.error:
        return b""


def _decoded(raw: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")
