"""What the modules of this folder share: names for a reader, numbers as C reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable

CAP = 20
"""How many names a message lists before it only counts the rest."""

_LONGEST = 120


def shown(text: str) -> str:
    """`text` that any sink can encode: a byte that was not UTF-8 is written out, not lost."""
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return safe if len(safe) <= _LONGEST else safe[:_LONGEST] + "…"


def names(found: Iterable[str]) -> tuple[str, ...]:
    """The first twenty of `found`, in code point order, and how many more there are."""
    ordered = sorted(set(found))
    more = (f"+{len(ordered) - CAP}",) if len(ordered) > CAP else ()
    return (*(shown(name) for name in ordered[:CAP]), *more)


def number(text: str) -> int | None:
    """`text` as a decimal integer of at most 12 digits, else None."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,12}", text, re.ASCII) else None


def c_number(text: str) -> int | None:
    """`text` as strtol(3) with base 0 reads it (012 is ten), None when something is left over."""
    if re.fullmatch(r"[+-]?0[0-7]{1,12}", text):
        return int(text, 8)
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]{1,12}", text):
        return int(text, 16)
    return number(text.removeprefix("+"))
