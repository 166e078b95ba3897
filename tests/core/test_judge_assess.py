"""Findings and conclusions: what was not looked at never passes, nor what is seen in part."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec import structs

from audit_core.api.sdk import TARGET, check, fact, not_applicable, optional, passed
from audit_core.evaluate import assess, judge
from audit_core.evaluate.tally import LISTED, Tally, added, tallied
from audit_core.model import (
    Absent,
    Coverage,
    Finding,
    Judgement,
    Known,
    Message,
    Reason,
    Result,
    Severity,
    Verdict,
    msg,
)

from .fakes import COLOUR, HOST, ORG, SITE, TARGETS, blue, clause, colour, inputs_of, read_colour

BLIND = [r for r in Reason if r is not Reason.NOT_PRESENT]


def found(got: Known | Absent, what: Any = blue) -> Finding:
    return judge.judge(what, HOST, inputs_of(what, lambda fact: got), {})


@pytest.mark.parametrize("reason", list(Reason))
def test_absence_is_undetermined_before_the_check_is_called(reason: Reason) -> None:
    def explode(*_: Any, **__: Any) -> Judgement:
        raise AssertionError("the check was called without a value")

    got = found(Absent(reason=reason, said=msg("no")), structs.replace(blue, judge=explode))
    assert (got.verdict, got.why) == (Verdict.UNDETERMINED, reason.value)
    assert got.said == (msg("no"),)


@pytest.mark.parametrize("reason", BLIND)
def test_only_what_is_not_present_takes_the_check_s_own_word_for_it(reason: Reason) -> None:
    what = structs.replace(blue, when_absent=not_applicable(msg("there is no colour")))
    assert found(Absent(reason=reason, said=msg("?")), what).verdict is Verdict.UNDETERMINED
    absent = found(Absent(reason=Reason.NOT_PRESENT, said=msg("gone")), what)
    assert absent.verdict is Verdict.NOT_APPLICABLE
    assert absent.said == (msg("there is no colour"), msg("gone"))


@pytest.mark.parametrize("reason", BLIND)
def test_an_optional_need_forgives_absence_and_no_blindness(reason: Reason) -> None:
    second = fact("fake.second", str, ask=COLOUR, parse=read_colour)

    @check("fake.maybe", needs=(colour, optional(second)), severity=Severity.LOW)
    def maybe(seen: str, other: str | None) -> Judgement:
        """The second may be missing."""
        return passed(msg("{seen} {other}", seen=seen, other=other))

    def lookup(why: Reason) -> Any:
        other = Absent(reason=why, said=msg("x"))
        return lambda wanted: Known(value="blue") if wanted == colour else other

    blind = judge.judge(maybe, HOST, inputs_of(maybe, lookup(reason)), {})
    gone = judge.judge(maybe, HOST, inputs_of(maybe, lookup(Reason.NOT_PRESENT)), {})
    assert (blind.verdict, blind.why) == (Verdict.UNDETERMINED, reason.value)
    assert gone.said == (msg("{seen} {other}", seen="blue", other=None),)


def test_blindness_outweighs_absence() -> None:
    second = fact("fake.second", str, ask=COLOUR, parse=read_colour)
    gone = Absent(reason=Reason.NOT_PRESENT, said=msg("gone"))
    dark = Absent(reason=Reason.TIMED_OUT, said=msg("dark"))

    @check("fake.two", needs=(colour, second), severity=Severity.LOW, when_absent=passed(msg("!")))
    def two(a: str, b: str) -> Judgement:
        """Both."""
        return passed(msg("x"))

    inputs = inputs_of(two, lambda wanted: gone if wanted == colour else dark)
    got = judge.judge(two, HOST, inputs, {})
    assert (got.verdict, got.why) == (Verdict.UNDETERMINED, "timed_out")


def test_a_check_that_raises_or_says_nothing_costs_its_own_finding_only() -> None:
    def broken(*_: Any, **__: Any) -> Judgement:
        raise ZeroDivisionError("secret detail")

    def silent(*_: Any, **__: Any) -> Judgement:
        return Judgement(verdict=Verdict.PASS, said=())

    for function in (broken, silent):
        got = found(Known(value="blue"), structs.replace(blue, judge=function))
        assert (got.verdict, got.why) == (Verdict.UNDETERMINED, "fault")
    assert "secret detail" not in str(found(Known(value="b"), structs.replace(blue, judge=broken)))


def test_builtins_and_parameters_reach_the_check() -> None:
    @check("fake.target", needs=(TARGET, colour), severity=Severity.LOW)
    def named(target: Any, seen: str, *, suffix: str = "!") -> Judgement:
        """The name is said."""
        return passed(msg("{text}", text=target.id + seen + suffix))

    got = judge.judge(named, HOST, inputs_of(named, lambda f: Known(value="x")), {"suffix": "?"})
    assert got.said == (msg("{text}", text="web1x?"),)
    assert got.params == {"suffix": "?"}


# --- conclusions --------------------------------------------------------------------------------


def finding(verdict: Verdict, name: str = "c") -> Finding:
    return Finding(
        id=f"{name}@web1",
        check=name,
        check_version=1,
        target="web1",
        verdict=verdict,
        severity=Severity.HIGH,
        why="",
        said=(msg("seen"),),
        expected=None,
        evidence=(),
    )


def tally(verdict: Verdict, name: str = "c") -> Tally:
    """What is counted of one finding."""
    return tallied([finding(verdict, name)])[name]


def concluded(*mapped: tuple[Coverage, Verdict]) -> Result:
    pairs = [(c, tally(v, f"c{n}")) for n, (c, v) in enumerate(mapped)]
    return assess.conclude(clause("1.1"), HOST, pairs, (msg("bring"),)).conclusion


P, F, N, U = Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE, Verdict.UNDETERMINED
FULL, PART, SUPP = Coverage.FULL, Coverage.PARTIAL, Coverage.SUPPORTS


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        ((), Result.NOT_ASSESSED),
        (((FULL, P),), Result.CONFORMING),
        (((FULL, F),), Result.NONCONFORMING),
        (((FULL, N),), Result.NOT_APPLICABLE),
        (((FULL, U),), Result.NOT_ASSESSED),
        (((PART, P),), Result.NOT_ASSESSED),
        (((PART, F),), Result.NONCONFORMING),
        (((PART, N),), Result.NOT_ASSESSED),
        (((SUPP, P),), Result.NOT_ASSESSED),
        (((SUPP, F),), Result.NOT_ASSESSED),
        (((FULL, P), (FULL, F)), Result.PARTLY_CONFORMING),
        (((FULL, P), (FULL, U)), Result.NOT_ASSESSED),
        (((FULL, P), (FULL, N)), Result.CONFORMING),
        (((FULL, F), (FULL, U)), Result.NONCONFORMING),
        (((FULL, P), (PART, U)), Result.NOT_ASSESSED),
        (((FULL, N), (PART, P)), Result.NOT_ASSESSED),
        (((FULL, P), (SUPP, F)), Result.CONFORMING),
        (((PART, P), (PART, F)), Result.PARTLY_CONFORMING),
    ],
)
def test_conclusions(mapped: Any, expected: Result) -> None:
    assert concluded(*mapped) is expected


def test_no_mix_without_full_coverage_and_a_pass_ever_conforms() -> None:
    every = list(itertools.product((FULL, PART, SUPP), (P, F, N, U)))
    for size in (1, 2, 3):
        for mapped in itertools.product(every, repeat=size):
            if concluded(*mapped) is not Result.CONFORMING:
                continue
            assert (FULL, P) in mapped
            assert not any(v in (F, U) for c, v in mapped if c is not SUPP)


def test_what_people_must_bring_is_asked_wherever_the_clause_is_not_settled() -> None:
    said: tuple[Message, ...] = (msg("bring"),)
    half = assess.conclude(clause("1.1"), HOST, [(PART, tally(F))], said)
    full = assess.conclude(clause("1.1"), HOST, [(FULL, tally(P))], said)
    dark = assess.conclude(clause("1.1"), HOST, [(FULL, tally(F)), (FULL, tally(U))], said)
    assert (half.missing, full.missing, dark.missing) == (said, (), said)


def test_an_object_type_that_never_has_the_clause_is_not_applicable_with_a_reason() -> None:
    got = assess.conclude(clause("1.1", applies_to=("database",)), HOST, [(FULL, tally(F))], ())
    assert got.conclusion is Result.NOT_APPLICABLE
    assert got.why


def test_every_clause_stands_on_every_object_it_concerns() -> None:
    clauses = [
        clause("1.1"),
        clause("1.2", applies_to=("database",), concerns=("server", "database")),
        clause("2.1", layer_id="physical", applies_to=("site",)),
        clause("3.1", layer_id="policies", applies_to=("organisation",)),
        clause("4.1", layer_id="", applies_to=("organisation",)),
    ]
    got = [c for target in TARGETS for c in assess.assess(clauses, target, {}, {}, {})]
    assert [(c.clause, c.target) for c in got] == [
        ("1.1", HOST.id),
        ("1.2", HOST.id),
        ("2.1", SITE.id),
        ("3.1", ORG.id),
        ("4.1", ORG.id),
    ]


def test_many_findings_of_one_check_are_counted_and_the_worst_of_them_named() -> None:
    many = [structs.replace(finding(P), id=f"c@p{n}") for n in range(2 * LISTED)]
    many += [structs.replace(finding(F), id=f"c@f{n}") for n in range(3)]
    one, two = tallied(many[:70])["c"], tallied(many[70:])["c"]
    both, all = added(one, two), tallied(many)["c"]
    assert both == all
    assert (both.counts, both.count) == ({P: 2 * LISTED, F: 3}, 2 * LISTED + 3)
    (got,) = assess.assess([clause("1.1")], HOST, {"c": all}, {("cat", "1.1"): [("c", FULL)]}, {})
    assert got.conclusion is Result.PARTLY_CONFORMING
    assert (got.finding_count, len(got.findings)) == (2 * LISTED + 3, LISTED)
    assert {"c@f0", "c@f1", "c@f2", "c@p0"} < set(got.findings)


def reasons(*mapped: tuple[Coverage, Tally]) -> list[str]:
    """The reasons of the conclusion that rests on `mapped`."""
    return [m.id for m in assess.conclude(clause("1.1"), HOST, mapped, ()).why]


def test_a_clause_that_fails_does_not_deny_the_pass_that_stands_beside_it() -> None:
    # The record names every check; only those that count are spoken of.
    why = reasons((PART, tally(F)), (SUPP, tally(P)))
    assert why[0].startswith("Of the checks that count here, none passed")


@pytest.mark.parametrize("count", [(), ((PART, P),), ((PART, U),), ((FULL, P),)])
def test_a_clause_that_does_not_fail_says_why_a_failed_check_decides_nothing(
    count: tuple[tuple[Coverage, Verdict], ...],
) -> None:
    counted = [(coverage, tally(verdict)) for coverage, verdict in count]
    aside = "The checks that failed are evidence and decide nothing by themselves"
    assert reasons(*counted, (SUPP, tally(F)))[-1:] == [aside]
    assert aside not in reasons(*counted, (SUPP, tally(P)))
    assert aside not in reasons(*counted, (SUPP, tally(F)), (PART, tally(F)))
