"""The bundle file: frames with a kind, a length and a digest, appended and never rewritten.

    DENGBAO-BUNDLE 1\\n
    KIND LENGTH SHA256\\n PAYLOAD \\n        (repeated; digest of KIND\\n PAYLOAD)

A frame that was being written when the process died is torn: readers stop before it, and the next
writer moves it, and whatever follows, to a file `.torn` beside. A whole frame is never touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from msgspec import Struct

from audit_core.model import msg
from audit_core.model.errors import InputError, StoreError
from audit_core.text.system_errors import os_error

MAGIC = b"DENGBAO-BUNDLE 1\n"
_HEAD = re.compile(rb"([a-z]{1,16}) ([0-9]{1,12}) ([0-9a-f]{64})\n")
_HEAD_MAX = 16 + 1 + 12 + 1 + 64 + 1


class Frame(Struct, frozen=True, kw_only=True):
    """One whole frame, with the place of its payload in the file."""

    kind: str
    payload: bytes
    offset: int


def encode(kind: str, payload: bytes) -> bytes:
    """The bytes of one frame."""
    head = kind.encode(), len(payload), _digest(kind.encode(), payload)
    return b"%s %d %s\n%s\n" % (*head, payload)


def _digest(kind: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(b"%s\n%s" % (kind, payload)).hexdigest().encode()


def _next(handle: IO[bytes], begin: int, end: int) -> Frame | None:
    """The frame that begins at `begin`, where `handle` stands; None where none is whole.

    The file had `end` bytes when it was opened. Asking for both at each of 245 frames of a host
    took a third of the time of reading it.
    """
    head = handle.readline(_HEAD_MAX)
    hit = _HEAD.fullmatch(head)
    if hit is None:
        return None
    offset, size = begin + len(head), int(hit[2])
    # Checked first: a damaged length would reserve memory before a byte is read.
    if size >= end - offset:
        return None
    payload = handle.read(size)
    if len(payload) != size or handle.read(1) != b"\n":
        return None
    if _digest(hit[1], payload) != hit[3]:
        return None
    return Frame(kind=hit[1].decode(), payload=payload, offset=offset)


def read(path: Path) -> Iterator[Frame]:
    """The whole frames of `path` in order; stops at a torn one. InputError if not a bundle.

    A file that ends within the first line, as a full disk leaves it, is a bundle without frames.
    """
    with path.open("rb") as handle:
        begun = handle.read(len(MAGIC))
        if len(begun) < len(MAGIC) and MAGIC.startswith(begun):
            return
        if begun != MAGIC:
            raise InputError(
                msg(
                    "{path}: not a bundle (expected it to start with {magic})",
                    path=str(path),
                    magic=repr(MAGIC),
                )
            )
        at, end = len(MAGIC), os.fstat(handle.fileno()).st_size
        while (frame := _next(handle, at, end)) is not None:
            at = frame.offset + len(frame.payload) + 1
            yield frame


def whole_length(path: Path) -> int:
    """The number of bytes up to the end of the last whole frame."""
    end = len(MAGIC)
    for frame in read(path):
        end = frame.offset + len(frame.payload) + 1
    return end


class Appender:
    """Appends frames to one file; a write that fails raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags, 0o600)
            self._prepare()
        except OSError as error:
            raise StoreError(
                msg("{path}: cannot write: {error}", path=str(path), error=os_error(error))
            ) from error

    def _prepare(self) -> None:
        size = os.fstat(self._fd).st_size
        if size < len(MAGIC):
            os.ftruncate(self._fd, 0)
            self._write(MAGIC)
            return
        whole = whole_length(self._path)
        if whole < size:
            self._set_aside(whole)
            os.ftruncate(self._fd, whole)

    def _set_aside(self, whole: int) -> None:
        # Usually a partial frame; after damage in the middle it may hold whole ones: kept, too.
        torn = self._path.with_name(self._path.name + ".torn")
        with self._path.open("rb") as source, torn.open("ab") as target:
            source.seek(whole)
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]

    def append(self, kind: str, payload: bytes) -> None:
        """Adds one frame to the file; raises StoreError where it cannot be written."""
        try:
            self._write(encode(kind, payload))
        except OSError as error:
            raise StoreError(
                msg(
                    "{path}: cannot write: {error}",
                    path=str(self._path),
                    error=os_error(error),
                )
            ) from error

    def sync(self) -> None:
        """Syncs everything appended so far to disk."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise StoreError(
                msg(
                    "{path}: cannot write: {error}",
                    path=str(self._path),
                    error=os_error(error),
                )
            ) from error

    def close(self) -> None:
        """Closes the file; may be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def sync_folder(path: Path) -> None:
    """Syncs the directory `path` to disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(path: Path, data: bytes) -> None:
    """Writes `data` to `path`, or leaves it unchanged if that fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("xb") as handle:
            os.fchmod(handle.fileno(), 0o600)
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # of a read-only file system even what is not there
            temporary.unlink(missing_ok=True)
        raise StoreError(
            msg("{path}: cannot write: {error}", path=str(path), error=os_error(error))
        ) from error
