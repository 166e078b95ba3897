"""Text that is stored language-free: message ids with values. Pure."""

from __future__ import annotations

from msgspec import Struct

Scalar = str | int | float | bool | None


Value = Scalar | tuple[Scalar, ...]


class Message(Struct, frozen=True, kw_only=True):
    """A message id (its English text with `{name}` places) and the values for the places."""

    id: str
    args: dict[str, Value] = {}


def msg(text: str, /, **args: Value) -> Message:
    """The message `text`; the literal is what translators see, the values are never templates."""
    return Message(id=text, args=args)
