"""Names of accounts: those that are easily confused, and those that may log in. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.sdk import AboutLine, Message, capped, msg


def easily_confused(names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that differ from another one only in case or in spaces around them."""
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(name.strip().casefold(), set()).add(name)
    return tuple(name for group in groups.values() if len(group) > 1 for name in sorted(group))


def logins_line(title: Message, names: Iterable[str]) -> AboutLine:
    """The line of a record sheet with the accounts that may log in."""
    return AboutLine(title=title, value=msg("{names}", names=capped(names)))
