"""Limits of time that the catalog sets for an answer, held against the dates in it. PURE.

`age<=365d`: the newest date is at most 365 days before the fact was seen. `gaps<=92d*4`: so it is,
and the newest four dates are at most 92 days apart, one from the next. `reach>=180d`: each date,
such as that of the oldest record, is at least 180 days before. A date within its limit affirms
nothing by itself: the step asks for more than a date.
"""

from __future__ import annotations

import datetime
import itertools

from msgspec import Struct

from audit_core.model import Message, msg
from audit_core.model.units import LIMITS


class Limit(Struct, frozen=True, kw_only=True):
    """At most `days` since the newest of `count` dates, and between one and the next.

    With `least` at least `days` since the newest.
    """

    days: int
    count: int = 1
    least: bool = False


def parse_limit(text: str) -> Limit | None:
    """The limit that `text` spells; None where it spells none."""
    hit = LIMITS.fullmatch(text)
    if hit is None:
        return None
    days = int(hit["age"] or hit["reach"] or hit["gaps"])
    return Limit(days=days, count=int(hit["count"] or 1), least=hit["reach"] is not None)


def in_words(text: str) -> Message | None:
    """The limit that `text` spells as a reader understands it; None where it spells none."""
    limit = parse_limit(text)
    if limit is None:
        return None
    if limit.least:
        return msg("each date at least {days} days before the day of the answer", days=limit.days)
    if limit.count == 1:
        return msg("the newest date at most {days} days before the day of the answer",
                   days=limit.days)  # fmt: skip
    return msg("the newest {count} dates at most {days} days apart, and the newest at most as "
               "many before the day of the answer", count=limit.count, days=limit.days)  # fmt: skip


def dates_in(value: str) -> tuple[datetime.date, ...] | None:
    """The days (ISO 8601, commas between) that `value` lists, sorted; None for anything else."""
    words = value.replace("，", ",").replace("、", ",").split(",")
    try:
        return tuple(sorted({datetime.date.fromisoformat(word.strip()) for word in words}))
    except ValueError:
        return None


def is_broken(limit: Limit, dates: tuple[datetime.date, ...], day: datetime.date) -> bool:
    """Whether `dates`, sorted, break `limit` on the day on which the fact was `seen`."""
    if limit.least:
        return (day - dates[-1]).days < limit.days
    newest = dates[-limit.count :]
    gaps = [(later - before).days for before, later in itertools.pairwise(newest)]
    return max([(day - newest[-1]).days, *gaps]) > limit.days
