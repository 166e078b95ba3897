"""What rules of rsyslog consist of: conditions, actions and where they lead."""

from __future__ import annotations

from msgspec import Struct

Value = str | int


class Variable(Struct, frozen=True):
    """A property of a record, such as `msg`, or a variable of the rules (`!x`, `.x`)."""

    name: str


class Literal(Struct, frozen=True):
    """Text or a number; several of them are an array."""

    values: tuple[Value, ...]


class Call(Struct, frozen=True):
    """A call of a function with its arguments."""

    name: str
    arguments: tuple[Expression, ...]


class Negation(Struct, frozen=True):
    """An operand with `not` before it, `times` times."""

    times: int
    operand: Expression


class Chain(Struct, frozen=True):
    """Operands with the operators between them, which apply from left to right."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]


class Selector(Struct, frozen=True):
    """A selector of the old (sysklogd) form: `auth,authpriv.*`."""

    text: str


class Filter(Struct, frozen=True):
    """A property filter: `:msg, !contains, "text"`."""

    name: str
    operator: str
    negated: bool
    text: str


Expression = Variable | Literal | Call | Negation | Chain | Selector | Filter


class Output(Struct, frozen=True):
    """An action. `backup`: it is done at times only. `file` is where it stands.

    `template` names the form in which records are written. `off`: rsyslog switches the action off.
    `port`: the one to which it keeps a TCP connection, empty for others.
    """

    kind: str
    places: tuple[str, ...]
    file: str
    backup: bool = False
    template: str = ""
    off: bool = False
    port: str = ""


class Stop(Struct, frozen=True):
    """The record is not looked at any further."""


class Enter(Struct, frozen=True):
    """The statement `call`: continue with the rules of another ruleset."""

    ruleset: str


class Rule(Struct, frozen=True):
    """Statements under a condition; `text` is how it stands. A condition None is not read."""

    condition: Expression | None
    text: str
    then: tuple[Statement, ...]
    other: tuple[Statement, ...] = ()


class Unknown(Struct, frozen=True):
    """What was not read: anything may be done there."""

    text: str


Statement = Output | Stop | Enter | Rule | Unknown
