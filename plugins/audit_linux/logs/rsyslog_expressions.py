"""Conditions of rsyslog as its own grammar reads them (grammar/grammar.y of 8.x).

`and` and `or` bind alike, from left to right, and `not` binds closer than a comparison.
"""

from __future__ import annotations

from audit_core.api.sdk import ParseError, msg
from audit_linux.logs.rsyslog_scanner import DEEPEST, Refused, Token
from audit_linux.logs.rsyslog_statements import (
    Call,
    Chain,
    Expression,
    Literal,
    Negation,
    Value,
    Variable,
)

_COMPARES = frozenset({
    "==", "!=", "<>", "<", ">", "<=", ">=", "contains", "contains_i", "startswith", "startswith_i",
    "endswith",
})  # fmt: skip
_LEVELS = (frozenset({"and", "or"}), _COMPARES, frozenset({"+", "-", "&"}), frozenset("*/%"))


class ConditionParser:
    """Parses the tokens of one RainerScript condition into an expression."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at = tokens, 0
        shown = (f'"{t.text}"' if t.kind == "string" else t.text for t in tokens)
        self.text = " ".join(shown)[:200]

    def condition(self) -> Expression:
        """The parsed condition; raises Refused at a token that does not fit."""
        found = self._level(0, 0)
        if self._at < len(self._tokens):
            raise self._refused()
        return found

    def _refused(self) -> Refused:
        token = self._tokens[min(self._at, len(self._tokens) - 1)] if self._tokens else None
        return Refused(token.file if token else "", token.text if token else "then")

    def _peek(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token.text if token and token.kind in ("word", "sign") else ""

    def _level(self, level: int, depth: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary(depth)
        first, rest = self._level(level + 1, depth), []
        while (sign := self._peek()) in _LEVELS[level]:
            self._at += 1
            rest.append((sign, self._level(level + 1, depth)))
        return Chain(first, tuple(rest)) if rest else first

    def _unary(self, depth: int) -> Expression:
        times = 0
        while self._peek() == "not":
            self._at += 1
            times += 1
        if self._peek() == "-":
            self._at += 1
            return Call("-", (self._unary(depth + 1),)) if depth < DEEPEST else self._too_deep()
        operand = self._primary(depth)
        return Negation(times, operand) if times else operand

    def _too_deep(self) -> Expression:
        raise ParseError(msg("blocks are nested too deeply"))

    def _primary(self, depth: int) -> Expression:
        if self._at >= len(self._tokens):
            raise self._refused()
        if depth > DEEPEST:
            return self._too_deep()
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "string":
            return Literal((token.text,))
        if token.kind == "number":
            return Literal((_number(token.text),))
        if token.kind == "variable":
            return Variable(token.text[1:])
        if token.text == "(":
            found = self._level(0, depth + 1)
            self._sign(")")
            return found
        if token.text == "[":
            return Literal(self._array())
        if token.kind == "word" and self._peek() == "(":
            return Call(token.text, self._arguments(depth + 1))
        self._at -= 1
        raise self._refused()

    def _sign(self, text: str) -> None:
        if self._peek() != text:
            raise self._refused()
        self._at += 1

    def _array(self) -> tuple[Value, ...]:
        found: list[Value] = []
        while self._at < len(self._tokens) and self._tokens[self._at].kind == "string":
            found.append(self._tokens[self._at].text)
            self._at += 1
            if self._peek() == ",":
                self._at += 1
        self._sign("]")
        return tuple(found)

    def _arguments(self, depth: int) -> tuple[Expression, ...]:
        self._sign("(")
        found: list[Expression] = []
        while self._peek() != ")":
            found.append(self._level(0, depth))
            if self._peek() == ",":
                self._at += 1
        self._sign(")")
        return tuple(found)


def _number(text: str) -> int:
    base = 16 if text.startswith("0x") else 8 if text.startswith("0") else 10
    try:
        return int(text[:40], base)
    except ValueError:
        return int(text[:40])
