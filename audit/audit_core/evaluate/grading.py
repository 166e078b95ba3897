"""The word for the system: which grades are still possible, and which one to print. PURE."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from audit_core.evaluate.risks import RiskCounts
from audit_core.model import Message, Result, msg
from audit_core.model.gradings import BlockedBy, Grade, Grading
from audit_core.model.overall import Bounds, UnitConclusion


class Word(Struct, frozen=True, kw_only=True):
    """The word to print, empty for none, the grades that are possible, and why."""

    word: str = ""
    pending: bool = False
    range: tuple[str, ...] = ()
    why: tuple[Message, ...] = ()


def graded(
    grading: Grading,
    score: Bounds | None,
    risks: RiskCounts,
    units: Sequence[UnitConclusion],
    coverage: float,
) -> Word:
    """The word for a system with `score` and `risks`; only below `coverage` of clauses is none."""
    if score is None:
        return Word(why=(msg("No clause applies"),))
    if not grading.grades:
        return Word(why=_too_little(grading, units, coverage))
    first = _grade(grading, score.worst, _blocks(risks, units, worst=True))
    last = _grade(grading, score.best, _blocks(risks, units, worst=False))
    possible = tuple(g.id for g in reversed(grading.grades[last : first + 1]))
    why = _too_little(grading, units, coverage)
    if why:
        return Word(range=possible, why=why)
    return Word(word=possible[0], pending=len(possible) > 1, range=possible)


def _too_little(
    grading: Grading, units: Sequence[UnitConclusion], coverage: float
) -> tuple[Message, ...]:
    if coverage >= grading.coverage:
        return ()
    decided = sum(len(u.range) == 1 for u in units)
    return (
        msg(
            "No conclusion: {decided} of {total} clauses are settled, {needed} % are needed",
            decided=decided,
            total=len(units),
            needed=f"{100 * grading.coverage:g}",
        ),
    )


def _blocks(
    risks: RiskCounts, units: Sequence[UnitConclusion], *, worst: bool
) -> dict[BlockedBy, bool]:
    """What is there of all that keeps from a grade, in the worst or the best case."""
    good = (Result.CONFORMING, Result.NOT_APPLICABLE)
    end = 0 if worst else -1
    return {
        BlockedBy.NOTHING: False,
        BlockedBy.MAJOR_RISK: (risks.major.worst if worst else risks.major.best) > 0,
        BlockedBy.HIGH_RISK: (risks.high.worst if worst else risks.high.best) > 0,
        BlockedBy.ANY_PROBLEM: any(u.range and u.range[end] not in good for u in units),
    }


def _grade(grading: Grading, score: float, blocks: dict[BlockedBy, bool]) -> int:
    """The number of the best grade that `score` reaches and nothing blocks; the last one always."""
    for number, grade in enumerate(grading.grades):
        if _reached(grade, score) and not blocks[grade.blocked_by]:
            return number
    return len(grading.grades) - 1


def _reached(grade: Grade, score: float) -> bool:
    if grade.above is None or score > grade.above:
        return True
    return grade.inclusive and score == grade.above
