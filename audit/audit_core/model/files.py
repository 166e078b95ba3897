"""Several files in one answer, and how a bundle holds them. Pure.

Each file is one line of JSON and then as many bytes as that line says, and a newline. The sizes are
counted after redaction, so that they always hold; a person can read the whole.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from audit_core.model.messages import msg, verbatim
from audit_core.model.parsing import ParseError


class FileStatus(enum.StrEnum):
    """What came of one file. Only of one that was READ are there bytes."""

    READ = "read"
    NOT_PRESENT = "not_present"  # named in the request, and does not exist
    NOT_PERMITTED = "not_permitted"  # also of a directory that may not be looked into
    NOT_REGULAR = "not_regular"  # a directory, device, socket or pipe where a file was asked for
    BROKEN_LINK = "broken_link"  # a symbolic link that leads nowhere or in a circle
    CHANGED = "changed"  # it changed or went away while it was read
    TOO_BIG = "too_big"
    FAILED = "failed"


class FileEntry(Struct, frozen=True, kw_only=True):
    """One file of a `ReadFiles` request. `modified` is in seconds since 1970, as of its clock."""

    path: str
    status: FileStatus
    size: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    modified: float = 0.0
    data: bytes = b""

    @property
    def text(self) -> str:
        """The bytes as UTF-8; those that are not valid survive as lone surrogates, exactly."""
        return self.data.decode("utf-8", "surrogateescape")

    @property
    def lines(self) -> list[str]:
        """`text` cut at newlines only (never at the other Unicode line breaks)."""
        return self.text.removesuffix("\n").split("\n") if self.data else []


def encode_files(files: Iterable[FileEntry]) -> bytes:
    """The bytes that stand for `files` in a bundle."""
    return b"".join(_encoded(file) for file in files)


def _encoded(file: FileEntry) -> bytes:
    head: dict[str, Any] = {
        name: getattr(file, name) for name in FileEntry.__struct_fields__ if name != "data"
    }
    # Python's own encoder: a name that is no UTF-8 has lone surrogates, which msgspec refuses.
    line = json.dumps({**head, "bytes": len(file.data)}, ensure_ascii=True).encode()
    return b"%s\n%s\n" % (line, file.data)


def decode_files(raw: bytes) -> tuple[FileEntry, ...]:
    """The files that `encode_files` wrote; ParseError for any other bytes."""
    found, at = [], 0
    while at < len(raw):
        end = raw.find(b"\n", at)
        head = _head(raw[at : end if end > 0 else len(raw)])
        if head.length < 0 or end < 0:
            raise ParseError(msg("no file at byte {at}", at=at))
        data = raw[end + 1 : end + 1 + head.length]
        at = end + 1 + head.length + 1
        if len(data) != head.length or raw[at - 1 : at] != b"\n":
            raise ParseError(msg("the last file is incomplete"))
        found.append(head.entry(data))
    return tuple(found)


_TIMED = re.compile(
    rb'(\{"path": "[^\n]*, "gid": \d+, )"modified": (?:0|[1-9]\d*)\.\d+, ("bytes": (\d+)\}\n)'
)


def timeless_digest(raw: bytes) -> str:
    """SHA-256 (hex) of all that `encode_files` wrote but `modified`; empty for other bytes.

    The lengths are in it, and no quote in a path stands without a backslash: so equal digests mean
    that all else is equal.
    """
    digest, at = hashlib.sha256(), 0
    while at < len(raw):
        head = _TIMED.match(raw, at)
        if head is None:
            return ""
        at = head.end() + int(head[3]) + 1
        digest.update(head[1] + head[2] + raw[head.end() : at])
    return digest.hexdigest() if at == len(raw) else ""


class _Head(Struct, frozen=True, kw_only=True):
    """The line before the bytes of a file."""

    path: str
    status: FileStatus
    size: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    modified: float = 0.0
    length: int = msgspec.field(name="bytes", default=-1)

    def entry(self, data: bytes) -> FileEntry:
        """The file that has these bytes."""
        return FileEntry(
            path=self.path,
            status=self.status,
            size=self.size,
            mode=self.mode,
            uid=self.uid,
            gid=self.gid,
            modified=self.modified,
            data=data,
        )


class _OwnHead(_Head, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As `encode_files` writes it today."""


_decoder = msgspec.json.Decoder(_OwnHead)


def _head(line: bytes) -> _Head:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _any_head(line)


def _any_head(line: bytes) -> _Head:
    """A head that msgspec refuses, such as one with lone surrogates for a name that is no UTF-8."""
    try:
        head = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ParseError(msg("not the header of a file")) from error
    if not isinstance(head, dict):
        raise ParseError(msg("not the header of a file"))
    try:
        return msgspec.convert(head, _Head)
    except msgspec.ValidationError as error:
        raise ParseError(
            msg("not the header of a file: {error}", error=verbatim(str(error)))
        ) from error
