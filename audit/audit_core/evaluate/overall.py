"""From the conclusions on clauses to units, layers and the system, by the rules of a grading. PURE.

Conclusions are taken one by one, so that those of a large run need not be in memory at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from audit_core.evaluate.effects import Effects
from audit_core.evaluate.folding import ORDER, Range, mixed, printed_word, worst_of
from audit_core.evaluate.grading import graded
from audit_core.evaluate.retests import Counted
from audit_core.evaluate.risks import Judged, RiskCounts, Risks
from audit_core.evaluate.scores import Score, lack, mean, worst
from audit_core.evaluate.scoring import score_of
from audit_core.model import Message, Result, StepState, Target, msg
from audit_core.model.gradings import Aggregation, Grading, GradingKind, HighRiskRule
from audit_core.model.overall import (
    Bounds,
    Count,
    LayerConclusion,
    SystemConclusion,
    UnitConclusion,
)
from audit_core.model.results import Clause

_BAD = (Result.NONCONFORMING, Result.PARTLY_CONFORMING)
Key = tuple[str, str]


class SystemInputs(Struct, frozen=True, kw_only=True):
    """What a conclusion on the system rests on, beside the conclusions on clauses."""

    clauses: tuple[Clause, ...]
    targets: tuple[Target, ...]
    rules: tuple[HighRiskRule, ...] = ()
    judged: Mapping[str, Judged] = {}


class _Unit:
    """A clause while its objects are collected."""

    def __init__(self, clause: Clause) -> None:
        self.clause = clause
        self.ranges: Counter[Range] = Counter()
        self.words: Counter[str] = Counter()
        self.scores: Counter[Score] = Counter()
        self.denied = False
        self.looked_at = False
        self.problems = self.fixed = 0

    def add(self, c: Counted, score: Score | None, times: int) -> None:
        # Without steps it never applies to an object of this type: that tells nothing of others.
        self.looked_at = self.looked_at or bool(c.steps)
        self.ranges[c.range] += times
        self.words[c.conclusion.value] += times
        if score is not None:
            self.scores[score] += times
        self.denied = self.denied or any(s.state is StepState.DENIED for s in c.steps)
        if c.conclusion in _BAD:
            self.problems += times
            self.fixed += times if c.fixed else 0

    def score(self, aggregation: Aggregation) -> Score | None:
        if not self.looked_at:
            return Score(0.0, 1.0, may_drop=True)
        if aggregation is Aggregation.WORST:
            return worst(self.scores)
        return mean((1.0, s) for s, count in self.scores.items() for _ in range(count))

    def range(self, aggregation: Aggregation) -> Range:
        if not self.looked_at:
            return ORDER
        if aggregation is Aggregation.WORST:
            return worst_of(self.ranges)
        # A range that several objects have stands twice: each of them may become another word.
        return mixed([r for r, count in self.ranges.items() for _ in range(min(count, 2))])


class Overall:
    """Takes the conclusions on clauses, object by object, and gives that on the system.

    How many objects have each conclusion is counted outside, once for all gradings.
    """

    def __init__(self, grading: Grading, matter: SystemInputs) -> None:
        self._grading = grading
        clauses = [c for c in matter.clauses if c.catalog == grading.catalog]
        self._units = {(c.catalog, c.id): _Unit(c) for c in clauses}
        self._risky = {key for key, unit in self._units.items() if unit.clause.high_risk_rule}
        self._risks = Risks(matter.rules, clauses, matter.judged, grading.catalog)
        self._effects = Effects(grading, clauses, {t.id: t for t in matter.targets})

    def add(self, object: str, conclusions: Iterable[Counted]) -> None:
        """Takes what depends on the object; conclusions of another catalog are passed over."""
        own = [c for c in conclusions if c.catalog == self._grading.catalog]
        for c in own:
            key = (c.catalog, c.clause)
            if key in self._risky:
                self._risks.add(object, self._units[key].clause, c)
        self._effects.add(object, own)

    def concluded(self, times: Mapping[Counted, int]) -> SystemConclusion:
        """What is concluded of everything, where so many objects have each conclusion."""
        for c, count in times.items():
            unit = self._units.get((c.catalog, c.clause))
            if unit is not None:
                unit.add(c, score_of(self._grading, c), count)
        return self._concluded()

    def _concluded(self) -> SystemConclusion:
        g = self._grading
        scores = {key: u.score(g.aggregation) for key, u in self._units.items()}
        units = tuple(self._unit(u, scores[key]) for key, u in self._units.items())
        layers = self._layers(units, scores)
        score = _system_score(g, self._units, scores)
        risks = self._risks.results()
        counts = RiskCounts.of(risks)
        decided = sum(len(u.range) == 1 for u in units)
        coverage = decided / len(units) if units else 0.0
        word = graded(g, score, counts, units, coverage)
        missing, missing_count = self._effects.missing(scores, risks)
        return SystemConclusion(
            grading=g,
            word=word.word,
            pending=word.pending,
            range=word.range,
            score=score,
            coverage=coverage,
            units_decided=decided,
            units_total=len(units),
            units=units,
            layers=layers,
            problems=Count(
                first=sum(u.problems for u in self._units.values()),
                fixed=sum(u.fixed for u in self._units.values()),
            ),
            high_risks=counts.high,
            high_risks_fixed=counts.high_fixed,
            major_risks=counts.major,
            major_risks_fixed=counts.major_fixed,
            risks=risks,
            missing=missing,
            missing_count=missing_count,
            why=(*word.why, *self._unseen()),
        )

    def _unseen(self) -> tuple[Message, ...]:
        """That clauses concern no declared object: nobody looked whether they apply."""
        clauses = tuple(u.clause.id for u in self._units.values() if not u.looked_at)
        if not clauses:
            return ()
        detail = msg("The inventory declares no object that these clauses apply to: {clauses}",
                     clauses=clauses)  # fmt: skip
        return (detail,)

    def _unit(self, unit: _Unit, score: Score | None) -> UnitConclusion:
        words = unit.range(self._grading.aggregation)
        word, pending = printed_word(words, unit.denied)
        return UnitConclusion(
            catalog=unit.clause.catalog,
            clause=unit.clause.id,
            unit=unit.clause.unit,
            layer_id=unit.clause.layer_id,
            conclusion=word,
            pending=pending,
            range=words,
            score=None if score is None else Bounds(score.lo, score.hi),
            objects=dict(unit.words),
            fixed=unit.fixed,
        )

    def _layers(
        self, units: Sequence[UnitConclusion], scores: Mapping[Key, Score | None]
    ) -> tuple[LayerConclusion, ...]:
        own: dict[str, list[UnitConclusion]] = {}
        for unit in units:
            own.setdefault(unit.layer_id, []).append(unit)
        names = {u.clause.layer_id: u.clause for u in self._units.values()}
        return tuple(
            _layer(names[id], inside, _rate(self._grading, inside, scores))
            for id, inside in own.items()
        )


def _layer(name: Clause, units: Sequence[UnitConclusion], rate: Bounds | None) -> LayerConclusion:
    words = mixed([u.range for u in units])
    word, pending = printed_word(words, any(u.conclusion in _BAD for u in units))
    return LayerConclusion(
        id=name.layer_id,
        zh=name.layer,
        en=name.layer_en or name.layer,
        conclusion=word,
        pending=pending,
        range=words,
        rate=rate,
        units=dict(Counter(u.conclusion.value for u in units)),
        decided=sum(len(u.range) == 1 for u in units),
        total=len(units),
    )


def _rate(
    grading: Grading, units: Iterable[UnitConclusion], scores: Mapping[Key, Score | None]
) -> Bounds | None:
    found = mean(
        (grading.weights.get(u.clause, 1.0), score)
        for u in units
        if (score := scores[u.catalog, u.clause]) is not None
    )
    return None if found is None else _percent(found.lo, found.hi)


def _percent(lo: float, hi: float) -> Bounds:
    # Thresholds are compared with it: the noise of binary fractions must not decide.
    return Bounds(round(100 * lo, 6), round(100 * hi, 6))


def _system_score(
    grading: Grading, units: Mapping[Key, _Unit], scores: Mapping[Key, Score | None]
) -> Bounds | None:
    """The score of the system, 0 to 100; None where nothing applies."""
    layers: dict[str, list[tuple[float, Score]]] = {}
    for key, score in scores.items():
        if score is not None:
            weight = grading.weights.get(key[1], 1.0)
            layers.setdefault(units[key].clause.layer_id, []).append((weight, score))
    if not layers:
        return None
    if grading.kind is GradingKind.DEDUCTION:
        return _deduction(grading, layers)
    if grading.kind is GradingKind.WEIGHTED:
        found = mean(
            (grading.layer_weights.get(id, 0.0), whole)
            for id, inside in layers.items()
            if (whole := mean(inside)) is not None
        )
    else:
        found = mean(pair for inside in layers.values() for pair in inside)
    return None if found is None else _percent(found.lo, found.hi)


def _deduction(grading: Grading, layers: Mapping[str, Sequence[tuple[float, Score]]]) -> Bounds:
    """Each group of layers loses what its clauses lack of all that apply, down to 0."""
    bounds = []
    for most in (True, False):
        total = 0.0
        for group in grading.groups:
            own = [s for id, inside in layers.items() if id in group.layers for _, s in inside]
            rest = [s for id, inside in layers.items() if id not in group.layers for _, s in inside]
            total += max(0.0, group.share - lack(own, rest, most=most))
        bounds.append(total)
    return _percent(*bounds)


class Overalls:
    """Takes the conclusions on clauses, object by object, for each of `gradings`."""

    def __init__(self, gradings: Iterable[Grading], matter: SystemInputs) -> None:
        self._made = [Overall(grading, matter) for grading in gradings]
        self._times: Counter[Counted] = Counter()

    def add(self, object: str, conclusions: Sequence[Counted]) -> None:
        """Takes the conclusions on the object of that id into account: all of them, once."""
        self._times.update(conclusions)
        for one in self._made:
            one.add(object, conclusions)

    def concluded(self) -> tuple[SystemConclusion, ...]:
        """What each grading says of everything that was taken; asked once, at the end."""
        return tuple(one.concluded(self._times) for one in self._made)
