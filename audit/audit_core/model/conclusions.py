"""What findings mean for the clauses of a standard. Pure."""

from __future__ import annotations

import enum

from msgspec import Struct

from audit_core.model.checks import Severity
from audit_core.model.messages import Message


class Result(enum.StrEnum):
    """A conclusion: 符合 部分符合 不符合 不适用 未测."""

    CONFORMING = "conforming"
    PARTLY_CONFORMING = "partly_conforming"
    NONCONFORMING = "nonconforming"
    NOT_APPLICABLE = "not_applicable"
    NOT_ASSESSED = "not_assessed"


class Coverage(enum.StrEnum):
    """How much of a clause the checks mapped to it settle."""

    FULL = "full"
    PARTIAL = "partial"
    SUPPORTS = "supports"
    NONE = "none"


class Conclusion(Struct, frozen=True, kw_only=True):
    """Clause × object. `missing` is what a person still has to bring, in message form.

    It rests on `finding_count` findings; of each check `findings` names those with the worst
    verdicts, where there are more than fifty.
    """

    catalog: str
    clause: str
    unit: str | None
    target: str
    conclusion: Result
    coverage: Coverage
    findings: tuple[str, ...]
    finding_count: int = 0
    why: tuple[Message, ...] = ()
    missing: tuple[Message, ...] = ()
    severity: Severity | None = None
