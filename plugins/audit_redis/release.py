"""Until when releases are supported, as data.

Recalled from the pages of both projects and endoflife.date in 2025, unverified. Distributions
maintain old releases longer, and a server does not tell where it comes from: an old release is
never a certain fail here.
"""

from __future__ import annotations

from audit_core.api.sdk import Judgement, Message, msg
from audit_database.release import supported_until

ENDS = {
    ("Redis", (6, 2)): "2025-02-28", ("Redis", (7, 0)): "2024-07-29",
    ("Redis", (7, 2)): "2026-02-28", ("Redis", (7, 4)): "2026-11-30",
    ("Redis", (8, 0)): "2026-11-30", ("Valkey", (7, 2)): "2027-04-16",
    ("Valkey", (8, 0)): "2027-09-15", ("Valkey", (8, 1)): "2028-03-31",
}  # fmt: skip
"""The day on which each series ends."""


def state_of(product: str, series: tuple[int, int], now: str, detail: Message) -> Judgement:
    """What is known here about a series at a time."""
    end = ENDS.get((product, series))
    noted = msg("{release} (the end of its support is an unverified date)", release=detail)
    return supported_until(noted if end else detail, end, now, packaged=True)
