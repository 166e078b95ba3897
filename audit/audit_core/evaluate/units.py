"""From the statements on the steps of a unit to its possible results. PURE.

A step that nobody has settled is open: it may still be affirmed, denied or, where nothing was seen
that it applies to, not apply. Losing a statement can therefore only add words to the range of a
unit, never take one away.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from audit_core.evaluate.tally import Tally
from audit_core.model import Result, Role, StepState, Verdict
from audit_core.model.attestations import AnswerVerdict
from audit_core.model.units import UnitRule


class StepStatements(Struct, frozen=True, kw_only=True):
    """What statements of one origin say about a step; None is the clause as a whole."""

    step: int | None
    role: Role
    tally: Tally


class StepView(Struct, frozen=True, kw_only=True):
    """The state of a step; whether it may still turn out not to apply, where it is open."""

    state: StepState
    may_not_apply: bool = False


def step_view(statements: Sequence[StepStatements]) -> StepView:
    """The state of a step by its `statements`: the worst of all parts of the object wins.

    What does not apply drops out beside something that does.
    """
    decisive = [s for s in statements if s.role is not Role.SUPPORTS]
    settling = [s for s in statements if s.role is Role.SETTLES]
    if _any(decisive, Verdict.FAIL):
        return StepView(state=StepState.DENIED)
    # Where a check passed, something exists that the step applies to.
    passed = _any(decisive, Verdict.PASS)
    if not settling or _any(decisive, Verdict.UNDETERMINED):
        return StepView(state=StepState.OPEN, may_not_apply=not passed)
    if _any(settling, Verdict.PASS):
        return StepView(state=StepState.AFFIRMED)
    # A check that can only deny passed: that is not what the settling checks cover.
    return StepView(state=StepState.OPEN if passed else StepState.NOT_APPLICABLE)


_STATE_OF = {
    AnswerVerdict.AFFIRMED: StepState.AFFIRMED,
    AnswerVerdict.DENIED: StepState.DENIED,
    AnswerVerdict.NOT_APPLICABLE: StepState.NOT_APPLICABLE,
}


def answered(view: StepView, verdict: AnswerVerdict) -> StepView | None:
    """The step once a person has answered; None where the answer contradicts the checks.

    A denial always counts. Nothing a person says betters what a check denied or found to exist.
    """
    state = _STATE_OF.get(verdict, view.state)
    if state is StepState.DENIED or state is view.state:
        return StepView(state=state)
    possible = state is StepState.AFFIRMED or view.may_not_apply
    return StepView(state=state) if view.state is StepState.OPEN and possible else None


def _any(statements: Iterable[StepStatements], verdict: Verdict) -> bool:
    return any(s.tally.counts.get(verdict) for s in statements)


def unit_range(rule: UnitRule, steps: Mapping[int, StepView]) -> tuple[Result, ...]:
    """Every word that is possible for a unit, the worst first and 不适用 last.

    The worst is where all open steps are denied, the best where all are affirmed.
    """
    return _range_of(rule, tuple(steps.items()))


@functools.lru_cache(maxsize=8192)  # hosts have few states of a unit between them
def _range_of(rule: UnitRule, steps_: tuple[tuple[int, StepView], ...]) -> tuple[Result, ...]:
    steps = dict(steps_)
    by_state = {s: frozenset(n for n, v in steps.items() if v.state is s) for s in StepState}
    affirmed, denied = by_state[StepState.AFFIRMED], by_state[StepState.DENIED]
    open_ = by_state[StepState.OPEN]
    decided = bool(affirmed or denied)
    words = (
        (Result.NONCONFORMING, _may_fail(rule, affirmed, denied, open_)),
        (Result.PARTLY_CONFORMING, _may_be_partial(rule, affirmed, denied, open_)),
        (Result.CONFORMING, _may_conform(rule, affirmed, denied, open_)),
        (Result.NOT_APPLICABLE, not decided and all(steps[n].may_not_apply for n in open_)),
    )
    return tuple(word for word, possible in words if possible)


_Steps = AbstractSet[int]


def _may_fail(rule: UnitRule, affirmed: _Steps, denied: _Steps, open_: _Steps) -> bool:
    if rule.partial_possible and affirmed:
        return False
    return not rule.holds(affirmed, denied | open_)


def _may_be_partial(rule: UnitRule, affirmed: _Steps, denied: _Steps, open_: _Steps) -> bool:
    """Whether some step can be affirmed and the unit not conform."""
    if not rule.partial_possible:
        return False
    one = [affirmed] if affirmed else [frozenset({number}) for number in open_]
    return any(not rule.holds(some, (denied | open_) - some) for some in one)


def _may_conform(rule: UnitRule, affirmed: _Steps, denied: _Steps, open_: _Steps) -> bool:
    best = affirmed | open_
    return bool(best or denied) and rule.holds(best, denied)


def printed_word(words: tuple[Result, ...], steps: Iterable[StepView]) -> tuple[Result, bool]:
    """The word to print for the range `words`, and whether it is pending (待定).

    未测 while no step is denied and several words are possible; else the worst word.
    """
    if len(words) == 1:
        return words[0], False
    if any(step.state is StepState.DENIED for step in steps):
        return words[0], True
    return Result.NOT_ASSESSED, False
