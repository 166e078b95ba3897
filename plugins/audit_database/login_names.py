"""Names of accounts that are easily confused. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def easily_confused(names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that differ from another one only in case or in spaces around them."""
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(name.strip().casefold(), set()).add(name)
    return tuple(name for group in groups.values() if len(group) > 1 for name in sorted(group))
