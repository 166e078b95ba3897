"""Days as people write them. Pure."""

from __future__ import annotations

import datetime
import re
import unicodedata

_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00:00)?")


def written_day(text: str) -> str | None:
    """The day (ISO 8601) that `text` names, such as 2026/11/29 or 2026年11月29日; else None."""
    hit = _DAY.fullmatch(unicodedata.normalize("NFKC", text).strip())
    try:
        return datetime.date(*map(int, hit.groups())).isoformat() if hit else None
    except ValueError:
        return None
