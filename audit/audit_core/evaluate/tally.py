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


def added(one: Tally, other: Tally) -> Tally:
    """Both together; the ids of `one` come first."""
    both = one.counts.keys() | other.counts.keys()
    severities = [s for s in (one.severity, other.severity) if s is not None]
    return Tally(
        counts={v: one.counts.get(v, 0) + other.counts.get(v, 0) for v in both},
        ids={v: (*one.ids.get(v, ()), *other.ids.get(v, ()))[:LISTED] for v in both},
        severity=min(severities, key=lambda s: s.rank, default=None),
        detail=_once((*one.detail, *other.detail)),
    )


def _once(messages: Iterable[Message]) -> tuple[Message, ...]:
    kept: list[Message] = []
    for message in messages:
        if message not in kept and len(kept) < _REASONS:
            kept.append(message)
    return tuple(kept)
