"""The words that errors about policy and inventory files are made of, as messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from audit_core.model import Message, msg

Step = str | int
Place = tuple[Step, ...]

NOTHING = msg("nothing")
SILENT = Message(id="")


def quoted(text: str) -> str:
    """`text` in quotes for a message: control characters escaped, cut at 60 characters."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def as_is(text: str) -> Message:
    """`text` in every language: a value, or something that was written."""
    return Message(id="{text}", args={"text": text})


def seen(text: str) -> Message:
    """What was written, quoted."""
    return as_is(quoted(text))


def one_of(known: Iterable[str]) -> Message:
    """`one of …`, the known words."""
    return msg("one of {known}", known=tuple(known))


def nearest_word(text: str, known: Iterable[str]) -> str | None:
    """The known word most like `text`, or None."""
    found = difflib.get_close_matches(text[:80], list(known), n=1, cutoff=0.6)
    return str(found[0]) if found else None


def nearest(text: str, known: Iterable[str]) -> Message:
    """`; did you mean 'X'?` for the known word most like `text`, or nothing."""
    word = nearest_word(text, known)
    return SILENT if word is None else msg("; did you mean {word}?", word=repr(word))


def dotted(place: Place) -> Message:
    """`place` as it is written in messages: `targets[0].id`."""
    out = ""
    for step in place:
        if isinstance(step, int):
            out += f"[{step}]"
        else:
            name = step if step.isprintable() and len(step) <= 60 else quoted(step)
            out += f".{name}" if out else name
    return as_is(out) if out else msg("(top)")


def why(error: OSError) -> Message:
    """Why the system refused, in its own words."""
    return Message(id=error.strerror or type(error).__name__)
