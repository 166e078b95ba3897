"""Numbers that a check holds things to are parameters, and its title says where each is from."""

from __future__ import annotations

import re

from installed import registry

_FAMILIES = ("register", "scan", "runs", "http", "prometheus", "data", "api", "service")
_ORIGIN = re.compile(r"ours|our proposal|clause|JR/T|GB/T|guide|letter|rules|RFC")


def test_titles_of_checks_with_limits_name_their_origin() -> None:
    limited = [
        check
        for check in registry().checks.values()
        if check.id.split(".")[0] in _FAMILIES
        and any(isinstance(p.default, int | float) for p in check.parameters)
    ]
    assert len(limited) > 40
    assert not [f"{c.id}: {c.title}" for c in limited if not _ORIGIN.search(str(c.title))]
