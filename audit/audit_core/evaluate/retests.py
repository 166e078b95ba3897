"""Conclusions as far as they count for the system, with what re-tests found fixed. PURE.

A conclusion that counts holds no texts and names no findings: it goes from the process that made it
to the one that adds all of them up.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, structs

from audit_core.model import Conclusion, StepResult, StepState, Verdict
from audit_core.model.attestations import AnswerState, AnswerVerdict, StepAnswer
from audit_core.model.results import ObjectResults

Fixed = frozenset[tuple[str, str, str]]
"""Catalog, clause and object (empty for all) of what a re-test found fixed."""


class Retests(Struct, frozen=True, kw_only=True):
    """What re-tests found fixed: clauses on objects, and checks wherever they failed."""

    clauses: Fixed = frozenset()
    checks: frozenset[str] = frozenset()


class Counted(Struct, frozen=True, kw_only=True):
    """A conclusion that counts; `fixed` says that a re-test found fixed what it denies."""

    conclusion: Conclusion
    fixed: bool = False


def counted(object: ObjectResults, retests: Retests) -> tuple[Counted, ...]:
    """The conclusions on `object` as they count for the system."""
    found = (*object.findings, *object.cited) if retests.checks else ()
    failed = {f.id: f.check in retests.checks for f in found if f.verdict is Verdict.FAIL}
    return tuple(
        Counted(conclusion=_short(c), fixed=_is_fixed(c, retests.clauses, failed))
        for c in object.conclusions
    )


def _short(c: Conclusion) -> Conclusion:
    steps = tuple(StepResult(number=s.number, state=s.state, answer=s.answer) for s in c.steps)
    return structs.replace(c, steps=steps, findings=(), why=())


def _is_fixed(c: Conclusion, clauses: Fixed, failed: Mapping[str, bool]) -> bool:
    """Whether its clause was found fixed, or every step that is denied is so by checks that were.

    `failed` says of each failed finding whether its check was found fixed.
    """
    if any((c.catalog, c.clause, on) in clauses for on in (c.target, "")):
        return True
    denied = [step for step in c.steps if step.state is StepState.DENIED]
    return bool(denied) and all(_fixes(step, failed) for step in denied)


def _fixes(step: StepResult, failed: Mapping[str, bool]) -> bool:
    """Whether findings that were found fixed are all that denies `step`."""
    fixed = [failed[id] for id in step.findings if id in failed]
    return bool(fixed) and all(fixed) and not _denies(step.answer)


def _denies(answer: StepAnswer | None) -> bool:
    counts = answer is not None and answer.state is AnswerState.COUNTS
    return answer is not None and counts and answer.verdict is AnswerVerdict.DENIED
