"""Statements on the steps of a standard, and conclusions on its clauses. Pure."""

from __future__ import annotations

import enum
from typing import Protocol

from msgspec import Struct

from audit_core.model.attestations import StepAnswer
from audit_core.model.checks import Severity, Verdict
from audit_core.model.messages import Message


class Result(enum.StrEnum):
    """A conclusion: 符合 部分符合 不符合 不适用 未测."""

    CONFORMING = "conforming"
    PARTLY_CONFORMING = "partly_conforming"
    NONCONFORMING = "nonconforming"
    NOT_APPLICABLE = "not_applicable"
    NOT_ASSESSED = "not_assessed"


class Role(enum.StrEnum):
    """What a check decides of the step that a mapping binds it to.

    `settles`: passes of all of them affirm the step, a fail denies it. `can_deny`: a fail denies
    the step, a pass affirms nothing. `supports`: evidence that decides nothing.
    """

    SETTLES = "settles"
    CAN_DENY = "can_deny"
    SUPPORTS = "supports"


class Coverage(enum.StrEnum):
    """How much of a clause its checks decide: all steps, some of them, none, or no check at all."""

    FULL = "full"
    PARTIAL = "partial"
    SUPPORTS = "supports"
    NONE = "none"


class StepState(enum.StrEnum):
    """What is known of a step on an object."""

    AFFIRMED = "affirmed"
    DENIED = "denied"
    NOT_APPLICABLE = "not_applicable"
    OPEN = "open"


class Statement(Protocol):
    """A statement on a subject: of a check in a finding, of a person in an attestation."""

    @property
    def id(self) -> str:
        """The id of the finding."""
        ...

    @property
    def check(self) -> str:
        """The id of the check."""
        ...

    @property
    def verdict(self) -> Verdict:
        """The verdict of the check on the object."""
        ...

    @property
    def severity(self) -> Severity:
        """How much a failure weighs."""
        ...

    @property
    def detail(self) -> tuple[Message, ...]:
        """The observed values, for the reader."""
        ...


class StepResult(Struct, frozen=True, kw_only=True):
    """A step on an object; `findings` are the ids of those that speak to it.

    `answer` is what a person answered, also where that does not count (any more).
    """

    number: int
    state: StepState
    findings: tuple[str, ...] = ()
    answer: StepAnswer | None = None


class Conclusion(Struct, frozen=True, kw_only=True):
    """The conclusion for one clause on one object.

    `range` is every word that is still possible, the worst first. `pending` (待定) says that
    `conclusion` is the worst of several. The texts of `steps` stand in the clause. It rests on
    `finding_count` findings; of each check `findings` names those with the worst verdicts, where
    there are more than fifty. `rolled_up` counts them by check and verdict where findings
    on other targets count for the object.
    """

    catalog: str
    clause: str
    unit: str | None
    target: str
    conclusion: Result
    pending: bool = False
    range: tuple[Result, ...] = ()
    coverage: Coverage
    steps: tuple[StepResult, ...] = ()
    findings: tuple[str, ...]
    finding_count: int = 0
    rolled_up: dict[str, dict[Verdict, int]] = {}
    why: tuple[Message, ...] = ()
    severity: Severity | None = None

    @property
    def open_steps(self) -> tuple[int, ...]:
        """The steps that people still have to answer; none where the clause conforms anyhow."""
        if self.conclusion is Result.CONFORMING:
            return ()
        return tuple(step.number for step in self.steps if step.state is StepState.OPEN)
