"""Reads answers from strict YAML; errors name file, line and path.

An answer names a question by its id. Attachments are files beside the YAML file, by their digest.
Steps that ask the same question have one answer, so each answer lists them all.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Struct

from audit_core.attest.answers_in_force import GROUPS
from audit_core.attest.limits import dates_in
from audit_core.attest.questions import StepKey, roots
from audit_core.model import Day, as_is, msg
from audit_core.model.attestations import (
    AnswerFile,
    AnswerSet,
    AnswerVerdict,
    Attachment,
    Attestation,
    Retest,
    RetestResult,
    RiskJudgement,
    RiskVerdict,
    StepOf,
    Superseded,
)
from audit_core.model.errors import InputError
from audit_core.model.schemas import Valid
from audit_core.policy import Catalog, Policy
from audit_core.policy.input_errors import (
    NOTHING,
    YamlPath,
    as_quoted,
    nearest,
    one_of,
    wrong_id,
    wrong_text,
)
from audit_core.policy.strict_yaml import Document, load_bytes, read_bytes
from audit_core.text.escape import unprintable
from audit_core.text.system_errors import os_error

MAX_FILES = 200
MAX_ATTACHMENT = 32 << 20
MAX_ATTACHMENTS = 256 << 20
MAX_TEXT = 4000
_MAX_NAME = 100

NOTHING_YET: Mapping[Path, bytes] = {}

Redact = Callable[[bytes], tuple[bytes, tuple[str, ...]]]
"""The bytes without secrets, and the names of the rules that cut something."""


def _is_text(text: str) -> bool:
    return bool(text.strip()) and len(text) <= MAX_TEXT and not unprintable(text)


def _is_name(text: str) -> bool:
    return wrong_text(text, _MAX_NAME) is None


def _is_digest(text: str) -> bool:
    return len(text) == 64 and not text.strip("0123456789abcdef")


_SHORT_ENOUGH = msg("printable text of 1 to {count} characters", count=MAX_TEXT)
Text = Annotated[
    str,
    Valid(holds=_is_text, expected=_SHORT_ENOUGH),
]
Name = Annotated[
    str,
    Valid(
        holds=_is_name, expected=msg("printable text of 1 to {count} characters", count=_MAX_NAME)
    ),
]
Digest = Annotated[
    str, Valid(holds=_is_digest, expected=msg("a SHA-256: 64 hexadecimal digits in lower case"))
]


class WrittenSuperseded(Struct, frozen=True, kw_only=True):
    """The day from which an answer is no longer valid, and the reason."""

    date: Day
    why: Text


class WrittenAttachment(Struct, frozen=True, kw_only=True):
    """A file beside the file of answers, and its digest."""

    file: Name
    sha256: Digest


class WrittenAnswer(Struct, frozen=True, kw_only=True):
    """An answer as it is written in YAML."""

    question: Text
    verdict: AnswerVerdict
    by: Name
    date: Day
    entered: Day
    text: Text | None = None
    reason: Text | None = None
    value: Text | None = None
    expires: Day | None = None
    superseded: WrittenSuperseded | None = None
    attachments: tuple[WrittenAttachment, ...] = ()


class WrittenRisk(Struct, frozen=True, kw_only=True):
    """A judgement of a high-risk rule or a major risk, as it is written in YAML."""

    rule: Name
    verdict: RiskVerdict
    by: Name
    date: Day
    entered: Day
    text: Text
    catalog: Name | None = None
    expires: Day | None = None


class WrittenRetest(Struct, frozen=True, kw_only=True):
    """The re-test of a clause on an object, as it is written in YAML."""

    clause: Name
    target: Name
    result: RetestResult
    by: Name
    date: Day
    entered: Day
    text: Text
    catalog: Name | None = None


_Dated = WrittenAnswer | WrittenRisk | WrittenRetest


class WrittenAnswers(Struct, frozen=True, kw_only=True):
    """A file of answers, judged risks and re-tests."""

    answers: tuple[WrittenAnswer, ...] = ()
    risks: tuple[WrittenRisk, ...] = ()
    retests: tuple[WrittenRetest, ...] = ()


class Given(Struct, frozen=True, kw_only=True):
    """Answers that were read, and what the store is to hold of their attachments, by digest."""

    answers: AnswerSet
    blobs: dict[str, bytes]


def read_answers(
    paths: Sequence[Path],
    policy: Policy,
    redact: Redact,
    *,
    today: datetime.date,
    raw: Mapping[Path, bytes] = NOTHING_YET,
) -> Given:
    """The answers in the files `paths`, without secrets; raises InputError.

    `today` is the day after which none can have been entered. `raw` are the bytes of files that
    are not written yet.
    """
    if len(paths) > MAX_FILES:
        raise InputError(msg("at most {count} files of answers can be given", count=MAX_FILES))
    reader = _Reader(policy, redact, today + datetime.timedelta(days=1))  # it may be later there
    for path in paths:
        reader.add(path, raw[path] if path in raw else read_bytes(path))
    return Given(
        answers=AnswerSet(
            files=tuple(reader.files),
            answers=tuple(reader.answers),
            risks=tuple(reader.risks),
            retests=tuple(reader.retests),
        ),
        blobs=reader.blobs,
    )


class _Reader:
    def __init__(self, policy: Policy, redact: Redact, last: datetime.date) -> None:
        self._steps = _Steps(policy)
        self._redact = redact
        self._last = last.isoformat()
        self._first: dict[tuple[tuple[StepOf, ...], str, str], str] = {}
        self.files: list[AnswerFile] = []
        self.answers: list[Attestation] = []
        self.risks: list[RiskJudgement] = []
        self.retests: list[Retest] = []
        self._policy = policy
        self.blobs: dict[str, bytes] = {}

    def add(self, path: Path, raw: bytes) -> None:
        document = load_bytes(raw, str(path))
        written = document.convert(WrittenAnswers)
        self.files.append(AnswerFile(name=path.name, sha256=hashlib.sha256(raw).hexdigest()))
        for index, answer in enumerate(written.answers):
            self._take(document, path, ("answers", index), answer)
        for index, risk in enumerate(written.risks):
            self._take_risk(document, path, ("risks", index), risk)
        for index, retest in enumerate(written.retests):
            self._take_retest(document, path, ("retests", index), retest)

    def _take_risk(
        self, document: Document, path: Path, place: YamlPath, written: WrittenRisk
    ) -> None:
        rules = [r for c in self._catalogs(document, place, written) for r in c.risk_rules]
        rule = next((r for r in rules if r.id == written.rule), None)
        if rule is None:
            ids = [r.id for r in rules]
            hint = nearest(written.rule, ids)
            document.fail((*place, "rule"), msg("the number of a high-risk rule"),
                          as_quoted(written.rule), hint)  # fmt: skip
        if written.verdict is RiskVerdict.MITIGATED and not rule.mitigable:
            expected = msg("holds or dismissed (rule {rule} allows no mitigation)", rule=rule.id)
            document.fail((*place, "verdict"), expected, as_is(written.verdict.value))
        _check_days(document, place, written, self._last)
        self.risks.append(
            RiskJudgement(
                rule=rule.id,
                catalog=rule.catalog,
                verdict=written.verdict,
                by=self._text(written.by),
                date=written.date,
                entered=written.entered,
                text=self._text(written.text),
                expires=written.expires,
                where=f"{path.name}:{document.line(place)}",
            )
        )

    def _take_retest(
        self, document: Document, path: Path, place: YamlPath, written: WrittenRetest
    ) -> None:
        known = self._catalogs(document, place, written)
        catalog = next((c.id for c in known if any(written.clause == x.id for x in c.clauses)), "")
        if not catalog:
            ids = [clause.id for c in known for clause in c.clauses]
            hint = nearest(written.clause, ids)
            document.fail((*place, "clause"), msg("a clause"), as_quoted(written.clause), hint)
        wrong = wrong_id(written.target)
        if wrong is not None:
            document.fail((*place, "target"), wrong, as_quoted(written.target))
        _check_days(document, place, written, self._last)
        self.retests.append(
            Retest(
                catalog=catalog,
                clause=written.clause,
                target=written.target,
                result=written.result,
                by=self._text(written.by),
                date=written.date,
                entered=written.entered,
                text=self._text(written.text),
                where=f"{path.name}:{document.line(place)}",
            )
        )

    def _catalogs(
        self, document: Document, place: YamlPath, written: WrittenRisk | WrittenRetest
    ) -> list[Catalog]:
        ids = self._policy.catalog_ids()
        if written.catalog is not None and written.catalog not in ids:
            document.fail((*place, "catalog"), one_of(ids), as_quoted(written.catalog),
                          nearest(written.catalog, ids))  # fmt: skip
        return [self._policy.catalog(id) for id in ids if written.catalog in (None, id)]

    def _take(
        self, document: Document, path: Path, place: YamlPath, written: WrittenAnswer
    ) -> None:
        steps, selector = self._steps.named(document, (*place, "question"), written.question)
        _check_words(document, place, written)
        if written.value is not None and self._steps.limited(steps):
            _check_dates(document, (*place, "value"), written.value)
        _check_days(document, place, written, self._last)
        where = f"{path.name}:{document.line(place)}"
        self._once(document, place, (steps, selector, written.entered), where)
        self.answers.append(
            Attestation(
                question=written.question,
                selector=selector,
                steps=steps,
                verdict=written.verdict,
                by=self._text(written.by),
                date=written.date,
                entered=written.entered,
                text=self._text(written.text),
                reason=self._text(written.reason),
                value=self._text(written.value),
                expires=written.expires,
                superseded=self._superseded(written.superseded),
                attachments=tuple(
                    self._attachment(document, (*place, "attachments", at), path, attached)
                    for at, attached in enumerate(written.attachments)
                ),
                where=where,
            )
        )

    def _once(
        self,
        document: Document,
        place: YamlPath,
        key: tuple[tuple[StepOf, ...], str, str],
        where: str,
    ) -> None:
        first = self._first.get(key)
        self._first[key] = where
        if first is not None:
            expected = msg("one answer to a question and day of entry (first in {first})",
                           first=first)  # fmt: skip
            document.fail((*place, "question"), expected, msg("it again"))

    def _superseded(self, written: WrittenSuperseded | None) -> Superseded | None:
        if written is None:
            return None
        return Superseded(date=written.date, why=self._text(written.why))

    def _text(self, text: str | None) -> str:
        data, _ = self._redact((text or "").encode())
        return data.decode("utf-8", "replace")

    def _attachment(
        self, document: Document, place: YamlPath, path: Path, written: WrittenAttachment
    ) -> Attachment:
        data = _beside(document, (*place, "file"), path.parent, written.file)
        digest = hashlib.sha256(data).hexdigest()
        if digest != written.sha256:
            document.fail((*place, "sha256"), msg("that of the file, {digest}", digest=digest),
                          as_quoted(written.sha256))  # fmt: skip
        stored, rules = self._redact(data) if _is_plain(data) else (data, ())
        key = hashlib.sha256(stored).hexdigest()
        self.blobs[key] = stored
        if sum(map(len, self.blobs.values())) > MAX_ATTACHMENTS:
            most = msg("attachments of at most {count} bytes together", count=MAX_ATTACHMENTS)
            document.fail((*place, "file"), most, msg("more"))
        return Attachment(
            name=self._text(written.file), sha256=digest, stored=key, size=len(data),
            redactions=rules,
        )  # fmt: skip


# --- questions ----------------------------------------------------------------------------------


class _Steps:
    """The steps of all catalogs, by what an answer names."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._known: dict[str, dict[StepKey, tuple[StepOf, ...]]] = {}
        self._limited: set[StepKey] = set()

    def named(
        self, document: Document, place: YamlPath, question: str
    ) -> tuple[tuple[StepOf, ...], str]:
        """The steps that `question` asks after, and the selector in it."""
        name, at, selector = question.partition("@")
        parts = name.split("/")
        if len(parts) != 3 or (at and not selector):
            document.fail(place, msg("the id of a question, CATALOG/CLAUSE/STEP@WHOM"),
                          as_quoted(question))  # fmt: skip
        catalog, clause, step = parts
        ids = self._policy.catalog_ids()
        if catalog not in ids:
            document.fail(
                place, msg("the id of a catalog"), as_quoted(catalog), nearest(catalog, ids)
            )
        known = self._of(catalog)
        clauses = {key[1] for key in known}
        if clause not in clauses:
            expected = msg("a clause of {catalog}", catalog=catalog)
            document.fail(place, expected, as_quoted(clause), nearest(clause, clauses))
        key = (catalog, clause, int(step) if step.isascii() and step.isdigit() else 0)
        if len(step) > 3 or key not in known:
            numbers = sorted(k[2] for k in known if k[1] == clause)
            document.fail(place, one_of(map(str, numbers)), as_quoted(step))
        self._check_selector(document, place, catalog, selector)
        return known[key], selector

    def limited(self, steps: tuple[StepOf, ...]) -> bool:
        """Whether dates are held to a limit for one of `steps`."""
        return any((s.catalog, s.clause, s.step) in self._limited for s in steps)

    def _of(self, catalog: str) -> dict[StepKey, tuple[StepOf, ...]]:
        """For each step of the catalog all that ask the same question."""
        if catalog not in self._known:
            clauses = self._policy.catalog(catalog).clauses
            root_of = roots(clauses)
            self._limited |= {
                (catalog, c.id, s.number) for c in clauses for s in c.steps if s.limit
            }
            alike: dict[StepKey, list[StepOf]] = {}
            for (id, clause, number), root in root_of.items():
                step = StepOf(catalog=id, clause=clause, step=number)
                alike.setdefault(root, []).append(step)
            self._known[catalog] = {key: tuple(alike[root]) for key, root in root_of.items()}
        return self._known[catalog]

    def _check_selector(
        self, document: Document, place: YamlPath, catalog: str, selector: str
    ) -> None:
        name, colon, value = selector.partition(":")
        if not colon:
            wrong = wrong_id(selector) if selector else None
            if wrong is not None:
                document.fail(place, wrong, as_quoted(selector))
            return
        if name not in GROUPS:
            document.fail(place, one_of(GROUPS), as_quoted(name), nearest(name, GROUPS))
        types = tuple(t.id for t in self._policy.catalog(catalog).object_types)
        if name == "object_type" and value not in types:
            document.fail(place, one_of(types), as_quoted(value), nearest(value, types))
        if not value:
            document.fail(place, msg("a value"), NOTHING)


