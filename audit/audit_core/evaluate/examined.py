"""What a finding looked at, in short: files, commands, interfaces. PURE.

A derived fact is named by the first of its needs: that is what it is about, the others help to read
it. Of `first_of` it is the fact that was used.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Set

from audit_core.model import (
    Each,
    EachPart,
    Fact,
    Message,
    Modified,
    Need,
    OfParent,
    Platform,
    Request,
    Status,
    Target,
    facts_in,
)
from audit_core.model.facts import Provider
from audit_core.model.requests import short_of
from audit_core.plan import holds, request_of
from audit_core.plan.answers import Observations

MOST = 3
"""Places that a finding names."""


class Examined:
    """Names what was looked at; `sources` are the facts that were used of several."""

    def __init__(self, observations: Observations, platform: Platform) -> None:
        self._observations, self._platform = observations, platform
        self._places: dict[tuple[str, str], str] = {}

    def names(self, needs: Iterable[Need], target: Target, sources: Set[str]) -> tuple[str, ...]:
        """One place for each of `needs` that something was asked for, the first `MOST`."""
        found = dict.fromkeys(
            name for need in needs if (name := self._of_need(need, target, sources))
        )
        return tuple(found)[:MOST]

    def _of_need(self, need: Need, target: Target, sources: Set[str]) -> str:
        facts = _facts(need)
        if sources and len(facts) > 1:  # of `first_of` the one that was used first
            facts = tuple(sorted(facts, key=lambda f: f.id not in sources))
        for fact in facts:
            if place := self._of(fact, target, sources):
                return place
        return ""

    def _of(self, fact: Fact, target: Target, sources: Set[str]) -> str:
        key = (fact.id, target.id)
        if key not in self._places:
            if fact.make is None:
                self._places[key] = self._asked(fact, target)
            else:
                of_needs = (self._of_need(need, target, sources) for need in fact.needs)
                self._places[key] = next(filter(None, of_needs), "")
        return self._places[key]

    def _asked(self, fact: Fact, target: Target) -> str:
        """What was asked for `fact`: what was answered before what was not."""
        rows = [
            (observation.status is not Status.ANSWERED, short_of(request))
            for provider in fact.providers
            if holds(provider, self._platform)
            for request in _requests(provider, target)
            if not request.aside
            if (observation := self._observations.find(request, target)) is not None
        ]
        return min(rows, key=lambda pair: pair[0])[1] if rows else ""


def _requests(provider: Provider, target: Target) -> Iterator[Request]:
    for ask in provider.every_ask:
        request = request_of(ask, target)
        if not isinstance(request, Message):
            yield request


@functools.lru_cache(maxsize=4096)
def _facts(need: Need) -> tuple[Fact, ...]:
    """The facts of `need` about the target itself; several only of `first_of`."""
    inner = need
    while isinstance(inner, Modified):
        inner = inner.of
    if isinstance(inner, Each | EachPart | OfParent):
        return ()
    return tuple(f for f in facts_in(inner) if isinstance(f, Fact))
