"""Messages: ids with values, stored without a language. Pure.

A message names the gettext domain whose translators know its id: the package of the module that
wrote the literal. So a plugin translates its own texts, and no plugin changes another's.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from audit_core.model.plurals import singular

MAX_DEPTH = 4
"""Messages within messages; deeper nesting is refused, also in stored files."""

VERBATIM_MAX = 300
"""Characters of quoted text that a message keeps."""

_SHOWN_MAX = 1 << 20  # a stored file may repeat a place often: its text stays below this
_NESTED_MAX = 1 << 16
_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")

Translate = Callable[[str, str], str]
"""From a domain and a message id to the text with its places."""

Scalar = str | int | float | bool | None


class Verbatim(Struct, frozen=True, kw_only=True, tag="verbatim"):
    """Text that came from a target or a library. It is shown in quotes, in no translation."""

    text: str


class Message(Struct, frozen=True, kw_only=True, tag="message"):
    """A message id (its English text with `{name}` places), values for them, and its domain.

    A value may be a message itself, at most `MAX_DEPTH` levels of them, or a list: a tuple where it
    is whole, a `CutList` where only its start is kept. `domain` is the package
    whose translations know the id; an empty one has none, and the id is shown as it stands.
    """

    id: str
    args: dict[str, Value] = {}
    domain: str = ""

    def __post_init__(self) -> None:
        if _too_deep(self.args.values(), MAX_DEPTH - 1):
            raise ValueError(f"messages within messages, more than {MAX_DEPTH} levels")

    def __str__(self) -> str:
        return english(self)


Item = Scalar | Message | Verbatim


class CutList(Struct, frozen=True, kw_only=True, tag="cut_list"):
    """The start of a list, and how many items more it has (at least one)."""

    items: tuple[Item, ...]
    more: int

    @property
    def count(self) -> int:
        """How many items the whole list has."""
        return len(self.items) + self.more


Values = tuple[Item, ...] | CutList
Value = Item | Values


def cut_to(items: Iterable[Item], most: int) -> Values:
    """`items` in their order: all of them where they are at most `most`, else the first `most`."""
    every = tuple(items)
    more = len(every) - most
    return CutList(items=every[:most], more=more) if more > 0 else every


def msg(text: str, /, **args: Value) -> Message:
    """The message `text` in the domain of the calling module's package.

    The literal is what translators see; values are never templates.
    """
    caller: str = sys._getframe(1).f_globals["__name__"]
    return Message(id=text, args=args, domain=caller.partition(".")[0])


def shortened(text: str, most: int = 200) -> str:
    """The first `most` characters of `text`, and `…` where there are more."""
    return text if len(text) <= most else text[:most] + "…"


def verbatim(text: str | bytes, *, most: int = VERBATIM_MAX) -> Verbatim:
    """`text` as it came, cut after `most` characters; bytes that are not UTF-8 read `\\xff`."""
    if isinstance(text, bytes):
        text = text[: 4 * most + 4].decode("utf-8", "surrogateescape")
    return Verbatim(text=utf8(shortened(text, most)))


def named(error: BaseException) -> Message:
    """`error` of a library or a plugin: the name of its type, and its own words."""
    return msg("{name}: {error}", name=type(error).__name__, error=verbatim(str(error)))


def as_is(value: Value) -> Message:
    """`value` in every language: a list, or something that was written."""
    return Message(id="{text}", args={"text": value})


def filled(message: Message, **args: Value) -> Message:
    """`message` with `args` in further places."""
    return Message(id=message.id, args={**message.args, **args}, domain=message.domain)


def with_texts(message: Message, change: Callable[[str], str]) -> Message:
    """`message` with every text among its values changed, also in messages within it.

    Raises TypeError where a value is none that a message may hold.
    """
    args = {name: _changed(value, change) for name, value in message.args.items()}
    return Message(id=message.id, args=args, domain=message.domain)


def json_safe(message: Message) -> Message:
    """`message` with values that JSON can hold; raises TypeError where one is no value at all."""
    return with_texts(message, utf8)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if type(value) is str:  # most are: a host has some 2,000 values
        return change(value)
    match value:
        case tuple() | list():
            return tuple(_changed(v, change) for v in value)
        case CutList():
            return CutList(items=_changed(value.items, change), more=value.more)
        case Message():
            return with_texts(value, change)
        case Verbatim():
            return Verbatim(text=change(value.text))
        case str():
            return change(value)
        case None | bool() | int() | float():
            return value
    raise TypeError(type(value).__name__)  # a set, for example, has another order in each process


def utf8(text: str) -> str:
    """`text` with bytes of the target that were not UTF-8 spelt `\\xff`: JSON cannot hold them."""
    if type(text) is str and text.isascii():  # as nearly all texts are
        return text
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, as JSON can write it
        raw = text.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "backslashreplace")


def items_of(value: Value) -> tuple[Item, ...]:
    """The items that a list keeps; none where `value` is no list."""
    match value:
        case tuple():
            return value
        case CutList():
            return value.items
    return ()


def _too_deep(values: Any, left: int) -> bool:
    for value in values:
        if type(value) is str:
            continue
        if isinstance(value, Message):
            if left <= 0 or _too_deep(value.args.values(), left - 1):
                return True
        elif _too_deep(items_of(value), left):
            return True
    return False


_YES, _NO, _NONE = msg("yes"), msg("no"), msg("none")
_CUT = msg("{items}, … {count} in all")

# --- rendering ----------------------------------------------------------------------------------


def show(value: Scalar) -> str:
    """`value` as text: a float that is whole has no fraction, no value is a dash."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "-" if value is None else str(value)


def render(message: Message, translate: Translate, *, sep: str = ", ") -> str:
    """`message` as text: its id translated, each value put in its place, literally."""
    return _rendered(message, translate, sep, _SHOWN_MAX)


def english(message: Message) -> str:
    """`message` with its arguments, in English."""
    return render(message, lambda _, id: id)


def _rendered(message: Message, translate: Translate, sep: str, most: int) -> str:
    values = {n: _value(v, translate, sep) for n, v in message.args.items()}
    parts = _pieces(translate(message.domain, message.id))
    found, size, one = [], 0, False
    for index, part in enumerate(parts):
        if index % 2:
            text, one = values.get(part, f"{{{part}}}"), _is_one(message.args.get(part))
        else:
            text = singular(part) if one else part
        found.append(text)
        size += len(text)
        if size > most:
            return "".join(found)[:most] + "…"
    return "".join(found)


def _is_one(value: Value | None) -> bool:
    return type(value) in (int, float) and value == 1


@functools.lru_cache(maxsize=4096)
def _pieces(text: str) -> tuple[str, ...]:
    """`text` cut at its places: text and names in turn."""
    return tuple(_PLACE.split(text))


def _value(value: Value, translate: Translate, sep: str) -> str:
    if type(value) is str:  # most are: a pack shows hundreds of values of a host
        return value
    match value:
        case tuple():
            texts = sep.join(_value(item, translate, sep) for item in value)
            return texts if value else _rendered(_NONE, translate, sep, _NESTED_MAX)
        case CutList():
            whole = filled(_CUT, items=value.items, count=value.count)
            return _rendered(whole, translate, sep, _SHOWN_MAX)
        case Message():
            return _rendered(value, translate, sep, _NESTED_MAX)
        case Verbatim():
            return f"“{value.text}”"
        case None:
            return _rendered(_NONE, translate, sep, _NESTED_MAX)
        case bool():
            return _rendered(_YES if value else _NO, translate, sep, _NESTED_MAX)
    return show(value)
