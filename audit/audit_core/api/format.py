"""Helpers that format values for messages and read numbers in answers.

Imports the model only; plugins get these from `audit_core.api.sdk`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from audit_core.model import Message, ParseError, Values, cut_to, msg, verbatim
from audit_core.model.messages import shortened

T = TypeVar("T")

CAP = 20
"""The most values that a message lists; the rest is counted."""
HOUR = 3_600
DAY = 86_400


def capped(values: Iterable[object], *, sort: bool = True) -> Values:
    """`values` as text, each once; a `CutList` of the first 20 where there are more.

    They come in code point order, or as they are with `sort=False`. Long ones are shortened.
    """
    every = list(dict.fromkeys(map(str, values)))
    return cut_to(map(shortened, sorted(every) if sort else every), CAP)


def capped_messages(messages: Iterable[Message]) -> Values:
    """`messages` in their order; a `CutList` of the first 20 where there are more."""
    return cut_to(messages, CAP)


def few(messages: Iterable[Message], most: int = CAP) -> tuple[Message, ...]:
    """The first `most` of `messages`, and how many more there are."""
    every = tuple(messages)
    if len(every) <= most:
        return every
    return (*every[:most], msg("… and {count} more", count=len(every) - most))


def present(*messages: Message | None) -> tuple[Message, ...]:
    """`messages` as a tuple, without those that are None."""
    return tuple(m for m in messages if m is not None)


def rounded_up(seconds: float, unit: int) -> float:
    """`seconds` in tenths of `unit`, rounded up: a value above a limit never looks equal."""
    return math.ceil(seconds * 10 / unit) / 10


def rounded_down(seconds: float, unit: int) -> float:
    """`seconds` in tenths of `unit`, rounded down: a value below a limit never looks equal."""
    return math.floor(seconds * 10 / unit) / 10


def days_text(count: float) -> Message:
    """A span of whole days for a reader: `less than a day`, `1 day`, `2 days`."""
    return msg("less than a day") if count < 1 else msg("{count} days", count=int(count))


# Compiled once: a host has some thousand numbers.
_INTEGER = re.compile(r"-?[0-9]{1,12}")
_OCTAL, _DIGITS = re.compile(r"[0-7]{1,19}"), re.compile(r"[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,19}(\.[0-9]{1,19})?")


def integer(text: str) -> int | None:
    """`text` as a decimal integer of at most 12 digits, else None."""
    return int(text) if _INTEGER.fullmatch(text) else None


def c_integer(text: str) -> int | None:
    """`text` as strtol(3) with base 0 reads it (012 is ten), None for anything else."""
    if re.fullmatch(r"[+-]?0[0-7]{1,12}", text):
        return int(text, 8)
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]{1,12}", text):
        return int(text, 16)
    if re.fullmatch(r"[+-]?0[0-9]+", text):  # 090 is no octal number
        return None
    return integer(text.removeprefix("+"))


def whole_number(text: str, *, base: int = 10, most: int = 1 << 62) -> int:
    """`text` as a number without a sign, of at most 19 digits; ParseError for anything else.

    `base` is 10 or 8, `most` the largest that is accepted.
    """
    digits = _OCTAL if base == 8 else _DIGITS
    if not digits.fullmatch(text) or int(text, base) > most:
        raise ParseError(msg("not a number: {text}", text=verbatim(text)))
    return int(text, base)


def decimal(text: str) -> float | None:
    """`text` as a decimal number with an optional sign and fraction, else None."""
    return float(text) if _DECIMAL.fullmatch(text) else None


def decimal_number(text: str) -> float:
    """`text` as `decimal` reads it; ParseError for anything else."""
    value = decimal(text)
    if value is None:
        raise ParseError(msg("not a number: {text}", text=verbatim(text)))
    return value


def json_value(text: str, otherwise: Message) -> Any:
    """The value that `text` holds as JSON; ParseError with `otherwise` for anything else."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseError(otherwise) from error


def json_as(raw: bytes, type_: type[T], otherwise: Message) -> T:
    """The `type_` that `raw` holds as JSON; ParseError with `otherwise` for anything else."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ParseError(otherwise) from error


def json_document(raw: bytes) -> Any:
    """The value that `raw` holds as JSON; ParseError for invalid or too deeply nested JSON."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ParseError(msg("not JSON: {error}", error=verbatim(str(error)))) from error
