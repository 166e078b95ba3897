"""Sheet names that every spreadsheet program accepts."""

from __future__ import annotations

import re

from audit_core.text.escape import show
from audit_excel.cells import units

MAX_UNITS = 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\t]")


def _clip(text: str, limit: int) -> str:
    while units(text) > limit:
        text = text[:-1]
    return text.rstrip(" '")


def _cleaned(wanted: str) -> str:
    name = _FORBIDDEN.sub("_", show(wanted[:200])).strip(" '")
    return _clip(name, MAX_UNITS) or "_"


class SheetNames:
    """Hands out names: at most 31 units, unique without regard to case, never `History`."""

    def __init__(self) -> None:
        self._taken = {"history"}
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """A name as near to `wanted` as is allowed; `-2`, `-3` … where it is taken."""
        base = _cleaned(wanted)
        name, key = base, base.casefold()
        while name.casefold() in self._taken:
            number = self._next.get(key, 2)
            self._next[key] = number + 1
            suffix = f"-{number}"
            name = _clip(base, MAX_UNITS - len(suffix)) + suffix
        self._taken.add(name.casefold())
        return name


def quoted(name: str) -> str:
    """`name` as it stands before the `!` of a reference."""
    return "'" + name.replace("'", "''") + "'"