def _check_words(document: Document, place: YamlPath, written: WrittenAnswer) -> None:
    """What each verdict needs, beside author and dates."""
    verdict = written.verdict
    needed = {
        AnswerVerdict.AFFIRMED: "text",
        AnswerVerdict.DENIED: "text",
        AnswerVerdict.NOT_APPLICABLE: "reason",
        AnswerVerdict.VALUE: "value",
    }[verdict]
    if getattr(written, needed) is None:
        expected = msg("a text (the verdict is {verdict})", verdict=verdict.value)
        document.fail((*place, needed), expected, NOTHING)
    if written.reason is not None and verdict is not AnswerVerdict.NOT_APPLICABLE:
        expected = msg("a reason only where the verdict is not_applicable")
        document.fail((*place, "reason"), expected, as_is(verdict.value))


def _check_dates(document: Document, place: YamlPath, value: str) -> None:
    if dates_in(value) is None:
        document.fail(place, msg("days like 2026-11-29, with commas between"), as_quoted(value))


def _check_days(document: Document, place: YamlPath, written: _Dated, last: str) -> None:
    """The order of the dates."""
    _not_before(document, (*place, "entered"), written.entered, written.date)
    if written.entered > last:
        document.fail((*place, "entered"), msg("a day that is not in the future"),
                      as_quoted(written.entered))  # fmt: skip
    expires, superseded = getattr(written, "expires", None), getattr(written, "superseded", None)
    if expires is not None:
        _not_before(document, (*place, "expires"), expires, written.date)
    if superseded is not None:
        day = superseded.date
        _not_before(document, (*place, "superseded", "date"), day, written.date)


