"""How long certificates of public authorities may be valid, by the day they begin.

Source: CA/Browser Forum, Baseline Requirements for TLS Server Certificates, 6.3.2 and (short-lived
certificates) 1.6.1, with ballots 193 (2017), SC31 (2020), SC063 (2023) and SC081v3
(2025-04-11, which fixes the steps until 2029). Browsers apply the same limits.
"""

from __future__ import annotations

from bisect import bisect_right

SOURCE = "CA/Browser Forum TLS BR 6.3.2, SC081v3 (2025-04-11)"
# (first day of validity, days at most)
_LIFETIMES = (
    ("2015-04-01", 1188), ("2018-03-01", 825), ("2020-09-01", 398), ("2026-03-15", 200),
    ("2027-03-15", 100), ("2029-03-15", 47),
)  # fmt: skip
# Certificates that are valid for so few days need no place where their revocation is told.
_SHORT = (("2024-03-15", 10), ("2026-03-15", 7))


def most_days(begins: str) -> int | None:
    """Days at most of one that `begins` then (ISO 8601), or None before the first rule."""
    return _of(_LIFETIMES, begins)


def short_days(begins: str) -> int:
    """Up to how many days a certificate counts as short-lived."""
    return _of(_SHORT, begins) or 0


def _of(table: tuple[tuple[str, int], ...], begins: str) -> int | None:
    at = bisect_right(table, begins[:10], key=lambda row: row[0])
    return table[at - 1][1] if at else None
