"""Fields of passwd(5) and group(5) as glibc reads them (nss/nss_files of glibc 2.36)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TypeVar

from audit_core.api.sdk import ParseError, msg, verbatim

T = TypeVar("T")
_SHORT = 64 << 10
SPACE = " \t\n\v\f\r"
_ID = re.compile(rf"[{SPACE}]*([+-]?)([0-9]+)")
_LARGEST = 2**32 - 1


_REDACTED = re.compile(r"\[redacted:([a-z-]+)\]")


def colon_fields(line: str, most: int) -> list[str]:
    """The fields of a line, at most `most` + 1; a hash that was redacted is one field."""
    return _REDACTED.sub(r"[redacted \1]", line.rstrip("\r")).split(":", most)


def id_number(text: str) -> int:
    """The user or group id that strtoul(3) reads in `text`; ParseError where glibc takes none.

    White space and a sign may stand in front, nothing behind. What does not fit is no id.
    """
    found = _ID.fullmatch(text)
    value = int(found[2][:12]) if found else _LARGEST + 1
    if found is None or value > _LARGEST or (found[1] == "-" and value):
        raise ParseError(msg("not an id: {text}", text=verbatim(text)))
    return value


def few_kept(read: Callable[[str], T]) -> Callable[[str], T]:
    """`read`, which keeps what it made of the last few texts: several facts read one file.

    Long texts are read each time, so that no memory is held for 200,000 accounts.
    """
    kept = functools.lru_cache(maxsize=4)(read)

    def reading(text: str) -> T:
        return kept(text) if len(text) <= _SHORT else read(text)

    return reading
