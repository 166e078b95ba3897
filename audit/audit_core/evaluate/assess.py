"""From findings to conclusions: one for every clause on every object it concerns. PURE.

A clause is 符合 only where checks that together cover it in full all pass; GB/T 28448: a unit is
符合 only if every step is affirmed. What checks cover in part is 未测 until a person brings the
rest, unless something fails: then it is at most 部分符合.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Message,
    Result,
    Target,
    Verdict,
    msg,
)
from audit_core.model.results import Clause


def objects(targets: Iterable[Target]) -> tuple[Target, ...]:
    """The targets that are objects of assessment: all that are not part of another."""
    return tuple(t for t in targets if t.parent is None)


def concerns(clause: Clause, target: Target) -> bool:
    """Whether `clause` has a conclusion on `target` at all: the catalog's layers say so."""
    return target.object_type in (clause.concerns or clause.applies_to)


def conclude(
    clause: Clause,
    target: Target,
    mapped: Sequence[tuple[Coverage, Finding]],
    missing: tuple[Message, ...],
) -> Conclusion:
    """The conclusion of `clause` on `target` from the findings mapped to it there.

    `mapped` holds the findings on the target and on its parts with the coverage policy gives
    them; `missing` is what a person has to bring where checks do not settle the clause.
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


def _coverage(mapped: Sequence[tuple[Coverage, Finding]]) -> Coverage:
    given = {coverage for coverage, _ in mapped}
    for coverage in (Coverage.FULL, Coverage.PARTIAL, Coverage.SUPPORTS):
        if coverage in given:
            return coverage
    return Coverage.NONE


def _result(counted: Sequence[tuple[Coverage, Finding]], coverage: Coverage) -> Result:
    verdicts = [f.verdict for _, f in counted]
    passes, fails = verdicts.count(Verdict.PASS), verdicts.count(Verdict.FAIL)
    if fails:
        return Result.PARTLY_CONFORMING if passes else Result.NONCONFORMING
    if not counted or Verdict.UNDETERMINED in verdicts or coverage is not Coverage.FULL:
        return Result.NOT_ASSESSED
    if (Coverage.FULL, Verdict.PASS) in [(c, f.verdict) for c, f in counted]:
        return Result.CONFORMING
    # A part that passes beside a whole that does not apply settles nothing.
    return Result.NOT_ASSESSED if passes else Result.NOT_APPLICABLE


def _incomplete(
    result: Result, coverage: Coverage, counted: Sequence[tuple[Coverage, Finding]]
) -> bool:
    blind = any(f.verdict is Verdict.UNDETERMINED for _, f in counted)
    return result is Result.NOT_ASSESSED or blind or coverage is not Coverage.FULL


def _why(
    result: Result, coverage: Coverage, counted: Sequence[tuple[Coverage, Finding]]
) -> tuple[Message, ...]:
    if result is Result.NOT_APPLICABLE:
        return tuple(m for _, f in counted for m in f.said)
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
    if any(f.verdict is Verdict.UNDETERMINED for _, f in counted):
        return (msg("Something could not be determined"),)
    return (msg("The checks cover this clause only in part"),)


def _aside(result: Result, mapped: Sequence[tuple[Coverage, Finding]]) -> tuple[Message, ...]:
    """Why checks failed and the clause does not fail: they decide nothing."""
    failed = any(f.verdict is Verdict.FAIL for _, f in mapped)
    if not failed or result not in (Result.NOT_ASSESSED, Result.CONFORMING):
        return ()
    return (msg("The checks that failed are evidence and decide nothing by themselves"),)


def _made(
    clause: Clause,
    target: Target,
    result: Result,
    coverage: Coverage,
    mapped: Sequence[tuple[Coverage, Finding]],
    *,
    why: tuple[Message, ...] = (),
    missing: tuple[Message, ...] = (),
) -> Conclusion:
    failed = [f.severity for _, f in mapped if f.verdict is Verdict.FAIL]
    return Conclusion(
        catalog=clause.catalog,
        clause=clause.id,
        unit=clause.unit,
        target=target.id,
        conclusion=result,
        coverage=coverage,
        findings=tuple(sorted(f.id for _, f in mapped)),
        why=why,
        missing=missing,
        severity=min(failed, key=lambda s: s.rank, default=None),
    )


def assess(
    clauses: Sequence[Clause],
    targets: Sequence[Target],
    findings: Sequence[Finding],
    bindings: Mapping[tuple[str, str], Sequence[tuple[str, Coverage]]],
    missing: Mapping[tuple[str, str], tuple[Message, ...]],
) -> tuple[Conclusion, ...]:
    """Every clause on every object it concerns, in the order of clauses within objects.

    `bindings` maps (catalog, clause) to the checks and their coverage.
    """
    by_object = _by_object(targets, findings)
    return tuple(
        conclude(
            clause,
            target,
            [
                (coverage, finding)
                for check, coverage in bindings.get((clause.catalog, clause.id), ())
                for finding in by_object.get((target.id, check), ())
            ],
            missing.get((clause.catalog, clause.id), ()),
        )
        for target in objects(targets)
        for clause in clauses
        if concerns(clause, target)
    )


# Objects of the whole system: what any target tells counts for their clauses.
_WIDE = frozenset({"site", "network", "organisation"})


def _by_object(
    targets: Sequence[Target], findings: Sequence[Finding]
) -> dict[tuple[str, str], list[Finding]]:
    by_id = {t.id: t for t in targets}
    wide = tuple(t.id for t in targets if t.object_type in _WIDE)
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        target = by_id[finding.target]
        while target.parent is not None:
            target = by_id[target.parent]
        for id in dict.fromkeys((target.id, *wide)):
            found.setdefault((id, finding.check), []).append(finding)
    return found
