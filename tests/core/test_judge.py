"""Findings: what was not observed never passes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from audit_core.api.sdk import TARGET, check, fact, not_applicable, optional, passed
from audit_core.evaluate import judge
from audit_core.model import (
    Absent,
    Finding,
    Judgement,
    Known,
    Reason,
    Severity,
    Verdict,
    msg,
)

from .fakes import COLOUR, HOST, blue, colour, inputs_of, read_colour

BLIND = [r for r in Reason if r is not Reason.NOT_PRESENT]


def found(got: Known | Absent, what: Any = blue) -> Finding:
    return judge.judge(what, HOST, inputs_of(what, lambda fact: got), {})


@pytest.mark.parametrize("reason", list(Reason))
def test_absence_is_undetermined_before_the_check_is_called(reason: Reason) -> None:
    def explode(*_: Any, **__: Any) -> Judgement:
        raise AssertionError("the check was called without a value")

    got = found(Absent(reason=reason, detail=msg("no")), structs.replace(blue, judge=explode))
    assert (got.verdict, got.why) == (Verdict.UNDETERMINED, reason.value)
    assert got.detail == (msg("no"),)


@pytest.mark.parametrize("reason", BLIND)
def test_only_what_is_not_present_takes_the_check_s_own_word_for_it(reason: Reason) -> None:
    what = structs.replace(blue, when_absent=not_applicable(msg("there is no colour")))
    assert found(Absent(reason=reason, detail=msg("?")), what).verdict is Verdict.UNDETERMINED
    absent = found(Absent(reason=Reason.NOT_PRESENT, detail=msg("gone")), what)
    assert absent.verdict is Verdict.NOT_APPLICABLE
    assert absent.detail == (msg("there is no colour"), msg("gone"))


@pytest.mark.parametrize("reason", BLIND)
def test_an_optional_need_allows_absence_but_no_other_reason(reason: Reason) -> None:
    second = fact("fake.second", str, kind="host", ask=COLOUR, parse=read_colour)

    @check("fake.maybe", needs=(colour, optional(second)), severity=Severity.LOW)
    def maybe(seen: str, other: str | None) -> Judgement:
        """The second may be missing."""
        return passed(msg("{seen} {other}", seen=seen, other=other))

    def lookup(why: Reason) -> Any:
        other = Absent(reason=why, detail=msg("x"))
        return lambda wanted: Known(value="blue") if wanted == colour else other

    blind = judge.judge(maybe, HOST, inputs_of(maybe, lookup(reason)), {})
    gone = judge.judge(maybe, HOST, inputs_of(maybe, lookup(Reason.NOT_PRESENT)), {})
    assert (blind.verdict, blind.why) == (Verdict.UNDETERMINED, reason.value)
    assert gone.detail == (msg("{seen} {other}", seen="blue", other=None),)


def test_a_fact_that_is_not_known_outweighs_one_that_is_absent() -> None:
    second = fact("fake.second", str, kind="host", ask=COLOUR, parse=read_colour)
    gone = Absent(reason=Reason.NOT_PRESENT, detail=msg("gone"))
    dark = Absent(reason=Reason.TIMED_OUT, detail=msg("dark"))

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
        return Judgement(verdict=Verdict.PASS, detail=())

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
    assert got.detail == (msg("{text}", text="web1x?"),)
    assert got.params == {"suffix": "?"}
