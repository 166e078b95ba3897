"""What `attest` asks a person at the terminal: lines, choices, days and names of files."""

from __future__ import annotations

import datetime
import hashlib
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import structs

from audit_core.attest.reading import read_answers
from audit_core.attest.writing import Draft, appended
from audit_core.cli import answers
from audit_core.cli.context import Context
from audit_core.cli.output import note, tty
from audit_core.model import Message, msg
from audit_core.model.errors import InputError
from audit_core.text.days import written_day

_BETWEEN = re.compile("[,，、;；]")


class Ended(Exception):
    """The person wants no more questions, or nothing more can be read."""


def line(prompt: str) -> str:
    """A line that a person typed after `prompt`; raises Ended at the end of the input."""
    print(f"{tty(prompt)} > ", end="", flush=True)
    try:
        typed = sys.stdin.readline()
    except UnicodeDecodeError:
        return ""
    if not typed:
        raise Ended
    return typed.strip()


def verdict(context: Context, prompt: str, verdicts: Mapping[str, str]) -> str | None:
    """One of `verdicts`, by its letter, its code or its word; None for skip. Raises Ended."""
    known = dict(verdicts)
    for code in verdicts.values():
        known |= {code: code, _plain(context.code(code)): code}
    while True:
        word = _plain(line(prompt))
        if word in ("q", "quit"):
            raise Ended
        if word in ("s", "skip", ""):
            return None
        if word in known:
            return known[word]
        note(context.text("{word} is none of these letters", word=word[:40]))


def _plain(word: str) -> str:
    """`word` without the difference of full-width and capital letters."""
    return unicodedata.normalize("NFKC", word).casefold()


def valid(
    context: Context, prompt: str, make: Callable[[str], Draft], today: datetime.date
) -> Draft:
    """What `make` returns for a typed line, asked again until a file may hold it."""
    while True:
        typed = line(prompt)
        try:
            draft = make(typed)
            check(context, draft, today)
        except InputError as error:
            note(context.translator.say(_without_place(error.detail)))
        else:
            return draft


def check(context: Context, draft: Draft, today: datetime.date) -> None:
    """Raises InputError where the answer would be refused when it is read."""
    path: Path = context.args.to
    alone = appended(b"", draft, str(path))
    read_answers([path], context.policy, answers.redacting(context), today=today,
                 raw={path: alone})  # fmt: skip


def _without_place(detail: Message) -> Message:
    """What was expected of the typed line: no file holds it yet."""
    if not {"expected", "got"} <= detail.args.keys():
        return detail
    return msg("expected {expected}, got {got}", expected=detail.args["expected"],
               got=detail.args["got"])  # fmt: skip


def dated(context: Context, draft: Draft, today: datetime.date) -> Draft:
    """`draft` with the day on which the fact was seen."""
    prompt = context.text("date of the fact [{today}]", today=today)

    def with_day(typed: str) -> Draft:
        day = written_day(typed) or typed or today.isoformat()
        if written_day(day) is not None and day > today.isoformat():
            raise InputError(msg("{date} is in the future", date=day))
        entries = tuple((key, day if key == "date" else value) for key, value in draft.entries)
        return structs.replace(draft, entries=entries)

    return valid(context, prompt, with_day, today)


def with_attachments(context: Context, draft: Draft, today: datetime.date) -> Draft:
    """`draft` with the files that the person names."""
    prompt = context.text("attachments beside the file, with commas between (Enter: none)")

    def attached(typed: str) -> Draft:
        return structs.replace(draft, attachments=tuple(_attached(context.args.to, typed)))

    return valid(context, prompt, attached, today)


def _attached(path: Path, named: str) -> Iterator[tuple[str, str]]:
    for name in filter(None, (part.strip() for part in _BETWEEN.split(named))):
        beside = path.parent / name
        # Of what is no regular file, reading the answer tells what is wrong.
        data = beside.read_bytes() if beside.is_file() else b""
        yield name, hashlib.sha256(data).hexdigest()
