"""High-risk rules and major risks on a system: what is denied, open or judged of them. PURE.

A rule is about a scenario, not about a clause: a denied step that names it raises the suspicion,
and a person judges whether the scenario is there. Until then it may count or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from audit_core.evaluate.retests import Counted
from audit_core.model import Result, StepState
from audit_core.model.gradings import HighRiskRule
from audit_core.model.overall import Bounds, JudgedRisk, RiskResult, RiskState
from audit_core.model.results import Clause

Judged = JudgedRisk
COUNTS, REFUSED = "counts", "refused"
_LISTED = 50
_COUNT = {
    RiskState.ABSENT: Bounds(0, 0),
    RiskState.OPEN: Bounds(1, 0),
    RiskState.SUSPECTED: Bounds(1, 0),
    RiskState.HOLDS: Bounds(1, 1),
    RiskState.DISMISSED: Bounds(0, 0),
    RiskState.MITIGATED: Bounds(0, 0),
}


class RiskCounts(Struct, frozen=True, kw_only=True):
    """How many high risks and major risks there are, in the worst and in the best case."""

    high: Bounds
    major: Bounds
    high_fixed: int = 0
    major_fixed: int = 0

    @classmethod
    def of(cls, risks: Iterable[RiskResult]) -> RiskCounts:
        """How many of `risks` are high and major, and how many of these are fixed."""
        high = tuple(risks)
        major = [r for r in high if r.major]
        return cls(
            high=_sum(high),
            major=_sum(major),
            high_fixed=sum(r.fixed for r in high),
            major_fixed=sum(r.fixed for r in major),
        )


def _sum(risks: Iterable[RiskResult]) -> Bounds:
    counts = [r.count for r in risks]
    return Bounds(sum(int(c.worst) for c in counts), sum(int(c.best) for c in counts))


class Risks:
    """Collects what is known about each rule by the conclusions on the clauses that name it."""

    def __init__(
        self,
        rules: Sequence[HighRiskRule],
        clauses: Iterable[Clause],
        judged: Mapping[str, Judged],
        catalog: str,
    ) -> None:
        self._judged = judged
        self._clauses: dict[str, list[str]] = {}
        for clause in clauses:
            for rule in clause.high_risk_rule.split():
                self._clauses.setdefault(rule, []).append(clause.id)
        # A code without clauses is a person's to judge, whatever the clauses.
        self._rules = [
            r
            for r in rules
            if r.catalog == catalog and (r.id in self._clauses or (self._clauses and not r.clauses))
        ]
        self._denied: dict[str, _Denied] = {}
        self._open: set[str] = set()
        self._seen: set[str] = set()

    def add(self, object: str, clause: Clause, c: Counted) -> None:
        """Takes what `c` says on `object` of the rules that its clause names.

        All on one object come one after another.
        """
        for rule in clause.high_risk_rule.split():
            if c.steps:  # without steps the clause never applies to objects of this type
                self._seen.add(rule)
            state = _state(clause, c, rule)
            if state is StepState.DENIED:
                self._denied.setdefault(rule, _Denied()).add(object, c.fixed)
            elif state is StepState.OPEN:
                self._open.add(rule)

    def results(self) -> tuple[RiskResult, ...]:
        """Each rule that the system is held to, in the order of the rules."""
        return tuple(self._result(rule) for rule in self._rules)

    def _result(self, rule: HighRiskRule) -> RiskResult:
        denied = self._denied.get(rule.id, _Denied())
        judged = _judged(rule, self._judged.get(rule.id))
        state = self._of(rule) if judged is None or judged.state != COUNTS else judged.verdict
        return RiskResult(
            rule=rule.id,
            catalog=rule.catalog,
            title=rule.title,
            title_en=rule.title_en,
            major=rule.major,
            condition=rule.condition,
            mitigable=rule.mitigable,
            confidence=rule.confidence,
            clauses=tuple(self._clauses.get(rule.id, ())),
            state=state,
            count=_COUNT[state],
            targets=tuple(denied.listed),
            target_count=denied.count,
            judged=judged,
            fixed=denied.count > 0 and denied.fixed,
        )

    def _of(self, rule: HighRiskRule) -> RiskState:
        if rule.id in self._denied:
            return RiskState.SUSPECTED
        is_open = rule.id in self._open or rule.id not in self._seen
        return RiskState.OPEN if is_open else RiskState.ABSENT


class _Denied:
    """The objects on which steps that name a rule are denied: how many, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[str] = []
        self.fixed = True
        self._last = ""

    def add(self, object: str, fixed: bool) -> None:
        self.fixed = self.fixed and fixed
        if object == self._last:
            return
        self._last = object
        self.count += 1
        if self.count <= _LISTED:
            self.listed.append(object)


def _judged(rule: HighRiskRule, judged: Judged | None) -> Judged | None:
    """`judged`, refused where it names a mitigation and the rule allows none."""
    if judged is None or judged.verdict is not RiskState.MITIGATED or rule.mitigable:
        return judged
    return JudgedRisk(
        verdict=judged.verdict, state=REFUSED, by=judged.by, date=judged.date,
        entered=judged.entered, valid_until=judged.valid_until, text=judged.text,
    )  # fmt: skip


def _state(clause: Clause, c: Counted, rule: str) -> StepState:
    """What the steps that name `rule` are on the object; all of them where none names it."""
    if c.range in ((Result.CONFORMING,), (Result.NOT_APPLICABLE,)):
        return StepState.AFFIRMED
    named = {s.number for s in clause.steps if rule in s.high_risk_rules}
    states = [s.state for s in c.steps if s.number in named or not named]
    for state in (StepState.DENIED, StepState.OPEN):
        if state in states:
            return state
    return StepState.AFFIRMED
