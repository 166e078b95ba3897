"""Checks that a profile declares without Python: a fact, a field, one of nine comparisons.

There is no expression language. What cannot be compared is undetermined, never a pass or a fail.
"""

from __future__ import annotations

import enum
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NoReturn, Union

import msgspec

from audit_core.model import Check, Fact, Judgement, Message, Scalar, Value, Verdict, msg
from audit_core.model.errors import InputError
from audit_core.policy.input_errors import as_quoted, nearest, one_of
from audit_core.policy.model import Comparator, DeclaredCheck

_SUBJECT_MAX = 1000
_LISTED_MAX = 20
_COLLECTIONS = (tuple, list, frozenset, set)
_ONE = (Comparator.EQUALS, Comparator.ONE_OF, Comparator.AT_LEAST, Comparator.AT_MOST)
_NUMBERS = (Comparator.AT_LEAST, Comparator.AT_MOST)

_EXPECTED: dict[Comparator, Callable[[Value], Message]] = {
    Comparator.EQUALS: lambda operand: msg("is {operand}", operand=operand),
    Comparator.ONE_OF: lambda operand: msg("is one of {operand}", operand=operand),
    Comparator.NONE_OF: lambda operand: msg("is none of {operand}", operand=operand),
    Comparator.AT_LEAST: lambda operand: msg("is at least {operand}", operand=operand),
    Comparator.AT_MOST: lambda operand: msg("is at most {operand}", operand=operand),
    Comparator.MATCHES: lambda operand: msg("matches the pattern {operand}", operand=operand),
    Comparator.SUBSET_OF: lambda operand: msg("contains only {operand}", operand=operand),
    Comparator.CONTAINS: lambda operand: msg("contains {operand}", operand=operand),
    Comparator.ABSENT: lambda _: msg("is absent"),
}


def build_check(declared: DeclaredCheck, facts: Mapping[str, Fact]) -> Check:
    """The check that `declared` describes; InputError where its fact, field or value cannot be."""
    fact = facts.get(declared.fact)
    if fact is None:
        _refuse(declared, "fact", msg("a fact that a plugin offers"), declared.fact, facts)
    kind = _field_type(declared, fact.type)
    operand = _operand(declared, kind)
    expected = _EXPECTED[declared.comparator](_listed(declared.operand))
    absent = declared.comparator is Comparator.ABSENT

    def judge(value: Any) -> Judgement:
        return _judge(declared, operand, expected, value)

    return Check(
        id=declared.id, title=declared.title, kind=fact.kind,
        needs=(fact,), severity=declared.severity, version=1, parameters=(), judge=judge,
        when_absent=_is_absent(declared, expected) if absent else None,
    )  # fmt: skip


def _refuse(
    declared: DeclaredCheck,
    what: str,
    expected: Message,
    got: str,
    known: typing.Iterable[str] = (),
) -> NoReturn:
    raise InputError(
        msg(
            "{where}: checks.{name}.{what}: expected {expected}, got {got}{hint}",
            where=declared.where,
            name=declared.id,
            what=what,
            expected=expected,
            got=as_quoted(got),
            hint=nearest(got, known),
        )
    )


# --- types --------------------------------------------------------------------------------------


