"""What regular expressions of sudoers (`^…$`, sudo 1.9.10) let through, as examples.

POSIX extended regular expressions (regex(7)), which sudo matches with regcomp(3). An example is a
text that matches; all alternatives have theirs. Of a class of digits, and of one of letters behind
the beginning of a name (`app-[a-z]+`), one example stands for all: no option, verb, path or second
word can come of it. Anything wider has no examples.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

_MOST = 200  # examples of one expression
_CLASS = re.compile(r"\[(?!\^)((?:\[:[a-z]+:\]|[^\]])+)\]")
_REPEAT = re.compile(r"[*+?]|\{([0-9]{1,2})(?:,[0-9]{0,3})?\}")
_NARROW = re.compile(
    r"(?:\[:(?:alnum|alpha|digit|lower|upper|xdigit):\]|[A-Za-z0-9_](?:-[A-Za-z0-9])?)+"
)
_BEGUN = re.compile(r"(?:^|\s)[A-Za-z0-9/]\S*[-_./@]$")
_SPECIAL = frozenset("()|*+?{}[]^$.\\")


class TooWide(Exception):
    """The expression lets more through than examples can stand for."""


def examples(expression: str, *, classes: bool) -> tuple[str, ...]:
    """Texts that match between `^` and `$`; TooWide where they do not stand for all that do.

    `classes`: whether classes of letters and digits may stand in it; a program may have any name.
    """
    reader = _Expression(expression, classes=classes)
    found = reader.alternatives()
    if reader.rest():
        raise TooWide
    return tuple(dict.fromkeys(found))


class _Expression:
    """Reads an expression from its beginning."""

    def __init__(self, text: str, *, classes: bool) -> None:
        self._text, self._at, self._classes = text, 0, classes
        self._before = [""]

    def rest(self) -> str:
        return self._text[self._at :]

    def alternatives(self) -> list[str]:
        found = self._branch()
        while self.rest()[:1] == "|":
            self._at += 1
            found += self._branch()
        return _bounded(found)

    def _branch(self) -> list[str]:
        found = [""]
        while self.rest() and self.rest()[0] not in "|)":
            self._before = found
            piece = self._repeated(self._atom())
            found = _bounded([a + b for a, b in product(found, piece)])
        return found

    def _atom(self) -> list[str]:
        char = self.rest()[0]
        read: Callable[[], list[str]] | None = {
            "(": self._group, "[": self._class, "\\": self._escaped
        }.get(char)  # fmt: skip
        if read is not None:
            return read()
        if char in _SPECIAL:
            raise TooWide
        self._at += 1
        return [char]

    def _group(self) -> list[str]:
        self._at += 1
        found = self.alternatives()
        if self.rest()[:1] != ")":
            raise TooWide
        self._at += 1
        return found

    def _class(self) -> list[str]:
        found = _CLASS.match(self._text, self._at)
        if found is None or not (self._classes and _NARROW.fullmatch(found[1])):
            raise TooWide
        self._at = found.end()
        if found[1] in ("0-9", "[:digit:]"):
            return ["5"]
        if not all(map(_BEGUN.search, self._before)):
            raise TooWide
        return ["x"]

    def _escaped(self) -> list[str]:
        char = self.rest()[1:2]
        if not char or char.isalnum():  # \< and \w are no characters
            raise TooWide
        self._at += 2
        return [char]

    def _repeated(self, piece: list[str]) -> list[str]:
        found = _REPEAT.match(self._text, self._at)
        if found is None:
            return piece
        self._at = found.end()
        if found[1]:
            return _bounded([one * int(found[1]) for one in piece])
        return piece if found[0] == "+" else ["", *piece]


_POSIX = {"alnum": "A-Za-z0-9", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "upper": "A-Z",
          "space": r"\s", "blank": r" \t", "xdigit": "0-9A-Fa-f"}  # fmt: skip
_SHELLS = ("/bin/bash", "/usr/bin/bash", "/usr/bin/python3", "/usr/bin/vim", "/usr/sbin/visudo")
_LONGEST = 200


def lets_shells_through(expression: str) -> bool:
    """Whether a path of a usual shell or editor matches; False also where that is not known.

    Expressions with groups are not tried: matching them here could take for ever.
    """
    if "(" in expression or len(expression) > _LONGEST:
        return False
    own = re.sub(r"\[:([a-z]+):\]", lambda hit: _POSIX.get(hit[1], hit[0]), expression)
    try:
        return any(re.fullmatch(own, path) for path in _SHELLS)
    except (re.error, OverflowError):
        return False


def _bounded(found: list[str]) -> list[str]:
    if len(found) > _MOST:
        raise TooWide
    return found