def _not_before(document: Document, place: YamlPath, day: str, first: str) -> None:
    if day < first:
        document.fail(place, msg("a day not before {first}", first=first), as_quoted(day))


# --- attachments --------------------------------------------------------------------------------


def _beside(document: Document, place: YamlPath, folder: Path, name: str) -> bytes:
    """The bytes of the file `name` in or below `folder`; nothing else on this machine is read."""
    path = folder / name
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts
    try:
        if not inside or not path.resolve().is_relative_to(folder.resolve()):
            document.fail(
                place, msg("a file in the directory of the file of answers"), as_quoted(name)
            )
        return _read_regular(document, place, path)
    except (OSError, ValueError) as error:
        error_text = os_error(error) if isinstance(error, OSError) else as_quoted(name)
        document.fail(place, msg("a file that can be read"), error_text)


def _read_regular(document: Document, place: YamlPath, path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as stream:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            document.fail(place, msg("a regular file"), as_quoted(path.name))
        data = stream.read(MAX_ATTACHMENT + 1)
    if len(data) > MAX_ATTACHMENT:
        most = msg("at most {count} bytes", count=MAX_ATTACHMENT)
        document.fail(place, most, msg("more"))
    return data


_FORMATS = (
    b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"PK\x03\x04", b"GIF8", b"\xd0\xcf\x11\xe0",
    b"\x1f\x8b",
)  # fmt: skip


def _is_plain(data: bytes) -> bool:
    """Whether `data` is text, in whatever encoding; a known format is not."""
    if data.startswith(_FORMATS):
        return False
    return data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in data
