"""Waivers looked at by what was found: which are wrong, and which deviations they are about. PURE.

Nothing here is read by judging or concluding: a waiver changes no verdict and no conclusion.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence

from audit_core.attest.answers_in_force import covers
from audit_core.model import (
    Conclusion,
    Finding,
    Message,
    Result,
    StepState,
    Target,
    Verdict,
    msg,
)
from audit_core.model.overall import WaiverResult
from audit_core.model.waivers import Waiver, WaiverFault

MAX_DAYS = 365
"""Days after its approval in which a waiver has to be approved anew: a proposal of ours."""

_LISTED = 50
_BAD = (Result.NONCONFORMING, Result.PARTLY_CONFORMING)
Clauses = Collection[tuple[str, str]]


class WaiverReview:
    """Takes conclusions and findings one by one, and returns what each waiver covers and lacks.

    `strict` are the clauses, by catalog and id, whose high-risk rule allows no mitigation,
    `clauses_of` those that a check decides. `now` is the time by which waivers expire.
    """

    def __init__(
        self,
        waivers: Sequence[Waiver],
        targets: Mapping[str, Target],
        strict: Clauses,
        clauses_of: Mapping[str, Clauses],
        now: datetime.datetime,
    ) -> None:
        self._matches = [_WaiverMatches(waiver, targets) for waiver in waivers]
        self._strict, self._clauses_of, self._now = strict, clauses_of, now

    @property
    def wants_findings(self) -> bool:
        """Whether some waiver is about a check."""
        return any(one.waiver.check for one in self._matches)

    def conclusion(self, c: Conclusion) -> None:
        """Takes a conclusion into account."""
        for one in self._matches:
            one.conclusion(c)

    def finding(self, f: Finding) -> None:
        """Takes a finding into account."""
        for one in self._matches:
            one.finding(f)

    def results(self) -> tuple[WaiverResult, ...]:
        """What became of each waiver, in their order."""
        return tuple(self._result(one) for one in self._matches)

    def _result(self, one: _WaiverMatches) -> WaiverResult:
        faults = tuple(self._faults(one))
        return WaiverResult(
            waiver=one.waiver,
            faults=faults,
            detail=tuple(self._fault_message(fault, one.waiver) for fault in faults),
            findings=tuple(one.findings[:_LISTED]),
            conclusions=tuple(one.conclusions[:_LISTED]),
            count=len(one.findings) + len(one.conclusions),
        )

    def _faults(self, one: _WaiverMatches) -> Iterator[WaiverFault]:
        waiver = one.waiver
        if datetime.datetime.fromisoformat(waiver.expires) <= self._now:
            yield WaiverFault.EXPIRED
        if not one.matched:
            yield WaiverFault.MATCHES_NOTHING
        elif not one.findings and not one.conclusions:
            yield WaiverFault.UNUSED
        if (self._now.date() - datetime.date.fromisoformat(waiver.approved)).days > MAX_DAYS:
            yield WaiverFault.TOO_OLD
        if self._is_strict(one):
            yield WaiverFault.NO_MITIGATION
        if not waiver.ticket:
            yield WaiverFault.NO_TICKET
        if not waiver.approver:
            yield WaiverFault.NO_APPROVER

    def _is_strict(self, one: _WaiverMatches) -> bool:
        about = self._clauses_of.get(one.waiver.check, ()) if one.waiver.check else one.clauses
        return any(key in self._strict for key in about)

    def _fault_message(self, fault: WaiverFault, waiver: Waiver) -> Message:
        match fault:
            case WaiverFault.EXPIRED:
                return msg("It expired at {time}", time=waiver.expires)
            case WaiverFault.UNUSED:
                return msg("There is nothing to waive: no deviation was found")
            case WaiverFault.MATCHES_NOTHING:
                return msg("It is about no clause, check or target of this run")
            case WaiverFault.TOO_OLD:
                return msg("It was approved on {day}, more than {days} days ago",
                           day=waiver.approved, days=MAX_DAYS)  # fmt: skip
            case WaiverFault.NO_MITIGATION:
                return msg("A high-risk rule of the clause allows no mitigation")
            case WaiverFault.NO_TICKET:
                return msg("It names no ticket")
        return msg("It names no approver")


class _WaiverMatches:
    """A waiver with what it is about."""

    def __init__(self, waiver: Waiver, targets: Mapping[str, Target]) -> None:
        self.waiver = waiver
        self.matched = False
        self.clauses: set[tuple[str, str]] = set()
        self.findings: list[str] = []
        self.conclusions: list[str] = []
        self._targets = targets

    def conclusion(self, c: Conclusion) -> None:
        waiver = self.waiver
        if waiver.clause != c.clause or waiver.catalog not in ("", c.catalog):
            return
        # What is accepted for a host is not for a database on it, which is an object of its own.
        if not self._covers(c.target, parents=False):
            return
        steps = [s for s in c.steps if s.number == waiver.step]
        if waiver.step is not None and not steps:
            return
        self.matched = True
        self.clauses.add((c.catalog, c.clause))
        denied = any(s.state is StepState.DENIED for s in steps)
        if denied if waiver.step is not None else c.conclusion in _BAD:
            self.conclusions.append(f"{c.clause}@{c.target}")

    def finding(self, f: Finding) -> None:
        if self.waiver.check != f.check or not self._covers(f.target, parents=True):
            return
        self.matched = True
        if f.verdict is Verdict.FAIL:
            self.findings.append(f.id)

    def _covers(self, id: str, *, parents: bool) -> bool:
        """Whether it is about that target or, with `parents`, one that it is a part of."""
        if not self.waiver.targets:
            return True
        target = self._targets.get(id)
        while target is not None:
            if any(covers(selector, target) for selector in self.waiver.targets):
                return True
            target = self._targets.get(target.parent) if parents and target.parent else None
        return False
