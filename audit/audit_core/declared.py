"""Checks that a profile declares without Python: a fact, a field, a comparison. PURE."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from audit_core.model import Check, Fact, Judgement, Verdict, msg
from audit_core.policy.model import Comparator, DeclaredCheck

_WORDS = {
    Comparator.EQUALS: msg("equal to {operand}"),
    Comparator.ONE_OF: msg("one of {operand}"),
    Comparator.NONE_OF: msg("none of {operand}"),
    Comparator.AT_LEAST: msg("at least {operand}"),
    Comparator.AT_MOST: msg("at most {operand}"),
    Comparator.MATCHES: msg("matching {operand}"),
    Comparator.SUBSET_OF: msg("nothing but {operand}"),
    Comparator.CONTAINS: msg("containing {operand}"),
    Comparator.ABSENT: msg("not present"),
}


def _many(value: Any) -> tuple[str, ...]:
    plural = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    return tuple(sorted(str(v) for v in value)) if plural else (str(value),)


_TESTS: dict[Comparator, Callable[[Any, Any], bool]] = {
    Comparator.EQUALS: lambda value, operand: str(value) == str(operand),
    Comparator.ONE_OF: lambda value, operand: str(value) in _many(operand),
    Comparator.NONE_OF: lambda value, operand: not set(_many(value)) & set(_many(operand)),
    Comparator.AT_LEAST: lambda value, operand: float(value) >= float(operand),
    Comparator.AT_MOST: lambda value, operand: float(value) <= float(operand),
    Comparator.MATCHES: lambda value, operand: re.fullmatch(operand, str(value)) is not None,
    Comparator.SUBSET_OF: lambda value, operand: set(_many(value)) <= set(_many(operand)),
    Comparator.CONTAINS: lambda value, operand: set(_many(operand)) <= set(_many(value)),
    Comparator.ABSENT: lambda value, operand: value is None,
}


def _field(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def _judged(declared: DeclaredCheck, value: Any) -> Judgement:
    seen = _field(value, declared.field)
    ok = _TESTS[declared.comparator](seen, declared.operand)
    wanted = _WORDS[declared.comparator]
    expected = msg(wanted.id, operand=_shown(declared.operand)) if wanted.args == {} else wanted
    said = msg("{field} is {value}", field=declared.field or declared.fact, value=_shown(seen))
    return Judgement(verdict=Verdict.PASS if ok else Verdict.FAIL, said=(said,), expected=expected)


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return _many(value)


def as_check(declared: DeclaredCheck, fact: Fact) -> Check:
    """`declared` as a check on `fact`; what is not there passes only where `absent` is declared."""
    absent = None
    if declared.comparator is Comparator.ABSENT:
        absent = Judgement(verdict=Verdict.PASS, said=(msg("{fact} is absent", fact=fact.id),))

    def judge(value: Any) -> Judgement:
        return _judged(declared, value)

    return Check(
        id=declared.id,
        title=declared.title,
        kind=fact.kind,
        needs=(fact,),
        severity=declared.severity,
        version=1,
        knobs=(),
        when_absent=absent,
        judge=judge,
    )