def _bare(kind: Any) -> Any:
    """`kind` without Annotated and without None."""
    if typing.get_origin(kind) is Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (Union, types.UnionType):
        rest = [k for k in typing.get_args(kind) if k is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else Any
    return kind


def _field_type(declared: DeclaredCheck, kind: Any) -> Any:
    """The type of the field; the path into a dict is one key, for keys may hold dots."""
    kind = _bare(kind)
    for step in declared.field.split(".") if declared.field else ():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            fields = {f.name: f.type for f in msgspec.structs.fields(kind)}
            if step not in fields:
                _refuse(declared, "field", one_of(fields), step, fields)
            kind = _bare(fields[step])
        elif typing.get_origin(kind) is dict:
            return _bare(typing.get_args(kind)[1])
        else:
            _refuse(declared, "field", msg("no further field"), step)
    if declared.comparator is not Comparator.ABSENT:
        _must_compare(declared, kind)
    return kind


def _must_compare(declared: DeclaredCheck, kind: Any) -> None:
    """Refuses a whole record, which is never equal to anything one can write."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = tuple(f.name for f in msgspec.structs.fields(kind))
        _refuse(declared, "field", one_of(fields), declared.field)
    if kind is dict or typing.get_origin(kind) is dict:
        _refuse(declared, "field", msg("the name of an entry"), declared.field)


def _operand(declared: DeclaredCheck, kind: Any) -> Any:
    """The operand in the type of the field; InputError where that cannot be."""
    comparator, operand = declared.comparator, declared.operand
    many = typing.get_origin(kind) in _COLLECTIONS
    if comparator is Comparator.ABSENT:
        return None
    if many and comparator in _ONE:
        _refuse(declared, comparator, msg("a field with one value, not a list"), declared.field)
    if not many and kind is not Any and comparator is Comparator.SUBSET_OF:
        _refuse(declared, comparator, msg("a field with a list"), declared.field)
    item = _bare(typing.get_args(kind)[0]) if many else kind
    if comparator is Comparator.MATCHES:
        return _pattern(declared, item)
    if comparator in _NUMBERS:
        return _number(declared, item)
    if isinstance(operand, tuple):
        return tuple(_as(declared, item, one) for one in operand)
    return _as(declared, item, operand)


def _number(declared: DeclaredCheck, kind: Any) -> float:
    if kind not in (int, float, Any):
        _refuse(declared, declared.comparator, msg("a field with a number"), declared.field)
    return typing.cast(float, declared.operand)


def _as(declared: DeclaredCheck, kind: Any, written: Any) -> Scalar:
    text = {True: "true", False: "false"}[written] if isinstance(written, bool) else str(written)
    choices = _choices(kind)
    if choices and text not in choices:
        _refuse(declared, declared.comparator, one_of(choices), text, choices)
    if choices:
        return text
    if kind is str:
        return text
    if (kind is bool) != isinstance(written, bool) and kind is not Any:
        _refuse(declared, declared.comparator, _of_type(kind), text)
    if kind in (int, float) and not isinstance(written, int):
        _refuse(declared, declared.comparator, msg("a whole number"), text)
    return typing.cast(Scalar, written)


def _of_type(kind: Any) -> Message:
    if kind is bool:
        return msg("true or false")
    return (
        msg("a number") if kind in (int, float) else msg("a value of type {type}", type=str(kind))
    )


def _at(error: re.error) -> int:
    return (error.pos or 0) + 1


def _choices(kind: Any) -> tuple[str, ...]:
    if typing.get_origin(kind) is Literal:
        return tuple(str(one) for one in typing.get_args(kind))
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return tuple(kind)
    return ()


def _pattern(declared: DeclaredCheck, kind: Any) -> re.Pattern[str]:
    text = declared.operand
    if kind not in (str, Any) and not (isinstance(kind, type) and issubclass(kind, str)):
        _refuse(declared, "matches", msg("a field with text"), declared.field)
    if not _is_tame(text):
        expected = msg(
            "a pattern with at most two repeats (*, +, braces), none on a group, no back reference"
        )
        _refuse(declared, "matches", expected, text)
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        expected = msg("a regular expression (wrong at character {place})", place=_at(error))
        _refuse(declared, "matches", expected, text)


def _is_tame(pattern: str) -> bool:
    """Whether matching takes at most quadratic time: few repeats, none over a group."""
    plain = re.sub(r"\\[^0-9gkP]", "x", pattern)  # an escaped character stands for itself
    plain = re.sub(r"\[\]?[^\]]*\]", "x", plain)
    repeats = re.findall(r"[*+]|\{[0-9]*,[0-9]*\}", plain)
    grouped = re.search(r"\)\s*([*+?]|\{)", plain)
    return len(repeats) <= 2 and not grouped and "\\" not in plain and "(?P=" not in plain


# --- judging ------------------------------------------------------------------------------------


def _judge(declared: DeclaredCheck, operand: Any, expected: Message, value: Any) -> Judgement:
    found = _field(declared, value)
    name = declared.field or declared.fact
    if declared.comparator is Comparator.ABSENT:
        if found is None or found in ("", (), [], {}, frozenset()):
            return _is_absent(declared, expected)
        ok: bool | None = False
    else:
        ok = _holds(declared.comparator, operand, found)
    detail = msg("{field} is {value}", field=name, value=_listed(found))
    if ok is None:
        verdict, detail = Verdict.UNDETERMINED, msg("{field} cannot be compared", field=name)
    else:
        verdict = Verdict.PASS if ok else Verdict.FAIL
    return Judgement(verdict=verdict, detail=(detail,), expected=expected)


def _is_absent(declared: DeclaredCheck, expected: Message) -> Judgement:
    detail = msg("{field} is absent", field=declared.field or declared.fact)
    return Judgement(verdict=Verdict.PASS, detail=(detail,), expected=expected)


def _field(declared: DeclaredCheck, value: Any) -> Any:
    rest = declared.field
    while rest:
        if isinstance(value, dict):
            return value.get(rest)
        step, _, rest = rest.partition(".")
        value = getattr(value, step, None)
    return value


def _holds(comparator: Comparator, operand: Any, found: Any) -> bool | None:
    """Whether the comparison holds; None where it has no meaning for what was found."""
    if isinstance(found, _COLLECTIONS):
        return _holds_for_all(comparator, operand, tuple(found))
    if not isinstance(found, str | int | float) or found != found:
        return None
    match comparator:
        case Comparator.AT_LEAST | Comparator.AT_MOST:
            if isinstance(found, str | bool):
                return None
            return bool(found >= operand if comparator is Comparator.AT_LEAST else found <= operand)
        case Comparator.MATCHES:
            return _matches(operand, found)
        case Comparator.CONTAINS:
            return operand in found if isinstance(found, str) else None
        case Comparator.ONE_OF | Comparator.NONE_OF:
            return any(_same(found, one) for one in operand) == (comparator is Comparator.ONE_OF)
        case Comparator.EQUALS:
            return _same(found, operand)
    return None


def _holds_for_all(comparator: Comparator, operand: Any, found: tuple[Any, ...]) -> bool | None:
    match comparator:
        case Comparator.SUBSET_OF:
            return all(any(_same(one, allowed) for allowed in operand) for one in found)
        case Comparator.NONE_OF:
            return not any(_same(one, denied) for one in found for denied in operand)
        case Comparator.CONTAINS:
            return any(_same(one, operand) for one in found)
        case Comparator.MATCHES:
            each = [_matches(operand, one) for one in found]
            return None if None in each else all(each)
    return None


def _same(found: Any, wanted: Any) -> bool:
    # 1 == True in Python; a number is not a boolean here
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _matches(pattern: re.Pattern[str], found: Any) -> bool | None:
    if not isinstance(found, str) or len(found) > _SUBJECT_MAX:
        return None
    return pattern.fullmatch(found) is not None


def _listed(value: Any) -> Value:
    """`value` as a message argument: collections as sorted text, cut at 20."""
    if isinstance(value, _COLLECTIONS):
        texts = sorted(str(one) for one in value)
        return (*texts[:_LISTED_MAX], "…") if len(texts) > _LISTED_MAX else tuple(texts)
    if value is None or isinstance(value, str | int | float):
        return str(value) if isinstance(value, str) else value
    return str(value)
