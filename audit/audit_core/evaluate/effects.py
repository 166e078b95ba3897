"""What would have to be answered to narrow the result of the system, in order of effect. PURE."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from audit_core.attest.questions import StepKey, question_id, roots, selector
from audit_core.evaluate.retests import Counted
from audit_core.evaluate.scores import Score
from audit_core.evaluate.scoring import score_of
from audit_core.evaluate.units import StepView, unit_range
from audit_core.model import Result, StepState, Target
from audit_core.model.gradings import Aggregation, Grading, GradingKind
from audit_core.model.overall import Missing, RiskResult, RiskState
from audit_core.model.results import Clause
from audit_core.model.units import Scope

Key = tuple[str, str]
MOST = 100
"""Questions that a result lists."""


class _OpenQuestion:
    """An open question while its objects are collected; all on one object come in a row."""

    def __init__(self, first: StepKey) -> None:
        self.first = first
        self.targets = 0
        self.drop: dict[Key, float] = {}
        self.rise: dict[Key, float] = {}
        self.risk = False
        self._last = ""

    def add(self, object: str, asks: _Asks, change: _Change, *, worst: bool) -> None:
        if object != self._last:
            self._last = object
            self.targets += 1
        self.risk = self.risk or asks.risk
        before = self.drop.get(asks.key, 0.0)
        self.drop[asks.key] = max(before, change.drop) if worst else before + change.drop
        self.rise[asks.key] = self.rise.get(asks.key, 0.0) + change.rise

    def sign(self) -> tuple[object, ...]:
        """Equal for questions with equal effects."""
        return self.first, self.risk, tuple(self.drop.items()), tuple(self.rise.items())


class _Alike:
    """Questions about one object each that have equal effects: how many, the first by name."""

    def __init__(self, question: _OpenQuestion) -> None:
        self.question = question
        self.count = 0
        self.selected: list[str] = []

    def add(self, selected: str) -> None:
        self.count += 1
        if len(self.selected) < MOST or selected < self.selected[-1]:
            bisect.insort(self.selected, selected)
            del self.selected[MOST:]


class _Change(Struct, frozen=True):
    """How far a denial lowers the best score and an affirmation raises the worst one."""

    drop: float
    rise: float


class _Asks(Struct, frozen=True, kw_only=True):
    """An open step of a conclusion: the question that it asks, and what an answer changes."""

    key: Key
    own: StepKey
    scope: Scope
    risk: bool
    change: _Change


_NONE = _Change(0.0, 0.0)


class Effects:
    """Collects the open steps of conclusions, and how much their answers change.

    What is kept does not grow with the objects: of questions that are put to each of them, those
    with equal effects are counted, and only the first can be listed.
    """

    def __init__(
        self, grading: Grading, clauses: Sequence[Clause], targets: Mapping[str, Target]
    ) -> None:
        self._grading, self._targets = grading, targets
        self._worst = grading.aggregation is Aggregation.WORST
        self._clauses = {(c.catalog, c.id): c for c in clauses}
        self._order = {key: n for n, key in enumerate(self._clauses)}
        self._roots = roots(clauses)
        self._asked: dict[tuple[StepKey, str], _OpenQuestion] = {}
        self._alike: dict[tuple[object, ...], _Alike] = {}
        self._objects: Counter[Key] = Counter()
        self._known: dict[Counted, tuple[_Asks, ...]] = {}

    def add(self, object: str, conclusions: Iterable[Counted]) -> None:
        """Takes the open steps of all `conclusions` on `object`."""
        alone: dict[StepKey, _OpenQuestion] = {}
        for c in conclusions:
            asks = self._known.get(c)
            if asks is None:
                asks = self._known[c] = tuple(self._open(c))
            self._objects[c.catalog, c.clause] += 1
            for one in asks:
                asked = self._of(one, object, alone)
                asked.add(object, one, one.change, worst=self._worst)
        for root, question in alone.items():
            sign = (root, *question.sign())
            self._alike.setdefault(sign, _Alike(question)).add(object)

    def _open(self, c: Counted) -> Iterator[_Asks]:
        """The open steps of `c`; none where its word is settled all the same."""
        key = (c.catalog, c.clause)
        clause = self._clauses.get(key)
        if clause is None or len(c.range) < 2:
            return
        steps = {step.number: step for step in clause.steps}
        for result in c.steps:
            if result.state is StepState.OPEN and result.number in steps:
                step = steps[result.number]
                yield _Asks(
                    key=key,
                    own=(*key, step.number),
                    scope=step.scope,
                    risk=bool(step.high_risk_rules),
                    change=self._changed(clause, step.number, c),
                )

    def _of(self, asks: _Asks, object: str, alone: dict[StepKey, _OpenQuestion]) -> _OpenQuestion:
        own, root = asks.own, self._roots[asks.own]
        if asks.scope is Scope.TARGET:
            asked = alone.get(root) or alone.setdefault(root, _OpenQuestion(own))
        else:
            key = (root, selector(asks.scope, self._targets[object]))
            asked = self._asked.get(key) or self._asked.setdefault(key, _OpenQuestion(own))
        # A question has the id of the first clause that asks it.
        if asked.first != own:
            asked.first = min(asked.first, own, key=lambda k: (self._order[k[0], k[1]], k[2]))
        return asked

    def _changed(self, clause: Clause, number: int, c: Counted) -> _Change:
        now = score_of(self._grading, c)
        bad, good = (
            score_of(self._grading, _with(clause, c, number, state))
            for state in (StepState.DENIED, StepState.AFFIRMED)
        )
        if now is None or bad is None or good is None:
            return _NONE
        return _Change(max(0.0, now.hi - bad.hi), max(0.0, good.lo - now.lo))

    def missing(
        self, scores: Mapping[Key, Score | None], risks: Iterable[RiskResult]
    ) -> tuple[tuple[Missing, ...], int]:
        """The open questions and the rules to be judged, the greatest effect first.

        The first `MOST` of them, and how many there are.
        """
        worth = self._worth(scores)
        found = [self._effect_of(one, id, worth) for (_, id), one in self._asked.items()]
        for alike in self._alike.values():
            found += [self._effect_of(alike.question, id, worth) for id in alike.selected]
        found += [(_to_judge(risk), 0.0) for risk in risks if _is_open(risk)]
        more = sum(alike.count - len(alike.selected) for alike in self._alike.values())
        ranked = sorted(found, key=lambda m: (-m[0].points, -m[1], not m[0].risk, m[0].question))
        return tuple(one for one, _ in ranked[:MOST]), len(found) + more

    def _effect_of(
        self, asked: _OpenQuestion, selected: str, worth: Mapping[Key, float]
    ) -> tuple[Missing, float]:
        """The question with its effect, and the effect of the answer that changes less."""
        most = least = 0.0
        for key, drop in asked.drop.items():
            count = self._objects[key]
            both = drop if self._worst else drop / count, asked.rise[key] / count
            most += worth.get(key, 0.0) * max(both)
            least += worth.get(key, 0.0) * min(both)
        missing = Missing(
            question=question_id(asked.first, selected),
            clause=asked.first[1],
            targets=asked.targets,
            points=round(most, 3),
            risk=asked.risk,
        )
        return missing, least

    def _worth(self, scores: Mapping[Key, Score | None]) -> dict[Key, float]:
        """The points of the system's score that the full score of each clause is."""
        counted = [key for key, score in scores.items() if score is not None]
        if self._grading.kind is not GradingKind.WEIGHTED:
            return dict.fromkeys(counted, 100 / len(counted)) if counted else {}
        layer = {key: self._clauses[key].layer_id for key in counted}
        weights = {key: self._grading.weights.get(key[1], 1.0) for key in counted}
        in_layer: dict[str, float] = {}
        for key in counted:
            in_layer[layer[key]] = in_layer.get(layer[key], 0.0) + weights[key]
        of_layer = {id: self._grading.layer_weights.get(id, 0.0) for id in in_layer}
        total = sum(of_layer.values()) or 1.0
        return {
            key: 100 * of_layer[layer[key]] / total * weights[key] / (in_layer[layer[key]] or 1.0)
            for key in counted
        }


def _with(clause: Clause, c: Counted, number: int, state: StepState) -> Counted:
    """`c` with the step of that number in `state`."""
    may_not_apply = Result.NOT_APPLICABLE in c.range
    steps = tuple(structs.replace(s, state=state) if s.number == number else s for s in c.steps)
    views = {
        s.number: StepView(state=s.state, may_not_apply=may_not_apply and s.state is StepState.OPEN)
        for s in steps
    }
    return structs.replace(c, steps=steps, range=unit_range(clause.rule, views))


def _is_open(risk: RiskResult) -> bool:
    # An open step is a question of its own; a code without clauses has no step.
    return risk.state is RiskState.SUSPECTED or (risk.state is RiskState.OPEN and not risk.clauses)


def _to_judge(risk: RiskResult) -> Missing:
    return Missing(
        question=f"risk/{risk.rule}",
        clause=risk.clauses[0] if risk.clauses else "",
        targets=risk.target_count,
        points=0.0,
        risk=True,
    )
