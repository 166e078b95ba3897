"""Reads waivers from strict YAML; errors name file, line and path."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Struct

from audit_core.attest.answers_in_force import GROUPS
from audit_core.attest.reading import MAX_FILES, Name, Redact, Text
from audit_core.model import Day, as_is, msg
from audit_core.model.attestations import AnswerFile
from audit_core.model.errors import InputError
from audit_core.model.schemas import Valid
from audit_core.model.waivers import Waiver
from audit_core.policy.input_errors import NOTHING, YamlPath, as_quoted, nearest, one_of, wrong_id
from audit_core.policy.strict_yaml import Document, load_bytes, read_bytes


def _is_time(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).tzinfo is not None and "T" in text
    except ValueError:
        return False


Time = Annotated[
    str,
    Valid(holds=_is_time, expected=msg("a time with its zone, like 2027-03-01T00:00:00+08:00")),
]


class WrittenWaiver(Struct, frozen=True, kw_only=True):
    """A waiver as it is written in YAML; exactly one of `clause` and `check`."""

    id: Name
    reason: Text
    approved: Day
    expires: Time
    catalog: Name | None = None
    clause: Name | None = None
    step: int | None = None
    check: Name | None = None
    targets: tuple[Name, ...] = ()
    approver: Name | None = None
    ticket: Name | None = None


class WrittenWaivers(Struct, frozen=True, kw_only=True):
    """The content of one file of waivers."""

    waivers: tuple[WrittenWaiver, ...]


class GivenWaivers(Struct, frozen=True, kw_only=True):
    """Waivers that were read, and the files that they are from."""

    files: tuple[AnswerFile, ...]
    waivers: tuple[Waiver, ...]


def read_waivers(paths: Sequence[Path], redact: Redact) -> GivenWaivers:
    """The waivers in the files `paths`, without secrets; raises InputError."""
    if len(paths) > MAX_FILES:
        raise InputError(msg("at most {count} files of waivers can be given", count=MAX_FILES))
    files: list[AnswerFile] = []
    found: dict[str, Waiver] = {}

    def text(given: str | None) -> str:
        return redact((given or "").encode())[0].decode("utf-8", "replace")

    for path in paths:
        raw = read_bytes(path)
        document = load_bytes(raw, str(path))
        files.append(AnswerFile(name=path.name, sha256=hashlib.sha256(raw).hexdigest()))
        for index, written in enumerate(document.convert(WrittenWaivers).waivers):
            place: YamlPath = ("waivers", index)
            _check(document, place, written)
            if written.id in found:
                document.fail((*place, "id"), msg("each id once"), as_quoted(written.id))
            where = f"{path.name}:{document.line(place)}"
            found[written.id] = _waiver(written, where, text)
    return GivenWaivers(files=tuple(files), waivers=tuple(found.values()))


def _waiver(written: WrittenWaiver, where: str, text: Callable[[str | None], str]) -> Waiver:
    return Waiver(
        id=text(written.id),
        catalog=written.catalog or "",
        clause=written.clause or "",
        step=written.step,
        check=written.check or "",
        targets=written.targets,
        reason=text(written.reason),
        approver=text(written.approver),
        ticket=text(written.ticket),
        approved=written.approved,
        expires=written.expires,
        where=where,
    )


def _check(document: Document, place: YamlPath, written: WrittenWaiver) -> None:
    if (written.clause is None) is (written.check is None):
        got = NOTHING if written.clause is None else msg("both")
        document.fail(place, msg("either clause or check"), got)
    if written.step is not None and (written.clause is None or not 1 <= written.step <= 99):
        expected = msg("the number of a step of the clause")
        document.fail((*place, "step"), expected, as_is(str(written.step)))
    if written.expires[:10] < written.approved:
        expected = msg("a time not before {first}", first=written.approved)
        document.fail((*place, "expires"), expected, as_quoted(written.expires))
    for at, selector in enumerate(written.targets):
        _check_selector(document, (*place, "targets", at), selector)


def _check_selector(document: Document, place: YamlPath, selector: str) -> None:
    name, colon, value = selector.partition(":")
    if colon and name not in GROUPS:
        document.fail(place, one_of(GROUPS), as_quoted(name), nearest(name, GROUPS))
    wrong = None if colon else wrong_id(selector)
    if wrong is not None:
        document.fail(place, wrong, as_quoted(selector))
    if colon and not value:
        document.fail(place, msg("a value"), NOTHING)
