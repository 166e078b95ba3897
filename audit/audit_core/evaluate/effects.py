"""What would have to be answered to narrow the result of the system, in order of effect. PURE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from audit_core.attest.questions import StepKey, question_id, roots, selector
from audit_core.evaluate.scores import Score
from audit_core.evaluate.scoring import score_of
from audit_core.evaluate.units import StepView, unit_range
from audit_core.model import Conclusion, Result, StepState, Target
from audit_core.model.gradings import Aggregation, Grading, GradingKind
from audit_core.model.overall import Missing, RiskResult, RiskState
from audit_core.model.results import Clause
from audit_core.model.units import Step

Key = tuple[str, str]


class _OpenQuestion:
    """An open question while its objects are collected."""

    def __init__(self, first: StepKey) -> None:
        self.first = first
        self.targets: set[str] = set()
        self.drop: dict[Key, float] = {}
        self.rise: dict[Key, float] = {}
        self.risk = False


class _Change(Struct, frozen=True):
    """How far a denial lowers the best score and an affirmation raises the worst one."""

    drop: float
    rise: float


_NONE = _Change(0.0, 0.0)


class Effects:
    """Collects the open steps of conclusions, and how much their answers change."""

    def __init__(
        self, grading: Grading, clauses: Sequence[Clause], targets: Mapping[str, Target]
    ) -> None:
        self._grading, self._targets = grading, targets
        self._clauses = {(c.catalog, c.id): c for c in clauses}
        self._order = {key: n for n, key in enumerate(self._clauses)}
        self._roots = roots(clauses)
        self._asked: dict[tuple[StepKey, str], _OpenQuestion] = {}
        self._objects: dict[Key, int] = {}
        self._known: dict[tuple[object, ...], _Change] = {}

    def add(self, clause: Clause, c: Conclusion) -> None:
        """Takes the open steps of `c`; none where its word is settled all the same."""
        key = (c.catalog, c.clause)
        self._objects[key] = self._objects.get(key, 0) + 1
        if len(c.range) < 2:
            return
        steps = {step.number: step for step in clause.steps}
        for result in c.steps:
            if result.state is StepState.OPEN and result.number in steps:
                self._take(clause, steps[result.number], c)

    def _take(self, clause: Clause, step: Step, c: Conclusion) -> None:
        own = (clause.catalog, clause.id, step.number)
        asked = self._of(own, selector(step.scope, self._targets[c.target]))
        asked.targets.add(c.target)
        asked.risk = asked.risk or bool(step.high_risk_rules)
        change, key = self._change(clause, step.number, c), (c.catalog, c.clause)
        worst = self._grading.aggregation is Aggregation.WORST
        before = asked.drop.get(key, 0.0)
        asked.drop[key] = max(before, change.drop) if worst else before + change.drop
        asked.rise[key] = asked.rise.get(key, 0.0) + change.rise

    def _of(self, own: StepKey, selected: str) -> _OpenQuestion:
        key = (self._roots[own], selected)
        asked = self._asked.setdefault(key, _OpenQuestion(own))
        # A question has the id of the first clause that asks it.
        asked.first = min(asked.first, own, key=lambda k: (self._order[k[0], k[1]], k[2]))
        return asked

    def _change(self, clause: Clause, number: int, c: Conclusion) -> _Change:
        # Objects in the same state have the same change: there are few states and many objects.
        values = tuple(
            (s.state, s.answer.value if s.answer and self._grading.penalties else "")
            for s in c.steps
        )
        key = (clause.catalog, clause.id, number, values, c.range)
        if key not in self._known:
            self._known[key] = self._changed(clause, number, c)
        return self._known[key]

    def _changed(self, clause: Clause, number: int, c: Conclusion) -> _Change:
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
    ) -> tuple[Missing, ...]:
        """The open questions and the rules to be judged, the greatest effect first."""
        worth = self._worth(scores)
        asked = self._asked.items()
        found = [self._effect_of(one, selected, worth) for (_, selected), one in asked]
        found += [(_to_judge(risk), 0.0) for risk in risks if _is_open(risk)]
        ranked = sorted(found, key=lambda m: (-m[0].points, -m[1], not m[0].risk, m[0].question))
        return tuple(one for one, _ in ranked)

    def _effect_of(
        self, asked: _OpenQuestion, selected: str, worth: Mapping[Key, float]
    ) -> tuple[Missing, float]:
        """The question with its effect, and the effect of the answer that changes less."""
        worst = self._grading.aggregation is Aggregation.WORST
        most = least = 0.0
        for key, drop in asked.drop.items():
            count = self._objects[key]
            both = drop if worst else drop / count, asked.rise[key] / count
            most += worth.get(key, 0.0) * max(both)
            least += worth.get(key, 0.0) * min(both)
        missing = Missing(
            question=question_id(asked.first, selected),
            clause=asked.first[1],
            targets=len(asked.targets),
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


def _with(clause: Clause, c: Conclusion, number: int, state: StepState) -> Conclusion:
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
