"""Compares where records go by the rules with where the real program put them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audit_linux.logs.routes import LOGINS, Fate, Route


def _agree(route: Route, places: list[str]) -> None:
    if any(place.startswith("?") for place in route.kept):  # a template or a macro names the file
        assert places
        return
    certain = {*route.kept, *route.sent}
    assert certain <= set(places)
    if not route.doubts:
        assert set(places) <= certain | set(route.perhaps)
    if route.fate is Fate.DISCARDED:
        assert not places


def unsure_cases(
    subtests: Any,
    cases: Mapping[str, Any],
    routes_of: Callable[[dict[str, str]], dict[str, Route]],
) -> set[str]:
    """The cases in which the fate of a login is not known; each certain fate has to hold."""
    unsure = set()
    for name, case in cases.items():
        with subtests.test(name):
            routes = routes_of(case["files"])
            assert routes.keys() == case["arrived"].keys()
            for label, route in routes.items():
                _agree(route, case["arrived"][label])
                if route.fate is Fate.UNKNOWN and route.facility in LOGINS:
                    unsure.add(name)
    return unsure
