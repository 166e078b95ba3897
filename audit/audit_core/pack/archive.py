"""Writes the zip: the same members in the same order are the same bytes."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import IO

from audit_core.pack.documents import HAS_SM3, File

_CHUNK = 1 << 20
_MODE = 0o100644 << 16
# A reader refuses members that grow more than RATIO times, so that nobody can hand it a bomb; what
# a target sent may well be such a bomb, so the writer stores it as it is. Measured: text of a
# thousand equal lines shrinks 150 times at most before the window of deflate is used up.
RATIO = 200
SMALL = 64 << 10
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
    """`data` in one piece."""
    return lambda: iter((data,))


def of_file(handle: IO[bytes]) -> Chunks:
    """The bytes of an open file from its start, piece by piece."""

    def pieces() -> Iterator[bytes]:
        handle.seek(0)
        while piece := handle.read(_CHUNK):
            yield piece

    return pieces


def _bomb(chunks: Chunks, size: int) -> bool:
    if size <= SMALL:
        return False
    trial = zlib.compressobj(6, zlib.DEFLATED, -15)
    small = sum(len(trial.compress(piece)) for piece in chunks()) + len(trial.flush())
    return small * RATIO < size


class Archive:
    """A zip being written. `digests` holds MD5, SHA-256 and SM3 of every member so far."""

    def __init__(self, handle: IO[bytes], started: str) -> None:
        self._zip = zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        self._time = zip_stamp(started)
        self.files: list[File] = []
        self.md5: dict[str, str] = {}

    def add(self, name: str, chunks: Chunks, size: int) -> File:
        """Adds one member; `chunks` may be read twice."""
        info = zipfile.ZipInfo(name, self._time)
        info.create_system, info.external_attr, info.file_size = 3, _MODE, size
        bomb = _bomb(chunks, size)
        info.compress_type = zipfile.ZIP_STORED if bomb else zipfile.ZIP_DEFLATED
        md5 = hashlib.md5(usedforsecurity=False)
        sha256 = hashlib.sha256()
        sm3 = hashlib.new("sm3") if HAS_SM3 else None
        with self._zip.open(info, "w") as member:
            for piece in chunks():
                member.write(piece)
                for digest in (md5, sha256, *((sm3,) if sm3 else ())):
                    digest.update(piece)
        file = File(
            name=name,
            size=info.file_size,
            sha256=sha256.hexdigest(),
            sm3=sm3.hexdigest() if sm3 else None,
        )
        self.files.append(file)
        self.md5[name] = md5.hexdigest()
        return file

    def close(self) -> None:
        """The zip is whole."""
        self._zip.close()
