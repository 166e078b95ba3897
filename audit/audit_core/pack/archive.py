"""Writes the zip: the same members in the same order are the same bytes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import IO, Any

import msgspec
from msgspec import Struct

from audit_core.pack import documents as d
from audit_core.pack.documents import HAS_SM3, File
from audit_core.pack.zip_writer import AT_ONCE, Written, ZipWriter, pack

_CHUNK = 1 << 20
# A reader rejects members that expand more than RATIO times, as zip bombs do; what
# a target sent may well be such a bomb, so the writer stores it as it is. Measured: text of a
# thousand equal lines shrinks 150 times at most before the window of deflate is used up.
RATIO = 200
SMALL = 64 << 10
_DIGESTS = tuple(
    hashlib.new(method, usedforsecurity=False)
    for method in ("md5", "sha256", *(("sm3",) if HAS_SM3 else ()))
)
"""Of nothing: copies begin faster than new ones, and a large pack takes 300,000."""

KEPT = 16 << 20
"""Bytes of packed contents that are kept: hosts of one owner answer much alike."""
Chunks = Callable[[], Iterator[bytes]]


def zip_stamp(started: str) -> tuple[int, int, int, int, int, int]:
    """The time of every member: that of the run in UTC, as far as a zip can say it."""
    try:
        t = datetime.fromisoformat(started).astimezone(UTC)
    except (ValueError, OverflowError):
        return (1980, 1, 1, 0, 0, 0)
    if not 1980 <= t.year <= 2107:
        return (1980, 1, 1, 0, 0, 0)
    return (t.year, t.month, t.day, t.hour, t.minute, t.second)


def zip_time(started: str) -> tuple[int, int]:
    """The same as the two fields (time, date) that stand in a zip; 2 s steps."""
    year, month, day, hour, minute, second = zip_stamp(started)
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day


def of_bytes(data: bytes) -> Chunks:
    """A function that yields `data` in one piece."""
    return lambda: iter((data,))


def of_file(handle: IO[bytes]) -> Chunks:
    """The bytes of an open file from its start, piece by piece."""

    def pieces() -> Iterator[bytes]:
        handle.seek(0)
        while piece := handle.read(_CHUNK):
            yield piece

    return pieces


class _Digests:
    """The digests of a file that is read piece by piece."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Nothing was read."""
        self._each: list[Any] = [digest.copy() for digest in _DIGESTS]

    def update(self, piece: bytes) -> None:
        """Reads `piece`."""
        for digest in self._each:
            digest.update(piece)

    def content(self, size: int, how: Written, packed: bytes) -> _Content:
        """What was read, which stands in a zip as `how` says."""
        md5, sha256, *sm3 = (digest.hexdigest() for digest in self._each)
        return _Content(size, md5, sha256, sm3[0] if sm3 else None, how, packed)


class _Content(Struct, frozen=True):
    """What a file holds: its digests, and how it stands in a zip."""

    size: int
    md5: str
    sha256: str
    sm3: str | None
    how: Written
    packed: bytes


def _ratio(size: int) -> int:
    """How many times a member may shrink; small ones are never bombs, however much they do."""
    return RATIO if size > SMALL else size + 1


def _packed(data: bytes) -> _Content:
    digests = _Digests()
    digests.update(data)
    return digests.content(len(data), *pack(data, ratio=_ratio(len(data))))


class _Contents:
    """The contents added last, by SHA-256: what several hosts answered is packed once."""

    def __init__(self) -> None:
        self._room = KEPT
        self._kept: dict[str, _Content] = {}

    def get(self, sha256: str) -> _Content | None:
        """The content that has this digest; None where it is not kept."""
        found = self._kept.pop(sha256, None)
        if found is not None:
            self._kept[sha256] = found
        return found

    def keep(self, content: _Content) -> None:
        """Keeps `content`, and no longer what was not asked for longest."""
        self._kept[content.sha256] = content
        self._room -= content.how.packed
        while self._room < 0:
            self._room += self._kept.pop(next(iter(self._kept))).how.packed


class _Line(Struct, frozen=True, array_like=True):
    """A file in the spool, and how it stands in the zip."""

    file: File
    md5: str
    how: Written


