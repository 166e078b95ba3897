"""Checks, their verdicts and findings. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from audit_core.model.facts import Need
from audit_core.model.messages import Message


class Severity(enum.StrEnum):
    """How bad a failed check is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """Its place in the order of severities, 0 for the worst."""
        return (Severity.HIGH, Severity.MEDIUM, Severity.LOW).index(self)


class Verdict(enum.StrEnum):
    """The result of a check on a target."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNDETERMINED = "undetermined"


class Judgement(Struct, frozen=True, kw_only=True):
    """What a check returns: the verdict, its explanation, the expected value."""

    verdict: Verdict
    detail: tuple[Message, ...]
    expected: Message | None = None


class Parameter(Struct, frozen=True, kw_only=True):
    """One keyword parameter of a check. `tightens` is up, down, subset, superset or None."""

    name: str
    type: Any
    default: Any
    tightens: str | None = None


class Check(Struct, frozen=True, kw_only=True):
    """A pure function from facts and parameters to a judgement. `title` is its docstring line."""

    id: str
    title: Message
    kind: str
    needs: tuple[Need, ...]
    severity: Severity
    version: int
    parameters: tuple[Parameter, ...]
    when_absent: Judgement | None
    judge: Callable[..., Judgement]
    remedy: Message | None = None

    def __hash__(self) -> int:
        return hash(self.id)


class Finding(Struct, frozen=True, kw_only=True):
    """Check × target. `why` is a code: the reason for absence, or of a fault; empty otherwise.

    `sources` are the ids of the facts that were used where one of several is enough. `looked_at`
    names in short what was looked at: files, commands, interfaces, the one that matters most first.
    `unverified` says what of this kind of target was never tried on a real system.
    """

    id: str
    check: str
    check_version: int
    target: str
    verdict: Verdict
    severity: Severity
    why: str
    detail: tuple[Message, ...]
    expected: Message | None
    evidence: tuple[str, ...]
    sources: tuple[str, ...] = ()
    looked_at: tuple[str, ...] = ()
    params: dict[str, Any] = {}
    remedy: Message | None = None
    unverified: Message | None = None

    @property
    def details(self) -> tuple[Message, ...]:
        """`detail`, then what was never tried."""
        return self.detail if self.unverified is None else (*self.detail, self.unverified)
