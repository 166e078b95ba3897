"""What the rules of rsyslog do with a sample record.

Seen with rsyslogd 8.2302: a comparison of a number and text that is none compares text; `not`
makes 1 of what is no number; a message from a socket begins with a blank, one from the journal
does not; `fromhost-ip` of the host's own records is 127.0.0.1.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from audit_core.api.sdk import ParseError, msg
from audit_linux.logs.routes import (
    FACILITIES,
    SEVERITIES,
    Route,
    Sample,
    contains,
    equals,
    selects,
    starts,
)
from audit_linux.logs.rsyslog_statements import (
    Call,
    Chain,
    Enter,
    Expression,
    Filter,
    Literal,
    Negation,
    Output,
    Rule,
    Selector,
    Statement,
    Stop,
    Unknown,
    Value,
    Variable,
)

_MOST_STEPS = 20_000
_MOST_CALLS = 16
# A text of a record: what it says is known but for some words.
_MESSAGE = "msg"


class _Flow(Enum):
    GO = 0
    MAYBE = 1
    STOP = 2


class Trial:
    """One record on its way through the rules. `source` is the input that took it."""

    def __init__(
        self, rulesets: Mapping[str, Sequence[Statement]], sample: Sample, source: str
    ) -> None:
        self._rulesets, self._sample, self._source = rulesets, sample, source
        self._known = _properties(sample, source)
        self._steps = 0
        self.kept: dict[str, None] = {}
        self.sent: dict[str, None] = {}
        self.perhaps: dict[str, None] = {}
        self.doubts: dict[str, None] = {}

    def run(self, ruleset: str) -> Route:
        """Where the record goes that starts in `ruleset`."""
        self._block(self._rulesets.get(ruleset, ()), sure=True, calls=0)
        return Route(
            event=self._sample.event, facility=self._sample.facility, kept=tuple(self.kept),
            sent=tuple(self.sent), perhaps=tuple(self.perhaps), doubts=tuple(self.doubts),
        )  # fmt: skip

    def _block(self, statements: Sequence[Statement], *, sure: bool, calls: int) -> _Flow:
        flow = _Flow.GO
        for statement in statements:
            done = self._statement(statement, sure=sure and flow is _Flow.GO, calls=calls)
            if done is _Flow.STOP:
                return _Flow.STOP
            flow = max(flow, done, key=lambda each: each.value)
        return flow

    def _statement(self, statement: Statement, *, sure: bool, calls: int) -> _Flow:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise ParseError(msg("more than {count} rules", count=_MOST_STEPS))
        if isinstance(statement, Stop):
            return _Flow.STOP
        if isinstance(statement, Output):
            self._write(statement, sure=sure)
        elif isinstance(statement, Enter):
            return self._enter(statement, sure=sure, calls=calls)
        elif isinstance(statement, Rule):
            return self._rule(statement, sure=sure, calls=calls)
        elif isinstance(statement, Unknown):
            self.doubts[statement.text] = None
            return _Flow.MAYBE
        return _Flow.GO

    def _enter(self, statement: Enter, *, sure: bool, calls: int) -> _Flow:
        # A stop in a ruleset that is called ends the whole; one that does not exist does nothing.
        if calls >= _MOST_CALLS:
            raise ParseError(msg("blocks are nested too deeply"))
        rules = self._rulesets.get(statement.ruleset, ())
        return self._block(rules, sure=sure, calls=calls + 1)

    def _rule(self, rule: Rule, *, sure: bool, calls: int) -> _Flow:
        holds = None if rule.condition is None else self._holds(rule.condition)
        if holds is not None:
            return self._block(rule.then if holds else rule.other, sure=sure, calls=calls)
        before = (len(self.perhaps), len(self.kept), len(self.sent))
        flows = {self._block(part, sure=False, calls=calls) for part in (rule.then, rule.other)}
        if flows == {_Flow.STOP}:
            return _Flow.STOP
        if flows != {_Flow.GO} or before != (len(self.perhaps), len(self.kept), len(self.sent)):
            self.doubts[rule.text] = None
        return _Flow.GO if flows == {_Flow.GO} else _Flow.MAYBE

    def _write(self, output: Output, *, sure: bool) -> None:
        kind = output.kind
        places = [place or kind for place in output.places] or [kind]
        if output.off or kind in _NOWHERE or (kind in _FILES and places[0].startswith("/dev/")):
            return
        if not sure or output.backup or kind not in (*_FILES, *_HOSTS):
            self.perhaps.update(dict.fromkeys(places))
        else:
            (self.kept if kind in _FILES else self.sent).update(dict.fromkeys(places))

    # --- conditions ---

    def _holds(self, condition: Expression) -> bool | None:
        if isinstance(condition, Selector):
            return selects(condition.text, self._sample.facility, self._sample.severity)
        if isinstance(condition, Filter):
            return self._filter(condition)
        return _truth(self._value(condition))

    def _filter(self, filter_: Filter) -> bool | None:
        compare = _FILTERS.get(filter_.operator)
        plain = re.fullmatch(r"[\w /:-]*", filter_.text, re.ASCII)
        if compare is None or ("regex" in filter_.operator and not plain):
            return None
        found = self._compare(compare, filter_.name, filter_.text)
        return found if found is None or not filter_.negated else not found

    def _compare(self, sign: str, name: str, operand: Value | None) -> bool | None:
        """A property against one value; None where it is not known, or only in part."""
        if operand is None:
            return None
        if name == _MESSAGE:
            return _message(sign, self._sample.text, str(operand), self._source)
        found = {_ordered(sign, value, operand) for value in self._known.get(name, ())}
        return found.pop() if len(found) == 1 else None

    def _value(self, expression: Expression) -> Value | None:
        if isinstance(expression, Literal):
            return expression.values[0] if len(expression.values) == 1 else None
        if isinstance(expression, Variable):
            known = self._known.get(expression.name, ())
            return known[0] if len(known) == 1 else None
        if isinstance(expression, Negation):
            truth = _truth(self._value(expression.operand))
            return None if truth is None else int(truth ^ bool(expression.times % 2))
        if isinstance(expression, Call):
            return self._called(expression)
        return self._chain(expression) if isinstance(expression, Chain) else None

    def _called(self, call: Call) -> Value | None:
        value = self._value(call.arguments[0]) if call.arguments else None
        if not isinstance(value, str):
            return None
        if call.name == "prifilt":
            found = selects(value, self._sample.facility, self._sample.severity)
            return None if found is None else int(found)
        return {"tolower": value.lower(), "toupper": value.upper()}.get(call.name)

    def _chain(self, chain: Chain) -> Value | None:
        (sign, right), *rest = chain.rest
        if isinstance(chain.first, Variable) and sign not in ("and", "or"):
            found = self._property(sign, chain.first.name, right)
        else:
            found = self._pair(sign, self._value(chain.first), right)
        for sign, right in rest:
            found = self._pair(sign, found, right)
        return found

    def _property(self, sign: str, name: str, right: Expression) -> Value | None:
        plain = "==" if sign in _UNLIKE else sign
        found = [self._compare(plain, name, option) for option in self._options(right)]
        return _any(found, sign)

    def _pair(self, sign: str, value: Value | None, right: Expression) -> Value | None:
        if sign in ("and", "or"):
            return _either(sign, _truth(value), _truth(self._value(right)))
        plain = "==" if sign in _UNLIKE else sign
        return _any([_ordered(plain, value, option) for option in self._options(right)], sign)

    def _options(self, right: Expression) -> tuple[Value | None, ...]:
        return right.values if isinstance(right, Literal) else (self._value(right),)


_UNLIKE = ("!=", "<>")
_FILES = ("omfile",)
_HOSTS = ("omfwd", "omrelp")
# Outputs that leave no record: shown to somebody, given to a reader that may not be there.
_NOWHERE = frozenset({"omusrmsg", "ompipe", "omstdout", "omdiscard", "omtesting", ""})
_FILTERS = {
    "isequal": "==", "contains": "contains", "startswith": "startswith", "endswith": "endswith",
    "regex": "contains", "ereregex": "contains",
}  # fmt: skip


def _properties(sample: Sample, source: str) -> dict[str, tuple[Value, ...]]:
    """The properties of a record that are known, with all the values that they may have."""
    facility, severity = FACILITIES[sample.facility], SEVERITIES[sample.severity]
    program = (sample.program,)
    return {
        "programname": program, "app-name": program, "inputname": (source,),
        "syslogtag": (f"{sample.program}[123]:", f"{sample.program}:"),
        "fromhost-ip": ("127.0.0.1",), "pri": (facility * 8 + severity,),
        "pri-text": (f"{sample.facility}.{sample.severity}",),
        "syslogfacility": (facility,), "syslogfacility-text": (sample.facility,),
        "syslogseverity": (severity,), "syslogseverity-text": (sample.severity,),
        "syslogpriority": (severity,), "syslogpriority-text": (sample.severity,),
    }  # fmt: skip


def _truth(value: Value | None) -> bool | None:
    if isinstance(value, str):
        return bool(_as_number(value))
    return None if value is None else bool(value)


def _as_number(text: str) -> int:
    return int(text) if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else 0


def _either(sign: str, left: bool | None, right: bool | None) -> Value | None:
    decides = sign == "or"
    if decides in (left, right):
        return int(decides)
    return None if None in (left, right) else int(not decides)


def _any(found: list[bool | None], sign: str) -> Value | None:
    """Whether one of several options holds; of `!=` whether none does."""
    truth = True if True in found else None if None in found else False
    if truth is None:
        return None
    return int(truth ^ (sign in _UNLIKE))


def _message(sign: str, text: str | None, operand: str, source: str) -> bool | None:
    """A comparison of the text of a record, which begins with a blank where a socket took it."""
    if sign.endswith("_i"):
        sign, text, operand = sign[:-2], text.lower() if text else text, operand.lower()
    if sign == "contains":
        return contains(text, operand)
    test = {"startswith": starts, "==": equals}.get(sign)
    blank = text if text is None or source == "imjournal" else f" {text}"
    return None if test is None else test(blank, operand)


def _text(compare: str, value: str, operand: str) -> bool | None:
    if compare.endswith("_i"):
        compare, value, operand = compare[:-2], value.lower(), operand.lower()
    test = _TEXT.get(compare)
    return None if test is None else test(value, operand)


# Not endswith, which 8.2302 refuses and later releases know.
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "==": operator.eq,
    "contains": operator.contains,
    "startswith": str.startswith,
}
_ORDER: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _ordered(sign: str, value: Value | None, operand: Value | None) -> bool | None:
    """A comparison of values: of numbers where both are such, else of text."""
    if value is None or operand is None:
        return None
    if sign not in _ORDER:
        return _text(sign, str(value), str(operand))
    numbers = [v if isinstance(v, int) else _as_number(v) for v in (value, operand)]
    plain = all(str(number) == str(v) for number, v in zip(numbers, (value, operand), strict=True))
    return _ORDER[sign](*numbers) if plain else None
