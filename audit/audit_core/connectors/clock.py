"""The time that observations are stamped with."""

from __future__ import annotations

import datetime


def now() -> str:
    """This moment in UTC, ISO 8601 with milliseconds."""
    moment = datetime.datetime.now(datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
