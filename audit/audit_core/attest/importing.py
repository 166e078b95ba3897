"""What people filled in in a document, as answers and re-test results: the difference, then both.

Importing what is known already changes nothing. A row that cannot become an answer is refused with
its place, and then nothing of the document is taken.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from msgspec import Struct, structs

from audit_core.attest.answers_in_force import covers
from audit_core.attest.reading import Given, Redact, read_answers
from audit_core.attest.record_rows import as_question
from audit_core.attest.validity import valid_until
from audit_core.model import Message, StepState, english, msg
from audit_core.model.attestations import (
    AnswerFile,
    AnswerSet,
    AnswerVerdict,
    Attestation,
    IssueNote,
)
from audit_core.model.errors import InputError
from audit_core.model.forms import Form, FormKind, FormRow
from audit_core.model.results import Results
from audit_core.policy import Policy

_TEXT_KEYS = {AnswerVerdict.NOT_APPLICABLE: "reason", AnswerVerdict.VALUE: "value"}
_AT_ONCE = 100
_ANSWER_FIELDS = ("answer", "text", "by", "date", "evidence")
_KEY = re.compile(r"answers\[0\]\.([a-z]+)")
_BETWEEN = re.compile(r"[\n;；、]+")


class Change(Struct, frozen=True, kw_only=True):
    """A row as it was known and as it is filled in, by field; `notes` are what to know of it."""

    where: str
    key: str
    before: dict[str, str]
    after: dict[str, str]
    notes: tuple[Message, ...] = ()


class Imported(Struct, frozen=True, kw_only=True):
    """What differs, and all answers of the run with it; `blobs` are new attachments by digest."""

    changes: tuple[Change, ...]
    answers: AnswerSet
    blobs: dict[str, bytes]


class Source(Struct, frozen=True, kw_only=True):
    """The document, who takes it over and on which day (ISO 8601)."""

    path: Path
    raw: bytes
    by: str
    today: datetime.date


def imported(
    form: Form, source: Source, present: AnswerSet, results: Results, policy: Policy, redact: Redact
) -> Imported:
    """What `form` changes of `present`; raises InputError with the place of what is wrong."""
    known = _Run(results)
    questions = known.questions(form.rows)
    given = _read(questions, source, policy, redact)
    answers = _Answers(present, known)
    for row, answer in zip(questions, given.answers.answers, strict=True):
        answers.take(row, answer, source)
    for row in form.rows:
        if row.kind is FormKind.ISSUE:
            known.check_issue(row)
            answers.take_issue(row, source)
    return answers.done(source, given.blobs)


def _refuse(where: str, why: Message) -> NoReturn:
    raise InputError(msg("{where}: {why}", where=where, why=why))


# --- what the run knows -------------------------------------------------------------------------


class _Run:
    """The questions, objects and checks of a run."""

    def __init__(self, results: Results) -> None:
        self._clauses = {(c.catalog, c.id): c for c in results.clauses}
        objects = {entry.object for entry in results.entries}
        self._targets = [t for t in results.targets if t.id in objects]
        self._issues = {f"check:{c.id}" for c in results.checks}
        self._issues |= {f"clause:{catalog}/{id}" for catalog, id in self._clauses}
        self._conclusions = {(c.catalog, c.clause, c.target): c for c in results.conclusions}
        self._states = {
            (c.catalog, c.clause, step.number, c.target): step.state
            for c in self._conclusions.values()
            for step in c.steps
            if step.answer is None
        }

    def questions(self, rows: Sequence[FormRow]) -> list[FormRow]:
        """The rows that answer questions, those of records too; raises InputError for an unknown.

        What is answered in two places has to be the same.
        """
        found: dict[str, FormRow] = {}
        for row in rows:
            if row.kind is FormKind.QUESTION:
                self._check_question(row)
            elif row.kind is FormKind.RECORD:
                row = self._of_record(row)
            else:
                continue
            first = found.setdefault(row.key, row)
            if any(first[name] != row[name] for name in _ANSWER_FIELDS):
                _refuse(row.where, msg("the same question is answered otherwise in {first}",
                                       first=first.where))  # fmt: skip
        return list(found.values())

    def _of_record(self, row: FormRow) -> FormRow:
        """The question that the record of `row` answers."""
        name, _, object = row.key.partition("@")
        catalog, _, clause = name.partition("/")
        conclusion = self._conclusions.get((catalog, clause, object))
        if conclusion is None:
            _refuse(row.where, msg("the run has no record {key}", key=row.key[:200]))
        return as_question(row, self._clauses[catalog, clause], conclusion, self._targets)

    def _check_question(self, row: FormRow) -> None:
        """Raises InputError where the run asks no such question of any object."""
        name, _, selector = row.key.partition("@")
        catalog, clause, step = (*name.split("/"), "", "")[:3]
        found = self._clauses.get((catalog, clause))
        fits = found is not None and any(str(s.number) == step for s in found.steps)
        if not fits or not any(covers(selector, t) for t in self._targets):
            _refuse(row.where, msg("the run has no question {key}", key=row.key[:200]))

    def check_issue(self, row: FormRow) -> None:
        """Raises InputError where the run has no such issue."""
        if row.key not in self._issues:
            _refuse(row.where, msg("the run has no issue {key}", key=row.key[:200]))

    def expired(self, answer: Attestation, today: datetime.date) -> tuple[Message, ...]:
        """That `answer` is too old already for the steps that it answers."""
        asked = {(s.catalog, s.clause, s.step) for s in answer.steps}
        until = min(
            (
                valid_until(answer, step)
                for clause in self._clauses.values()
                for step in clause.steps
                if (clause.catalog, clause.id, step.number) in asked
            ),
            default=today,
        )
        late = msg("it holds until {day}: the step stays open", day=until.isoformat())
        return (late,) if until < today else ()

    def against(self, answer: Attestation) -> tuple[str, ...]:
        """The objects on which checks say otherwise than `answer`."""
        wrong = StepState.AFFIRMED if answer.verdict is AnswerVerdict.DENIED else StepState.DENIED
        if answer.verdict is AnswerVerdict.VALUE:
            return ()
        return tuple(
            t.id
            for t in self._targets
            if covers(answer.selector, t)
            and any(
                self._states.get((s.catalog, s.clause, s.step, t.id)) is wrong for s in answer.steps
            )
        )


# --- answers ------------------------------------------------------------------------------------


def _read(rows: Sequence[FormRow], source: Source, policy: Policy, redact: Redact) -> Given:
    """The answers of `rows`, each read as one of a file of answers beside the document is."""
    written = [_written(row, source) for row in rows]

    def read(some: Iterable[dict[str, Any]]) -> Given:
        raw = json.dumps({"answers": list(some)}, ensure_ascii=False).encode()
        return read_answers(
            [source.path], policy, redact, today=source.today, raw={source.path: raw}
        )

    answers: list[Attestation] = []
    blobs: dict[str, bytes] = {}
    pairs = list(zip(rows, written, strict=True))
    for some in (pairs[n : n + _AT_ONCE] for n in range(0, len(pairs), _AT_ONCE)):
        try:
            given = read(answer for _, answer in some)
        except InputError:
            _refuse_unreadable(some, read)
            raise
        answers += given.answers.answers
        blobs |= given.blobs
    return Given(answers=AnswerSet(answers=tuple(answers)), blobs=blobs)


def _refuse_unreadable(some: Iterable[tuple[FormRow, dict[str, Any]]], read: Any) -> None:
    for row, answer in some:
        try:
            read([answer])
        except InputError as error:
            _refuse_entry(row, error.detail)


_FIELDS = {"by": "by", "date": "date", "text": "text", "reason": "text", "value": "text",
           "attachments": "evidence"}  # fmt: skip


def _refuse_entry(row: FormRow, detail: Message) -> NoReturn:
    """Refuses `row` for what reading it as an answer refuses, with the place in the document."""
    args = detail.args
    if not {"place", "expected", "got"} <= args.keys():
        _refuse(row.where, detail)
    key = _KEY.match(english(args["place"]) if isinstance(args["place"], Message) else "")
    expected = msg("expected {expected}, got {got}", expected=args["expected"], got=args["got"])
    _refuse(row.place(_FIELDS.get(key[1] if key else "", "")), expected)


def _written(row: FormRow, source: Source) -> dict[str, Any]:
    """`row` as an answer in a file; raises InputError where something is missing."""
    verdict = row["answer"]
    if not verdict:
        _refuse(row.place("answer"), _NO_ANSWER)
    if not row["text"]:
        _refuse(row.place("text"), msg("what was found, the reason or the value is missing"))
    date = row["date"] or source.today.isoformat()
    if date > source.today.isoformat():
        _refuse(row.place("date"), msg("{date} is in the future", date=date))
    files, documents = _evidence(row["evidence"], source.path.parent)
    cell_text = row["text"] + (f"〔{'；'.join(documents)}〕" if documents else "")
    return {
        "question": row.key,
        "verdict": verdict,
        _TEXT_KEYS.get(AnswerVerdict(verdict), "text"): cell_text,
        "by": row["by"] or source.by,
        "date": date,
        "entered": source.today.isoformat(),
        "attachments": [{"file": name, "sha256": digest} for name, digest in files],
    }


_NO_ANSWER = msg(
    "choose an answer; to change a given answer, choose another one instead of clearing it"
)


def _evidence(named: str, folder: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """The files beside the document, with their digests, and what is no file there."""
    files, documents = [], []
    for name in filter(None, (part.strip() for part in _BETWEEN.split(named))):
        if len(name) < 100 and _is_beside(name, folder):
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            files.append((name, digest))
        else:
            documents.append(name)
    return files, documents


def _is_beside(name: str, folder: Path) -> bool:
    """Whether `name` is a file below `folder`, with no link on the way to another place."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return False
    return (folder / name).is_file() and (folder / name).resolve() == folder.resolve() / name


