"""Adds an answer or a judged risk to a file of answers; what is in it stays byte by byte."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import tempfile
from pathlib import Path

from msgspec import Struct, structs

from audit_core.attest.reading import WrittenAnswers
from audit_core.model import msg
from audit_core.model.errors import InputError, StoreError
from audit_core.policy.strict_yaml import load_bytes
from audit_core.text.system_errors import os_error

_HEAD = b"# yaml-language-server: $schema=.dengbao/schemas/answers.json\n"
_INDENTS = ("  ", "", "    ")
_KEY = re.compile(rb"[A-Za-z_\"'][^\s#]*:(\s|$)")
"""A line that begins another list: a key at the left margin."""


class Draft(Struct, frozen=True, kw_only=True):
    """An entry of a list of the file, as a person typed it: `entries` are its keys with values.

    `section` is the list: `answers` or `risks`. Dates are ISO 8601.
    """

    section: str
    entries: tuple[tuple[str, str], ...]
    attachments: tuple[tuple[str, str], ...] = ()


_PLAIN = ("verdict", "date", "entered")
"""Keys whose values need no quotes."""


def drafted(
    question: str, verdict: str, text: str, by: str, date: str, today: datetime.date
) -> Draft:
    """The draft of an answer entered `today`."""
    text_key = {"not_applicable": "reason", "value": "value"}.get(verdict, "text")
    about = (("question", question), ("verdict", verdict), (text_key, text))
    return Draft(section="answers", entries=(*about, *_signed(by, date, today)))


def drafted_risk(
    rule: tuple[str, str], verdict: str, text: str, by: str, date: str, today: datetime.date
) -> Draft:
    """The draft of a judgement of `rule` (catalog, number) entered `today`."""
    catalog, number = rule
    about = (("rule", number), ("catalog", catalog), ("verdict", verdict), ("text", text))
    return Draft(section="risks", entries=(*about, *_signed(by, date, today)))


def _signed(by: str, date: str, today: datetime.date) -> tuple[tuple[str, str], ...]:
    return ("by", by), ("date", date), ("entered", today.isoformat())


def appended(raw: bytes, draft: Draft, file: str) -> bytes:
    """`raw`, the bytes of `file`, with `draft` as the last entry of its list.

    Raises InputError where the list is not written with a line for each key.
    """
    if not raw.strip():
        alone = _with(b"", draft, _INDENTS[0])
        load_bytes(alone, file).convert(WrittenAnswers)  # what was typed is wrong, not the file
        return alone
    before = load_bytes(raw, file).convert(WrittenAnswers)
    for indent in _INDENTS:
        made = _with(raw, draft, indent)
        after = _read(made, file)
        if after is not None and _is_one_more(before, after, draft.section):
            return made
    raise InputError(
        msg("{path}: cannot be continued: its list {section} must have a line for each key",
            path=file, section=draft.section)
    )  # fmt: skip


def _with(raw: bytes, draft: Draft, indent: str) -> bytes:
    """`raw` with `draft` before what follows its list; at the end of a list of its own."""
    lines, head = raw.rstrip(b"\n").split(b"\n"), f"{draft.section}:".encode()
    begin = next((n for n, line in enumerate(lines) if line.split(b"#")[0].strip() == head), None)
    if begin is None:
        start = raw.rstrip(b"\n") + b"\n" if raw.strip() else _HEAD
        return start + head + b"\n" + _block(draft, indent)
    others = (n for n, line in enumerate(lines) if n > begin and _KEY.match(line))
    end = next(others, len(lines))
    while end < len(lines) and (not lines[end - 1].strip() or lines[end - 1].startswith(b"#")):
        end -= 1  # what is written above a list is about it
    after = b"\n".join([*lines[end:], b""]) if end < len(lines) else b""
    return b"\n".join([*lines[:end], b""]) + _block(draft, indent) + after


def _is_one_more(before: WrittenAnswers, after: WrittenAnswers, section: str) -> bool:
    """Whether `after` is `before` and one more entry of `section`."""
    grown = getattr(after, section)
    same = structs.replace(after, **{section: grown[:-1]})
    return len(grown) == len(getattr(before, section)) + 1 and same == before


def _read(raw: bytes, file: str) -> WrittenAnswers | None:
    try:
        return load_bytes(raw, file).convert(WrittenAnswers)
    except InputError:
        return None


def _block(draft: Draft, indent: str) -> bytes:
    lines = [f"{key}: {value if key in _PLAIN else _text(value)}" for key, value in draft.entries]
    lines += ["attachments:"] if draft.attachments else []
    lines += [f"  - {{file: {_text(name)}, sha256: {sha}}}" for name, sha in draft.attachments]
    marks = ("- ", *["  "] * len(lines))
    return "".join(
        f"{indent}{mark}{line}\n" for mark, line in zip(marks, lines, strict=False)
    ).encode("utf-8", "surrogatepass")


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
