"""What people answered to the steps of clauses. Pure."""

from __future__ import annotations

import enum

from msgspec import Struct

from audit_core.model.messages import msg
from audit_core.model.waivers import Waiver

DENIED_BY = msg("Step {step} was denied by {by} on {date}: {text}")
NOT_APPLICABLE_BY = msg("Not applicable according to {by} on {date}: {reason}")
"""Reasons of a conclusion that repeat an answer; a record has the answer itself."""

ANSWERS_SCHEMA = "dengbao/answers/1"


class AnswerVerdict(enum.StrEnum):
    """The verdict of an answer on its step. VALUE: a value that was not judged yet."""

    AFFIRMED = "affirmed"
    DENIED = "denied"
    NOT_APPLICABLE = "not_applicable"
    VALUE = "value"


class AnswerState(enum.StrEnum):
    """What becomes of an answer. Only one that COUNTS says something of its step.

    EXPIRED, SUPERSEDED: the question is open again. UNJUDGED: a value without a verdict.
    CONTRADICTED: checks say otherwise.
    """

    COUNTS = "counts"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    UNJUDGED = "unjudged"
    CONTRADICTED = "contradicted"


class Superseded(Struct, frozen=True, kw_only=True):
    """From which day (ISO 8601) an answer is not true any more, and why."""

    date: str
    why: str


class Attachment(Struct, frozen=True, kw_only=True):
    """A file that belongs to an answer.

    `sha256` is that of the file as given, `stored` that of what the store holds: they differ where
    a secret was cut out of a text, by the rules in `redactions`.
    """

    name: str
    sha256: str
    stored: str
    size: int
    redactions: tuple[str, ...] = ()


class StepOf(Struct, frozen=True, kw_only=True):
    """A step, by catalog, clause and number."""

    catalog: str
    clause: str
    step: int


class Attestation(Struct, frozen=True, kw_only=True):
    """The answer of one person to one question. Dates are days, ISO 8601.

    `question` is `CATALOG/CLAUSE/STEP` with `@SELECTOR` unless it is about the whole system;
    `selector` repeats it. `steps` are all steps that ask this question. `date` is the day on which
    the fact was seen, `entered` the day on which it was written down, `where` `FILE:LINE`.
    """

    question: str
    selector: str
    steps: tuple[StepOf, ...]
    verdict: AnswerVerdict
    by: str
    date: str
    entered: str
    text: str = ""
    reason: str = ""
    value: str = ""
    expires: str | None = None
    superseded: Superseded | None = None
    attachments: tuple[Attachment, ...] = ()
    where: str = ""


class IssueNote(Struct, frozen=True, kw_only=True):
    """What people recorded of an issue: who fixes it, until when, and what the re-test showed.

    `issue` is `check:ID`, or `clause:CATALOG/CLAUSE`. `due` and `entered` are days, ISO 8601.
    `retest` and `status` are codes, empty for none. `risk` is the severity that is left.
    """

    issue: str
    by: str
    entered: str
    responsible: str = ""
    due: str = ""
    status: str = ""
    retest: str = ""
    risk: str = ""
    note: str = ""
    harm: str = ""
    advice: str = ""
    where: str = ""


class AnswerFile(Struct, frozen=True, kw_only=True):
    """A file of answers that was read: its name, and the digest (hex) of its bytes as given."""

    name: str
    sha256: str


class RiskVerdict(enum.StrEnum):
    """What a person judged of a high-risk rule: it holds, does not, or other measures lower it."""

    HOLDS = "holds"
    DISMISSED = "dismissed"
    MITIGATED = "mitigated"


class RiskJudgement(Struct, frozen=True, kw_only=True):
    """A person's judgement of a high-risk rule, or of a major risk, on this system."""

    rule: str
    catalog: str
    verdict: RiskVerdict
    by: str
    date: str
    entered: str
    text: str
    expires: str | None = None
    where: str = ""


class RetestResult(enum.StrEnum):
    """What a re-test (复测) found of a problem."""

    FIXED = "fixed"
    OPEN = "open"


class Retest(Struct, frozen=True, kw_only=True):
    """The re-test of a clause on an object. The first result stays as it is."""

    catalog: str
    clause: str
    target: str
    result: RetestResult
    by: str
    date: str
    entered: str
    text: str
    where: str = ""


class AnswerSet(Struct, frozen=True, kw_only=True):
    """What people answered about a run: answers, judged risks, re-tests, waivers; and files."""

    schema: str = ANSWERS_SCHEMA
    files: tuple[AnswerFile, ...] = ()
    answers: tuple[Attestation, ...] = ()
    issue_notes: tuple[IssueNote, ...] = ()
    risks: tuple[RiskJudgement, ...] = ()
    retests: tuple[Retest, ...] = ()
    waiver_files: tuple[AnswerFile, ...] = ()
    waivers: tuple[Waiver, ...] = ()


class StepAnswer(Struct, frozen=True, kw_only=True):
    """An answer as it stands for a step on an object; `valid_until` is its last day.

    `limit` is that of the step where the dates in `value` break it: the verdict is then `denied`.
    """

    question: str
    verdict: AnswerVerdict
    state: AnswerState
    by: str
    date: str
    entered: str
    valid_until: str
    text: str = ""
    reason: str = ""
    value: str = ""
    limit: str = ""
    superseded: Superseded | None = None
    attachments: tuple[Attachment, ...] = ()
