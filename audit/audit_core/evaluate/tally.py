"""How the findings of one check on one object are counted for its conclusions. Pure.

Findings on any target count for objects of the whole system. Counts and a few ids are kept of
them, so that the memory this takes does not grow with the number of targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from audit_core.model import Message, Severity, Statement, Verdict

LISTED = 50
"""Ids of findings that are kept of one check, the worst first; the others are only counted."""

_REASONS = 5
_WORST = (Verdict.FAIL, Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE, Verdict.PASS)


class Tally(Struct, frozen=True, kw_only=True):
    """What the findings of one check say: how many of each verdict, and the worst by id.

    `severity` is that of the worst that failed; `detail` is why it does not apply, each once.
    """

    counts: dict[Verdict, int]
    ids: dict[Verdict, tuple[str, ...]]
    severity: Severity | None = None
    detail: tuple[Message, ...] = ()

    @property
    def count(self) -> int:
        """The number of findings, of all verdicts."""
        return sum(self.counts.values())

    @property
    def listed(self) -> tuple[str, ...]:
        """The ids that are kept, the worst verdict first."""
        return tuple(id for verdict in _WORST for id in self.ids.get(verdict, ()))[:LISTED]


Tallies: TypeAlias = Mapping[str, Tally]
"""By the id of the check."""


def tallied(findings: Iterable[Statement]) -> dict[str, Tally]:
    """How many of `findings` have which verdict, by check."""
    by_check: dict[str, list[Statement]] = {}
    for finding in findings:
        by_check.setdefault(finding.check, []).append(finding)
    return {check: _tally(found) for check, found in by_check.items()}


def _tally(findings: list[Statement]) -> Tally:
    if len(findings) == 1:  # as of nearly all checks on a host
        return _tally_of(findings[0])
    by_verdict: dict[Verdict, list[Statement]] = {}
    for finding in findings:
        by_verdict.setdefault(finding.verdict, []).append(finding)
    failed = (f.severity for f in by_verdict.get(Verdict.FAIL, ()))
    apart = by_verdict.get(Verdict.NOT_APPLICABLE, ())
    return Tally(
        counts={verdict: len(found) for verdict, found in by_verdict.items()},
        ids={v: tuple(f.id for f in found[:LISTED]) for v, found in by_verdict.items()},
        severity=min(failed, key=lambda s: s.rank, default=None),
        detail=_once(m for f in apart for m in f.detail),
    )


def _tally_of(finding: Statement) -> Tally:
    verdict = finding.verdict
    return Tally(
        counts={verdict: 1},
        ids={verdict: (finding.id,)},
        severity=finding.severity if verdict is Verdict.FAIL else None,
        detail=_once(finding.detail) if verdict is Verdict.NOT_APPLICABLE else (),
    )


class Totals:
    """Tallies of many objects, added up by check; the ids of those that are added first come first.

    One is kept of each check and changed in place: a run of 10,000 hosts adds a million of them.
    """

    def __init__(self) -> None:
        self._checks: dict[str, _Total] = {}

    def add(self, tallies: Tallies) -> None:
        """Adds the tallies of one object."""
        for check, tally in tallies.items():
            total = self._checks.get(check)
            if total is None:
                total = self._checks[check] = _Total()
            total.add(tally)

    def tallies(self) -> Tallies:
        """Everything that was added, by the id of the check."""
        return {check: total.tally() for check, total in self._checks.items()}


class _Total:
    """The tallies of one check."""

    def __init__(self) -> None:
        self._counts: dict[Verdict, int] = {}
        self._ids: dict[Verdict, list[str]] = {}
        self._severity: Severity | None = None
        self._detail: list[Message] = []

    def add(self, tally: Tally) -> None:
        for verdict, count in tally.counts.items():
            self._counts[verdict] = self._counts.get(verdict, 0) + count
            ids = self._ids.setdefault(verdict, [])
            if len(ids) < LISTED:
                ids += tally.ids.get(verdict, ())[: LISTED - len(ids)]
        self._severity = _worse(self._severity, tally.severity)
        if tally.detail and len(self._detail) < _REASONS:
            self._detail = list(_once((*self._detail, *tally.detail)))

    def tally(self) -> Tally:
        return Tally(
            counts=dict(self._counts),
            ids={verdict: tuple(ids) for verdict, ids in self._ids.items()},
            severity=self._severity,
            detail=tuple(self._detail),
        )


def _worse(one: Severity | None, other: Severity | None) -> Severity | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other, key=lambda s: s.rank)


def _once(messages: Iterable[Message]) -> tuple[Message, ...]:
    kept: list[Message] = []
    for message in messages:
        if message not in kept and len(kept) < _REASONS:
            kept.append(message)
    return tuple(kept)