class _Sums:
    """The lines `SHA256  NAME` of all files, in a file where they come in the order of names."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the archive)
        self._size = 0
        self._greatest = ""
        self._apart: list[tuple[bytes, bytes]] = []

    def add(self, file: File) -> None:
        """Adds the line of `file`."""
        line = d.sums_line(file.name, file.sha256)
        if file.name > self._greatest:
            self._greatest = file.name
            self._size += self._file.write(line)
        else:
            self._apart.append((line[d.SUMS_NAME : -1], line))

    def lines(self) -> Iterator[bytes]:
        """All lines, sorted by name."""
        apart = sorted(self._apart, reverse=True)
        for line in _lines_of(self._file, 0, self._size):
            while apart and apart[-1][0] < line[d.SUMS_NAME :]:
                yield apart.pop()[1]
            yield line + b"\n"
        yield from (line for _, line in reversed(apart))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _lines_of(file: IO[bytes], first: int, last: int) -> Iterator[bytes]:
    """The lines of `file` between two places, without their ends."""
    file.flush()
    rest = b""
    while first < last:
        # An exporter may read in forked processes, which share the place in the file.
        piece = os.pread(file.fileno(), min(_CHUNK, last - first), first)
        first += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


class Archive:
    """A zip being written. Its list of files is kept in a temporary file, not in memory."""

    def __init__(self, handle: IO[bytes], started: str, contents: _Contents | None = None) -> None:
        self._handle, self._started = handle, started
        self._contents = contents or _Contents()
        self._zip = ZipWriter(handle, zip_time(started))
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the archive)
        self._sums = _Sums()
        self._listed = 0
        self.count = 0

    def part(self) -> Archive:
        """An archive for another process to fill, in a temporary file, for `take`."""
        return Archive(tempfile.TemporaryFile(), self._started, self._contents)

    def take(self, part: Archive) -> None:
        """Adds the files of `part`, which another process has filled and settled."""
        part._listed = os.fstat(part._spool.fileno()).st_size
        listed = ((line.file.name, line.file.size, line.how) for line in self._taken(part))
        self._zip.take(part._handle, listed)

    def _taken(self, part: Archive) -> Iterator[_Line]:
        for raw in _lines_of(part._spool, 0, part.mark()):
            line = msgspec.json.decode(raw, type=_Line)
            self._list(line.file, raw)
            yield line

    def discard(self) -> None:
        """Closes the temporary files of a part, whatever it holds."""
        self._zip.discard()
        self._handle.close()
        self._spool.close()
        self._sums.close()

    def add(self, name: str, chunks: Chunks, size: int, *, stored: bool = False) -> File:
        """Adds one member, not compressed if `stored`; `chunks` may be read twice."""
        digests = _Digests()

        def hashed() -> Iterator[bytes]:
            digests.begin()
            for piece in chunks():
                digests.update(piece)
                yield piece

        how = self._zip.add(name, hashed, size, ratio=_ratio(size), stored=stored)
        return self._enter(name, digests.content(size, how, b""))

    def add_bytes(self, name: str, data: bytes, sha256: str = "") -> File:
        """Adds `data` as one member; `sha256`, where it is given, is its digest."""
        if len(data) > AT_ONCE:
            return self.add(name, of_bytes(data), len(data))
        content = self._contents.get(sha256) if sha256 else None
        if content is None:
            content = _packed(data)
            if sha256:
                self._contents.keep(content)
        self._zip.add_packed(name, content.size, content.how, content.packed)
        return self._enter(name, content)

    def _enter(self, name: str, content: _Content) -> File:
        file = File(name=name, size=content.size, sha256=content.sha256, sm3=content.sm3)
        self._list(file, msgspec.json.encode(_Line(file, content.md5, content.how)))
        return file

    def _list(self, file: File, line: bytes) -> None:
        # Read with pread only, so that it is always written at its end.
        self._listed += self._spool.write(line + b"\n")
        self._sums.add(file)
        self.count += 1

    def settle(self) -> None:
        """Everything is written: a process that is forked now must not write what is left."""
        self._spool.flush()
        self._handle.flush()

    def mark(self) -> int:
        """The place in the list after the file added last."""
        return self._listed

    def listed(self, first: int = 0, last: int | None = None) -> Iterator[tuple[File, str]]:
        """The files between two marks with their MD5, in the order in which they were added."""
        return ((line.file, line.md5) for line in self._lines(first, last))

    def sums(self) -> Iterator[bytes]:
        """The lines `SHA256  NAME` of all files, sorted by name."""
        return self._sums.lines()

    def _lines(self, first: int, last: int | None) -> Iterator[_Line]:
        end = self.mark() if last is None else last
        for line in _lines_of(self._spool, first, end):
            yield msgspec.json.decode(line, type=_Line)

    def close(self) -> None:
        """Writes the directory of the zip and closes the file."""
        with self._spool, closing(self._sums):
            self._zip.close()
