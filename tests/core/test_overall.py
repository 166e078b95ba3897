"""Conclusions on units, layers and the system: worked examples by hand, and what always holds."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import structs

from audit_core.api.plugins import load
from audit_core.evaluate.overall import Overalls, SystemInputs
from audit_core.evaluate.retests import Fixed, Retests, counted
from audit_core.evaluate.units import StepView, printed_word, unit_range
from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Result,
    Severity,
    StepResult,
    StepState,
    Target,
    Verdict,
)
from audit_core.model.attestations import AnswerState, AnswerVerdict, StepAnswer
from audit_core.model.gradings import Aggregation, BlockedBy, Grade, Grading, HighRiskRule
from audit_core.model.overall import Bounds, Count, JudgedRisk, RiskState, SystemConclusion
from audit_core.model.results import Clause, ObjectResults
from audit_core.model.units import Scope, Step, UnitRule
from audit_core.policy import load_policy

Y, X, OPEN, NA = StepState.AFFIRMED, StepState.DENIED, StepState.OPEN, StepState.NOT_APPLICABLE
GRADES = (
    Grade(id="conforming", zh="符合", en="", above=90, blocked_by=BlockedBy.MAJOR_RISK),
    Grade(id="basically", zh="基本符合", en="", above=60),
    Grade(id="nonconforming", zh="不符合", en=""),
)
RATE = Grading(id="2025", catalog="std", grades=GRADES)
POLICY = load_policy(load().policy_dirs)


def a_clause(id: str, steps: int = 1, layer: str = "computing", risk: str = "") -> Clause:
    numbers = tuple(range(1, steps + 1))
    rule = UnitRule(alternatives=(numbers,), partial_possible=steps > 1)
    named = (risk,) if risk else ()
    return Clause(
        catalog="std", id=id, layer_id=layer, layer=layer, rule=rule, high_risk_rule=risk,
        steps=tuple(Step(number=n, scope=Scope.TARGET, high_risk_rules=named) for n in numbers),
    )  # fmt: skip


def on(clause: Clause, target: str, *states: StepState, values: Sequence[str] = ()) -> Conclusion:
    views = {
        n: StepView(state=s, may_not_apply=s is OPEN and len(set(states)) == 1)
        for n, s in enumerate(states, 1)
    }
    words = unit_range(clause.rule, views)
    word, pending = printed_word(words, views.values())
    reported = dict(enumerate(values, 1))
    return Conclusion(
        catalog=clause.catalog, clause=clause.id, unit=None, target=target, conclusion=word,
        pending=pending, range=words, coverage=Coverage.NONE, findings=(),
        steps=tuple(
            StepResult(number=n, state=s, answer=answer(reported[n]) if reported.get(n) else None)
            for n, s in enumerate(states, 1)
        ),
    )  # fmt: skip


def answer(value: str) -> StepAnswer:
    return StepAnswer(
        question="q", verdict=AnswerVerdict.DENIED, state=AnswerState.COUNTS, by="x", date="d",
        entered="d", valid_until="d", value=value,
    )  # fmt: skip


def target(id: str) -> Target:
    return Target(id=id, kind="host", object_type="server")


def of(
    clauses: Sequence[Clause],
    found: Iterable[Conclusion],
    grading: Grading = RATE,
    *,
    fixed: Fixed = frozenset(),
    **more: Any,
) -> SystemConclusion:
    listed = tuple(found)
    targets = tuple(target(id) for id in dict.fromkeys(c.target for c in listed))
    matter = SystemInputs(clauses=tuple(clauses), targets=targets, **more)
    all_ = Overalls([grading], matter)
    for one in targets:
        own = tuple(c for c in listed if c.target == one.id)
        all_.add(one.id, counted(an_object(own), Retests(clauses=fixed)))
    (made,) = all_.concluded()
    return made


def an_object(conclusions: tuple[Conclusion, ...], *findings: Finding) -> ObjectResults:
    return ObjectResults(
        schema="", object="", findings=findings, conclusions=conclusions, observations=()
    )


# --- worked examples ----------------------------------------------------------------------------


def test_the_rate_of_20_clauses_by_hand() -> None:
    # 20 clauses on one object: 19 conform, 1 does not. 19 / 20 = 95 % > 90 % -> 符合.
    clauses = [a_clause(str(n)) for n in range(20)]
    found = [on(c, "web1", Y) for c in clauses[1:]] + [on(clauses[0], "web1", X)]
    got = of(clauses, found)
    assert (got.score, got.word, got.range) == (Bounds(95, 95), "conforming", ("conforming",))
    assert got.problems == Count(first=1)
    # Two do not: 18 / 20 = 90 %. Exactly 90 is stated nowhere, and the lower word is taken.
    found[0] = on(clauses[1], "web1", X)
    assert (of(clauses, found).score, of(clauses, found).word) == (Bounds(90, 90), "basically")
    # One is 不适用: it counts for nothing. 18 / 19 = 94.736842 %.
    found[0] = on(clauses[1], "web1", NA)
    assert of(clauses, found).score == Bounds(94.736842, 94.736842)


def test_partly_conforming_counts_what_the_setting_says() -> None:
    # Two steps, one denied: 部分符合. 9 conform, 1 partly: 9 / 10 or (9 + 0.5) / 10.
    clauses = [a_clause(str(n)) for n in range(9)] + [a_clause("9", steps=2)]
    found = [on(c, "web1", Y) for c in clauses[:9]] + [on(clauses[9], "web1", Y, X)]
    assert of(clauses, found).score == Bounds(90, 90)
    half = structs.replace(RATE, partial_weight=0.5)
    assert (of(clauses, found, half).score, of(clauses, found, half).word) == (
        Bounds(95, 95), "conforming",
    )  # fmt: skip


def test_several_objects_count_as_the_worst_or_as_their_mean() -> None:
    # One clause: conforms on three objects, not on the fourth. Worst: 0 / 1. Mean: 3 / 4.
    clause = a_clause("1")
    found = [on(clause, f"h{n}", Y) for n in range(3)] + [on(clause, "h3", X)]
    assert (of([clause], found).score, of([clause], found).word) == (Bounds(0, 0), "nonconforming")
    mean = structs.replace(RATE, aggregation=Aggregation.MEAN)
    assert (of([clause], found, mean).score, of([clause], found, mean).word) == (
        Bounds(75, 75), "basically",
    )  # fmt: skip


def test_open_clauses_make_a_range_and_no_word_below_the_coverage() -> None:
    # 10 clauses: 8 conform, 1 does not, 1 is open with nothing seen that it applies to.
    # Worst: denied, 8 / 10 = 80. Best: affirmed, 9 / 10 = 90; 不适用 gives 8 / 9 = 88.9.
    clauses = [a_clause(str(n)) for n in range(10)]
    found = [on(c, "web1", Y) for c in clauses[:8]]
    found += [on(clauses[8], "web1", X), on(clauses[9], "web1", OPEN)]
    got = of(clauses, found)
    assert (got.score, got.coverage, got.word) == (Bounds(80, 90), 0.9, "")
    assert got.range == ("basically",)
    assert "9 of 10 clauses are settled, 100 % are needed" in str(got.why[0])
    # A denial takes 10 points from the best, an affirmation adds 10 to the worst.
    (missing,) = got.missing
    assert (missing.question, missing.points) == ("std/9/1@web1", 10.0)
    lower = structs.replace(RATE, coverage=0.9)
    assert of(clauses, found, lower).word == "basically"


def test_what_concerns_no_declared_object_is_not_left_out() -> None:
    # 1 clause conforms; the other never applies to the only object: nobody looked at another.
    clauses = [a_clause("1"), a_clause("2")]
    never = structs.replace(on(clauses[1], "web1", NA), steps=(), range=(Result.NOT_APPLICABLE,))
    got = of(clauses, [on(clauses[0], "web1", Y), never])
    assert (got.score, got.word, got.units_decided) == (Bounds(50, 100), "", 1)
    # what is declared as not there has the steps of its clause, and is settled
    declared = structs.replace(on(clauses[1], "web1", NA), range=(Result.NOT_APPLICABLE,))
    got = of(clauses, [on(clauses[0], "web1", Y), declared])
    assert (got.score, got.units_decided) == (Bounds(100, 100), 2)


def test_a_major_risk_keeps_a_system_from_conforming_until_somebody_judged() -> None:
    # 20 clauses, 19 conform: 95 %. The one that does not names a rule that is a major risk.
    rule = HighRiskRule(id="6.1", catalog="std", title="弱口令", major="A-18", mitigable=True,
                        clauses=("0",))  # fmt: skip
    clauses = [a_clause("0", risk="6.1")] + [a_clause(str(n)) for n in range(1, 20)]
    found = [on(clauses[0], "web1", X)] + [on(c, "web1", Y) for c in clauses[1:]]
    got = of(clauses, found, rules=(rule,))
    assert (got.risks[0].state, got.major_risks) == (RiskState.SUSPECTED, Bounds(1, 0))
    assert (got.word, got.pending, got.range) == ("basically", True, ("basically", "conforming"))
    assert got.missing[0].question == "risk/6.1"
    for verdict, major, word in ((RiskState.HOLDS, 1, "basically"),
                                 (RiskState.DISMISSED, 0, "conforming"),
                                 (RiskState.MITIGATED, 0, "conforming")):  # fmt: skip
        judged = {"6.1": judgement(verdict)}
        got = of(clauses, found, rules=(rule,), judged=judged)
        assert (got.major_risks, got.word, got.pending) == (Bounds(major, major), word, False)
    strict = structs.replace(rule, mitigable=False)
    got = of(clauses, found, rules=(strict,), judged={"6.1": judgement(RiskState.MITIGATED)})
    assert (got.risks[0].state, got.pending) == (RiskState.SUSPECTED, True)
    expired = {"6.1": judgement(RiskState.DISMISSED, "expired")}
    assert of(clauses, found, rules=(rule,), judged=expired).pending


def judgement(verdict: RiskState, state: str = "counts") -> JudgedRisk:
    return JudgedRisk(verdict=verdict, state=state, by="李四", date="2026-11-20",
                      entered="2026-11-20", valid_until="2027-05-22", text="…")  # fmt: skip


def test_a_retest_is_kept_apart_from_the_first_result() -> None:
    clauses = [a_clause(str(n)) for n in range(3)]
    found = [on(c, t, X) for c in clauses for t in ("h1", "h2")]
    fixed = frozenset({("std", "0", "h1"), ("std", "0", "h2"), ("std", "1", "h1")})
    got = of(clauses, found, fixed=fixed)
    assert (got.problems, got.score) == (Count(first=6, fixed=3), Bounds(0, 0))
    assert [u.fixed for u in got.units] == [2, 1, 0]


def test_a_clause_is_fixed_where_every_check_that_denies_it_was() -> None:
    failed = [finding("umask"), finding("age"), finding("keys", Verdict.PASS)]
    retests = Retests(checks=frozenset({"umask"}))
    for named, fixed in (
        (("umask@h",), True),
        (("umask@h", "keys@h"), True),
        (("umask@h", "age@h"), False),
        (("keys@h",), False),
        ((), False),
    ):
        denied = on(a_clause("0"), "h", X)
        steps = tuple(structs.replace(s, findings=named) for s in denied.steps)
        one = an_object((structs.replace(denied, steps=steps),), *failed)
        assert [c.fixed for c in counted(one, retests)] == [fixed], named
        assert [c.fixed for c in counted(one, Retests())] == [False], named
        person = tuple(structs.replace(s, answer=answer("")) for s in steps)
        one = an_object((structs.replace(denied, steps=person),), *failed)
        assert [c.fixed for c in counted(one, retests)] == [False], named


def finding(check: str, verdict: Verdict = Verdict.FAIL) -> Finding:
    return Finding(
        id=f"{check}@h", check=check, check_version=1, target="h", verdict=verdict,
        severity=Severity.LOW, why="", detail=(), expected=None, evidence=(),
    )  # fmt: skip


def test_the_edition_of_2021_by_hand() -> None:
    # n = 10 items, S = 100 / 10 = 10. Technical: 8, one 不符合 and one 部分符合 (0.5):
    # Vt = 50 - (1 + 0.5) * 10 = 35. Management: 2, one 不符合: Vm = 50 - 10 = 40. M = 75 -> 中.
    grading = grading_of("gbt22239-2019", "2021")
    clauses = [a_clause(str(n), 2) for n in range(8)]
    clauses += [a_clause(str(n), layer="policies") for n in (8, 9)]
    found = [on(clauses[0], "h", X, X), on(clauses[1], "h", Y, X)]
    found += [on(c, "h", Y, Y) for c in clauses[2:8]]
    found += [on(clauses[8], "h", X), on(clauses[9], "h", Y)]
    got = of(clauses, found, grading)
    assert (got.score, got.word) == (Bounds(75, 75), "fair")
    assert "unverified" in got.grading.confidence


def grading_of(catalog: str, id: str) -> Grading:
    (found,) = (g for g in POLICY.catalog(catalog).gradings if g.id == id)
    return structs.replace(found, catalog="std")


def test_the_quantification_of_gbt39786_by_hand() -> None:
    grading = structs.replace(grading_of("gbt39786-2021", "2023"), weights={"1": 1, "2": 0.7})
    net, other = a_clause("1", 3, "network"), a_clause("2", 3, "network")
    rules = a_clause("3", 1, "policies")
    # Clause 1: A fails with 128 bits: 0.5 * Ra = 0.5 * 1; on the other object D fails: 0.
    #   Mean of objects 0.25. Clause 2: A fails with 80 bits: 0.5 * 0.5 = 0.25.
    # Layer: (1 * 0.25 + 0.7 * 0.25) / 1.7 = 0.25, weight 20. Management: 1, weight 8.
    # (20 * 0.25 + 8 * 1) / 28 = 46.428571; layers that nothing concerns drop out.
    found = [
        on(net, "a", Y, X, Y, values=("", "128", "")),
        on(net, "b", X, Y, Y),
        on(other, "a", Y, X, Y, values=("", "80", "")),
        on(rules, "org", Y),
    ]
    got = of([net, other, rules], found, grading)
    assert (got.score, got.word, got.grading.grades) == (Bounds(46.428571, 46.428571), "", ())
    # K fails: 0.5 * Rk, and Rk is not stated: 0 to 0.5. Without a number Ra is 0.2 to 1.
    for states, bounds in (
        ((Y, Y, X), Bounds(0, 50)),
        ((Y, X, Y), Bounds(10, 50)),
        ((Y, X, X), Bounds(0, 25)),
        ((X, OPEN, OPEN), Bounds(0, 0)),
    ):
        assert of([net], [on(net, "a", *states)], grading).score == bounds


def test_the_thresholds_of_the_catalog_are_those_that_were_read() -> None:
    first = POLICY.catalog("gbt22239-2019").gradings[0]
    assert [(g.zh, g.above, g.blocked_by) for g in first.grades] == [
        ("符合", 90, "major_risk"), ("基本符合", 60, ""), ("不符合", None, ""),
    ]  # fmt: skip
    assert (first.partial_weight, first.aggregation, first.coverage) == (0, "worst", 1)
    assert {"partial_weight", "aggregation", "coverage", "inclusive"} == set(first.unverified)
    rules = POLICY.catalog("gbt22239-2019").risk_rules
    assert len([r for r in rules if r.major]) == 32
    assert all("unverified" in r.confidence for r in rules if r.major)
    assert len([r for r in rules if r.clauses]) == 81


# --- what always holds --------------------------------------------------------------------------


def narrower(after: SystemConclusion, before: SystemConclusion) -> bool:
    a, b = after.score, before.score
    if a is None or b is None:
        return a is None
    words = set(after.range) <= set(before.range)
    units = zip(after.units, before.units, strict=True)
    inside = all(set(x.range) <= set(y.range) for x, y in units)
    layers = zip(after.layers, before.layers, strict=True)
    inside = inside and all(set(x.range) <= set(y.range) for x, y in layers)
    risks = (after.major_risks.worst <= before.major_risks.worst
             and after.major_risks.best >= before.major_risks.best)  # fmt: skip
    return words and inside and risks and a.worst >= b.worst - 1e-6 and a.best <= b.best + 1e-6


def a_system(random: random.Random) -> tuple[list[Clause], list[list[StepState]], Grading]:
    clauses = [
        a_clause(str(n), random.randint(1, 3), random.choice(("computing", "policies")),
                 random.choice(("", "6.1")))
        for n in range(random.randint(1, 5))
    ]  # fmt: skip
    states = [
        [random.choice((Y, X, OPEN, OPEN)) for _ in c.steps] for c in clauses for _ in ("h1", "h2")
    ]
    weights = {"computing": 10.0, "policies": 8.0}
    gradings = (
        RATE,
        structs.replace(RATE, aggregation=Aggregation.MEAN, partial_weight=0.5),
        grading_of("gbt22239-2019", "2021"),
        structs.replace(grading_of("gbt39786-2021", "2023"), layer_weights=weights),
    )
    return clauses, states, random.choice(gradings)


RULE = HighRiskRule(id="6.1", catalog="std", title="", major="A-18", mitigable=True,
                    clauses=("0",))  # fmt: skip


def result(
    clauses: Sequence[Clause], states: Sequence[Sequence[StepState]], grading: Grading
) -> SystemConclusion:
    pairs = [(c, t) for c in clauses for t in ("h1", "h2")]
    found = [on(c, t, *s) for (c, t), s in zip(pairs, states, strict=True)]
    return of(clauses, found, structs.replace(grading, coverage=0.0), rules=(RULE,))


def test_answers_narrow_lost_observations_widen_and_fixing_never_lowers() -> None:
    for seed in range(250):
        chance = random.Random(seed)
        clauses, states, grading = a_system(chance)
        before = result(clauses, states, grading)
        row = chance.randrange(len(states))
        step = chance.randrange(len(states[row]))
        changed = [list(s) for s in states]
        was = states[row][step]
        changed[row][step] = chance.choice((Y, X)) if was is OPEN else OPEN if was is Y else Y
        after = result(clauses, changed, grading)
        if was is OPEN:
            assert narrower(after, before), seed
        elif was is Y:
            assert narrower(before, after), seed
        else:
            assert before.score is not None
            assert after.score is not None
            assert after.score.worst >= before.score.worst - 1e-6, seed
            assert after.score.best >= before.score.best - 1e-6, seed
            assert after.major_risks.worst <= before.major_risks.worst, seed
            order = [g.id for g in reversed(grading.grades)]
            if order:
                assert order.index(after.range[0]) >= order.index(before.range[0]), seed
                assert order.index(after.range[-1]) >= order.index(before.range[-1]), seed
