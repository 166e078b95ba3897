"""Files of a few folders in one answer that cannot be misread.

`find … -printf %s -print0 -exec cat` writes for each file its size in bytes, its path (which
starts with a slash and ends with NUL), then exactly that many bytes. Nothing in a file's content
can pass for a header, and a file that changed under the reader breaks the frame and is noticed.
"""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.sdk import Absent, Answer, Command, ParseError, Privilege, Reason, msg, not_present

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


def parse_files(answer: Answer) -> tuple[Blob, ...] | Absent:
    """The files in path order; NOT_PRESENT when there is none."""
    denied = refused(answer.stderr)
    if denied is not None:
        return denied
    blobs = _cut(answer.stdout)
    if len({blob.path for blob in blobs}) != len(blobs):
        raise ParseError("one path is told twice")
    if not blobs:
        return not_present(msg("None of these files exists"))
    return tuple(sorted(blobs, key=lambda blob: blob.path))
