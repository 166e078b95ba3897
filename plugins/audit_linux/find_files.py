"""Files of a few folders in one answer that cannot be misread.

`find … -printf %s -print0 -exec cat` writes for each file its size in bytes, its path (which
starts with a slash and ends with NUL), then exactly that many bytes. Nothing in a file's content
can pass for a header, and a file that changed under the reader breaks the frame and is noticed.
Where the collector cut a secret out, sizes no longer hold: then headers are found by their NUL.
"""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    ParseError,
    Privilege,
    Reason,
    msg,
    not_present,
)

_HEADER = re.compile(rb"([0-9]{1,12})(/[^\0]{0,4096})", re.DOTALL)
_TOOL = re.compile(rb"^(?:/[^\s:]*/)?(?:find|cat): ")
_MOST_FILES = 5000


class Blob(Struct, frozen=True, kw_only=True):
    """One file as it was read."""

    path: str
    body: bytes

    @property
    def lines(self) -> list[str]:
        """The lines, cut at newlines only; bytes that are not UTF-8 survive as lone surrogates."""
        return self.body.decode("utf-8", "surrogateescape").split("\n")


def ask_files(*places: str, name: str | None = None, root: bool = False) -> Command:
    """The request for all regular files at or directly in `places` (symlinks followed)."""
    find, cat = ("/usr/bin/find", "/usr/bin/cat") if root else ("find", "cat")
    named = ("-name", name) if name else ()
    return Command(
        argv=(
            find, "-L", *places, "-maxdepth", "1", "-type", "f", *named,
            "-printf", "%s", "-print0", "-exec", cat, "--", "{}", ";",
        ),
        privilege=Privilege.ROOT if root else Privilege.USER,
        ok=(0, 1),
        limit=4 << 20,
    )  # fmt: skip


def refused(stderr: bytes) -> Absent | None:
    """Absent(NOT_PERMITTED) when find or cat was refused something; raises on other complaints."""
    for line in stderr.split(b"\n"):
        if line.endswith(b"Permission denied"):
            return Absent(
                reason=Reason.NOT_PERMITTED,
                said=msg("Some of the files could not be read: permission denied"),
            )
        if _TOOL.match(line) and not line.endswith(b"No such file or directory"):
            raise ParseError(f"find or cat complained: {line[:200]!r}")
    return None


def _cut(raw: bytes) -> list[Blob]:
    blobs: list[Blob] = []
    at = 0
    while at < len(raw):
        if len(blobs) >= _MOST_FILES:
            raise ParseError("more files than can be")
        end = raw.find(b"\0", at, at + 4200)
        header = _HEADER.fullmatch(raw, at, end) if end > 0 else None
        if header is None:
            raise ParseError(f"no file header at byte {at}")
        size, path = int(header[1]), header[2].decode("utf-8", "surrogateescape")
        body = raw[end + 1 : end + 1 + size]
        if len(body) != size:
            raise ParseError(f"{path!r} is shorter than announced")
        blobs.append(Blob(path=path, body=body))
        at = end + 1 + size
    return blobs


_MARK = b"[redacted:"


def _cut_redacted(raw: bytes) -> list[Blob]:
    """The files of an answer from which secrets were cut, so that some sizes no longer hold.

    Strict in return: no file may hold a NUL, one that was cut must end in a newline, and the size
    of every other must hold.
    """
    head, *pieces = raw.split(b"\0")
    blobs: list[Blob] = []
    for at, piece in enumerate(pieces):
        header = _HEADER.fullmatch(head)
        if header is None or len(blobs) >= _MOST_FILES:
            raise ParseError("no file header where one belongs")
        last = at == len(pieces) - 1
        size = len(piece) if last else int(header[1])
        if _MARK in piece and not last:
            size = piece.rfind(b"\n") + 1
        if _MARK not in piece and int(header[1]) != (len(piece) if last else size):
            raise ParseError("a file is not as long as announced")
        blobs.append(Blob(path=header[2].decode("utf-8", "surrogateescape"), body=piece[:size]))
        head = piece[size:]
    if head:
        raise ParseError("something stands after the last file")
    return blobs


def _blobs(raw: bytes) -> list[Blob]:
    try:
        return _cut(raw)
    except ParseError:
        if _MARK not in raw:
            raise
        return _cut_redacted(raw)


def parse_files(answer: Answer) -> tuple[Blob, ...] | Absent:
    """The files in path order; NOT_PRESENT when there is none."""
    denied = refused(answer.stderr)
    if denied is not None:
        return denied
    blobs = _blobs(answer.stdout)
    if len({blob.path for blob in blobs}) != len(blobs):
        raise ParseError("one path is told twice")
    if not blobs:
        return not_present(msg("None of these files exists"))
    return tuple(sorted(blobs, key=lambda blob: blob.path))
