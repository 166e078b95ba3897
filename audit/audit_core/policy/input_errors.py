"""Messages for errors in policy and inventory files."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from audit_core.model import Message, as_is, msg

Step = str | int
YamlPath = tuple[Step, ...]

ID_MAX = 100

NOTHING = msg("nothing")
SILENT = Message(id="")


def quoted(text: str) -> str:
    """`text` in quotes for a message: control characters escaped, cut at 60 characters."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def as_quoted(text: str) -> Message:
    """What was written, quoted."""
    return as_is(quoted(text))


def one_of(known: Iterable[str]) -> Message:
    """`one of …`, the known words."""
    return msg("one of {known}", known=tuple(known))


def nearest_word(text: str, known: Iterable[str], *, least: float = 0.6) -> str | None:
    """The known word most like `text`, or None where none is alike by `least` of 1."""
    found = difflib.get_close_matches(text[:80], list(known), n=1, cutoff=least)
    return str(found[0]) if found else None


def nearest(text: str, known: Iterable[str]) -> Message:
    """`; did you mean 'X'?` for the known word most like `text`, or nothing."""
    word = nearest_word(text, known)
    return SILENT if word is None else msg("; did you mean {word}?", word=repr(word))


def wrong_id(id: str) -> Message | None:
    """What is expected of an id that `id` is not, or None."""
    if not 0 < len(id) <= ID_MAX:
        return msg("an id of 1 to {count} characters", count=ID_MAX)
    if not id[0].isalnum() or not all(c.isalnum() or c in "._-" for c in id):
        return msg("an id of letters, digits, '.', '_' and '-' that starts with a letter or digit")
    if unicodedata.normalize("NFKC", id) != id:
        return msg("an id in its usual Unicode form (NFKC)")
    scripts = {unicodedata.name(c, "?").split()[0] for c in id if c.isalpha()}
    if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK"}:
        return msg("an id without letters that only look Latin")
    return None


def wrong_text(text: str, most: int) -> Message | None:
    """What is expected of a line of text that `text` is not, or None."""
    if text.strip() and len(text) <= most and text.isprintable():
        return None
    return msg("printable text of 1 to {count} characters", count=most)


def dotted(place: YamlPath) -> Message:
    """`place` as it is written in messages: `targets[0].id`."""
    out = ""
    for step in place:
        if isinstance(step, int):
            out += f"[{step}]"
        else:
            name = step if step.isprintable() and len(step) <= 60 else quoted(step)
            out += f".{name}" if out else name
    return as_is(out) if out else msg("(top)")
