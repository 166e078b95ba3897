"""The score of a clause on one object: by its word, or by what a denied step costs. PURE."""

from __future__ import annotations

import re

from audit_core.evaluate.retests import Counted
from audit_core.evaluate.scores import Score
from audit_core.model import Result, StepResult, StepState
from audit_core.model.gradings import Grading, Penalty

_NUMBER = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?")


def score_of(grading: Grading, c: Counted) -> Score | None:
    """What `c` counts by `grading`; None where its clause does not apply there."""
    if c.range == (Result.NOT_APPLICABLE,):
        return None
    may_drop = Result.NOT_APPLICABLE in c.range
    known = {step.number for step in c.steps}
    if grading.penalties and {p.step for p in grading.penalties} & known:
        return _by_steps(grading, c, may_drop)
    worth = {
        Result.CONFORMING: 1.0,
        Result.PARTLY_CONFORMING: grading.partial_weight,
        Result.NONCONFORMING: 0.0,
    }
    values = [worth[word] for word in c.range if word in worth]
    return Score(min(values), max(values), may_drop)


def _by_steps(grading: Grading, c: Counted, may_drop: bool) -> Score:
    penalties = {p.step: p for p in grading.penalties}
    lo = hi = 1.0
    for step in c.steps:
        penalty = penalties.get(step.number, Penalty(step=step.number))
        if step.state is StepState.DENIED:
            least, most = _factor(penalty, step)
        elif step.state is StepState.OPEN:
            least, most = _least(penalty), 1.0
        else:
            continue
        lo, hi = lo * least, hi * most
    return Score(lo, hi, may_drop)


def _factor(penalty: Penalty, step: StepResult) -> tuple[float, float]:
    """The least and the greatest factor of a step that is denied."""
    hit = _NUMBER.fullmatch(step.answer.value.strip()) if step.answer is not None else None
    if penalty.bands and hit is not None:
        number = float(hit[0])
        factor = next((b.factor for b in penalty.bands if number >= b.at_least), 0.0)
        return penalty.factor * factor, penalty.factor * factor
    return _least(penalty), penalty.factor * _greatest(penalty)


def _least(penalty: Penalty) -> float:
    within = min((b.factor for b in penalty.bands), default=penalty.lowest)
    return penalty.factor * within


def _greatest(penalty: Penalty) -> float:
    return max((b.factor for b in penalty.bands), default=penalty.highest)
