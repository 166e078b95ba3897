"""Which judgement of a high-risk rule holds, and what a re-test found fixed. PURE."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from audit_core.attest.validity import HALF_A_YEAR
from audit_core.model.attestations import IssueNote, Retest, RetestResult, RiskJudgement
from audit_core.model.overall import JudgedRisk, RiskState


def risks_in_force(given: Iterable[RiskJudgement], judged: str) -> dict[str, JudgedRisk]:
    """The judgement that holds for each rule on the day `judged`: the one entered last.

    It holds for half a year from its date, or until an earlier day that it names; then the rule is
    to be judged again.
    """
    newest: dict[str, RiskJudgement] = {}
    for one in given:
        held = newest.setdefault(one.rule, one)
        newest[one.rule] = max(held, one, key=lambda r: (r.entered, r.date))
    return {rule: _stand(one, judged) for rule, one in newest.items()}


def _stand(given: RiskJudgement, judged: str) -> JudgedRisk:
    last = datetime.date.fromisoformat(given.date) + datetime.timedelta(days=HALF_A_YEAR)
    until = min(last.isoformat(), given.expires or "9999-12-31")
    return JudgedRisk(
        verdict=RiskState(given.verdict.value),
        state="counts" if until >= judged else "expired",
        by=given.by,
        date=given.date,
        entered=given.entered,
        valid_until=until,
        text=given.text,
    )


def newest_retests(given: Iterable[Retest], collected: str) -> tuple[Retest, ...]:
    """The newest re-test of each clause on each object of those on the day `collected` or later.

    A re-test before the collection says nothing: what was collected later shows what is there.
    """
    newest: dict[tuple[str, str, str], Retest] = {}
    for one in given:
        if one.date >= collected:
            key = (one.catalog, one.clause, one.target)
            held = newest.setdefault(key, one)
            newest[key] = max(held, one, key=lambda r: (r.date, r.entered))
    return tuple(newest.values())


def fixed_by_retest(
    given: Iterable[Retest], collected: str, notes: Iterable[IssueNote] = ()
) -> frozenset[tuple[str, str, str]]:
    """Catalog, clause and object of what the newest re-test after the day `collected` found fixed.

    The object is empty where a note on the issue says so of all.
    """
    newest = {(r.catalog, r.clause, r.target): r for r in newest_retests(given, collected)}
    fixed = {k for k, one in newest.items() if one.result is RetestResult.FIXED}
    return frozenset(fixed | set(_noted(notes, collected)))


def fixed_checks(notes: Iterable[IssueNote], collected: str) -> frozenset[str]:
    """The checks of the issues that a note of the day `collected` or later says are all fixed."""
    return frozenset(
        note.issue.removeprefix("check:")
        for note in notes
        if note.issue.startswith("check:")
        and note.retest == RetestResult.FIXED
        and note.entered >= collected
    )


def _noted(notes: Iterable[IssueNote], collected: str) -> Iterator[tuple[str, str, str]]:
    for note in notes:
        kind, _, name = note.issue.partition(":")
        catalog, _, clause = name.partition("/")
        if kind == "clause" and note.retest == RetestResult.FIXED and note.entered >= collected:
            yield catalog, clause, ""
