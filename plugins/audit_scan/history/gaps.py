"""The gaps between the last scans of a target. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from msgspec import Struct


class Gap(Struct, frozen=True, kw_only=True):
    """The longest time without a scan, from a scan to the next one or today; `seen` are counted."""

    first: str
    last: str
    seen: int

    @property
    def days(self) -> int:
        """How long it is."""
        first, last = map(datetime.date.fromisoformat, (self.first, self.last))
        return (last - first).days


def longest(days: Iterable[str], today: str, times: int) -> Gap | None:
    """The longest gap between the last `times` of `days` and today; None where there is no day."""
    past = sorted({day for day in days if day <= today})[-times:]
    if not past:
        return None
    pairs = zip(past, (*past[1:], today), strict=True)
    return max(
        (Gap(first=first, last=last, seen=len(past)) for first, last in pairs),
        key=lambda gap: gap.days,
    )
