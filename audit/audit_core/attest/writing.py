"""Appends an answer to a file of answers; what is in the file stays byte by byte."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import tempfile
from pathlib import Path

from msgspec import Struct

from audit_core.attest.reading import WrittenAnswer, WrittenAnswers
from audit_core.model import msg
from audit_core.model.errors import InputError, StoreError
from audit_core.policy.strict_yaml import load_bytes
from audit_core.text.system_errors import os_error

_HEAD = b"# yaml-language-server: $schema=.dengbao/schemas/answers.json\nanswers:\n"
_INDENTS = ("  ", "", "    ")


class Draft(Struct, frozen=True, kw_only=True):
    """An answer as a person typed it; `text` is its text, reason or value. Dates are ISO 8601."""

    question: str
    verdict: str
    text_key: str
    text: str
    by: str
    date: str
    entered: str
    attachments: tuple[tuple[str, str], ...] = ()


def drafted(
    question: str, verdict: str, text: str, by: str, date: str, today: datetime.date
) -> Draft:
    """The draft of an answer entered `today`."""
    text_key = {"not_applicable": "reason", "value": "value"}.get(verdict, "text")
    return Draft(
        question=question, verdict=verdict, text_key=text_key, text=text, by=by, date=date,
        entered=today.isoformat(),
    )  # fmt: skip


def appended(raw: bytes, draft: Draft, file: str) -> bytes:
    """`raw`, the bytes of `file`, with `draft` as its last answer.

    Raises InputError where they do not end with their list of answers, a line for each key.
    """
    if not raw.strip():
        return _HEAD + _block(draft, _INDENTS[0])
    before = load_bytes(raw, file).convert(WrittenAnswers).answers
    for indent in _INDENTS:
        made = raw.rstrip(b"\n") + b"\n" + _block(draft, indent)
        after = _answers(made, file)
        if after is not None and after[:-1] == before and after[-1].question == draft.question:
            return made
    raise InputError(
        msg("{path}: cannot be continued: it must end with its list of answers, a line for each "
            "key", path=file)
    )  # fmt: skip


def _answers(raw: bytes, file: str) -> tuple[WrittenAnswer, ...] | None:
    try:
        return load_bytes(raw, file).convert(WrittenAnswers).answers or None
    except InputError:
        return None


def _block(draft: Draft, indent: str) -> bytes:
    lines = [
        f"- question: {_text(draft.question)}",
        f"  verdict: {draft.verdict}",
        f"  {draft.text_key}: {_text(draft.text)}",
        f"  by: {_text(draft.by)}",
        f"  date: {draft.date}",
        f"  entered: {draft.entered}",
    ]
    if draft.attachments:
        lines.append("  attachments:")
    lines += [f"    - {{file: {_text(name)}, sha256: {sha}}}" for name, sha in draft.attachments]
    return "".join(f"{indent}{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def _text(text: str) -> str:
    # A JSON string is a double-quoted scalar of YAML.
    return json.dumps(text, ensure_ascii=False)


def read_if_there(path: Path) -> bytes:
    """The bytes of the file `path`; none where it does not exist. Raises InputError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise InputError(
            msg("{path}: cannot be read: {error}", path=str(path), error=os_error(error))
        ) from error


def replace(path: Path, raw: bytes) -> None:
    """Replaces the content of `path` by `raw`, whole or not at all; raises StoreError."""
    path = path.resolve()  # a link stays a link
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(fd, "wb") as handle:
                os.fchmod(handle.fileno(), mode)
                handle.write(raw)
                handle.flush()
                os.fsync(handle.fileno())
            Path(name).replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
    except OSError as error:
        raise StoreError(
            msg("{path}: cannot write: {error}", path=str(path), error=os_error(error))
        ) from error
