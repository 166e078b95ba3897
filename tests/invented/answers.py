"""Answers made of texts, as the parsers of audit_linux are given them."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from audit_core.model import (
    Absent,
    Answer,
    Answers,
    FileEntry,
    FileStatus,
    Target,
)
from audit_core.model.files import encode_files

TARGET = Target(id="web1", kind="host", object_type="server")
COLLECTED_AT = "2026-11-23T12:00:00+00:00"


def answer(stdout: bytes | str = b"", stderr: bytes = b"", exit_code: int = 0) -> Answer:
    """The answer of a command that wrote these."""
    raw = stdout.encode("utf-8", "surrogateescape") if isinstance(stdout, str) else stdout
    return Answer(
        stdout=raw,
        stderr=stderr,
        exit_code=exit_code,
        truncated=False,
        collected_at=COLLECTED_AT,
        target=TARGET,
    )


def answers(**named: Answer | Absent | bytes | str | None) -> Answers:
    """Several answers by name; a text is what the command wrote, None that it is not present."""
    reported: dict[str, Any] = {
        name: answer(given) if isinstance(given, bytes | str) else given
        for name, given in named.items()
    }
    return Answers(target=TARGET, named=reported)


def files(contents: dict[str, str], **unread: str) -> Answer:
    """The answer of a request for files: contents by path, and `status="/path"` for the rest."""
    read = [_read(path, text) for path, text in contents.items()]
    others = [FileEntry(path=path, status=FileStatus(name)) for name, path in unread.items()]
    return answer(encode_files(sorted((*read, *others), key=lambda file: file.path)))


def owned_file(path: str, text: str, mode: int, uid: int = 0, gid: int = 0) -> Answer:
    """The answer with one file of this mode and these owners."""
    return answer(encode_files([structs.replace(_read(path, text), mode=mode, uid=uid, gid=gid)]))


def _read(path: str, text: str) -> FileEntry:
    data = text.encode("utf-8", "surrogateescape")
    return FileEntry(path=path, status=FileStatus.READ, size=len(data), mode=0o644, data=data)
