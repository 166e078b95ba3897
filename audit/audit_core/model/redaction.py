"""What looks like a secret, as data: the rules of the core and those that plugins offer. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

DONE = rb"(?!\[redacted)"
"""In front of what is cut: what was cut already is left as it is."""

QUOTED = rb"\"(?:[^\"\\\n\0]|\\[^\n\0])*+\"?|'(?:[^'\\\n\0]|\\[^\n\0])*+'?"
"""A text in quotes, on one line."""


class RedactionRule(Struct, frozen=True, kw_only=True):
    """`pattern` is looked for where one of `signs` stands in the data in small letters.

    Its last group is what is cut, or all of it where it has none; `[redacted:NAME]` takes its
    place. A pattern begins with letters that are rare, has no unbounded repetition that could
    match the same text in two ways, and does not match its own mark (`DONE`). `first` is a pattern
    that costs less and holds in every text in which `pattern` does: it is looked for before.
    """

    name: str
    signs: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    first: re.Pattern[bytes] | None = None

    def __post_init__(self) -> None:
        if re.fullmatch(r"[a-z][a-z0-9-]*", self.name) is None:
            raise ValueError(f"not the name of a redaction rule: {self.name!r}")
        if not self.signs or any(not sign or sign != sign.lower() for sign in self.signs):
            raise ValueError(f"{self.name}: signs are needed, in small letters")
