"""From findings to conclusions: one for every clause on every object it concerns. PURE.

A clause is 符合 only where checks that together cover it in full all pass; GB/T 28448: a unit is
符合 only if every step is affirmed. What checks cover in part is 未测 until a person brings the
rest, unless something fails: then it is at most 部分符合.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit_core.evaluate.tally import Tallies, Tally
from audit_core.model import (
    Conclusion,
    Coverage,
    Message,
    Result,
    Target,
    Verdict,
    msg,
)
from audit_core.model.results import Clause


def concerns(clause: Clause, target: Target) -> bool:
    """Whether `clause` has a conclusion on `target` at all: the catalog's layers say so."""
    return target.object_type in (clause.concerns or clause.applies_to)


def conclude(
    clause: Clause,
    target: Target,
    mapped: Sequence[tuple[Coverage, Tally]],
    missing: tuple[Message, ...],
) -> Conclusion:
    """The conclusion of `clause` on `target` from the findings mapped to it there.

    `mapped` holds the findings on the target and on its parts, counted by check, with the coverage
    policy gives them; `missing` is what a person has to bring where checks do not settle the
    clause.
    """
    if clause.applies_to and target.object_type not in clause.applies_to:
        said = msg("Clauses of this kind never apply to an object of this type")
        return _made(clause, target, Result.NOT_APPLICABLE, Coverage.NONE, mapped, why=(said,))
    counted = [(c, f) for c, f in mapped if c in (Coverage.FULL, Coverage.PARTIAL)]
    coverage = _coverage(mapped)
    result = _result(counted, coverage)
    why = (*_why(result, coverage, counted), *_aside(result, mapped))
    left = missing if _incomplete(result, coverage, counted) else ()
    return _made(clause, target, result, coverage, mapped, why=why, missing=left)


def _coverage(mapped: Sequence[tuple[Coverage, Tally]]) -> Coverage:
    given = {coverage for coverage, _ in mapped}
    for coverage in (Coverage.FULL, Coverage.PARTIAL, Coverage.SUPPORTS):
        if coverage in given:
            return coverage
    return Coverage.NONE


def _result(counted: Sequence[tuple[Coverage, Tally]], coverage: Coverage) -> Result:
    passes = _any(counted, Verdict.PASS)
    if _any(counted, Verdict.FAIL):
        return Result.PARTLY_CONFORMING if passes else Result.NONCONFORMING
    if not counted or _any(counted, Verdict.UNDETERMINED) or coverage is not Coverage.FULL:
        return Result.NOT_ASSESSED
    if _any([(c, t) for c, t in counted if c is Coverage.FULL], Verdict.PASS):
        return Result.CONFORMING
    # A part that passes beside a whole that does not apply settles nothing.
    return Result.NOT_ASSESSED if passes else Result.NOT_APPLICABLE


def _any(mapped: Sequence[tuple[Coverage, Tally]], verdict: Verdict) -> bool:
    return any(verdict in tally.counts for _, tally in mapped)


def _incomplete(
    result: Result, coverage: Coverage, counted: Sequence[tuple[Coverage, Tally]]
) -> bool:
    blind = _any(counted, Verdict.UNDETERMINED)
    return result is Result.NOT_ASSESSED or blind or coverage is not Coverage.FULL


def _why(
    result: Result, coverage: Coverage, counted: Sequence[tuple[Coverage, Tally]]
) -> tuple[Message, ...]:
    if result is Result.NOT_APPLICABLE:
        return tuple(m for _, tally in counted for m in tally.said)
    if result is Result.NONCONFORMING and _incomplete(result, coverage, counted):
        # What only supports may have passed, and stands in the same record.
        said = msg(
            "Of the checks that count here, none passed so far; "
            "what is still open may make this partly conforming"
        )
        return (said,)
    if result is not Result.NOT_ASSESSED:
        return ()
    if not counted:
        return (msg("No check settles this clause; a person has to look"),)
    if _any(counted, Verdict.UNDETERMINED):
        return (msg("Something could not be determined"),)
    return (msg("The checks cover this clause only in part"),)


def _aside(result: Result, mapped: Sequence[tuple[Coverage, Tally]]) -> tuple[Message, ...]:
    """Why checks failed and the clause does not fail: they decide nothing."""
    if not _any(mapped, Verdict.FAIL) or result not in (Result.NOT_ASSESSED, Result.CONFORMING):
        return ()
    return (msg("The checks that failed are evidence and decide nothing by themselves"),)


def _made(
    clause: Clause,
    target: Target,
    result: Result,
    coverage: Coverage,
    mapped: Sequence[tuple[Coverage, Tally]],
    *,
    why: tuple[Message, ...] = (),
    missing: tuple[Message, ...] = (),
) -> Conclusion:
    failed = [tally.severity for _, tally in mapped if tally.severity is not None]
    return Conclusion(
        catalog=clause.catalog,
        clause=clause.id,
        unit=clause.unit,
        target=target.id,
        conclusion=result,
        coverage=coverage,
        findings=tuple(sorted(id for _, tally in mapped for id in tally.listed)),
        finding_count=sum(tally.count for _, tally in mapped),
        why=why,
        missing=missing,
        severity=min(failed, key=lambda s: s.rank, default=None),
    )


def assess(
    clauses: Sequence[Clause],
    target: Target,
    tallies: Tallies,
    bindings: Mapping[tuple[str, str], Sequence[tuple[str, Coverage]]],
    missing: Mapping[tuple[str, str], tuple[Message, ...]],
) -> tuple[Conclusion, ...]:
    """The conclusions on the object `target`: one for each clause that concerns it, in order.

    `tallies` are the findings that count for it; `bindings` maps (catalog, clause) to the checks
    and their coverage.
    """
    return tuple(
        conclude(
            clause,
            target,
            [
                (coverage, tallies[check])
                for check, coverage in bindings.get((clause.catalog, clause.id), ())
                if check in tallies
            ],
            missing.get((clause.catalog, clause.id), ()),
        )
        for clause in clauses
        if concerns(clause, target)
    )


_WHOLE = frozenset({"site", "network", "organisation"})


def is_whole(target: Target) -> bool:
    """Whether what any target tells counts for the clauses of `target`."""
    return target.object_type in _WHOLE
