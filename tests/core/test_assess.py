"""Conclusions: steps, unit rules and ranges. Nothing conforms without evidence."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from audit_core.evaluate import assess
from audit_core.evaluate.tally import LISTED, Totals, tallied
from audit_core.evaluate.units import StepStatements, StepView, printed_word, unit_range
from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Result,
    Role,
    Severity,
    StepState,
    Verdict,
    msg,
)
from audit_core.model.units import Step, UnitRule
from audit_core.policy.model import Binding
from audit_core.policy.steps import parse_rule

from .fakes import HOST, ORG, SITE, TARGETS, clause

P, F, N, U = Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE, Verdict.UNDETERMINED
SETTLES, DENY, SUPP = Role.SETTLES, Role.CAN_DENY, Role.SUPPORTS
BAD, PART, GOOD = Result.NONCONFORMING, Result.PARTLY_CONFORMING, Result.CONFORMING
NA, OPEN = Result.NOT_APPLICABLE, Result.NOT_ASSESSED


def finding(verdict: Verdict, name: str = "c", target: str = "web1") -> Finding:
    return Finding(
        id=f"{name}@{target}", check=name, check_version=1, target=target, verdict=verdict,
        severity=Severity.HIGH, why="", detail=(msg("seen"),), expected=None, evidence=(),
    )  # fmt: skip


def statements(step: int | None, role: Role, *verdicts: Verdict) -> StepStatements:
    findings = [finding(v, f"{step}{role}", f"web1/{n}") for n, v in enumerate(verdicts)]
    (tally,) = tallied(findings).values()
    return StepStatements(step=step, role=role, tally=tally)


def unit(rule: str, *, partial: bool = True) -> Any:
    alternatives = parse_rule(rule)
    assert alternatives
    made = UnitRule(alternatives=alternatives, partial_possible=partial)
    return clause("1.1", rule=made, steps=tuple(Step(number=n) for n in made.steps))


def concluded(rule: str, *what: StepStatements, partial: bool = True) -> Conclusion:
    return assess.conclude(unit(rule, partial=partial), HOST, what)


def word(
    rule: str, *what: StepStatements, partial: bool = True
) -> tuple[Result, bool, tuple[Result, ...]]:
    got = concluded(rule, *what, partial=partial)
    return got.conclusion, got.pending, got.range


# --- one step -----------------------------------------------------------------------------------


def test_the_state_of_a_step() -> None:
    cases: Sequence[tuple[tuple[StepStatements, ...], StepState]] = [
        ((), StepState.OPEN),
        ((statements(1, SETTLES, P),), StepState.AFFIRMED),
        ((statements(1, SETTLES, F),), StepState.DENIED),
        ((statements(1, SETTLES, N),), StepState.NOT_APPLICABLE),
        ((statements(1, SETTLES, U),), StepState.OPEN),
        ((statements(1, DENY, P),), StepState.OPEN),
        ((statements(1, DENY, F),), StepState.DENIED),
        ((statements(1, DENY, N),), StepState.OPEN),
        ((statements(1, SUPP, P),), StepState.OPEN),
        ((statements(1, SUPP, F),), StepState.OPEN),
        # of several parts the worst counts, and those that the step does not concern drop out
        ((statements(1, SETTLES, P, F),), StepState.DENIED),
        ((statements(1, SETTLES, P, U),), StepState.OPEN),
        ((statements(1, SETTLES, P, N),), StepState.AFFIRMED),
        ((statements(1, SETTLES, P), statements(1, DENY, F)), StepState.DENIED),
        ((statements(1, SETTLES, P), statements(1, DENY, U)), StepState.OPEN),
        ((statements(1, SETTLES, P), statements(1, DENY, P)), StepState.AFFIRMED),
        ((statements(1, SETTLES, N), statements(1, DENY, P)), StepState.OPEN),
        ((statements(1, SETTLES, N), statements(1, DENY, N)), StepState.NOT_APPLICABLE),
        ((statements(1, SETTLES, P), statements(1, SUPP, F)), StepState.AFFIRMED),
        # what is said about another step, or about the clause, decides nothing here
        ((statements(2, SETTLES, P), statements(None, SUPP, F)), StepState.OPEN),
    ]
    for what, state in cases:
        assert concluded("1&2", *what).steps[0].state is state, what


def test_a_clause_that_is_one_step() -> None:
    both = (BAD, GOOD)
    cases: Sequence[tuple[tuple[StepStatements, ...], tuple[Result, bool, tuple[Result, ...]]]] = [
        # a person may still say that it does not apply, unless something was seen
        ((), (OPEN, False, (*both, NA))),
        ((statements(1, SETTLES, P),), (GOOD, False, (GOOD,))),
        ((statements(1, SETTLES, F),), (BAD, False, (BAD,))),
        ((statements(1, DENY, F),), (BAD, False, (BAD,))),
        ((statements(1, SETTLES, N),), (NA, False, (NA,))),
        ((statements(1, DENY, P),), (OPEN, False, both)),
        # what could not be looked at may still turn out not to apply
        ((statements(1, SETTLES, U),), (OPEN, False, (*both, NA))),
        ((statements(1, DENY, U),), (OPEN, False, (*both, NA))),
    ]
    for what, expected in cases:
        assert word("1", *what, partial=False) == expected, what


# --- the rules, worked by hand ------------------------------------------------------------------


def view(states: str) -> dict[int, StepView]:
    """The steps by number: a affirmed, d denied, n not applicable, o open."""
    names = {s.value[0]: s for s in StepState}
    return {n: StepView(state=names[letter]) for n, letter in enumerate(states, 1)}


WORKED = {
    # a unit that needs every step
    "1&2": {
        "aa": (GOOD, [GOOD]), "ad": (PART, [PART]), "dd": (BAD, [BAD]), "an": (GOOD, [GOOD]),
        "nd": (BAD, [BAD]), "nn": (NA, [NA]), "oo": (OPEN, [BAD, PART, GOOD]),
        "ao": (OPEN, [PART, GOOD]), "do": (BAD, [BAD, PART]), "no": (OPEN, [BAD, GOOD]),
    },
    # L3-CES1-06 and L2-CES1-05: default accounts renamed, or their passwords changed
    "1|2": {
        "ad": (GOOD, [GOOD]), "da": (GOOD, [GOOD]), "dd": (BAD, [BAD]), "ao": (GOOD, [GOOD]),
        "do": (BAD, [BAD, GOOD]), "oo": (OPEN, [BAD, GOOD]), "nd": (BAD, [BAD]),
        "na": (GOOD, [GOOD]), "no": (OPEN, [BAD, GOOD]), "nn": (NA, [NA]),
    },
    # L3-CES1-23: anti-virus or allow-listing, and what is found is blocked
    "1&3|2&3": {
        "aoa": (GOOD, [GOOD]), "daa": (GOOD, [GOOD]), "dda": (PART, [PART]), "aad": (PART, [PART]),
        "ddd": (BAD, [BAD]), "doo": (BAD, [BAD, PART, GOOD]), "ood": (BAD, [BAD, PART]),
        "aoo": (OPEN, [PART, GOOD]), "ana": (GOOD, [GOOD]), "dna": (PART, [PART]),
        "nna": (GOOD, [GOOD]), "ddo": (BAD, [BAD, PART]), "ooo": (OPEN, [BAD, PART, GOOD]),
    },
    # L3-MMS1-26: trusted verification, or both of the others
    "1|2&3": {
        "aoo": (GOOD, [GOOD]), "daa": (GOOD, [GOOD]), "dad": (PART, [PART]), "ddd": (BAD, [BAD]),
        "doa": (PART, [PART, GOOD]), "doo": (BAD, [BAD, PART, GOOD]), "naa": (GOOD, [GOOD]),
        "nad": (PART, [PART]), "ooo": (OPEN, [BAD, PART, GOOD]), "ddo": (BAD, [BAD, PART]),
    },
}  # fmt: skip


def test_units_worked_by_hand() -> None:
    for text, cases in WORKED.items():
        rule = unit(text).rule
        for states, (expected, words) in cases.items():
            steps = view(states)
            got = unit_range(rule, steps)
            assert list(got) == words, (text, states)
            pending = len(words) > 1 and "d" in states
            assert printed_word(got, steps.values()) == (expected, pending), (text, states)


def test_a_unit_that_is_never_partly_conforming() -> None:
    # L3-SMC1-08 conforms by step 1 or 2, and there is no 部分符合
    rule = unit("1|2", partial=False).rule
    assert unit_range(rule, view("dd")) == (BAD,)
    assert unit_range(rule, view("do")) == (BAD, GOOD)
    assert unit_range(unit("1&2", partial=False).rule, view("ad")) == (BAD,)


# --- invariant 3 --------------------------------------------------------------------------------

ROLES, VERDICTS = st.sampled_from(list(Role)), st.sampled_from([P, F, N])


@st.composite
def units(draw: st.DrawFn) -> tuple[Any, list[tuple[int, Role, Verdict]]]:
    """A unit of up to four steps with a random rule, and what is said about its steps."""
    count = draw(st.integers(1, 4))
    some = st.lists(st.integers(1, count), min_size=1, unique=True).map(sorted)
    alternatives = draw(st.lists(some, min_size=1, max_size=3).map(lambda a: tuple(map(tuple, a))))
    rule = UnitRule(alternatives=alternatives, partial_possible=draw(st.booleans()))
    made = clause("1.1", rule=rule, steps=tuple(Step(number=n) for n in rule.steps))
    numbers = st.sampled_from(rule.steps)
    return made, draw(st.lists(st.tuples(numbers, ROLES, VERDICTS), max_size=8))


def by_findings(made: Any, what: Sequence[tuple[int, Role, Verdict]]) -> Conclusion:
    return assess.conclude(
        made,
        HOST,
        [
            StepStatements(
                step=step, role=role, tally=tallied([finding(verdict, f"c{n}")])[f"c{n}"]
            )
            for n, (step, role, verdict) in enumerate(what)
        ],
    )


@given(units(), st.data())
def test_invariant_3_losing_an_observation_only_widens_a_range(
    given_: tuple[Any, list[tuple[int, Role, Verdict]]], data: st.DataObject
) -> None:
    made, what = given_
    lost = data.draw(st.sets(st.integers(0, max(len(what) - 1, 0))))
    fewer = [(s, r, U if n in lost else v) for n, (s, r, v) in enumerate(what)]
    before, after = by_findings(made, what), by_findings(made, fewer)
    assert set(before.range) <= set(after.range)
    # a word that was settled is never replaced by another settled one
    assert after.conclusion == before.conclusion or len(after.range) > 1


@given(units())
def test_a_range_is_what_the_open_steps_can_still_become(
    given_: tuple[Any, list[tuple[int, Role, Verdict]]],
) -> None:
    made, what = given_
    views = {n: StepView(state=StepState.OPEN) for n in made.rule.steps}
    views |= {n: StepView(state=_STATES[v]) for n, _, v in what}
    open_ = [n for n, v in views.items() if v.state is StepState.OPEN]
    words = set()
    for ends in itertools.product((StepState.AFFIRMED, StepState.DENIED), repeat=len(open_)):
        settled = views | {n: StepView(state=s) for n, s in zip(open_, ends, strict=True)}
        words.add(_plain(made.rule, settled))
    assert set(unit_range(made.rule, views)) == words
    assert sorted(words, key=_ORDER.index) == list(unit_range(made.rule, views))


_STATES = {P: StepState.AFFIRMED, F: StepState.DENIED, N: StepState.NOT_APPLICABLE}
_ORDER = [BAD, PART, GOOD, NA]


def _plain(rule: UnitRule, steps: Mapping[int, StepView]) -> Result:
    """The word for settled steps, straight from the rule as demands with alternatives."""
    good = {n for n, v in steps.items() if v.state is StepState.AFFIRMED}
    out = {n for n, v in steps.items() if v.state is StepState.NOT_APPLICABLE}
    if out == set(steps):
        return NA
    demands = [set(picked) - out for picked in itertools.product(*rule.alternatives)]
    if all(demand & good for demand in demands if demand):
        return GOOD
    return PART if rule.partial_possible and good else BAD


def test_nothing_conforms_without_a_pass_that_settles_each_step_it_needs() -> None:
    every = list(itertools.product((SETTLES, DENY, SUPP), (P, F, N, U)))
    for size in (1, 2, 3):
        for mapped in itertools.product(every, repeat=size):
            got = concluded("1", *(statements(1, role, verdict) for role, verdict in mapped))
            if got.conclusion is GOOD:
                assert (SETTLES, P) in mapped
                assert not any(v in (F, U) for r, v in mapped if r is not SUPP)


def test_only_undetermined_never_settles_a_worse_word() -> None:
    for rest in ((), (statements(2, DENY, U),), (statements(2, SETTLES, U),)):
        got = concluded("1&2&3", statements(1, SETTLES, P), statements(3, DENY, F), *rest)
        assert (got.conclusion, got.pending) == (PART, False)
    blind = concluded("1&2&3", statements(1, SETTLES, U), statements(3, DENY, F))
    assert (blind.conclusion, blind.pending, blind.range) == (BAD, True, (BAD, PART))


# --- the conclusion -----------------------------------------------------------------------------


def test_a_unit_conforms_where_machines_settle_every_step() -> None:
    got = concluded("1&2", statements(1, SETTLES, P), statements(2, SETTLES, P, N))
    assert (got.conclusion, got.pending, got.coverage) == (GOOD, False, Coverage.FULL)
    assert [s.state for s in got.steps] == [StepState.AFFIRMED, StepState.AFFIRMED]
    assert (got.open_steps, got.why) == ((), ())


def test_open_steps_are_asked_unless_the_clause_conforms_without_them() -> None:
    assert concluded("1&2", statements(1, DENY, F)).open_steps == (2,)
    assert concluded("1&2", statements(1, SETTLES, P)).open_steps == (2,)
    assert concluded("1|2", statements(1, SETTLES, P)).open_steps == ()
    partly = concluded("1&2&3", statements(1, SETTLES, P), statements(2, DENY, F))
    assert (partly.range, partly.open_steps) == ((PART,), (3,))
    assert concluded("1&2").open_steps == (1, 2)


def test_coverage_is_how_much_checks_decide() -> None:
    cases: Sequence[tuple[tuple[StepStatements, ...], Coverage]] = [
        ((), Coverage.NONE),
        ((statements(None, SUPP, P),), Coverage.SUPPORTS),
        ((statements(1, DENY, P),), Coverage.PARTIAL),
        ((statements(1, SETTLES, P),), Coverage.PARTIAL),
        ((statements(1, SETTLES, P), statements(2, SETTLES, U)), Coverage.FULL),
    ]
    for what, coverage in cases:
        assert concluded("1&2", *what).coverage is coverage
    assert concluded("1|2", statements(2, SETTLES, F)).coverage is Coverage.FULL


def reasons(*what: StepStatements) -> list[str]:
    return [message.id for message in concluded("1&2", *what).why]


def test_a_conclusion_says_why_it_is_so() -> None:
    aside = "The failed checks are supporting evidence and do not decide this clause"
    assert reasons() == ["No check decides this clause; it needs a manual assessment"]
    assert reasons(statements(1, SUPP, F)) == [*reasons(), aside]
    assert reasons(statements(1, DENY, U)) == ["Something could not be determined"]
    assert reasons(statements(1, DENY, P)) == ["The checks cover this clause only in part"]
    assert reasons(statements(1, DENY, F))[0].startswith("Pending: ")
    assert reasons(statements(1, SETTLES, N), statements(2, SETTLES, N)) == ["seen"]
    assert reasons(statements(1, DENY, F), statements(2, DENY, F), statements(1, SUPP, F)) == []


def test_an_object_type_that_never_has_the_clause_is_not_applicable_with_a_reason() -> None:
    never = clause("1.1", applies_to=("database",), concerns=("server", "database"))
    got = assess.conclude(never, HOST, [statements(1, SETTLES, F)])
    assert (got.conclusion, got.range, got.steps) == (NA, (NA,), ())
    assert got.why


def test_every_clause_stands_on_every_object_it_concerns() -> None:
    clauses = [
        clause("1.1"),
        clause("1.2", applies_to=("database",), concerns=("server", "database")),
        clause("2.1", layer_id="physical", applies_to=("site",)),
        clause("3.1", layer_id="policies", applies_to=("organisation",)),
    ]
    got = [c for target in TARGETS for c in assess.assess(clauses, target, {}, {})]
    assert [(c.clause, c.target) for c in got] == [
        ("1.1", HOST.id),
        ("1.2", HOST.id),
        ("2.1", SITE.id),
        ("3.1", ORG.id),
    ]


def test_what_is_found_counts_by_the_bindings_of_its_check() -> None:
    found = tallied([finding(F, "c", "web1/tls:443"), finding(P, "d"), finding(F, "e")])
    bound = [
        Binding(catalog="cat", clause="1.1", check=check, step=1, role=role)
        for check, role in (("c", DENY), ("d", SETTLES), ("gone", SETTLES))
    ]
    (got,) = assess.assess([clause("1.1")], HOST, found, assess.by_clause(bound))
    assert (got.conclusion, got.findings, got.finding_count) == (
        BAD, ("c@web1/tls:443", "d@web1"), 2,
    )  # fmt: skip
    assert got.severity is Severity.HIGH


def test_of_very_many_findings_the_worst_are_named_and_all_counted() -> None:
    totals = Totals()
    totals.add(tallied(finding(P, "c", f"a{n:03d}") for n in range(80)))
    totals.add(tallied(finding(F if n else U, "c", f"b{n:03d}") for n in range(3)))
    both = totals.tallies()["c"]
    assert both.counts == {P: 80, F: 2, U: 1}
    assert both.listed[:3] == ("c@b001", "c@b002", "c@b000")
    assert len(both.listed) == LISTED
    bound = [Binding(catalog="cat", clause="2.1", check="c", step=1, role=DENY)]
    wide = clause("2.1", applies_to=("network",))
    network = structs.replace(SITE, id="network", object_type="network")
    (got,) = assess.assess([wide], network, {"c": both}, assess.by_clause(bound))
    assert (got.conclusion, got.finding_count, len(got.findings)) == (BAD, 83, LISTED)