class _Answers:
    """The answers and re-test results of a run while a document is taken into them."""

    def __init__(self, present: AnswerSet, known: _Run) -> None:
        self._present, self._known = present, known
        self._answers = list(present.answers)
        self._issue_notes = {retest.issue: retest for retest in present.issue_notes}
        self._changes: list[Change] = []

    def take(self, row: FormRow, answer: Attestation, source: Source) -> None:
        same = [a for a in self._answers if a.question == answer.question]
        last = max(same, key=lambda a: (a.entered, a.date), default=None)
        if last is not None and _same(row, _answer_fields(last), _answer_fields(answer)):
            return
        answer = structs.replace(answer, where=row.where)
        # Of two answers of one day the later one is meant; the store keeps the set with the other.
        key = (answer.question, answer.entered)
        self._answers = [a for a in self._answers if (a.question, a.entered) != key]
        self._answers.append(answer)
        against = self._known.against(answer)
        notes = self._known.expired(answer, source.today)
        if against:
            wrong = msg("CONTRADICTION: checks say otherwise on {targets}", targets=against)
            notes = (wrong, *notes)
        self._changes.append(
            Change(where=row.where, key=row.key, before=_answer_fields(last) if last else {},
                   after=_answer_fields(answer), notes=notes)
        )  # fmt: skip

    def take_issue(self, row: FormRow, source: Source) -> None:
        fields = ("responsible", "due", "status", "retest", "risk", "note", "harm", "advice")
        values = {name: row[name] for name in fields}
        last = self._issue_notes.get(row.key)
        before = {name: getattr(last, name) if last else "" for name in fields}
        if values == before:
            return
        self._issue_notes[row.key] = IssueNote(
            issue=row.key, by=source.by, entered=source.today.isoformat(), where=row.where, **values
        )
        self._changes.append(
            Change(where=row.where, key=row.key, before=_filled(before), after=_filled(values))
        )

    def done(self, source: Source, blobs: dict[str, bytes]) -> Imported:
        file = AnswerFile(name=source.path.name, sha256=hashlib.sha256(source.raw).hexdigest())
        files = self._present.files if not self._changes else (*self._present.files, file)
        answers = structs.replace(
            self._present,
            files=tuple(dict.fromkeys(files)),
            answers=tuple(self._answers),
            issue_notes=tuple(self._issue_notes[key] for key in sorted(self._issue_notes)),
        )
        return Imported(changes=tuple(self._changes), answers=answers, blobs=blobs)


def _same(row: FormRow, before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether there is nothing new; author and date that nobody wrote are none that differ."""
    given = {"by": row["by"], "date": row["date"]}
    aside = {name for name, value in given.items() if not value}
    return all(before.get(n) == after.get(n) for n in {*before, *after} - aside)


def _answer_fields(answer: Attestation) -> dict[str, str]:
    """What a person entered in `answer`, by field."""
    files = "；".join(f"{f.name} {f.sha256[:16]}" for f in answer.attachments)
    answer_text = answer.reason or answer.value or answer.text
    return _filled({"answer": answer.verdict.value, "text": answer_text, "by": answer.by,
                    "date": answer.date, "evidence": files})  # fmt: skip


def _filled(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
