"""Limits of time that the catalog sets for an answer, held against the dates in it. PURE.

`age<=365d`: the newest date is at most 365 days before the fact was seen. `gaps<=92d*4`: so it is,
and the newest four dates are at most 92 days apart, one from the next. A date within its limit
affirms nothing by itself: the step asks for more than a date.
"""

from __future__ import annotations

import datetime
import itertools
import re

from msgspec import Struct

_LIMIT = re.compile(r"(age|gaps)<=([1-9][0-9]{0,4})d(?:\*([1-9][0-9]?))?")


class Limit(Struct, frozen=True, kw_only=True):
    """At most `days` since the newest of `count` dates, and between one and the next."""

    days: int
    count: int = 1


def parse_limit(text: str) -> Limit | None:
    """The limit that `text` spells; None where it spells none."""
    hit = _LIMIT.fullmatch(text)
    if hit is None or (hit[1] == "gaps") is (hit[3] is None):
        return None
    return Limit(days=int(hit[2]), count=int(hit[3] or 1))


def dates_in(value: str) -> tuple[datetime.date, ...] | None:
    """The days (ISO 8601, commas between) that `value` lists, sorted; None for anything else."""
    words = value.replace("，", ",").replace("、", ",").split(",")
    try:
        return tuple(sorted({datetime.date.fromisoformat(word.strip()) for word in words}))
    except ValueError:
        return None


def is_broken(limit: Limit, dates: tuple[datetime.date, ...], day: datetime.date) -> bool:
    """Whether `dates`, sorted, break `limit` on the day on which the fact was `seen`."""
    newest = dates[-limit.count :]
    gaps = [(later - before).days for before, later in itertools.pairwise(newest)]
    return max([(day - newest[-1]).days, *gaps]) > limit.days
