"""Which questions people are asked, and how often."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from audit_core.attest.questions import Open, Question, counted, questions, roots
from audit_core.model import Target
from audit_core.model.overall import Bounds, RiskResult, RiskState
from audit_core.model.results import Clause
from audit_core.model.units import Scope, Step, StepRef, UnitRule
from audit_core.policy import Policy, load_policy
from audit_core.views.question_view import questions_view, risks_to_judge
from installed import registry

SERVERS = tuple(Target(id=f"web{n}", kind="host", object_type="server") for n in range(20))
WHOLE = tuple(Target(id=id, kind=id, object_type=id) for id in ("site", "network", "organisation"))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(registry().policy_dirs)


def everything(clause: Clause, step: Step, target: Target) -> Open:
    return Open()


def asked(policy: Policy, profile: str, objects: tuple[Target, ...]) -> tuple[Question, ...]:
    clauses = policy.profile(profile, registry().checks).clauses
    return questions(clauses, objects, everything)


def test_each_question_has_an_id_of_its_own_that_does_not_depend_on_the_others(
    policy: Policy,
) -> None:
    for profile in ("gbt22239-l2", "gbt22239-l3", "smart-finance"):
        found = asked(policy, profile, (*SERVERS, *WHOLE))
        ids = [q.id for q in found]
        assert len(set(ids)) == len(ids) >= 60, profile
        few = {q.id for q in asked(policy, profile, (SERVERS[3], *WHOLE))}
        assert few <= set(ids), profile
        backwards = {q.id for q in asked(policy, profile, (*WHOLE, *SERVERS[::-1]))}
        assert backwards == set(ids), profile


def test_twenty_servers_are_not_asked_twenty_times(policy: Policy) -> None:
    found = asked(policy, "gbt22239-l3", (*SERVERS, *WHOLE))
    count = counted(found)
    assert count.rows_each_object == 797
    assert count.rows <= 360
    shared = {q.clause.id for q in found if q.clause.layer_id == "computing"}
    each = {q.clause.id for q in found if q.scope is Scope.TARGET and q.targets[0] in "web0"}
    assert (len(shared), len(each)) == (31, 7)


def test_every_step_that_counts_is_asked_about_every_object_once(policy: Policy) -> None:
    for profile in ("gbt22239-l2", "gbt22239-l3", "smart-finance"):
        clauses = policy.profile(profile, registry().checks).clauses
        found = asked(policy, profile, (*SERVERS[:2], *WHOLE))
        covered = [
            (*key, target)
            for q in found
            for key in ((q.clause.catalog, q.clause.id, q.step.number), *q.also)
            for target in q.targets
        ]
        wanted = {
            (c.catalog, c.id, number, t.id)
            for c, t in itertools.product(clauses, (*SERVERS[:2], *WHOLE))
            if t.object_type in c.applies_to
            for number in c.rule.steps
        }
        assert len(covered) == len(set(covered)), profile
        assert set(covered) >= wanted, profile


def test_what_repeats_another_question_is_not_asked_again() -> None:
    clauses = tuple(
        Clause(
            catalog="c",
            id=id,
            unit=f"U-{id}",
            applies_to=("server",),
            steps=(Step(number=1, scope=Scope.SYSTEM, repeats=repeats),),
            rule=UnitRule(alternatives=((1,),)),
        )
        for id, repeats in (
            ("1", None),
            ("2", StepRef(unit="U-1", step=1)),
            ("3", StepRef(unit="elsewhere", step=1)),
            ("4", StepRef(unit="elsewhere", step=1)),
        )
    )
    found = questions(clauses, SERVERS[:1], everything)
    assert [(q.id, q.also) for q in found] == [
        ("c/1/1", (("c", "2", 1),)),
        ("c/3/1", (("c", "4", 1),)),
    ]
    in_a_circle = tuple(
        replace(c, steps=(replace(c.steps[0], repeats=StepRef(unit=f"U-{other}", step=1)),))
        for c, other in zip(clauses[:2], "21", strict=True)
    )
    assert len(set(roots(in_a_circle).values())) == 1


def test_a_person_is_asked_to_judge_the_risks_that_no_step_decides() -> None:
    def risk(rule: str, state: RiskState, *clauses: str, mitigable: bool = False) -> RiskResult:
        return RiskResult(rule=rule, catalog="c", title="题", title_en="it", clauses=clauses,
                          mitigable=mitigable, state=state, count=Bounds(0, 1))  # fmt: skip

    risks = (
        risk("1", RiskState.SUSPECTED, "8.1", mitigable=True),
        risk("2", RiskState.OPEN, "8.1"),  # its steps are asked
        risk("A-1", RiskState.OPEN),
        risk("3", RiskState.HOLDS, "8.1"),
        risk("4", RiskState.ABSENT, "8.1"),
    )
    system = SimpleNamespace(risks=risks)
    results: Any = SimpleNamespace(system=(system, system))
    view = questions_view((), lang="en", profile="p", run="r", risks=risks_to_judge(results))
    assert [(row.id, row.title, row.verdicts) for row in view.risks] == [
        ("risk/1", "it", ("holds", "dismissed", "mitigated")),
        ("risk/A-1", "it", ("holds", "dismissed")),
    ]
