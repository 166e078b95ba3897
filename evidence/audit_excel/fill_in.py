"""What people fill in: the columns of questions and issues, and the marks by which rows are known.

The hidden cell of a row holds its key and a digest of what stood in its columns when it was
written, one for each step that it asks after, so that an importer knows what a person changed. That
of the head says which table it is. Both stay with their rows when a program sorts, filters, inserts
or copies them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from audit_core.model import Message, msg
from audit_core.model.attestations import AnswerVerdict
from audit_core.model.forms import PENDING, FormKind
from audit_excel.labels import RESULTS
from audit_excel.record_text import ANSWERED

MARK = "dengbao-form/1"
_DIGITS = 12
_SHORT = 6

STATUSES: dict[str, Message] = {
    "open": msg("open"),
    "in_progress": msg("in progress"),
    "awaiting_retest": msg("awaiting retest"),
    "closed": msg("closed"),
}
RETESTS: dict[str, Message] = {
    "fixed": msg("fixed"),
    "partly_fixed": msg("partly fixed"),
    "not_fixed": msg("not fixed"),
    "risk_accepted": msg("risk accepted"),
}
RISKS: dict[str, Message] = {
    "high": msg("High"),
    "medium": msg("Medium"),
    "low": msg("Low"),
    "none": msg("none left"),
}
ANSWERS: dict[str, Message] = {v.value: ANSWERED[v] for v in AnswerVerdict}


class Field(Struct, frozen=True, kw_only=True):
    """A column that people fill in; `choices` by code, where they pick from a list.

    `shown` are codes that stand there and cannot be picked. `per_step`: there is one for each step
    of a clause, `ID.NUMBER`, with the number in its title.
    """

    id: str
    title: Message
    width: float
    choices: Mapping[str, Message] = {}
    shown: Mapping[str, Message] = {}
    date: bool = False
    per_step: bool = False

    @property
    def words(self) -> Mapping[str, Message]:
        """Every word that may stand there, by its code."""
        return {**self.shown, **self.choices}


CONFORMITIES: dict[str, Message] = {result.value: word for result, word in RESULTS.items()}
_PENDING = {
    PENDING + result: msg("{word} (pending)", word=word) for result, word in CONFORMITIES.items()
}

_ANSWER_TEXT_FIELDS = (
    Field(id="text", title=msg("What was found, or why it does not apply"), width=34),
    Field(id="by", title=msg("Answered by"), width=11),
    Field(id="date", title=msg("Date of the fact"), width=12, date=True),
    Field(id="evidence", title=msg("Evidence (file or document)"), width=18),
)
FIELDS: dict[FormKind, tuple[Field, ...]] = {
    FormKind.QUESTION: (
        Field(id="answer", title=msg("Step {number}"), width=9, choices=ANSWERS, per_step=True),
        *_ANSWER_TEXT_FIELDS,
    ),
    FormKind.RECORD: (
        Field(
            id="conformity", title=msg("Conformity"), width=14, choices=CONFORMITIES, shown=_PENDING
        ),
        *_ANSWER_TEXT_FIELDS,
    ),
    FormKind.ISSUE: (
        Field(id="advice", title=msg("Advice"), width=34),
        Field(id="harm", title=msg("Analysis of the harm"), width=30),
        Field(id="responsible", title=msg("Responsible"), width=12),
        Field(id="due", title=msg("Due date"), width=12, date=True),
        Field(id="status", title=msg("Status"), width=11, choices=STATUSES),
        Field(id="retest", title=msg("Result of retest"), width=12, choices=RETESTS),
        Field(id="risk", title=msg("Risk after"), width=9, choices=RISKS),
        Field(id="note", title=msg("Note on the retest"), width=20),
    ),
}

PROPOSED = ("advice", "harm")
"""Fields of an issue that begin with a proposal; it is what nobody wrote until it is changed."""

GENERATED: dict[FormKind, tuple[Message, ...]] = {
    FormKind.QUESTION: (
        msg("Object"), msg("Control point"), msg("Item"), msg("Method"), msg("What to provide"),
        msg("Conformity"), msg("Question no."),
    ),
    FormKind.ISSUE: (
        msg("Security problem"), msg("Object"), msg("Related items"), msg("Risk level"),
        msg("High-risk rule"),
    ),
    FormKind.RECORD: (),
}  # fmt: skip
"""Columns that dengbao writes, by title: what stands there belongs to the key of its row."""


def head_mark(kind: FormKind, run: str, lang: str) -> str:
    """What the hidden cell of the head says: the kind of table, its language, its run."""
    return f"{MARK} {kind.value} {lang} {run}"


def read_head(text: str) -> tuple[FormKind, str, str] | None:
    """The kind, language and run of a head; None for anything else."""
    mark, _, rest = text.partition(" ")
    parts = rest.split(" ", 2)
    if mark != MARK or len(parts) != 3 or parts[0] not in set(FormKind):
        return None
    return FormKind(parts[0]), parts[1], parts[2]


_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


def plain(text: str) -> str:
    """`text` as it is meant: `_x000D_` is how the format spells a character (ECMA-376)."""
    decoded = _ESCAPED.sub(lambda hit: chr(int(hit[1], 16)), text)
    return decoded.replace("\r\n", "\n").replace("\r", "\n").strip()


class RowMark(NamedTuple):
    """What the hidden cell of a row holds: its key, and digests of what stood in its cells.

    `filled` are those of the columns to fill in, one for each step. `generated` are short ones, by
    number of the column that dengbao writes.
    """

    key: str
    filled: tuple[str, ...]
    generated: tuple[str, ...] = ()


def row_mark(key: str, *values: Iterable[str], generated: Sequence[str] = ()) -> str:
    """The key of a row and what stood in its columns, for each step, as its hidden cell has it."""
    shown = "-".join(map(short_digest, generated))
    return f"{key} #{'.'.join(map(digest_of, values))}" + (f"~{shown}" if shown else "")


def read_row(text: str) -> RowMark | None:
    """The mark of a row; None for anything else."""
    key, found, digests = text.rpartition(" #")
    filled, _, generated = digests.partition("~")
    each, shown = tuple(filled.split(".")), tuple(filter(None, generated.split("-")))
    whole = all(len(one) == _DIGITS for one in each) and all(len(one) == _SHORT for one in shown)
    return RowMark(key, each, shown) if found and whole else None


def short_digest(text: str) -> str:
    """The digest of what stands in a column that dengbao writes."""
    return digest_of([text])[:_SHORT]


def step_field(field: str, number: int | str) -> str:
    """The id of the column of `field` for the step `number`."""
    return f"{field}.{number}"


def columns_of(kind: FormKind, steps: int = 1) -> Iterator[tuple[str, Message, Field]]:
    """Id, title and field of each column, where there are `steps` steps at most."""
    for field in FIELDS[kind]:
        if not field.per_step:
            yield field.id, field.title, field
            continue
        for number in range(1, steps + 1):
            title = replace(field.title, args={"number": number})
            yield step_field(field.id, number), title, field


def question_keys(key: str) -> tuple[tuple[str, str], ...]:
    """The steps of the row `key` and their questions: `C/1.1/1+2@WHOM` asks `C/1.1/1@WHOM` first.

    Not of the form of a row of questions: nothing.
    """
    name, at, selector = key.partition("@")
    clause, slash, steps = name.rpartition("/")
    if not slash:
        return ()
    return tuple((step, f"{clause}/{step}{at}{selector}") for step in steps.split("+"))


def digest_of(values: Iterable[str]) -> str:
    """The digest of what stands in the columns of a row."""
    whole = "\x1f".join(" ".join(value.split()) for value in values)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def in_order(kind: FormKind, entries: Mapping[str, str]) -> Sequence[str]:
    """The values of `entries` in the order of the columns."""
    return [entries.get(field.id, "") for field in FIELDS[kind]]
