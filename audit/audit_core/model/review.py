"""What a reader of a pack learns about a run beside its results. Pure data."""

from __future__ import annotations

import enum

from msgspec import Struct

from audit_core.model.attestations import IssueNote
from audit_core.model.checks import Severity
from audit_core.model.messages import Message


class ProblemKind(enum.StrEnum):
    """What is wrong with a record."""

    REPEATS_CLAUSE = "repeats_clause"
    CONTRADICTION = "contradiction"
    NO_REASON = "no_reason"
    NOT_SAMPLED = "not_sampled"
    OLD_EVIDENCE = "old_evidence"
    NOT_MENTIONED = "not_mentioned"
    FOREIGN_NAME = "foreign_name"


class RecordProblem(Struct, frozen=True, kw_only=True):
    """One problem. `target` and `clause` are empty where it is about no single one of them."""

    kind: ProblemKind
    detail: Message
    target: str = ""
    catalog: str = ""
    clause: str = ""


class IssueOutcome(enum.StrEnum):
    """What became of an issue on a target. NOT_RETESTED: nobody could look, or it is not there."""

    CLOSED = "closed"
    OPEN = "open"
    NOT_RETESTED = "not_retested"


class IssueBefore(Struct, frozen=True, kw_only=True):
    """An issue of the run before: `key` is `check:ID`, or `clause:CATALOG/CLAUSE` without a check.

    `title` is that of the check; `became` tells for each target what this run found, `note` what
    people recorded of the issue with the run before.
    """

    key: str
    severity: Severity
    became: tuple[tuple[str, IssueOutcome], ...]
    title: Message | None = None
    note: IssueNote | None = None
